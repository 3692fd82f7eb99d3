//! The vocabulary of an adapter's file as SQL expressions: times, states, kinds, texts.

use super::bound::{Bound, Misfit};
use super::catalogue::Relation;
use super::file::{
    Condition, Dead, Encoding, Hash, Kind, Never, Set, SetText, SetWord, Time, Unit, When,
};
use super::quote::{Sql, sql};

/// A column's time as `timestamptz`.
pub(super) fn instant(alias: &'static str, column: &str, unit: Unit) -> Sql {
    let column = Sql::column(alias, column);
    match unit {
        Unit::Timestamptz => column,
        Unit::Utc => sql!("({column} at time zone 'UTC')"),
        // Clamped to what a timestamp can hold: a number beyond it is as far away as can be. Null
        // stays null, which least and greatest would pass over.
        Unit::Seconds => sql!(
            "case when {column} is not null then to_timestamp(least(greatest({column}, -62135596800), 253402300799)) end"
        ),
        Unit::Milliseconds => sql!(
            "case when {column} is not null then to_timestamp(least(greatest({column}, -62135596800000), 253402300799000) / 1000.0) end"
        ),
        Unit::Date => sql!("({column}::timestamp at time zone 'UTC')"),
    }
}

/// The same, null where the value means never.
fn instant_or_never(alias: &'static str, time: &Time) -> Sql {
    let instant = instant(alias, &time.column, time.unit);
    let column = Sql::column(alias, &time.column);
    match never_ends(time, &column, &instant) {
        None => instant,
        Some(never) => sql!("case when not {never} then {instant} end"),
    }
}

/// Whether a value means never; `None` where only null does.
pub(super) fn never_ends(time: &Time, column: &Sql, instant: &Sql) -> Option<Sql> {
    Some(match time.never? {
        Never::Epoch => sql!("({instant} <= 'epoch')"),
        Never::Zero => sql!("({column} = 0)"),
        Never::MinusOne => sql!("({column} = -1)"),
    })
}

/// A time to show: null also for infinity and years of more than four digits, which no client type
/// and no RFC 3339 hold.
pub(super) fn shown_time(alias: &'static str, time: Option<&Time>) -> Sql {
    let Some(time) = time else {
        return Sql::text("null::timestamptz");
    };
    let instant = instant_or_never(alias, time);
    sql!(
        "(case when {instant} >= '0001-01-01 00:00:00+00' and {instant} < '10000-01-01 00:00:00+00' then {instant} end)"
    )
}

/// What a column is set to.
pub(super) fn set_value(
    set: &Set,
    unit: impl FnOnce() -> Result<Unit, Misfit>,
) -> Result<Sql, Misfit> {
    let word = match set {
        Set::Flag(true) => return Ok(Sql::text("true")),
        Set::Flag(false) => return Ok(Sql::text("false")),
        Set::Null(_) => return Ok(Sql::text("null")),
        // Without a cast: an assignment to the column's type refuses what a cast would cut.
        Set::Text(SetText { text }) => return Ok(Sql::literal(text)),
        Set::Word(word) => word,
    };
    let now = match word {
        SetWord::Now => "now()",
        SetWord::NowMinusOneSecond => "(now() - interval '1 second')",
    };
    Ok(stored(&Sql::text(now), unit()?))
}

/// A moment as a column holds it.
pub(super) fn stored(moment: &Sql, unit: Unit) -> Sql {
    match unit {
        Unit::Timestamptz => moment.clone(),
        Unit::Utc => sql!("({moment} at time zone 'UTC')"),
        Unit::Seconds => sql!("floor(extract(epoch from {moment}))::bigint"),
        Unit::Milliseconds => sql!("floor(extract(epoch from {moment}) * 1000)::bigint"),
        Unit::Date => sql!("({moment} at time zone 'UTC')::date"),
    }
}

/// Whether one rule says dead at a moment; never null.
fn rule(
    bound: &Bound,
    relation: &Relation,
    alias: &'static str,
    rule: &Dead,
    moment: &Sql,
) -> Result<Sql, Misfit> {
    let column = Sql::column(alias, &rule.column);
    Ok(match rule.when {
        When::True => sql!("coalesce({column}, false)"),
        When::False => sql!("not coalesce({column}, true)"),
        When::NotNull => sql!("{column} is not null"),
        When::Null => sql!("{column} is null"),
        When::GtZero => sql!("coalesce({column} > 0, false)"),
        When::Eq | When::NotEq => {
            let constant = constant(relation, rule)?;
            // As texts, in the type's own spelling: not every type has an equality, nor is every
            // operator on the path.
            let operator = if rule.when == When::Eq { "=" } else { "<>" };
            sql!("coalesce({column}::text {operator} {constant}::text, false)")
        }
        When::Past => {
            let expires = bound.adapter.times.expires.as_ref();
            let instant = match expires.filter(|time| alias == "t" && time.column == rule.column) {
                Some(time) => instant_or_never(alias, time),
                None => instant(alias, &rule.column, bound.unit(relation, &rule.column)?),
            };
            sql!("coalesce({instant} <= {moment}, false)")
        }
    })
}

