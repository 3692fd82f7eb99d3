//! The rows of a restore: as the operation left them, as they are, and what they would become.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tokio_postgres::types::Type;

use crate::adapter::{Bound, Columns};
use crate::db;
use crate::model::RowNote;
use crate::ops::desk::Desk;
use crate::ops::error::Error;
use crate::ops::scope::Scope;
use crate::ops::token_row::object;
use crate::ops::unrestorable::Unrestorable;

/// A row as an operation left it.
#[derive(Clone, Debug)]
pub(super) struct Left {
    pub(super) relation: String,
    pub(super) key: String,
    pub(super) kind: String,
    /// The adapter's name of it, where it is a companion.
    pub(super) companion: Option<String>,
    /// The key of the owner whose it was.
    pub(super) owner: Option<String>,
    pub(super) state_before: String,
    pub(super) before: Map<String, Value>,
    pub(super) after: Map<String, Value>,
}

/// What can be done with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is there, and can be put back as far as that is wanted.
    Stands,
    /// Columns of it changed since, and it stays as it is.
    Changed,
    /// It is not there any more.
    Gone,
}

/// A row of a restore.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) left: Left,
    pub(super) token: String,
    pub(super) fate: Fate,
    /// What is put back: nothing where it is so already.
    pub(super) before: Map<String, Value>,
    /// Whether something of it could be put back, where others of its columns changed.
    partly: bool,
    /// Columns that are neither as they were left nor as they were before.
    pub(super) differences: Vec<String>,
    pub(super) state: String,
    pub(super) ends_at: Option<DateTime<Utc>>,
}

/// A row as it stands.
pub(super) struct Standing {
    pub(super) token: String,
    pub(super) now: Map<String, Value>,
    pub(super) state: String,
    later: Map<String, Value>,
    later_state: String,
    later_ends: Option<DateTime<Utc>>,
}

/// Rows by table and key.
pub(super) type ByName<T> = HashMap<(String, String), T>;

impl Left {
    pub(super) fn read(row: &tokio_postgres::Row, bound: &Bound) -> Result<Self, db::Error> {
        let (relation, kind): (String, String) = (row.try_get("relation")?, row.try_get("kind")?);
        let companion = bound
            .companions
            .iter()
            .find(|(companion, table)| companion.name == kind && table.display_name() == relation);
        Ok(Self {
            companion: companion.map(|(companion, _)| companion.name.clone()),
            relation,
            key: row.try_get("key")?,
            kind,
            owner: row.try_get("owner_id")?,
            state_before: row.try_get("state_before")?,
            before: object(row, "before")?,
            after: object(row, "after")?,
        })
    }

    /// Whether it was a row of the caller's when it was changed. Of which kind the token of a companion
    /// is does not stand here: that one is looked at with the plan.
    pub(super) fn is_in(&self, scope: &Scope) -> bool {
        let Scope { owner, kinds } = scope;
        let is_theirs = owner.is_none() || *owner == self.owner;
        let of_kind = |kinds: &Vec<String>| self.companion.is_some() || kinds.contains(&self.kind);
        is_theirs && kinds.as_ref().is_none_or(of_kind)
    }
}

impl Row {
    /// What to call it.
    pub(super) fn name(&self) -> String {
        match &self.left.companion {
            None => format!("token `{}`", self.left.key),
            Some(companion) => format!("{companion} `{}`", self.left.key),
        }
    }

    /// Whether `--force` would write something of it.
    pub(super) fn can_be_put_back(&self) -> bool {
        self.partly || (self.fate == Fate::Stands && !self.before.is_empty())
    }

    /// That it changed since, and how.
    pub(super) fn difference(&self) -> Option<String> {
        if self.differences.is_empty() {
            return None;
        }
        Some(format!("{} ({})", self.name(), self.differences.join(", ")))
    }
}

/// The same for whoever reads the receipt.
pub(super) fn noted(row: &Row) -> RowNote {
    RowNote {
        relation: row.left.relation.clone(),
        key: row.left.key.clone(),
        kind: row.left.kind.clone(),
        columns: row.differences.clone(),
    }
}

