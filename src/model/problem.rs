//! An error as it crosses the wire: an RFC 9457 problem document.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Blocker, Token};

/// What stands before a code in `type`.
const TYPE: &str = "urn:breakglass:problem:";

/// What the caller does with an error; each class has an exit code of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Refused or failed: nothing changed.
    Refused,
    /// The command line, the request or a file named in it is wrong.
    Usage,
    /// There is no connection.
    NoConnection,
    /// Whether something changed is not known.
    Unknown,
    /// It was changed, and not seen dead.
    NotConfirmed,
    /// The operator interrupted.
    Interrupted,
}

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The code as a URN.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the status means.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened, in the words of the command line.
    pub detail: String,
    /// A word for programs, the same as in the command line's JSON errors.
    pub code: String,
    /// What to do about it.
    pub class: Class,
    /// What to try next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The operation that was refused or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Uuid>,
    /// What became of its record; `None` where there is no operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Recorded>,
    /// Who holds the lock that did not come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blockers: Vec<Blocker>,
    /// What an ambiguous name could mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidates: Option<Candidates>,
    /// The request, as the server's log and the record name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// Whether a refusal is on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "state", content = "why")]
pub enum Recorded {
    /// It stands in the audit log.
    Recorded,
    /// It was not to be: a dry run leaves no record.
    NotWanted,
    /// It could not be.
    Impossible(String),
    /// Whether it does is not known.
    Unknown(String),
}

/// The tokens that an ambiguous name could mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Candidates {
    /// The database's clock.
    pub as_of: DateTime<Utc>,
    /// Whether the application records the use of its tokens.
    pub records_use: bool,
    /// The tokens.
    pub tokens: Vec<Token>,
}

impl Problem {
    /// A problem of a code, with what the status is called.
    #[must_use]
    pub fn new(status: u16, title: &str, code: &str, class: Class, detail: String) -> Self {
        Self {
            kind: format!("{TYPE}{code}"),
            title: title.to_owned(),
            status,
            detail,
            code: code.to_owned(),
            class,
            hint: None,
            operation: None,
            record: None,
            blockers: Vec::new(),
            candidates: None,
            request_id: None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Problem {}
