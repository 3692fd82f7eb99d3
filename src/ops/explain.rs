//! Why the counts did not add up: the rows are looked at again and compared with the plan.

use super::desk::Desk;
use super::error::Error;
use super::plan::companions;
use super::resolve::find_rows;
use super::schedule::over;
use crate::db::interference;
use crate::model::{CompanionRow, Plan, PlannedToken};
use serde_json::{Map, Value};

/// Names what changed since the plan was shown or, when nothing did, what may have swallowed the
/// write.
pub(super) async fn explain(desk: &Desk, plan: &Plan) -> Error {
    match differences(desk, plan).await {
        Ok(found) if !found.is_empty() => Error::ChangedSinceShown(found),
        Ok(_same) => {
            let mut suspects = Vec::new();
            let concerned = if plan.companions.is_empty() {
                &[][..]
            } else {
                &desk.bound.companions
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
        Err(error) => error,
    }
}

async fn differences(desk: &Desk, plan: &Plan) -> Result<Vec<String>, Error> {
    let keys: Vec<String> = plan
        .tokens
        .iter()
        .map(|planned| planned.token.key.clone())
        .collect();
    let rows = find_rows(desk, &keys, &[], None).await?;
    let mut found = Vec::new();
    for planned in &plan.tokens {
        let name = name(planned);
        match rows.iter().find(|row| row.token.key == planned.token.key) {
            None => found.push(format!("{name} is gone")),
            Some(row) => {
                let mut columns = changed(&planned.fixed, &row.fixed);
                columns.extend(changed(&planned.vital, &row.vital));
                if !columns.is_empty() {
                    found.push(format!(
                        "{name} was changed after it was shown ({})",
                        columns.join(", ")
                    ));
                }
            }
        }
    }
    let now = companions(desk, &keys).await?;
    let mut alive: Vec<CompanionRow> = now.clone();
    alive.retain(|companion| !companion.dead);
    if let Some(end) = plan.ends_at {
        over(desk, &keys, end).await?.leave(&mut alive);
    }
    for companion in &alive {
        let planned = plan
            .companions
            .iter()
            .find(|planned| same_row(planned, companion));
        match planned {
            None => found.push(format!(
                "{} {} of token {} came after the plan",
                companion.name, companion.key, companion.token
            )),
            Some(planned) if planned.vital != companion.vital => {
                found.push(format!(
                    "{} {} was changed after it was shown",
                    companion.name, companion.key
                ));
            }
            Some(_) => {}
        }
    }
    for planned in &plan.companions {
        if !now.iter().any(|companion| same_row(planned, companion)) {
            found.push(format!("{} {} is gone", planned.name, planned.key));
        }
    }
    Ok(found)
}

fn same_row(a: &CompanionRow, b: &CompanionRow) -> bool {
    a.relation == b.relation && a.key == b.key
}

fn name(planned: &PlannedToken) -> String {
    format!("token `{}`", planned.token.key)
}

/// The columns that differ, with before and after.
pub(super) fn changed(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "null".to_owned(),
        Some(other) => other.to_string(),
    };
    before
        .iter()
        .filter(|(column, value)| after.get(*column) != Some(*value))
        .map(|(column, value)| {
            format!(
                "{column}: {} -> {}",
                text(Some(value)),
                text(after.get(column))
            )
        })
        .collect()
}
