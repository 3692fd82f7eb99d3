//! What the statement of a change answers: the operation and its rows, as it recorded them.

use serde_json::{Map, Value};
use tokio_postgres::Row;

use super::request::{Known, Request};
use crate::db::{self, Identity};
use crate::model::{Actor, ApplicationAudit, Change as ChangedRow, Operation, Outcome, Owner};

/// The operation as the statement recorded it.
pub(super) fn operation_of(
    request: &Request,
    known: &Known,
    identity: &Identity,
    row: &Row,
) -> Result<Operation, db::Error> {
    let count = |name: &str| row.try_get::<_, i32>(name).map(Some);
    let changed = count("changed")?;
    let companions_changed = count("companions_changed")?;
    let nothing = changed == Some(0) && companions_changed == Some(0);
    let cascades: Option<Value> = row.try_get("cascades")?;
    Ok(Operation {
        id: request.id,
        parent_id: request.parent.map(|(parent, _)| parent),
        cause: request.parent.map(|(_, cause)| cause),
        batch: request.batch,
        ends_at: request.end(),
        action: request.action.into(),
        outcome: if nothing {
            Outcome::Unchanged
        } else {
            Outcome::Applied
        },
        occurred_at: row.try_get("occurred_at")?,
        adapter: known.adapter.clone(),
        actor: Actor {
            os_user: request.os_user.clone(),
            host: request.host.clone(),
            db_user: row.try_get("db_user")?,
            client_address: row.try_get("client_address")?,
            app_actor: request.app_actor.clone(),
            http: request.caller.clone(),
        },
        reason: Some(request.reason.clone()),
        ticket: request.ticket.clone(),
        selector: known.selector.clone(),
        plan_digest: known.plan_digest.clone(),
        planned: count("planned")?,
        matched: count("matched")?,
        changed,
        unchanged: count("unchanged")?,
        companions_changed,
        cascades: cascades
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| answer(&error))?,
        application_audit: match known.application_audit {
            // Nothing changed, so there was no row to write.
            Some(ApplicationAudit::Written) if changed == Some(0) => Some(ApplicationAudit::None),
            told => told,
        },
        secret_verified: known.secret_verified,
        error: None,
        error_code: None,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        database: identity.database.clone(),
    })
}

/// The changed rows as the statement recorded them.
pub(super) fn changes_of(row: &Row) -> Result<Vec<ChangedRow>, db::Error> {
    let changes: Value = row.try_get("changes")?;
    let Value::Array(changes) = changes else {
        return Ok(Vec::new());
    };
    changes
        .into_iter()
        .map(|change| change_of(&change))
        .collect()
}

fn change_of(change: &Value) -> Result<ChangedRow, db::Error> {
    let text = |name: &str| change.get(name).and_then(Value::as_str).map(str::to_owned);
    let required = |name: &str| {
        text(name).ok_or_else(|| db::Error::Answer(format!("a change without {name}")))
    };
    let object =
        |name: &str| -> Option<Map<String, Value>> { change.get(name)?.as_object().cloned() };
    Ok(ChangedRow {
        relation: required("relation")?,
        key: required("key")?,
        kind: required("kind")?,
        label: text("label"),
        owner: text("owner_id").map(|id| Owner {
            id,
            login: text("owner_login"),
            email: None,
        }),
        state_before: required("state_before")?,
        state_after: required("state_after")?,
        before: object("before").unwrap_or_default(),
        after: object("after"),
    })
}

fn answer(error: &serde_json::Error) -> db::Error {
    db::Error::Answer(error.to_string())
}
