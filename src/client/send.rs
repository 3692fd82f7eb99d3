//! Sending a call, and sending it again where nothing answered.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};

use super::Client;
use super::answer::Answer;
use super::call::{Body, Call};
use super::error::Error;

/// The header with the operation's id.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// How long is waited before a call is sent again where the server says nothing of it; twice as long each
/// time.
const PAUSE: Duration = Duration::from_millis(100);

/// A server that wants to be left alone for longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// An answer that is larger is none of ours.
const LARGEST: usize = 512 << 20;

/// Why one attempt had no answer.
#[derive(Debug)]
enum Unanswered {
    /// Nothing was sent.
    Connect(String),
    /// It may have arrived.
    Lost(String),
    /// It may have arrived.
    Timeout,
    /// What came is no answer.
    Unfit(String),
}

impl Client {
    /// Sends a call until something answers, or it has been sent often enough.
    pub(super) async fn send(&self, call: &Call) -> Result<Answer, Error> {
        let mut arrived = None;
        let mut retries = 0;
        loop {
            let ended = self.attempt(call).await;
            if let Err(Unanswered::Lost(cause)) = &ended {
                arrived.get_or_insert_with(|| cause.clone());
            }
            let wait = match &ended {
                _ if retries == self.0.retries => None,
                Ok(answer) => answer.pause(call, PAUSE).filter(|wait| *wait <= PATIENCE),
                Err(Unanswered::Connect(_) | Unanswered::Lost(_)) => Some(PAUSE * (1 << retries)),
                Err(Unanswered::Timeout | Unanswered::Unfit(_)) => None,
            };
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return ended.map_err(|why| self.unanswered(why, arrived, call)),
            }
            retries += 1;
        }
    }

    /// Sends it once.
    async fn attempt(&self, call: &Call) -> Result<Answer, Unanswered> {
        let mut request = self
            .0
            .http
            .request(call.method.clone(), call.url.clone())
            .timeout(self.0.timeout);
        if let Some(bearer) = &self.0.bearer {
            request = request.header(AUTHORIZATION, bearer.clone());
        }
        if let Some(operation) = call.operation {
            request = request.header(IDEMPOTENCY_KEY, operation.to_string());
        }
        request = match &call.body {
            Body::Nothing => request,
            Body::Json(text) => request
                .header(CONTENT_TYPE, "application/json")
                .body(text.to_vec()),
            Body::Text(text) => request
                .header(CONTENT_TYPE, "text/plain; charset=utf-8")
                .body(text.clone()),
        };
        let mut response = request.send().await.map_err(|error| why(&error))?;
        let mut answer = Answer::of(&response);
        while let Some(chunk) = response.chunk().await.map_err(|error| why(&error))? {
            if answer.bytes.len() + chunk.len() > LARGEST {
                return Err(Unanswered::Unfit("it has more than 512 MiB".to_owned()));
            }
            answer.bytes.extend_from_slice(&chunk);
        }
        Ok(answer)
    }

    /// What it comes to where nothing answered. A call that may have arrived once did, for all that is
    /// known, also where nobody was there any more afterwards.
    fn unanswered(&self, why: Unanswered, arrived: Option<String>, call: &Call) -> Error {
        let (server, operation) = (self.server(), call.operation);
        let why = match (why, arrived) {
            (Unanswered::Connect(_), Some(cause)) => Unanswered::Lost(cause),
            (why, _) => why,
        };
        match why {
            Unanswered::Connect(cause) => Error::Connect { server, cause },
            Unanswered::Lost(cause) => Error::Lost {
                server,
                cause,
                operation,
            },
            Unanswered::Timeout => Error::Timeout {
                server,
                limit: self.0.timeout,
                operation,
            },
            Unanswered::Unfit(what) => Error::Answer {
                server,
                what,
                operation,
            },
        }
    }
}

fn why(error: &reqwest::Error) -> Unanswered {
    let cause = root(error);
    if error.is_connect() {
        Unanswered::Connect(cause)
    } else if error.is_timeout() {
        Unanswered::Timeout
    } else {
        Unanswered::Lost(cause)
    }
}

/// The cause of all causes: those around it only say that there is one.
fn root(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(std::error::Error::source) {
        cause = Some(deeper);
    }
    match cause {
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    }
}
