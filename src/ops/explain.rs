//! Why the counts did not add up: the rows are looked at again and compared with the plan.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::assemble::{companions, retain_left};
use super::desk::Desk;
use super::error::Error;
use super::expire;
use super::resolve::find_rows;
use super::schedule::{Over, over};
use super::token_row::TokenRow;
use crate::db::{interference, referencing};
use crate::model::{Action, Cascade, CompanionRow, Effect, Plan, PlannedToken, State};

/// Names what changed since the plan was shown or, when nothing did, what may have swallowed the
/// write.
pub(super) async fn explain(desk: &Desk, plan: &Plan) -> Error {
    match compare(desk, plan).await {
        Ok(now) if !now.differences.is_empty() => Error::ChangedSinceShown(now.differences),
        Ok(_same) => suspects(desk, !plan.companions.is_empty()).await,
        Err(error) => error,
    }
}

/// That a write was swallowed, and what may have done that.
pub(super) async fn suspects(desk: &Desk, companions: bool) -> Error {
    let mut suspects = Vec::new();
    let concerned = if companions {
        &desk.bound.companions
    } else {
        &[][..]
    };
    let companions = concerned.iter().map(|(_, relation)| relation);
    for relation in std::iter::once(&desk.bound.token).chain(companions) {
        // Naming suspects is a courtesy; the refusal stands without it.
        let found = interference(&desk.session, relation)
            .await
            .unwrap_or_default();
        suspects.extend(
            found
                .into_iter()
                .map(|what| format!("{what} on {}", relation.display_name())),
        );
    }
    Error::Swallowed {
        relation: desk.bound.token.display_name(),
        suspects,
    }
}

/// The planned rows as they are now.
#[derive(Debug)]
pub(super) struct Now {
    /// The tokens by their keys.
    pub(super) rows: HashMap<String, TokenRow>,
    /// Their companions by table and key, dead ones included.
    companions: HashMap<(String, String), CompanionRow>,
    /// What of them is not as it was planned, in words.
    pub(super) differences: Vec<String>,
    /// For an end in the future: the rows that are over by then.
    over: Option<Over>,
}

impl Now {
    /// A planned companion as it is now.
    pub(super) fn companion(&self, planned: &CompanionRow) -> Option<&CompanionRow> {
        self.companions.get(&place(planned))
    }

    /// What a plan is expected to do with a token as it is now.
    pub(super) fn effect(&self, desk: &Desk, action: Action, row: &TokenRow) -> Effect {
        match (action, &self.over) {
            (Action::Delete, _) => Effect::Change,
            (Action::Expire, None) | (Action::Restore, _) => expire::effect(&row.token),
            (Action::Expire, Some(over)) => {
                over.effect(&desk.bound.token.display_name(), &row.token.key)
            }
        }
    }
}

/// Reads the planned rows again, and tells what is not as it was planned: by the rules of the
/// statement, which takes a token or a companion that is dead by now, or over by the end that is to
/// be set, for what was wanted.
pub(super) async fn compare(desk: &Desk, plan: &Plan) -> Result<Now, Error> {
    let mut keys = plan.owned_keys();
    let rows = find_rows(desk, &keys, &[], None).await?;
    let by_key = rows.into_iter().map(|row| (row.token.key.clone(), row));
    let rows: HashMap<String, TokenRow> = by_key.collect();
    // What hangs on a token that there is not for the caller is nothing to be told.
    if !desk.scope.is_open() {
        keys.retain(|key| rows.contains_key(key));
    }
    let over = match plan.ends_at {
        Some(end) => Some(over(desk, &keys, end).await?),
        None => None,
    };
    let companions = killed_companions(desk, plan, &keys).await?;
    let mut differences = token_differences(desk, plan, &rows, over.as_ref());
    differences.extend(companion_differences(plan, &companions, over.as_ref()));
    let companions = companions.into_iter().map(|row| (place(&row), row));
    Ok(Now {
        rows,
        companions: companions.collect(),
        differences,
        over,
    })
}

