//! What went wrong, in the words of Coder's API: `message`, `detail` and `validations`.
//!
//! Whatever refuses a request under `/api/v2`, a handler, an extractor or a limit, says so with a problem
//! document; here it is said again for those who read codersdk's `Response`. Its `message` is what the
//! command line shows above all, and the only thing that it shows of a 401.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::types::{self, Validation};
use crate::http::problem::Told;
use crate::model::{Candidates, Problem, Token};

/// Where Coder's routes are.
const PLACE: &str = "/api/v2";

/// What coderd answers for anything that is not there, or not there for the caller.
const NOT_FOUND: &str = "Resource not found or you do not have access to this resource";

/// Says it in Coder's words, on Coder's paths.
pub(in crate::http) async fn said(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_coders = path
        .strip_prefix(PLACE)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let makes_keys = request.method() == Method::POST
        && (path.ends_with("/keys") || path.ends_with("/keys/tokens"));
    let response = next.run(request).await;
    match response.extensions().get::<Told>() {
        Some(Told(problem)) if is_coders => {
            let mut body = in_coders_words(problem);
            if makes_keys && response.status() == StatusCode::METHOD_NOT_ALLOWED {
                "no key is made here: breakglass lists keys and ends them"
                    .clone_into(&mut body.message);
            }
            with(response, &body)
        }
        _ => response,
    }
}

fn in_coders_words(problem: &Problem) -> types::Response {
    let Problem {
        status,
        detail,
        code,
        hint,
        operation,
        candidates,
        ..
    } = problem;
    let is_absent = matches!(code.as_str(), "no_such_token" | "no_such_owner");
    let mut more = format!("breakglass: {code}");
    let mut message = detail.clone();
    if is_absent {
        // The same for what is not there and for what is not there for the caller.
        NOT_FOUND.clone_into(&mut message);
    } else {
        let operation = operation.map(|id| format!(", operation {id}"));
        let hint = hint
            .as_ref()
            .filter(|_| *status != StatusCode::UNAUTHORIZED.as_u16());
        let hint = hint.map(|hint| format!("\nhint: {hint}"));
        more.extend([operation, hint].into_iter().flatten());
    }
    types::Response {
        message,
        detail: more,
        validations: candidates.as_ref().map(could_be).unwrap_or_default(),
    }
}

/// The keys that a name could mean, each with what tells it from the others.
fn could_be(candidates: &Candidates) -> Vec<Validation> {
    let one = |token: &Token| {
        let owner = token.owner.as_ref();
        let owner = owner.map(|owner| owner.login.as_ref().unwrap_or(&owner.id).as_str());
        Validation {
            field: token.key.clone(),
            detail: format!(
                "{} of {}, {}",
                token.kind,
                owner.unwrap_or("nobody"),
                token.state
            ),
        }
    };
    candidates.tokens.iter().map(one).collect()
}

/// The answer with another body.
fn with(response: Response, body: &types::Response) -> Response {
    let (mut parts, _problem) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    parts.headers.insert(header::CONTENT_TYPE, kind);
    let body = serde_json::to_vec(body).unwrap_or_default();
    Response::from_parts(parts, Body::from(body))
}
