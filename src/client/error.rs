//! Why a call did not do what was asked.

use std::time::Duration;

use uuid::Uuid;

use crate::model::Problem;

/// Why a call ended without what it was for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused or failed, and says why.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// There is no connection; nothing was sent.
    #[error("cannot connect to {server}: {cause}")]
    Connect {
        /// The server.
        server: String,
        /// What happened.
        cause: String,
    },
    /// No answer came in time. A change that was begun goes on.
    #[error("{server} did not answer within {} s{}", limit.as_secs(), whose(*operation))]
    Timeout {
        /// The server.
        server: String,
        /// How long it was waited for.
        limit: Duration,
        /// For a change: the operation to look for, whose outcome is not known.
        operation: Option<Uuid>,
    },
    /// The connection broke before an answer came, also when it was tried again.
    #[error("the connection to {server} broke before an answer came: {cause}{}", whose(*operation))]
    Lost {
        /// The server.
        server: String,
        /// What happened.
        cause: String,
        /// For a change: the operation to look for, whose outcome is not known.
        operation: Option<Uuid>,
    },
    /// The answer is none that a breakglass of this version gives.
    #[error("{server} does not answer as a breakglass server: {what}{}", whose(*operation))]
    Answer {
        /// The server.
        server: String,
        /// What it is instead.
        what: String,
        /// For a change: the operation to look for, whose outcome is not known.
        operation: Option<Uuid>,
    },
    /// The request cannot be written.
    #[error("the request cannot be written: {0}")]
    Request(String),
    /// A key, a name or an id that no URL can hold.
    #[error("`{0}` cannot be a part of a path")]
    Path(String),
}

fn whose(operation: Option<Uuid>) -> String {
    operation.map_or_else(String::new, |id| {
        format!("; the outcome of operation {id} is unknown")
    })
}

impl Error {
    /// What the server says, where it said something.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// The operation that it is about. Where the error is no [`Error::Problem`], its outcome is not
    /// known, and [`Client::operation`](super::Client::operation) tells it.
    #[must_use]
    pub fn operation(&self) -> Option<Uuid> {
        match self {
            Self::Problem(problem) => problem.operation,
            Self::Timeout { operation, .. }
            | Self::Lost { operation, .. }
            | Self::Answer { operation, .. } => *operation,
            Self::Connect { .. } | Self::Request(_) | Self::Path(_) => None,
        }
    }
}