fn token_differences(
    desk: &Desk,
    plan: &Plan,
    rows: &HashMap<String, TokenRow>,
    over: Option<&Over>,
) -> Vec<String> {
    let relation = desk.bound.token.display_name();
    let lives = |row: &TokenRow| match over {
        Some(over) => !over.has(&relation, &row.token.key),
        None => row.token.state == State::Active,
    };
    let mut differences = Vec::new();
    for planned in &plan.tokens {
        let name = name(planned);
        let Some(row) = rows.get(&planned.token.key) else {
            differences.push(format!("{name} is gone"));
            continue;
        };
        let mut columns = changed(&planned.fixed, &row.fixed);
        if plan.action == Action::Delete || lives(row) {
            columns.extend(changed(&planned.vital, &row.vital));
        }
        if !columns.is_empty() {
            differences.push(format!(
                "{name} was changed after it was shown ({})",
                columns.join(", ")
            ));
        }
    }
    differences
}

fn companion_differences(plan: &Plan, now: &[CompanionRow], over: Option<&Over>) -> Vec<String> {
    let lives = |companion: &&CompanionRow| {
        let is_over = |over: &Over| over.has(&companion.relation, &companion.key);
        !companion.dead && !over.is_some_and(is_over)
    };
    let planned: HashMap<_, _> = plan
        .companions
        .iter()
        .map(|row| (place(row), row))
        .collect();
    let mut differences = Vec::new();
    for companion in now.iter().filter(lives) {
        match planned.get(&place(companion)) {
            None => differences.push(format!(
                "{} {} of token {} came after the plan",
                companion.name, companion.key, companion.token
            )),
            Some(planned) if planned.token != companion.token => differences.push(format!(
                "{} {} belongs to token {} now",
                companion.name, companion.key, companion.token
            )),
            Some(planned) => {
                let columns = changed(&planned.vital, &companion.vital);
                if !columns.is_empty() {
                    differences.push(format!(
                        "{} {} was changed after it was shown ({})",
                        companion.name,
                        companion.key,
                        columns.join(", ")
                    ));
                }
            }
        }
    }
    let there: HashSet<_> = now.iter().map(place).collect();
    for planned in &plan.companions {
        if !there.contains(&place(planned)) {
            differences.push(format!("{} {} is gone", planned.name, planned.key));
        }
    }
    differences
}

/// The companions that the statement kills itself: what a delete takes along by its foreign keys is
/// counted, not planned.
async fn killed_companions(
    desk: &Desk,
    plan: &Plan,
    keys: &[String],
) -> Result<Vec<CompanionRow>, Error> {
    if plan.leaves_companions {
        return Ok(Vec::new());
    }
    let mut found = companions(desk, keys).await?;
    if plan.action == Action::Delete && !found.is_empty() {
        let references = referencing(&desk.session, &desk.bound.token).await?;
        retain_left(desk, &references, &mut found);
    }
    Ok(found)
}

/// What a delete would take along now, where it is not what was shown.
pub(super) fn other_cascades(shown: &[Cascade], found: &[Cascade]) -> Vec<String> {
    let rows = |cascade: Option<&Cascade>| {
        let counted = cascade.map_or(Some(0), |cascade| cascade.rows);
        counted.map_or_else(
            || "rows that are not counted".to_owned(),
            |rows| rows.to_string(),
        )
    };
    let same = |a: &Cascade, b: &Cascade| a.relation == b.relation && a.constraint == b.constraint;
    let others = found.iter().filter(|cascade| !shown.contains(cascade));
    let gone = shown
        .iter()
        .filter(|before| !found.iter().any(|cascade| same(cascade, before)));
    let told = |cascade: &Cascade| {
        let before = shown.iter().find(|before| same(before, cascade));
        let now = found.iter().find(|now| same(now, cascade));
        format!(
            "what the delete takes along of {} was changed after it was shown ({} -> {} rows)",
            cascade.relation,
            rows(before),
            rows(now)
        )
    };
    others.chain(gone).map(told).collect()
}

fn place(companion: &CompanionRow) -> (String, String) {
    (companion.relation.clone(), companion.key.clone())
}

fn name(planned: &PlannedToken) -> String {
    format!("token `{}`", planned.token.key)
}

/// The columns that differ, with before and after.
pub(super) fn changed(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) => "null".to_owned(),
        None => "no such column".to_owned(),
        Some(other) => other.to_string(),
    };
    let new = after.keys().filter(|column| !before.contains_key(*column));
    before
        .keys()
        .chain(new)
        .map(|column| (column, before.get(column), after.get(column)))
        .filter(|(_, before, after)| before != after)
        .map(|(column, before, after)| format!("{column}: {} -> {}", text(before), text(after)))
        .collect()
}
