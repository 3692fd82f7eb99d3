//! `/v1/owners`: everything that lets somebody in.

use axum::Json;
use axum::extract::State;

use crate::http::app::App;
use crate::http::caller::Caller;
use crate::http::extract::Path;
use crate::http::principals::Permission;
use crate::http::problem::Refused;
use crate::model::{AccessDocument, Problem};
use crate::ops::ShowOwner;

/// Shows everything that still lets an owner in, and what is out of reach
#[utoipa::path(get, path = "/v1/owners/{owner}", tag = "owners",
    params(("owner" = String, Path, description = "login, email or key")),
    responses((status = 200, body = AccessDocument), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(owner): Path<String>,
) -> Result<Json<AccessDocument>, Refused> {
    caller.must(Permission::Show)?;
    app.refuse_secrets(&[("owner", Some(&owner))])?;
    let desk = app.context_of(&caller).await?.open().await?;
    let access = ShowOwner { owner }.run(&desk).await?;
    Ok(Json(access.into()))
}
