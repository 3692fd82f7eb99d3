//! What watches over the server, and what a client asks first.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use utoipa::ToSchema;

use crate::http::app::App;
use crate::http::caller::Caller;
use crate::http::problem::Refused;
use crate::model::{About, Problem};
use crate::ops::{Error, TellAbout, require_installed};

/// It is well.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct Health {
    status: &'static str,
}

/// Tells that the process answers; the one route for which nobody has to be known
#[utoipa::path(get, path = "/healthz", tag = "service", security(()),
    responses((status = 200, body = Health)))]
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Tells whether changes can be made: the database answers, is a primary, and has our schema
#[utoipa::path(get, path = "/readyz", tag = "service",
    responses((status = 200, body = Health), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn ready(State(app): State<App>, caller: Caller) -> Result<Json<Health>, Refused> {
    match fit(&app, &caller).await {
        Ok(()) => Ok(Json(Health { status: "ready" })),
        Err(mut refused) => {
            refused.problem.status = StatusCode::SERVICE_UNAVAILABLE.as_u16();
            Err(refused)
        }
    }
}

async fn fit(app: &App, caller: &Caller) -> Result<(), Refused> {
    let desk = app.context_of(caller).await?.open().await?;
    desk.check_writable()?;
    desk.session.may_write().map_err(Error::from)?;
    Ok(require_installed(&desk.session).await?)
}

/// Counts and times, as Prometheus reads them
#[utoipa::path(get, path = "/metrics", tag = "service",
    responses((status = 200, body = String, content_type = "application/openmetrics-text"), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn metrics(State(app): State<App>, _caller: Caller) -> Response {
    if let Some(pool) = app.context().database.pool_status() {
        let metrics = app.metrics();
        metrics.sessions("allowed", pool.size);
        metrics.sessions("open", pool.open);
        metrics.sessions("idle", pool.idle);
        metrics.sessions("waited_for", pool.waiting);
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.metrics().text()).into_response()
}

/// Tells which database is behind the server, and by which adapter its tokens are known
#[utoipa::path(get, path = "/v1/about", tag = "service",
    responses((status = 200, body = About), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn about(State(app): State<App>, caller: Caller) -> Result<Json<About>, Refused> {
    let context = app.context_of(&caller).await?;
    let principal = caller.principal().name.clone();
    Ok(Json(TellAbout { principal }.run(&context).await?))
}
