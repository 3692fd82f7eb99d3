//! Every statement that an adapter leads to on one database, for a DBA to read.

use super::desk::Desk;
use super::error::Error;
use crate::adapter::{SortKey, With};
use crate::db::referencing;

/// Files that are statements as they stand, each with its name.
macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../", $name)))),+]
    };
}

/// What comes before a change, in every session and plan.
const BEFORE: [(&str, &str); 11] = files![
    "sql/session/begin_read.sql",
    "sql/session/closed_path.sql",
    "sql/session/limits.sql",
    "sql/session/identity.sql",
    "sql/session/cluster.sql",
    "sql/catalogue/columns.sql",
    "sql/catalogue/referencing.sql",
    "sql/install/history.sql",
    "sql/doctor/objects.sql",
    "sql/session/begin.sql",
    "sql/session/begin_delete.sql",
];

/// What comes after one, and beside one that does not go as planned.
const AFTER: [(&str, &str); 10] = files![
    "sql/audit/record.sql",
    "sql/audit/outcome.sql",
    "sql/audit/observe.sql",
    "sql/session/commit.sql",
    "sql/session/rollback.sql",
    "sql/session/blockers.sql",
    "sql/audit/announce.sql",
    "sql/session/signal.sql",
    "sql/audit/signal_result.sql",
    "sql/catalogue/interference.sql",
];

/// What a run of batches has besides.
const RUN: [(&str, &str); 6] = files![
    "sql/audit/begin_run.sql",
    "sql/audit/plan_batches.sql",
    "sql/audit/begun.sql",
    "sql/audit/batches.sql",
    "sql/audit/batch.sql",
    "sql/session/standbys.sql",
];

/// The statements, each under its file's name.
///
/// # Errors
///
/// When the catalogue cannot be read.
pub async fn statements(desk: &Desk) -> Result<Vec<(&'static str, String)>, Error> {
    let references = referencing(&desk.session, &desk.bound.token).await?;
    let rendered = desk.statements();
    let constants = rendered.constants()?.into_iter();
    let constants = constants.map(|constant| ("sql/tokens/constant.sql", Some(constant.statement)));
    let adapted = [
        (
            "sql/tokens/list.sql",
            Some(rendered.list(SortKey::Key, false)?),
        ),
        ("sql/tokens/find.sql", Some(rendered.find()?)),
        ("sql/tokens/keys.sql", Some(rendered.keys()?)),
        ("sql/tokens/verify.sql", rendered.verify()?),
        ("sql/tokens/lookup.sql", rendered.lookup()?),
        ("sql/tokens/sweep.sql", rendered.sweep(true)?),
        ("sql/tokens/companions.sql", rendered.companions()?),
        ("sql/tokens/actor.sql", rendered.actor()?),
        ("sql/owners/find.sql", rendered.owners_find()?),
        ("sql/owners/closure.sql", Some(rendered.owners_closure()?)),
        ("sql/doctor/release.sql", rendered.release()?),
        (
            "sql/tokens/expire.sql",
            rendered.expire(true, With::Companions)?,
        ),
        (
            "sql/tokens/alive.sql",
            Some(rendered.alive(true, With::Companions)?),
        ),
        ("sql/tokens/cascades.sql", rendered.cascades(&references)?),
        (
            "sql/tokens/delete.sql",
            Some(rendered.delete(&references, true, With::Companions)?),
        ),
    ];
    let as_they_stand = |files: &[(&'static str, &str)]| -> Vec<_> {
        let files = files.iter();
        files
            .map(|(name, text)| (*name, (*text).to_owned()))
            .collect()
    };
    let mut found = as_they_stand(&BEFORE);
    found.extend(
        constants
            .chain(adapted)
            .filter_map(|(name, statement)| Some((name, statement?))),
    );
    found.extend(as_they_stand(&AFTER));
    found.extend(as_they_stand(&RUN));
    Ok(found)
}
