//! Telling what an operator put back, on record, from what the application wrote back: the one is left
//! as it is, the other is fought.

use std::collections::BTreeMap;

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::columns;
use super::rows::{Left, stand};
use crate::db::{self, Identity};
use crate::ops::desk::Desk;
use crate::ops::error::Error;
use crate::ops::settle::Sighting;

const RESTORED_SINCE: &str = include_str!("../../../sql/audit/restored_since.sql");

/// A row as a restore left it, and whose restore that was, in words.
struct Back {
    left: Left,
    words: String,
}

/// Which of the tokens that were seen alive a restore on record took back: every row of such a token
/// that lives is as the latest restore of the operation left it. Each with whose restore that was.
///
/// # Errors
///
/// When the log or the rows cannot be read.
pub(in crate::ops) async fn restored_since(
    desk: &Desk,
    operation: Uuid,
    alive: &[Sighting],
) -> Result<BTreeMap<String, String>, Error> {
    if alive.is_empty() {
        return Ok(BTreeMap::new());
    }
    let on = another(desk).await?;
    let keys: Vec<&str> = alive.iter().map(Sighting::row_key).collect();
    let parameters: [db::Parameter<'_>; 2] = [(&operation, Type::UUID), (&keys, Type::TEXT_ARRAY)];
    let rows = on.session.read(RESTORED_SINCE, &parameters).await?;
    let rows = rows.iter().map(|row| back(row, &on));
    let rows: Vec<Back> = rows.collect::<Result<_, _>>()?;
    if rows.is_empty() {
        return Ok(BTreeMap::new());
    }
    let left: Vec<Left> = rows.iter().map(|row| row.left.clone()).collect();
    // Columns that are not ours any more tell nothing.
    let Ok(columns) = columns(&on, &left) else {
        return Ok(BTreeMap::new());
    };
    let wanted: Vec<_> = left.iter().map(|row| (row, row.after.clone())).collect();
    let standing = stand(&on, &columns, &wanted).await?;
    let stands = |row: &&Back| {
        let name = (row.left.relation.clone(), row.left.key.clone());
        let now = standing.get(&name).map(|found| &found.now);
        let is_so = |(column, left): (&String, &serde_json::Value)| {
            now.is_some_and(|now| now.get(column) == Some(left))
        };
        row.left.after.iter().all(is_so)
    };
    let rows: Vec<&Back> = rows.iter().filter(stands).collect();
    let mut told: BTreeMap<String, Option<String>> = BTreeMap::new();
    for sighting in alive {
        let whose = rows.iter().find(|row| {
            row.left.key == sighting.row_key()
                && row.left.companion.as_deref() == sighting.companion_name()
        });
        let words = whose.map(|row| row.words.clone());
        // One row that lives for another reason is enough to kill the token again.
        let known = told.entry(sighting.key.clone());
        known
            .and_modify(|known| {
                if words.is_none() {
                    *known = None;
                }
            })
            .or_insert(words);
    }
    let told = told.into_iter();
    Ok(told
        .filter_map(|(key, words)| Some((key, words?)))
        .collect())
}

/// The same database on a session of its own, also after a Ctrl-C.
async fn another(desk: &Desk) -> Result<Desk, Error> {
    let database = desk.database.uninterrupted();
    let session = database.another_session().await?;
    let identity = Identity::read(&session).await?;
    desk.check_same(&identity)?;
    Ok(Desk {
        database,
        session,
        identity,
        bound: desk.bound.clone(),
        scope: desk.scope.clone(),
    })
}

fn back(row: &tokio_postgres::Row, desk: &Desk) -> Result<Back, db::Error> {
    let restore: Uuid = row.try_get("restore")?;
    let text = |name: &str| row.try_get::<_, Option<String>>(name);
    let caller = text("http_principal")?.map(|principal| format!("{principal} (http)"));
    let mut who: Vec<String> = [caller.or(text("os_user")?), text("db_user")?]
        .into_iter()
        .flatten()
        .collect();
    who.dedup();
    let reason = text("reason")?.unwrap_or_else(|| "-".to_owned());
    Ok(Back {
        left: Left::read(row, &desk.bound)?,
        words: format!(
            "taken back by operation {restore} by {}: {reason}",
            who.join(" as ")
        ),
    })
}
