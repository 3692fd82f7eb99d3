//! The description of the interface, made from the handlers.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi as Describe};

use crate::http::caller::Caller;
use crate::model::{Class, Problem};

/// The head of the description.
#[derive(Describe)]
#[openapi(
    info(title = "breakglass", description = "Expire an application's API tokens straight in Postgres, with the record in the same transaction"),
    components(schemas(Problem, Class)),
    security(("bearer" = [])),
    modifiers(&Schemes)
)]
pub(super) struct Api;

/// How callers prove who they are. A client certificate and a unix socket's peer need no header.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, api: &mut OpenApi) {
        let components = api.components.get_or_insert_default();
        let bearer = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("a token of the principals' file"));
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
        let certificate = SecurityScheme::MutualTls {
            description: Some(
                "a client certificate whose subject is in the principals' file".to_owned(),
            ),
            extensions: None,
            deprecated: None,
        };
        components.add_security_scheme("certificate", certificate);
    }
}

/// The document, made once.
pub(super) fn document(api: OpenApi) -> Value {
    serde_json::to_value(api).unwrap_or_default()
}

/// Shows it to whoever may call.
pub(super) async fn show(_caller: Caller, document: Value) -> Response {
    Json(document).into_response()
}
