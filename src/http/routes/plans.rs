//! `/v1/plans`: the exact rows first, and the yes or no to them.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::tokens::told;
use crate::http::app::App;
use crate::http::caller::Caller;
use crate::http::carry::{Ticket, Work};
use crate::http::extract::{Body, Path};
use crate::http::principals::Permission;
use crate::http::problem::Refused;
use crate::http::waiting::Waiting;
use crate::http::wanted::Wanted;
use crate::model::wire::{ApplyRequest, DeclineRequest, PlanRequest};
use crate::model::{Problem, Proposal, Receipt};
use crate::ops::Error;

/// Finds the exact rows of a change, and keeps the plan until it is applied, declined or over
#[utoipa::path(post, path = "/v1/plans", tag = "plans", request_body = PlanRequest,
    responses((status = 201, body = Proposal), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn plan(
    State(app): State<App>,
    caller: Caller,
    body: Body<PlanRequest>,
) -> Result<Response, Refused> {
    let (wanted, mut change) = Wanted::planned(body.value)?;
    caller.must(Permission::of(wanted.action))?;
    change.reason = change.reason.or(body.reason);
    let action = wanted.action;
    let ticket = body.ticket;
    let context = app.context_of(&caller).await?;
    let _held = app.keys().hold(ticket.id).await;
    if ticket.is_given
        && let Some(proposal) = Waiting::again(&context, &caller, &ticket).await?
    {
        return Ok(kept(proposal));
    }
    let own = (ticket.id, ticket.digest.clone());
    let request = wanted.request(&app, &caller, own, change)?;
    let planned = request.plan(&context).await.map_err(|refusal| {
        app.count_refusal(action, &refusal.error);
        Refused::from(refusal)
    })?;
    let lifetime = app.limits().plan;
    Ok(kept(
        Waiting::keep(planned, &caller, &ticket, lifetime).await?,
    ))
}

/// A plan that waits.
fn kept(proposal: Proposal) -> Response {
    let location = format!("/v1/plans/{}", proposal.digest());
    let head = [(header::LOCATION, location)];
    (StatusCode::CREATED, head, Json(proposal)).into_response()
}

/// Carries out exactly what the plan shows, or nothing
#[utoipa::path(post, path = "/v1/plans/{digest}/apply", tag = "plans", params(("digest" = String, Path)),
    request_body = Option<ApplyRequest>,
    responses((status = 200, body = Receipt), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn apply(
    State(app): State<App>,
    caller: Caller,
    Path(digest): Path<String>,
    body: Body<ApplyRequest>,
) -> Result<Response, Refused> {
    let (own, by, ticket) = (app.clone(), caller.clone(), body.ticket.clone());
    let work = move || -> Work { Box::pin(applied(own, by, digest, ticket)) };
    Ok(told(app.once(&caller, body.ticket, work).await?))
}

/// The plan, carried out. It waits no longer, whatever came of it: its operation is on record.
async fn applied(
    app: App,
    caller: Caller,
    digest: String,
    ticket: Ticket,
) -> Result<Receipt, Refused> {
    let context = app.context_of(&caller).await?;
    let waiting = Waiting::find(&context, &caller, (&digest, &ticket)).await?;
    caller.must(Permission::of(waiting.action()))?;
    let taken = waiting.take(&context).await?;
    let planned = taken.planned(&context, &caller, &ticket).await?;
    app.carry_out(&caller, planned).await
}

/// Says no to a plan, which is on record then
#[utoipa::path(delete, path = "/v1/plans/{digest}", tag = "plans", params(("digest" = String, Path)),
    request_body = Option<DeclineRequest>,
    responses((status = 200, body = Problem), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn decline(
    State(app): State<App>,
    caller: Caller,
    Path(digest): Path<String>,
    body: Body<DeclineRequest>,
) -> Result<Json<Problem>, Refused> {
    let context = app.context_of(&caller).await?;
    let waiting = Waiting::find(&context, &caller, (&digest, &body.ticket)).await?;
    let action = waiting.action();
    caller.must(Permission::of(action))?;
    let taken = waiting.take(&context).await?;
    let planned = taken.planned(&context, &caller, &body.ticket).await?;
    let error = match body.value.not_confirmed {
        Some(key) => Error::NotConfirmed(key),
        None => Error::Declined,
    };
    app.count_refusal(action, &error);
    let refused = Refused::from(planned.decline(error).await);
    Ok(Json(*refused.problem))
}
