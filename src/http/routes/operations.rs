//! `/v1/operations`: reading the audit log, and taking an operation back.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};

use super::tokens::changed;
use crate::http::app::App;
use crate::http::caller::Caller;
use crate::http::extract::{Body, Path, Query};
use crate::http::principals::Permission;
use crate::http::problem::Refused;
use crate::http::wanted::Wanted;
use crate::model::wire::{OperationQuery, RestoreRequest};
use crate::model::{Cursor, HistoryDocument, OperationPage, Problem, Receipt};
use crate::ops::{ListOperations, ShowOperation};

/// Operations on a page, unless said otherwise.
const PAGE: u32 = 500;

/// Lists operations, the newest first, a page at a time
#[utoipa::path(get, path = "/v1/operations", tag = "operations", params(OperationQuery),
    responses((status = 200, body = OperationPage), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<OperationQuery>,
) -> Result<Json<OperationPage>, Refused> {
    caller.must(Permission::Audit)?;
    app.refuse_secrets(&[
        ("token", query.token.as_ref()),
        ("owner", query.owner.as_ref()),
        ("actor", query.actor.as_ref()),
    ])?;
    let context = app.context_of(&caller).await?;
    let (session, identity) = context.connect().await?;
    let OperationQuery {
        since,
        until,
        since_ms_ago,
        until_ms_ago,
        actor,
        action,
        outcome,
        token,
        owner,
        batches,
        limit,
        after,
    } = query;
    let mut request = ListOperations {
        since: since.or(ago(identity.as_of, since_ms_ago)),
        until: until.or(ago(identity.as_of, until_ms_ago)),
        actor,
        action,
        outcome,
        token,
        companions: Vec::new(),
        owner,
        batches,
        limit: Some(limit.unwrap_or(PAGE)),
        after: after.map(Cursor::new),
    };
    let looking = request.and_companions(&context, session, identity.clone());
    let session = looking.await?;
    let log = context.log(&session, &identity).await?;
    Ok(Json(request.page(&log).await?))
}

/// So long before the database's now.
fn ago(as_of: DateTime<Utc>, ms: Option<u64>) -> Option<DateTime<Utc>> {
    let distance = i64::try_from(ms?)
        .ok()
        .and_then(TimeDelta::try_milliseconds);
    let time = distance.and_then(|distance| as_of.checked_sub_signed(distance));
    Some(time.unwrap_or(DateTime::UNIX_EPOCH))
}

/// Shows one operation with every row that it changed
#[utoipa::path(get, path = "/v1/operations/{id}", tag = "operations",
    params(("id" = String, Path, description = "the operation's id, or the beginning of it")),
    responses((status = 200, body = HistoryDocument), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<HistoryDocument>, Refused> {
    caller.must(Permission::Audit)?;
    app.refuse_secrets(&[("id", Some(&id))])?;
    let context = app.context_of(&caller).await?;
    let (session, identity) = context.connect().await?;
    let request = ShowOperation { id };
    let log = context.log(&session, &identity).await?;
    let history = request.run(&log).await?;
    Ok(Json(HistoryDocument {
        as_of: Some(identity.as_of),
        ..history.into()
    }))
}

/// Puts back what an operation set, as an operation of its own
#[utoipa::path(post, path = "/v1/operations/{id}/restore", tag = "operations",
    params(("id" = String, Path, description = "the operation's id, or the beginning of it")),
    request_body = RestoreRequest,
    responses((status = 200, body = Receipt), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn restore(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body<RestoreRequest>,
) -> Result<Response, Refused> {
    let RestoreRequest { force, change } = body.value;
    app.refuse_secrets(&[("id", Some(&id))])?;
    let wanted = Wanted::restore(&id, force);
    changed(&app, &caller, wanted, body.ticket, (change, body.reason)).await
}
