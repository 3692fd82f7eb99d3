//! `/v1/plans`: the exact rows first, and the yes or no to them.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::tokens::told;
use crate::http::app::App;
use crate::http::caller::Caller;
use crate::http::carry::Work;
use crate::http::extract::{Body, Path};
use crate::http::principals::Permission;
use crate::http::problem::Refused;
use crate::http::wanted::Wanted;
use crate::model::wire::{ApplyRequest, DeclineRequest, PlanRequest};
use crate::model::{Problem, Proposal, Receipt};
use crate::ops::{Error, HeldPlan, HoldPlan};

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
    let request = wanted.request(&app, &caller, (ticket.id, ticket.digest), change)?;
    let context = app.context_of(&caller).await?;
    let planned = request.plan(&context).await.map_err(|refusal| {
        app.count_refusal(action, &refusal.error);
        Refused::from(refusal)
    })?;
    let proposal = planned.proposal();
    let hold = HoldPlan {
        plan: planned.hold(),
        principal: caller.principal().name.clone(),
        lasts: app.limits().plan,
    };
    hold.run(&context).await?;
    let location = format!("/v1/plans/{}", proposal.digest);
    let head = [(header::LOCATION, location)];
    Ok((StatusCode::CREATED, head, Json(proposal)).into_response())
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
    let work = move || -> Work {
        Box::pin(async move {
            let context = own.context_of(&by).await?;
            let mut held = HeldPlan::find(&context, &digest, &by.principal().name).await?;
            by.must(Permission::of(held.action()))?;
            held.ask_again(
                ticket.is_given.then_some(ticket.id),
                by.on_record(ticket.digest),
            );
            let planned = held.planned(&context).await?;
            own.carry_out(&by, planned).await
        })
    };
    Ok(told(app.once(&caller, body.ticket, work).await?))
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
    let held = HeldPlan::find(&context, &digest, &caller.principal().name).await?;
    caller.must(Permission::of(held.action()))?;
    let action = held.action();
    let planned = held.planned(&context).await?;
    let error = match body.value.not_confirmed {
        Some(key) => Error::NotConfirmed(key),
        None => Error::Declined,
    };
    app.count_refusal(action, &error);
    let refused = Refused::from(planned.decline(error).await);
    Ok(Json(*refused.problem))
}
