//! What Coder's own clients ask for: `coder tokens ls`, `coder tokens rm`, `coder tokens rm --delete` and
//! the same calls of codersdk work with `CODER_URL` pointing here, while coderd is down.
//!
//! Read from coder/coder up to v2.36 (`cli/tokens.go`, `cli/root.go`, `codersdk/apikey.go`):
//!
//! - Nothing is asked before the command itself. `ls` is one request. `rm WORD` asks for the key of that
//!   name, after any error for the one whose id stands before the first `-` of the word, and then sends
//!   `PUT …/expire` or `DELETE`. The word may be a whole secret, and is part of the path.
//! - An answer with the header `X-Coder-Build-Version` is compared with the client's version, and where
//!   they differ `buildinfo` is asked, without a token, for what the warning says. Answers from here do
//!   not have it, since there is no coderd whose version it would be.
//! - Every status above 204 is an error; its `message`, `validations` and `detail` are shown.
//!
//! Where coderd has one user who calls, there is a principal here: see [`who`]. Everything else under
//! `/api/v2` is answered 404, and making keys 405.

mod keys;
mod said;
mod types;
mod users;
mod who;

use axum::routing::MethodRouter;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use said::said;

use super::app::App;
use super::caller::Caller;
use super::problem::Refused;
use crate::ops::Desk;

/// The adapter whose application these routes are of.
const ADAPTER: &str = "coder";

/// The routes, with what they are said to be.
pub(super) fn described() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(keys::list))
        .routes(routes!(keys::by_name))
        .routes(routes!(keys::by_id, keys::delete))
        .routes(routes!(keys::expire))
        .routes(routes!(users::show))
        .routes(routes!(users::build_info))
        // Where coderd makes session keys: there is something here, and nothing that can be done.
        .route("/api/v2/users/{user}/keys", MethodRouter::new())
}

/// The caller's desk, where the application is Coder.
async fn desk(app: &App, caller: &Caller) -> Result<Desk, Refused> {
    let desk = app.context_of(caller).await?.open().await?;
    let adapter = &desk.bound.adapter.name;
    if adapter == ADAPTER {
        return Ok(desk);
    }
    Err(Refused::not_found(
        "not_coder",
        format!("the application here is `{adapter}`, and only Coder has these routes"),
    )
    .hint("the routes under /v1 are those of every application"))
}
