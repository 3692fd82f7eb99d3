//! One handler an operation, and the description of them all.

mod doctor;
mod openapi;
mod operations;
mod owners;
mod plans;
mod service;
mod sweeps;
mod tokens;

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::routing::get;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::coder;
use super::problem::Refused;

/// Everything that is answered.
pub(super) fn all() -> Router<App> {
    let (router, api) = described().split_for_parts();
    let document = openapi::document(api);
    router
        .route(
            "/openapi.json",
            get(move |caller| openapi::show(caller, document.clone())),
        )
        .fallback(nothing)
        .method_not_allowed_fallback(not_so)
}

/// The routes, with what they are said to be.
fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::Api::openapi())
        .routes(routes!(tokens::list))
        .routes(routes!(tokens::show, tokens::delete))
        .routes(routes!(tokens::expire))
        .routes(routes!(tokens::look_up))
        .routes(routes!(plans::plan))
        .routes(routes!(plans::apply))
        .routes(routes!(plans::decline))
        .routes(routes!(sweeps::sweep))
        .routes(routes!(operations::list))
        .routes(routes!(operations::show))
        .routes(routes!(operations::restore))
        .routes(routes!(owners::show))
        .routes(routes!(doctor::examine))
        .routes(routes!(service::about))
        .routes(routes!(service::health))
        .routes(routes!(service::ready))
        .routes(routes!(service::metrics))
        .merge(coder::described())
}

async fn nothing() -> Refused {
    Refused::not_found("no_such_route", "there is nothing at this path".to_owned())
}

async fn not_so(method: Method) -> Refused {
    Refused::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("{method} does nothing at this path"),
    )
}
