//! Removing tokens for good, with what the database takes along.

use super::desk::Desk;
use super::error::Error;
use crate::adapter::{ForeignKey, With};
use crate::db::referencing;
use crate::model::Cascade;

/// The statement that deletes, and what points at the token table.
///
/// # Errors
///
/// When the catalogue cannot be read.
pub(super) async fn statement(
    desk: &Desk,
    application_audit: bool,
    with: With,
) -> Result<(String, Vec<ForeignKey>), Error> {
    let keys = referencing(&desk.session, &desk.bound.token).await?;
    let statement = desk.statements().delete(&keys, application_audit, with)?;
    Ok((statement, keys))
}

/// How many rows of other tables the foreign keys concern.
///
/// # Errors
///
/// When they cannot be counted.
pub(super) async fn cascades(
    desk: &Desk,
    references: &[ForeignKey],
    keys: &[String],
) -> Result<Vec<Cascade>, Error> {
    let statement = desk.statements().cascades(references)?;
    desk.read_by_keys(statement, keys, |row| {
        Ok(Cascade {
            relation: row.try_get("relation")?,
            constraint: row.try_get("constraint")?,
            on_delete: row.try_get("on_delete")?,
            rows: row.try_get("rows")?,
        })
    })
    .await
}
