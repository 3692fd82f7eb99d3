//! What a sweep of a leak found: secrets, where they stood, and what became of their tokens.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Receipt, Token};

/// What a secret of a leak is worth now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HitVerdict {
    /// The application would accept it.
    Live,
    /// There is such a token, and the secret is not its own.
    WrongSecret,
    /// It is a token's, which the application refuses.
    Dead,
    /// There is no such token.
    Unknown,
}

impl HitVerdict {
    /// Every verdict, the most urgent first.
    pub const ALL: [Self; 4] = [Self::Live, Self::WrongSecret, Self::Dead, Self::Unknown];

    /// The word that stands in JSON and in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::WrongSecret => "wrong_secret",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for HitVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// On which side of a diff a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The change put it in.
    Added,
    /// The change took it out; it is in the history all the same.
    Removed,
    /// It was there before and stays.
    Context,
}

impl Side {
    /// The word that stands in JSON and in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Context => "context",
        }
    }
}

/// Where a secret stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Place {
    /// The file: of a diff or report the one that it names, else the one that was read. `None` for
    /// standard input, or where the report does not say.
    pub path: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u64>,
    /// The column in the line, from 1: in bytes, or as the report counts.
    pub column: Option<u64>,
    /// The commit that a diff or report names.
    pub commit: Option<String>,
    /// Of a diff: whether the line was added or removed.
    pub side: Option<Side>,
    /// Bytes before it in what was read.
    pub offset: u64,
}

/// One secret of a leak. It is named by its key and its last four characters, never by more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Hit {
    /// What it is worth.
    pub verdict: HitVerdict,
    /// The key that it carries, or is sha256 of it; `None` where it carries none and has no row.
    pub key: Option<String>,
    /// Its last four characters.
    pub last_four: String,
    /// Whether it is the row's own; `None` where there is no row, or this role may not compare it
    /// with what the application stores.
    pub verified: Option<bool>,
    /// The row that it leads to.
    pub token: Option<Token>,
    /// How often it stood in the leak.
    pub occurrences: u64,
    /// Where, in the order of the leak; only the first where there were very many.
    pub places: Vec<Place>,
}

/// What a sweep comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SweepSummary {
    /// Bytes that were looked at.
    pub bytes: u64,
    /// How often anything of the shape of a secret stood in them.
    pub occurrences: u64,
    /// How many different secrets those were.
    pub secrets: u64,
    /// Secrets that the application would accept.
    pub live: u64,
    /// Secrets that are not those of the tokens that they name.
    pub wrong_secret: u64,
    /// Secrets that it refuses.
    pub dead: u64,
    /// Secrets without a row.
    pub unknown: u64,
    /// Of the live and dead ones: those that could not be compared with what is stored.
    pub not_verified: u64,
}

/// A sweep as a document of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SweepDocument {
    /// The JSON interface's number, [`super::JSON_SCHEMA`].
    pub schema: u32,
    /// The secrets, in the order of the leak.
    pub hits: Vec<Hit>,
    /// What it comes to.
    pub summary: SweepHead,
    /// The change that followed, where one did.
    #[serde(default)]
    pub receipt: Option<Receipt>,
}

/// What was read, and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SweepHead {
    /// The file; `None` for standard input or a body.
    pub input: Option<String>,
    /// The format that it was read as.
    pub format: String,
    /// The adapter whose secrets were searched for.
    pub adapter: String,
    /// Counts.
    #[serde(flatten)]
    pub summary: SweepSummary,
}

impl SweepSummary {
    /// Counts a hit.
    pub fn count(&mut self, hit: &Hit) {
        let counter = match hit.verdict {
            HitVerdict::Live => &mut self.live,
            HitVerdict::WrongSecret => &mut self.wrong_secret,
            HitVerdict::Dead => &mut self.dead,
            HitVerdict::Unknown => &mut self.unknown,
        };
        *counter += 1;
        if hit.token.is_some() && hit.verified.is_none() {
            self.not_verified += 1;
        }
    }
}