/// Looks at the rows that an operation left, and decides what can be done with each.
///
/// # Errors
///
/// When the database refuses, or a column cannot hold any more what stood there.
pub(super) async fn look(
    desk: &Desk,
    columns: &Columns,
    left: Vec<Left>,
    only: Option<&str>,
    force: bool,
) -> Result<Vec<Row>, Error> {
    let whole: Vec<_> = left
        .iter()
        .map(|left| (left, left.before.clone()))
        .collect();
    let standing = stand_in_scope(desk, columns, &whole).await?;
    check_types(desk, &whole, &standing)?;
    let alone = left.iter().filter(|left| left.companion.is_none()).count() == 1;
    let token = desk.bound.token.display_name();
    let mut rows: Vec<Row> = left
        .into_iter()
        .filter_map(|left| {
            let found = standing.get(&(left.relation.clone(), left.key.clone()));
            let of = match (found, &left.companion) {
                (Some(found), _) => found.token.clone(),
                (None, None) => left.key.clone(),
                // Whose it was went with it.
                (None, Some(_)) if alone => only.unwrap_or_default().to_owned(),
                (None, Some(_)) => String::new(),
            };
            let wanted = only.is_none_or(|key| of == key);
            (wanted && (left.companion.is_some() || left.relation == token))
                .then(|| decide(left, of, found, force))
        })
        .collect();
    // With some columns left as they are a row may come to another state.
    if rows
        .iter()
        .any(|row| row.fate == Fate::Stands && !row.differences.is_empty())
    {
        let partly: Vec<_> = rows
            .iter()
            .map(|row| (&row.left, row.before.clone()))
            .collect();
        let standing = stand_in_scope(desk, columns, &partly).await?;
        for row in &mut rows {
            let name = (row.left.relation.clone(), row.left.key.clone());
            if let Some(found) = standing.get(&name) {
                row.state.clone_from(&found.later_state);
                row.ends_at = found.later_ends;
            }
        }
    }
    Ok(rows)
}

/// Compares what stands with what was left, column by column.
fn decide(left: Left, token: String, found: Option<&Standing>, force: bool) -> Row {
    let mut row = Row {
        token,
        fate: Fate::Gone,
        before: Map::new(),
        partly: false,
        differences: Vec::new(),
        state: "gone".to_owned(),
        ends_at: None,
        left,
    };
    let Some(found) = found else {
        return row;
    };
    row.state.clone_from(&found.later_state);
    row.ends_at = found.later_ends;
    for (column, before) in &row.left.before {
        let (after, now) = (row.left.after.get(column), found.now.get(column));
        if now == after {
            if now != Some(before) || is_else_changed(&row.left, &found.now, column) {
                row.before.insert(column.clone(), before.clone());
            }
        } else if now != Some(before) {
            let (after, now) = (text(after), text(now));
            row.differences.push(format!("{column}: {after} -> {now}"));
        }
    }
    let is_changed = !row.differences.is_empty() && (!force || row.before.is_empty());
    row.fate = if is_changed {
        Fate::Changed
    } else {
        Fate::Stands
    };
    if row.fate == Fate::Changed {
        row.partly = !row.before.is_empty();
        row.before.clear();
    }
    row
}

/// Whether another column of the row has to be put back: then one that the operation set to what it
/// was is put back with it, so that the record has all of what the operation set.
fn is_else_changed(left: &Left, now: &Map<String, Value>, column: &str) -> bool {
    left.before.iter().any(|(other, before)| {
        other != column && now.get(other) == left.after.get(other) && now.get(other) != Some(before)
    })
}

/// Reads rows, with what they would be once these columns are put back.
///
/// # Errors
///
/// When the database refuses, or a column cannot hold any more what stood there.
pub(super) async fn stand(
    desk: &Desk,
    columns: &Columns,
    rows: &[(&Left, Map<String, Value>)],
) -> Result<ByName<Standing>, Error> {
    match read(desk, columns, rows).await {
        Err(Error::Database(error)) if error.is_unreadable_value() => {
            Err(unreadable(desk, columns, rows, error).await)
        }
        read => read,
    }
}

/// The same for a caller who may be bound: a row that is somebody else's by now is gone.
///
/// # Errors
///
/// As [`stand`].
async fn stand_in_scope(
    desk: &Desk,
    columns: &Columns,
    rows: &[(&Left, Map<String, Value>)],
) -> Result<ByName<Standing>, Error> {
    let mut standing = stand(desk, columns, rows).await?;
    if !desk.scope.is_open() {
        let tokens = standing.values().map(|found| found.token.clone());
        let tokens: Vec<String> = tokens.collect();
        let held = desk.in_scope(&tokens).await?;
        standing.retain(|_name, found| held.contains(&found.token));
    }
    Ok(standing)
}

