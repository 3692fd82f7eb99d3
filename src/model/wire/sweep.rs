//! What is asked of a leak that the client has searched itself: keys and digests, never secrets.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{HitVerdict, SweepDocument, Token};

/// What a secret of a leak leads to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The key of its row, where the secret carries it or is it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What the application stores of it, where that can be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Candidates to be judged, in the order of the leak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SweepRequest {
    /// The candidates.
    #[schema(max_items = 4096)]
    pub candidates: Vec<Candidate>,
}

/// What a candidate is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CandidateVerdict {
    /// What it is worth.
    pub verdict: HitVerdict,
    /// Whether it is the row's own; `None` where that could not be compared.
    pub verified: Option<bool>,
    /// The row that it leads to.
    pub token: Option<Token>,
}

/// What a sweep answers: all of it for a leak, the verdicts for what was found in one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum SweepAnswer {
    /// For a leak.
    Sweep(Box<SweepDocument>),
    /// For candidates.
    Verdicts(Verdicts),
}

/// The verdicts, one a candidate, in their order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Verdicts {
    /// The JSON interface's number.
    pub schema: u32,
    /// The verdicts.
    pub verdicts: Vec<CandidateVerdict>,
}
