//! Reading requests: what does not fit is a problem document too.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use uuid::Uuid;

use super::carry::Ticket;
use super::problem::Refused;
use super::wanted::digest;

/// The header that says why, where the body does not.
const REASON: &str = "x-breakglass-reason";

/// The header with the operation's id.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The body of a request, and what it is told from others by. No body is an empty object.
#[derive(Debug)]
pub(super) struct Body<T> {
    pub(super) value: T,
    pub(super) ticket: Ticket,
    /// What the header says of the reason.
    pub(super) reason: Option<String>,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let (parts, body) = request.into_parts();
        let key = key(&parts.headers)?;
        let reason = reason(&parts.headers)?;
        let kind = parts.headers.get(header::CONTENT_TYPE);
        let is_json = kind
            .and_then(|kind| kind.to_str().ok())
            .is_none_or(|kind| kind.split(';').next().is_some_and(is_json));
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        let request = Request::from_parts(parts, body);
        let bytes = bytes(request, state).await?;
        let is_nothing = matches!(bytes.trim_ascii(), b"" | b"null");
        let text: &[u8] = if is_nothing { b"{}" } else { &bytes };
        if !is_json && !bytes.is_empty() {
            return Err(Refused::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media_type",
                "a body is `application/json` here",
            ));
        }
        let value = serde_json::from_slice(text).map_err(|error| {
            let status = if error.is_data() {
                StatusCode::UNPROCESSABLE_ENTITY
            } else {
                StatusCode::BAD_REQUEST
            };
            Refused::new(
                status,
                "body",
                format!("the body does not fit: {}", told(&error)),
            )
        })?;
        let seen = reason.as_deref().unwrap_or_default();
        let digest = digest(method.as_str(), &format!("{path} {seen}"), text);
        let ticket = Ticket {
            id: key.unwrap_or_else(Uuid::now_v7),
            is_given: key.is_some(),
            digest,
        };
        Ok(Self {
            value,
            ticket,
            reason,
        })
    }
}

fn is_json(kind: &str) -> bool {
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// What serde says, without the value that it says it of: that may be a secret.
fn told(error: &serde_json::Error) -> String {
    let place = format!("line {} column {}", error.line(), error.column());
    let text = error.to_string();
    let known = [
        "missing field",
        "unknown field",
        "duplicate field",
        "unknown variant",
    ];
    match text.split_once(" at line ") {
        Some((what, _)) if known.iter().any(|known| what.starts_with(known)) => {
            format!("{what} at {place}")
        }
        _ if error.is_data() => format!("a value of another type or form at {place}"),
        _ => format!("it is no JSON at {place}"),
    }
}

/// How long a body may take to arrive.
const BODY: Duration = Duration::from_secs(30);

/// A body, whole, or why it did not come.
pub(super) async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Refused> {
    match timeout(BODY, Bytes::from_request(request, state)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(Refused::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "the body is larger than this server takes",
            ))
        }
        Ok(Err(_broken)) => Err(Refused::new(
            StatusCode::BAD_REQUEST,
            "body",
            "the body did not arrive whole",
        )),
        Err(_elapsed) => Err(Refused::new(
            StatusCode::REQUEST_TIMEOUT,
            "body",
            format!("the body did not arrive within {} s", BODY.as_secs()),
        )),
    }
}

/// The id that the client chose for the operation.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<Uuid>, Refused> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim_matches('"');
    let key = Uuid::parse_str(text).ok().filter(|key| !key.is_nil());
    key.map(Some).ok_or_else(|| {
        Refused::new(
            StatusCode::BAD_REQUEST,
            "usage",
            "the header Idempotency-Key is not a uuid",
        )
    })
}

/// What the header says of why.
pub(super) fn reason(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let Some(value) = headers.get(REASON) else {
        return Ok(None);
    };
    let text = str::from_utf8(value.as_bytes()).map_err(|_bytes| {
        Refused::new(
            StatusCode::BAD_REQUEST,
            "usage",
            "the header X-Breakglass-Reason is not UTF-8 text",
        )
    })?;
    Ok(Some(text.to_owned()))
}

/// A part of the path.
#[derive(Debug)]
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let read = axum::extract::Path::from_request_parts(parts, state).await;
        match read {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(_)) => Err(Refused::new(
                StatusCode::BAD_REQUEST,
                "usage",
                "a part of the path is not what belongs there",
            )),
            Err(_) => Err(Refused::internal()),
        }
    }
}

/// What stands behind the `?`.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let read = axum::extract::Query::from_request_parts(parts, state).await;
        match read {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(QueryRejection::FailedToDeserializeQueryString(error)) => Err(Refused::usage(
                format!("the query does not fit: {}", error.body_text()),
            )),
            Err(_) => Err(Refused::internal()),
        }
    }
}
