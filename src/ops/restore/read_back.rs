//! Seeing that a restore holds, and why one did not come about: the rows are looked at again.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::rows::{ByName, Left, Standing, stand, text};
use crate::adapter::Columns;
use crate::db::Identity;
use crate::model::{Plan, PutBack, RowNote, Verdict};
use crate::ops::desk::Desk;
use crate::ops::error::Error;
use crate::ops::explain::{columns_that_differ, suspects};
use crate::ops::read_back::{Seen, record};
use crate::ops::resolve::find_rows;

/// Reads the rows back once, on a fresh connection. The worst verdict is the operation's.
pub(in crate::ops) async fn read_back(
    desk: &Desk,
    plan: &Plan,
    gone: &[RowNote],
    operation: Uuid,
) -> Verdict {
    let mut seen = match look(desk, plan).await {
        Ok(standing) => judge(plan, &standing),
        Err(error) => {
            let detail = format!("could not be read back: {error}");
            let unseen = |key: &String| Seen {
                key: key.clone(),
                verdict: Verdict::Unknown,
                detail: detail.clone(),
            };
            tokens(plan).into_iter().map(unseen).collect()
        }
    };
    let worst = seen
        .iter()
        .map(|seen| seen.verdict)
        .max_by_key(|it| rank(*it));
    let worst = worst.unwrap_or(Verdict::Unknown);
    // That they were gone before was told with the plan; it is no verdict on what was done.
    seen.extend(gone.iter().map(|row| Seen {
        key: row.key.clone(),
        verdict: Verdict::Gone,
        detail: format!("{}: the row was not there to be restored", row.kind),
    }));
    // The verdict is told in any case; without its record it is one that nobody can look up.
    match record(desk, operation, &seen).await {
        Ok(()) => worst,
        Err(_unrecorded) if worst == Verdict::Restored => Verdict::Unknown,
        Err(_unrecorded) => worst,
    }
}

/// The worse of several verdicts is the higher.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Restored | Verdict::Dead | Verdict::Scheduled => 0,
        Verdict::Unknown => 1,
        Verdict::Gone => 2,
        Verdict::Changed | Verdict::Resurrected => 3,
    }
}

/// The tokens that the rows belong to, each once.
fn tokens(plan: &Plan) -> Vec<&String> {
    let mut tokens: Vec<&String> = plan.put_back.iter().map(|row| &row.token).collect();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

async fn look(desk: &Desk, plan: &Plan) -> Result<ByName<Standing>, Error> {
    let database = desk.database.uninterrupted();
    let session = database.session().await?;
    let identity = Identity::read(&session).await?;
    desk.check_same(&identity)?;
    let fresh = Desk {
        session,
        database,
        identity,
        bound: desk.bound.clone(),
    };
    standing(&fresh, plan).await
}

async fn standing(desk: &Desk, plan: &Plan) -> Result<ByName<Standing>, Error> {
    let mut columns = Columns::new();
    for row in &plan.put_back {
        let known = columns.entry(row.relation.clone()).or_default();
        for column in row.before.keys() {
            if !known.contains(column) {
                known.push(column.clone());
            }
        }
    }
    // Nothing is put back in such a table: look at what could be.
    columns.retain(|_relation, columns| !columns.is_empty());
    for (relation, settable) in desk.bound.settable() {
        columns.entry(relation).or_insert(settable);
    }
    let left: Vec<Left> = plan.put_back.iter().map(left).collect();
    let rows: Vec<_> = left
        .iter()
        .map(|left| (left, left.before.clone()))
        .collect();
    stand(desk, &columns, &rows).await
}

fn left(row: &PutBack) -> Left {
    Left {
        relation: row.relation.clone(),
        key: row.key.clone(),
        kind: row.companion.clone().unwrap_or_default(),
        companion: row.companion.clone(),
        state_before: row.state_before.clone(),
        before: row.before.clone(),
        after: row.after.clone(),
    }
}

/// One observation a token: what is worst among it and its companions.
fn judge(plan: &Plan, standing: &ByName<Standing>) -> Vec<Seen> {
    let mut seen: BTreeMap<&String, (Verdict, String)> = BTreeMap::new();
    for row in &plan.put_back {
        let found = see(row, standing);
        let worst = seen.entry(&row.token).or_insert_with(|| found.clone());
        if rank(found.0) > rank(worst.0) {
            *worst = found;
        }
    }
    let seen = seen.into_iter().map(|(key, (verdict, detail))| Seen {
        key: key.clone(),
        verdict,
        detail,
    });
    seen.collect()
}

fn see(row: &PutBack, standing: &ByName<Standing>) -> (Verdict, String) {
    let name = row
        .companion
        .as_ref()
        .map(|companion| format!("{companion} {}: ", row.key));
    let name = name.unwrap_or_default();
    let Some(found) = standing.get(&(row.relation.clone(), row.key.clone())) else {
        return (
            Verdict::Gone,
            format!("{name}the row is not there any more"),
        );
    };
    let others: Vec<String> = row
        .before
        .iter()
        .filter(|(column, before)| found.now.get(*column) != Some(before))
        .map(|(column, before)| {
            let (before, now) = (text(Some(before)), text(found.now.get(column)));
            format!("{column}: {before} -> {now}")
        })
        .collect();
    if others.is_empty() {
        (Verdict::Restored, format!("{name}{}", found.state))
    } else {
        (Verdict::Changed, format!("{name}{}", others.join(", ")))
    }
}

/// Names what changed since the plan was shown or, when nothing did, what may have swallowed the
/// write.
pub(in crate::ops) async fn explain(desk: &Desk, plan: &Plan) -> Error {
    match differences(desk, plan).await {
        Ok(found) if !found.is_empty() => Error::ChangedSinceShown(found),
        Ok(_same) => suspects(desk, !plan.companions.is_empty()).await,
        Err(error) => error,
    }
}

async fn differences(desk: &Desk, plan: &Plan) -> Result<Vec<String>, Error> {
    let standing = standing(desk, plan).await?;
    let mut found = Vec::new();
    for row in &plan.put_back {
        let name = match &row.companion {
            None => format!("token `{}`", row.key),
            Some(companion) => format!("{companion} {}", row.key),
        };
        match standing.get(&(row.relation.clone(), row.key.clone())) {
            None => found.push(format!("{name} is gone")),
            Some(now) => {
                let columns = columns_that_differ(&row.after, &now.now);
                if !columns.is_empty() {
                    let columns = columns.join(", ");
                    found.push(format!("{name} was changed after it was shown ({columns})"));
                }
            }
        }
    }
    let keys: Vec<String> = plan.tokens.iter().map(|it| it.token.key.clone()).collect();
    if !found.is_empty() || keys.is_empty() {
        return Ok(found);
    }
    let rows = find_rows(desk, &keys, &[], None).await?;
    for planned in &plan.tokens {
        let Some(row) = rows.iter().find(|row| row.token.key == planned.token.key) else {
            continue;
        };
        let mut columns = columns_that_differ(&planned.fixed, &row.fixed);
        columns.extend(columns_that_differ(&planned.vital, &row.vital));
        if !columns.is_empty() {
            let (key, columns) = (&planned.token.key, columns.join(", "));
            found.push(format!(
                "token `{key}` was changed after it was shown ({columns})"
            ));
        }
    }
    Ok(found)
}
