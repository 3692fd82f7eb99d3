//! Errors as problem documents.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::status::status;
use crate::model::{Candidates, Class, Operation, Problem, Recorded};
use crate::ops::{Error, Refusal};

/// The media type of a problem document.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// Codes of what is over by itself.
const PASSING: [&str; 3] = ["no_connection", "connection_lost", "shutdown"];

/// A request that was not done: the document, and what else the answer's head says.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) problem: Box<Problem>,
    retry_after: Option<Duration>,
    challenge: bool,
}

impl Refused {
    /// A problem that only the server mode has.
    pub(super) fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        let class = if status.is_server_error() {
            Class::Refused
        } else {
            Class::Usage
        };
        Self::of(status, code, class, detail.into())
    }

    fn of(status: StatusCode, code: &str, class: Class, detail: String) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self {
            problem: Box::new(Problem::new(status.as_u16(), title, code, class, detail)),
            retry_after: None,
            challenge: false,
        }
    }

    /// A request that makes no sense.
    pub(super) fn usage(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "usage", detail)
    }

    /// Nobody is known who calls.
    pub(super) fn unauthenticated(detail: &str) -> Self {
        Self {
            challenge: true,
            ..Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
        }
        .hint("send `Authorization: Bearer TOKEN` with a token of the principals' file")
    }

    /// A principal may not do it.
    pub(super) fn forbidden(detail: String) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// There is nothing of this name.
    pub(super) fn not_found(code: &str, detail: String) -> Self {
        Self::of(StatusCode::NOT_FOUND, code, Class::Refused, detail)
    }

    /// Something went wrong here; the log has more.
    pub(super) fn internal() -> Self {
        let detail = "something went wrong in the server; its log has more".to_owned();
        Self::of(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            Class::Unknown,
            detail,
        )
    }

    /// A text that would be sent or recorded holds a secret.
    pub(super) fn secret_in(name: &str) -> Self {
        Self::usage(format!(
            "`{name}` holds something of the shape of a secret, and would be sent or recorded as it is"
        ))
        .hint("say it without the secret; a token's key may be named")
    }

    /// An idempotency key stands for one request.
    pub(super) fn key_reused(key: Uuid) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "key_reused",
            format!("the Idempotency-Key {key} belongs to another request"),
        )
        .hint("send a new uuid with every new request")
    }

    /// What to try next.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.problem.hint = Some(hint.into());
        self
    }

    /// The operation that it is about.
    pub(super) fn about(mut self, operation: Uuid) -> Self {
        self.problem.operation = Some(operation);
        self
    }

    /// Another class than the status says.
    pub(super) fn class(mut self, class: Class) -> Self {
        self.problem.class = class;
        self
    }

    /// When to come again.
    pub(super) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Whether the operation may have been carried out by another request all the same.
    pub(super) fn may_be_done(&self) -> bool {
        matches!(self.problem.code.as_str(), "done_after_all" | "conflict")
    }

    /// A refusal or failure that stands in the log, told again.
    pub(super) fn again(operation: &Operation) -> Self {
        let code = operation.error_code.as_deref().unwrap_or("failed");
        let detail = operation.error.clone().unwrap_or_default();
        let status = status(code, Class::Refused);
        let mut told = Self::of(status, code, Class::Refused, detail).about(operation.id);
        told.problem.record = Some(Recorded::Recorded);
        told
    }
}

impl From<&Error> for Refused {
    fn from(error: &Error) -> Self {
        let (code, class) = (error.code(), error.class());
        let mut refused = Self::of(status(code, class), code, class, error.message());
        let problem = &mut refused.problem;
        problem.hint = error.hint();
        match error {
            Error::Locked(locked) => problem.blockers.clone_from(&locked.blockers),
            Error::Ambiguous {
                as_of,
                records_use,
                found,
                ..
            } => {
                problem.candidates = Some(Candidates {
                    as_of: *as_of,
                    records_use: *records_use,
                    tokens: found.clone(),
                });
            }
            _ => {}
        }
        // Coming again helps against an outage, and not against a standby or a schema that is not there.
        if PASSING.contains(&code) {
            refused.retry_after = Some(Duration::from_secs(1));
        }
        refused
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<Box<Refusal>> for Refused {
    fn from(refusal: Box<Refusal>) -> Self {
        let Refusal {
            error,
            operation,
            recording,
        } = *refusal;
        let mut refused = Self::from(&error).about(operation);
        refused.problem.record = Some(recording);
        refused
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self {
            problem,
            retry_after,
            challenge,
        } = self;
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // The body is written when the request is named in it: see `log`.
        let mut response = status.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(wait) = retry_after {
            headers.insert(header::RETRY_AFTER, wait.as_secs().max(1).into());
        }
        if challenge {
            let challenge = HeaderValue::from_static("Bearer realm=\"breakglass\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response.extensions_mut().insert(Told(problem));
        response
    }
}

/// The problem that an answer is about.
#[derive(Clone, Debug)]
pub(super) struct Told(pub(super) Box<Problem>);
