//! What came back, and what to make of it.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Client;
use super::call::Call;
use super::error::Error;
use crate::model::{Class, Problem};

/// The media type of a problem document.
const PROBLEM_JSON: &str = "application/problem+json";

/// The code of an answer that did not come in the server's own time.
const TIMEOUT: &str = "timeout";

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    is_problem: bool,
    retry_after: Option<Duration>,
    pub(super) bytes: Vec<u8>,
}

/// How Coder tells of an error.
#[derive(Deserialize)]
struct CoderError {
    message: String,
    #[serde(default)]
    detail: String,
}

impl Answer {
    /// Its head; what follows is to be read.
    pub(super) fn of(response: &Response) -> Self {
        let text = |headers: &HeaderMap, name| {
            let value = headers.get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let kind = text(response.headers(), CONTENT_TYPE).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let seconds = text(response.headers(), RETRY_AFTER);
        let seconds = seconds.and_then(|seconds| seconds.trim().parse().ok());
        Self {
            status: response.status(),
            is_problem: kind.eq_ignore_ascii_case(PROBLEM_JSON),
            retry_after: seconds.map(Duration::from_secs),
            bytes: Vec::new(),
        }
    }

    /// How long to wait before asking again; `None` where this is the answer. A server that refuses says
    /// when to come again only where that can help, and a proxy may say nothing.
    pub(super) fn pause(&self, call: &Call, otherwise: Duration) -> Option<Duration> {
        use StatusCode as Status;
        let passes = matches!(
            self.status,
            Status::BAD_GATEWAY | Status::SERVICE_UNAVAILABLE | Status::GATEWAY_TIMEOUT
        );
        if !passes {
            return None;
        }
        match (self.retry_after, self.problem()) {
            (Some(wait), _) => Some(wait),
            (None, None) => Some(otherwise),
            // What was begun goes on, and whoever asks again with its key waits for it.
            (None, Some(problem)) => {
                let goes_on = problem.code == TIMEOUT && call.operation.is_some();
                goes_on.then_some(otherwise)
            }
        }
    }

    /// What the server says of a refusal, where it is our own.
    fn problem(&self) -> Option<Problem> {
        let text = self.is_problem.then_some(&self.bytes)?;
        serde_json::from_slice(text).ok()
    }

    /// The same of a Coder route, in our words.
    fn coder_problem(&self) -> Option<Problem> {
        let CoderError { message, detail } = serde_json::from_slice(&self.bytes).ok()?;
        let title = self.status.canonical_reason().unwrap_or("Error");
        let (code, class) = match self.status.as_u16() {
            401 => ("unauthenticated", Class::Usage),
            403 => ("forbidden", Class::Usage),
            404 => ("no_such_token", Class::Refused),
            405 => ("method_not_allowed", Class::Usage),
            409 => ("ambiguous", Class::Refused),
            400..500 => ("usage", Class::Usage),
            _ => ("internal", Class::Unknown),
        };
        let told = if detail.is_empty() {
            message
        } else {
            format!("{message} ({detail})")
        };
        let status = self.status.as_u16();
        Some(Problem::new(status, title, code, class, told))
    }
}

impl Client {
    /// Sends a call, and reads the document that answers it.
    pub(super) async fn document<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        let answer = self.taken(call).await?;
        serde_json::from_slice(&answer.bytes).map_err(|error| self.unfit(&error.to_string(), call))
    }

    /// The same of an answer that is text.
    pub(super) async fn text(&self, call: &Call) -> Result<String, Error> {
        let answer = self.taken(call).await?;
        String::from_utf8(answer.bytes).map_err(|error| self.unfit(&error.to_string(), call))
    }

    /// Sends a call, and looks whether the server took it.
    pub(super) async fn taken(&self, call: &Call) -> Result<Answer, Error> {
        let answer = self.send(call).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let problem = answer.problem().or_else(|| {
            let is_coders = call.url.path().contains("/api/v2/");
            is_coders.then(|| answer.coder_problem()).flatten()
        });
        match problem {
            Some(mut problem) => {
                if problem.class == Class::Unknown {
                    problem.operation = problem.operation.or(call.operation);
                }
                Err(Error::Problem(Box::new(problem)))
            }
            None => Err(self.unfit(&format!("it says {}", answer.status), call)),
        }
    }

    fn unfit(&self, what: &str, call: &Call) -> Error {
        Error::Answer {
            server: self.server(),
            what: what.to_owned(),
            operation: call.operation,
        }
    }
}
