//! Every statement that an adapter leads to on one database, for a DBA to read.

use super::desk::Desk;
use super::error::Error;
use crate::adapter::SortKey;
use crate::db::referencing;

/// The statements, each under its file's name.
///
/// # Errors
///
/// When the catalogue cannot be read.
pub async fn statements(desk: &Desk) -> Result<Vec<(&'static str, String)>, Error> {
    let references = referencing(&desk.session, &desk.bound.token).await?;
    let rendered = desk.statements();
    let mut found = vec![
        (
            "sql/session/begin_read.sql",
            include_str!("../../sql/session/begin_read.sql").to_owned(),
        ),
        (
            "sql/session/identity.sql",
            include_str!("../../sql/session/identity.sql").to_owned(),
        ),
        (
            "sql/catalogue/columns.sql",
            include_str!("../../sql/catalogue/columns.sql").to_owned(),
        ),
        (
            "sql/catalogue/referencing.sql",
            include_str!("../../sql/catalogue/referencing.sql").to_owned(),
        ),
        (
            "sql/install/history.sql",
            include_str!("../../sql/install/history.sql").to_owned(),
        ),
        (
            "sql/session/begin.sql",
            include_str!("../../sql/session/begin.sql").to_owned(),
        ),
        (
            "sql/session/limits.sql",
            include_str!("../../sql/session/limits.sql").to_owned(),
        ),
        ("sql/tokens/list.sql", rendered.list(SortKey::Key, false)?),
        ("sql/tokens/find.sql", rendered.find()?),
    ];
    let optional = [
        ("sql/tokens/verify.sql", rendered.verify()?),
        ("sql/tokens/lookup.sql", rendered.lookup()?),
        ("sql/tokens/sweep.sql", rendered.sweep(true)?),
        ("sql/tokens/companions.sql", rendered.companions()?),
        ("sql/tokens/actor.sql", rendered.actor()?),
        ("sql/tokens/expire.sql", rendered.expire(true)?),
        ("sql/tokens/cascades.sql", rendered.cascades(&references)?),
    ];
    found.extend(
        optional
            .into_iter()
            .filter_map(|(name, statement)| Some((name, statement?))),
    );
    found.push(("sql/tokens/delete.sql", rendered.delete(&references, true)?));
    found.push((
        "sql/audit/record.sql",
        include_str!("../../sql/audit/record.sql").to_owned(),
    ));
    found.push((
        "sql/audit/observe.sql",
        include_str!("../../sql/audit/observe.sql").to_owned(),
    ));
    found.push((
        "sql/session/commit.sql",
        include_str!("../../sql/session/commit.sql").to_owned(),
    ));
    Ok(found)
}
