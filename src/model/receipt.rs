//! What a mutation hands back: the record as written, and what was seen afterwards.

use serde::{Deserialize, Serialize};

use super::{Change, Operation, ProbeReport, Settled, Token, Unreached, Verdict};

/// The answer to one mutation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The JSON interface's number, [`super::JSON_SCHEMA`].
    pub schema: u32,
    /// The operation as recorded; for a dry run as it would have been.
    pub operation: Operation,
    /// The rows that changed, tokens first.
    pub changes: Vec<Change>,
    /// Planned tokens that were dead already and were left as they were.
    pub unchanged: Vec<Token>,
    /// What was seen afterwards; `None` when nothing was committed.
    pub verdict: Option<Verdict>,
    /// How long it was watched for, and what came of that.
    #[serde(flatten)]
    pub settled: Settled,
    /// What this did not kill, from the adapter.
    pub still_works: Vec<String>,
    /// The same for programs, with how long and what ends it.
    #[serde(default)]
    pub unreached: Vec<Unreached>,
    /// What the application itself answered; `None` where it was not asked.
    #[serde(default)]
    pub probe: Option<ProbeReport>,
    /// The named target that it was done on, if one was named.
    #[serde(default)]
    pub target: Option<String>,
    /// What the target is, such as production.
    #[serde(default)]
    pub environment: Option<String>,
}
