//! `/v1/doctor`: what would make a change fail or lie.

use axum::Json;
use axum::extract::State;

use crate::http::app::App;
use crate::http::caller::Caller;
use crate::http::extract::Query;
use crate::http::principals::Permission;
use crate::http::problem::Refused;
use crate::model::wire::DoctorQuery;
use crate::model::{Diagnosis, Problem};
use crate::ops::Doctor;

/// Looks for everything that would make a change fail or lie, and changes nothing
#[utoipa::path(get, path = "/v1/doctor", tag = "doctor", params(DoctorQuery),
    responses((status = 200, body = Diagnosis), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn examine(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<DoctorQuery>,
) -> Result<Json<Diagnosis>, Refused> {
    caller.must(Permission::Audit)?;
    let doctor = Doctor {
        delete: query.delete,
    };
    let context = app.context_of(&caller).await?;
    Ok(Json(doctor.run(&context).await?))
}
