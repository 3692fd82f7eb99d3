//! The description of the interface, made from the handlers.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
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
        let coder = ApiKeyValue::with_description(
            "Coder-Session-Token",
            "the same token, in the way of Coder's own clients, on their routes",
        );
        components.add_security_scheme("coder", SecurityScheme::ApiKey(ApiKey::Header(coder)));
    }
}

/// The document, made once.
pub(super) fn document(api: OpenApi) -> Value {
    let mut document = serde_json::to_value(api).unwrap_or_default();
    if let Some(schemas) = document.pointer_mut("/components/schemas")
        && let Some(schemas) = schemas.as_object_mut()
    {
        let known = schemas.clone();
        for schema in schemas.values_mut() {
            join(schema, &known);
        }
        if let Some(Value::Array(ways)) = schemas
            .get_mut("NamedToken")
            .and_then(|it| it.get_mut("oneOf"))
        {
            for way in ways.iter_mut().filter_map(Value::as_object_mut) {
                way.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
        }
        if let Some(plan) = schemas
            .get_mut("PlanRequest")
            .and_then(Value::as_object_mut)
        {
            plan.insert("oneOf".to_owned(), ways());
        }
    }
    document
}

/// Joins the parts of an object that was put together of several: each of them alone would refuse the
/// members of the others.
fn join(schema: &mut Value, known: &Map<String, Value>) {
    let Some(Value::Array(parts)) = schema.get("allOf").cloned() else {
        return;
    };
    let mut whole = schema.as_object().cloned().unwrap_or_default();
    whole.remove("allOf");
    for part in parts {
        let name = part.get("$ref").and_then(Value::as_str);
        let name = name.and_then(|path| path.rsplit('/').next());
        let mut part = name
            .and_then(|name| known.get(name))
            .unwrap_or(&part)
            .clone();
        join(&mut part, known);
        for (member, value) in part.as_object().into_iter().flatten() {
            match (whole.get_mut(member), value) {
                (Some(Value::Object(held)), Value::Object(more)) => held.extend(more.clone()),
                (Some(Value::Array(held)), Value::Array(more)) => held.extend(more.iter().cloned()),
                (Some(_), _) => {}
                (None, value) => {
                    whole.insert(member.clone(), value.clone());
                }
            }
        }
    }
    whole.insert("additionalProperties".to_owned(), Value::Bool(false));
    *schema = Value::Object(whole);
}

/// The ways in which a plan can name its tokens, of which it takes one.
fn ways() -> Value {
    let kills = json!({"action": {"enum": ["expire", "delete"]}});
    let named = ["tokens", "filter", "everything_of", "swept", "plan_file"];
    let named = named.map(|way| json!({"required": [way], "properties": kills}));
    let restores = json!({
        "required": ["restore"],
        "properties": {"action": {"const": "restore"}, "restore": {"required": ["operation"]}},
    });
    named.into_iter().chain([restores]).collect()
}

/// Shows it to whoever may call.
#[expect(clippy::unused_async, reason = "a handler is")]
pub(super) async fn show(_caller: Caller, document: Value) -> Response {
    Json(document).into_response()
}