/// The constant of a rule in the type of its column.
fn constant(relation: &Relation, rule: &Dead) -> Result<Sql, Misfit> {
    let text = Sql::literal(rule.text.as_deref().unwrap_or_default());
    let type_name = Sql::type_name(&relation.column(&rule.column)?.full_type);
    Ok(sql!("({text}::{type_name})"))
}

/// The time of the transaction.
fn now() -> Sql {
    Sql::text("now()")
}

/// Whether any rule says dead.
pub(super) fn dead(
    bound: &Bound,
    relation: &Relation,
    alias: &'static str,
    rules: &[Dead],
) -> Result<Sql, Misfit> {
    dead_by(bound, relation, alias, rules, &now())
}

/// Whether any rule will say dead at a moment, if nothing is written until then.
pub(super) fn dead_by(
    bound: &Bound,
    relation: &Relation,
    alias: &'static str,
    rules: &[Dead],
    moment: &Sql,
) -> Result<Sql, Misfit> {
    if rules.is_empty() {
        return Ok(Sql::text("false"));
    }
    let parts = rules
        .iter()
        .map(|each| rule(bound, relation, alias, each, moment))
        .collect::<Result<Vec<_>, _>>()?;
    let any = Sql::join(parts, " or ");
    Ok(sql!("({any})"))
}

/// The state by the first rule that holds.
pub(super) fn state(
    bound: &Bound,
    relation: &Relation,
    alias: &'static str,
    rules: &[Dead],
) -> Result<Sql, Misfit> {
    if rules.is_empty() {
        return Ok(Sql::text("'active'"));
    }
    let mut branches = Vec::new();
    for each in rules {
        let holds = rule(bound, relation, alias, each, &now())?;
        let state = Sql::literal(each.state.as_str());
        branches.push(sql!("when {holds} then {state}"));
    }
    let branches = Sql::join(branches, " ");
    Ok(sql!("(case {branches} else 'active' end)"))
}

/// The first kind whose conditions hold.
pub(super) fn kind(kinds: &[&Kind]) -> Sql {
    let mut branches = Vec::new();
    for each in kinds {
        let name = Sql::literal(&each.name);
        if each.when.is_empty() {
            if branches.is_empty() {
                return sql!("{name}::text");
            }
            let branches = Sql::join(branches, " ");
            return sql!("(case {branches} else {name} end)");
        }
        let holds = Sql::join(each.when.iter().map(condition), " and ");
        branches.push(sql!("when {holds} then {name}"));
    }
    let branches = Sql::join(branches, " ");
    sql!("(case {branches} else 'other' end)")
}

fn condition(condition: &Condition) -> Sql {
    let column = Sql::column("t", &condition.column);
    let Condition {
        column: _,
        is,
        starts_with,
        ends_with,
        contains,
    } = condition;
    if let Some(text) = is {
        let text = Sql::literal(text);
        sql!("{column}::text = {text}")
    } else if let Some(text) = starts_with {
        let text = Sql::literal(text);
        sql!("starts_with({column}::text, {text})")
    } else if let Some(text) = ends_with {
        let text = Sql::literal(text);
        sql!("right({column}::text, length({text})) = {text}")
    } else if let Some(text) = contains {
        let text = Sql::literal(text);
        sql!("{text} = any ({column}::text[])")
    } else {
        Sql::text("false")
    }
}

/// Columns as one JSON object of their texts, from each of which the same value can be read again.
pub(super) fn texts(relation: &Relation, alias: &'static str, columns: &[String]) -> Sql {
    let pairs = columns.iter().map(|column| {
        let found = relation.columns.get(column);
        let own = found.filter(|found| found.base.0 == "pg_catalog");
        let has_length = found.is_some_and(|found| found.full_type.starts_with("character("));
        let (name, column) = (Sql::literal(column), Sql::column(alias, column));
        match own.map(|found| found.base.1.as_str()) {
            // The cast to text drops the blanks at the end, which a column without a length keeps.
            Some("bpchar") if !has_length => {
                sql!("{name}, case when {column} is not null then format('%s', {column}) end")
            }
            // Written as an array, each element would lose its XML declaration.
            Some("_xml") => sql!("{name}, {column}::text[]::text"),
            // Names of objects depend on the search path, and of functions on there being one.
            Some(type_name) if type_name.starts_with("reg") => sql!("{name}, {column}::oid::text"),
            _ => sql!("{name}, {column}::text"),
        }
    });
    let pairs = Sql::join(pairs, ", ");
    sql!("jsonb_build_object({pairs})")
}

/// The digest of a stored secret, to be compared with one that was computed here.
pub(super) fn digest(column: &str, hash: Hash, encoding: Encoding) -> Sql {
    let column = Sql::column("t", column);
    match (hash, encoding) {
        (Hash::None, _) => sha256_of(&column),
        (_, Encoding::Raw) => sql!("encode({column}, 'hex')"),
        (_, Encoding::Hex | Encoding::Text) => sql!("lower({column}::text)"),
    }
}

/// sha256 of a column's text, in hex: the key of the model where the key is the secret.
pub(super) fn sha256_of(column: &Sql) -> Sql {
    sql!("encode(sha256(convert_to({column}::text, 'UTF8')), 'hex')")
}