async fn read(
    desk: &Desk,
    columns: &Columns,
    rows: &[(&Left, Map<String, Value>)],
) -> Result<ByName<Standing>, Error> {
    let schema = &desk.bound.token.schema;
    let keys = |companion: bool| -> Vec<&str> {
        let rows = rows
            .iter()
            .filter(|(left, _)| left.companion.is_some() == companion);
        rows.map(|(left, _)| left.key.as_str()).collect()
    };
    let (tokens, companions) = (keys(false), keys(true));
    let back: Value = rows
        .iter()
        .map(|(left, back)| {
            json!({
                "relation": left.relation,
                "kind": left.kind,
                "key": left.key,
                "companion": left.companion.is_some(),
                "back": back,
            })
        })
        .collect();
    let parameters: [db::Parameter<'_>; 4] = [
        (schema, Type::TEXT),
        (&back, Type::JSONB),
        (&tokens, Type::TEXT_ARRAY),
        (&companions, Type::TEXT_ARRAY),
    ];
    // Whose adapter sets nothing has no column that got as far as this.
    let Some(statement) = desk.statements().standing(columns)? else {
        return Ok(ByName::new());
    };
    let found = desk.session.read(&statement, &parameters).await?;
    let found = found.iter().map(|row| {
        let name = (row.try_get("relation")?, row.try_get("key")?);
        let standing = Standing {
            token: row.try_get("token")?,
            now: object(row, "now")?,
            state: row.try_get("state")?,
            later: object(row, "later")?,
            later_state: row.try_get("later_state")?,
            later_ends: row.try_get("later_ends")?,
        };
        Ok::<_, db::Error>((name, standing))
    });
    Ok(found.collect::<Result<_, _>>()?)
}

/// Refuses a column whose type was changed so that what stood there would become something else.
fn check_types(
    desk: &Desk,
    rows: &[(&Left, Map<String, Value>)],
    standing: &ByName<Standing>,
) -> Result<(), Error> {
    let mut others = BTreeMap::new();
    for (left, back) in rows {
        let Some(found) = standing.get(&(left.relation.clone(), left.key.clone())) else {
            continue;
        };
        for (column, before) in back {
            let later = found.later.get(column);
            if later != Some(before) {
                let name = format!("{}.{column}", left.relation);
                others.entry(name).or_insert_with(|| {
                    let (before, later) = (text(Some(before)), text(later));
                    let type_name = desk.bound.type_of_column(&left.relation, column);
                    format!(
                        "is {} now, in which `{before}` would be `{later}`",
                        type_name.unwrap_or("of another type")
                    )
                });
            }
        }
    }
    if others.is_empty() {
        return Ok(());
    }
    let others = others
        .into_iter()
        .map(|(name, what)| format!("{name} {what}"));
    Err(Unrestorable::OtherColumns(others.collect()).into())
}

/// Finds the columns that cannot hold what stood there: one at a time.
async fn unreadable(
    desk: &Desk,
    columns: &Columns,
    rows: &[(&Left, Map<String, Value>)],
    error: db::Error,
) -> Error {
    let mut others = Vec::new();
    for (relation, names) in columns {
        for name in names {
            let only = |(left, back): &(&Left, Map<String, Value>)| {
                let value = back.get(name).filter(|_| left.relation == *relation);
                value.map(|value| Map::from_iter([(name.clone(), value.clone())]))
            };
            let alone: Vec<_> = rows
                .iter()
                .filter_map(|row| Some((row.0, only(row)?)))
                .collect();
            let column = Columns::from([(relation.clone(), vec![name.clone()])]);
            if let Err(Error::Database(error)) = read(desk, &column, &alone).await
                && error.is_unreadable_value()
            {
                let type_name = desk.bound.type_of_column(relation, name);
                others.push(format!(
                    "{relation}.{name} is {} now, which cannot hold what stood there: {error}",
                    type_name.unwrap_or("of another type")
                ));
            }
        }
    }
    if others.is_empty() {
        error.into()
    } else {
        Unrestorable::OtherColumns(others).into()
    }
}

/// A value of the log, for a person.
pub(super) fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "null".to_owned(),
        Some(other) => other.to_string(),
    }
}
