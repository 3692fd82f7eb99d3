//! Recording what was seen of tokens after an operation, in a transaction of its own.

use serde_json::{Value, json};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::desk::Desk;
use super::error::Error;
use crate::db::{self, Change, Isolation};
use crate::model::TokenVerdict;

const OBSERVE: &str = include_str!("../../sql/audit/observe.sql");

/// Records what was seen of tokens after the commit of an operation, also after a Ctrl-C.
///
/// # Errors
///
/// When the database does not take it.
pub(super) async fn observe(
    desk: &Desk,
    operation: Uuid,
    seen: impl Iterator<Item = &TokenVerdict>,
) -> Result<(), Error> {
    let database = desk.database.uninterrupted();
    let session = database.another_session().await?;
    let rows: Vec<Value> = seen
        .map(|seen| json!({ "key": seen.key, "verdict": seen.verdict.as_str(), "detail": seen.detail }))
        .collect();
    let expected = i32::try_from(rows.len()).unwrap_or(i32::MAX);
    let rows = Value::Array(rows);
    let parameters: [db::Parameter<'_>; 2] = [(&operation, Type::UUID), (&rows, Type::JSONB)];
    let change = Change::apply(
        &session,
        &desk.identity,
        Isolation::Latest,
        OBSERVE,
        &parameters,
    )
    .await?;
    let proof = change.recorded_observations(expected)??;
    Ok(change.commit(proof).await.map_err(db::Error::from)?)
}
