//! Users, and what answers.

use axum::Json;
use axum::extract::State;

use super::desk;
use super::types::{BuildInfo, Response, User};
use super::who::Who;
use crate::http::app::App;
use crate::http::caller::CoderCaller;
use crate::http::extract::Path;
use crate::http::principals::Permission;
use crate::http::problem::Refused;

/// Shows a user
///
/// `me` of a principal who is bound to an owner is that owner. Of any other it is a user that is in no
/// table: the principal by name, with the nil uuid and the role `owner`.
#[utoipa::path(get, path = "/api/v2/users/{user}", tag = "coder",
    params(("user" = String, Path, description = "`me`, uuid or username")),
    security(("coder" = []), ("bearer" = [])),
    responses((status = 200, body = User), (status = "default", body = Response)))]
pub(super) async fn show(
    State(app): State<App>,
    CoderCaller(caller): CoderCaller,
    Path(user): Path<String>,
) -> Result<Json<User>, Refused> {
    let desk = desk(&app, &caller).await?;
    let who = Who::read(&app, &desk, &user).await?;
    // Who they are themselves, everybody may know.
    if who.id().is_some() && who.id() != desk.scope.owner.as_deref() {
        caller.must(Permission::Show)?;
    }
    Ok(Json(who.shown(&caller)))
}

/// Tells what answers
///
/// `version` is ours: there is no coderd.
#[utoipa::path(get, path = "/api/v2/buildinfo", tag = "coder",
    security(("coder" = []), ("bearer" = [])),
    responses((status = 200, body = BuildInfo), (status = "default", body = Response)))]
pub(super) async fn build_info(
    State(app): State<App>,
    CoderCaller(caller): CoderCaller,
) -> Result<Json<BuildInfo>, Refused> {
    desk(&app, &caller).await?;
    Ok(Json(BuildInfo::ours()))
}
