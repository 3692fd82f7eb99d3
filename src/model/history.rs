//! One operation with everything that is recorded of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Change, FailedBatch, JSON_SCHEMA, Observation, Operation, RunProgress, SignalRecord};

/// One operation, what it changed, and what was seen afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// The operation.
    pub operation: Operation,
    /// What it changed.
    pub changes: Vec<Change>,
    /// What was seen afterwards.
    pub observations: Vec<Observation>,
    /// The operations that it caused, such as re-applies, the oldest first; for the beginning of a run
    /// also those that its batches caused, without the batches: `run` and `failed` sum those up.
    pub caused: Vec<Operation>,
    /// Which session it signalled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<SignalRecord>,
    /// How far it has come, for the beginning of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunProgress>,
    /// The batches of the run that were tried and are not done; `None` for what is no run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Vec<FailedBatch>>,
    /// Tokens of the run of which the last that was seen is not that they are dead, by their keys;
    /// `None` for what is no run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survivors: Option<Vec<Observation>>,
}

/// The same as a document of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistoryDocument {
    /// The JSON interface's number, [`JSON_SCHEMA`].
    pub schema: u32,
    /// The database's clock, where a server tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<DateTime<Utc>>,
    /// The operation.
    #[serde(flatten)]
    pub history: History,
}

impl From<History> for HistoryDocument {
    fn from(history: History) -> Self {
        Self {
            schema: JSON_SCHEMA,
            as_of: None,
            history,
        }
    }
}
