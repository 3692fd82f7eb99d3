//! Runs of batches: how far one has come, what goes on in it, and how it ended.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Operation, Outcome, TokenVerdict, Verdict};

/// A batch that was tried and is not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedBatch {
    /// Its number in the run, from 1.
    pub batch: i32,
    /// Tokens in it.
    pub tokens: i64,
    /// Key of its first token.
    pub first_key: String,
    /// Key of its last token.
    pub last_key: String,
    /// The operation that tried last; `None` where that could not be recorded.
    pub operation: Option<Uuid>,
    /// How that ended: refused or failed.
    pub outcome: Outcome,
    /// Why.
    pub error: String,
}

/// How far a run has come, whoever carried it out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunProgress {
    /// Batches that were planned.
    pub batches: i64,
    /// Batches that are done.
    pub batches_done: i64,
    /// Batches that were tried and are not done.
    pub batches_failed: i64,
    /// Batches that nobody has tried.
    pub batches_left: i64,
    /// Tokens that were planned.
    pub tokens: i64,
    /// Tokens of the batches that are done.
    pub tokens_done: i64,
    /// Of these: tokens that a batch changed.
    pub tokens_changed: i64,
    /// Of these: tokens that were dead already.
    pub tokens_unchanged: i64,
    /// Of these: tokens whose rows were not there any more when their batch came.
    pub tokens_gone: i64,
    /// Companion rows, refresh tokens and the like, that died with them.
    #[serde(default)]
    pub companions_changed: i64,
}

/// What goes on in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "progress")]
pub enum RunEvent {
    /// It begins, or goes on.
    Begin,
    /// A batch is done.
    Batch {
        /// Its number.
        batch: i32,
        /// The operation that did it.
        by: Uuid,
    },
    /// A batch is not done.
    Failed(FailedBatch),
    /// It waits for a standby.
    Lag {
        /// The standby's name, and address where it has one.
        standby: String,
        /// How far it is behind, in seconds.
        lag_seconds: f64,
        /// How far it may be, in seconds.
        max_lag_seconds: f64,
    },
    /// The connection broke, and another one is tried.
    Reconnect {
        /// What happened.
        error: String,
    },
    /// All batches were tried; their tokens are looked at once more.
    LastLook,
    /// It ends here.
    End,
}

/// One line of progress.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunLine {
    /// The JSON interface's number, [`super::JSON_SCHEMA`].
    pub schema: u32,
    /// The operation that began the run; `None` for a dry run.
    pub operation: Option<Uuid>,
    /// What goes on.
    #[serde(flatten)]
    pub event: RunEvent,
    /// How far it has come.
    #[serde(flatten)]
    pub done: RunProgress,
    /// Tokens a second since this command began with it; `None` before the first batch.
    pub tokens_per_second: Option<f64>,
    /// How long the rest takes at this rate, in seconds.
    pub eta_seconds: Option<u64>,
}

/// What one command did for a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunReceipt {
    /// The JSON interface's number, [`super::JSON_SCHEMA`].
    pub schema: u32,
    /// The operation that began the run; for a dry run as it would have been.
    pub operation: Operation,
    /// How far the run has come.
    pub run: RunProgress,
    /// Batches that this command did.
    pub batches_done_here: i64,
    /// Tokens that this command changed.
    pub tokens_changed_here: i64,
    /// How long this command took for the batches, in seconds.
    pub seconds: f64,
    /// The batches that were tried and are not done.
    pub failed: Vec<FailedBatch>,
    /// The worst that was seen of the batches that this command did and, when the run was over, of all
    /// of them; `None` where nothing was committed.
    pub verdict: Option<Verdict>,
    /// From the first look at all tokens when the run was over to the last one, in milliseconds; 0
    /// for one look.
    #[serde(default)]
    pub watched_for_ms: u64,
    /// How often all were looked at then.
    #[serde(default)]
    pub looks: u32,
    /// Tokens that were seen alive then, unless a restore on record took them back.
    pub alive: Vec<String>,
    /// The same and those, each with what lives of it: the token, or which companion.
    #[serde(default)]
    pub survivors: Vec<TokenVerdict>,
    /// What to type next where some were.
    #[serde(default)]
    pub advice: Option<String>,
    /// What this did not kill, from the adapter.
    pub still_works: Vec<String>,
    /// Why it ended before all batches were tried.
    pub stopped: Option<String>,
    /// The command that does the rest; `None` when there is none.
    pub resume: Option<String>,
    /// The named target that it was done on, if one was named.
    #[serde(default)]
    pub target: Option<String>,
    /// What the target is, such as production.
    #[serde(default)]
    pub environment: Option<String>,
}

impl RunProgress {
    /// Whether every batch is done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.batches_done == self.batches
    }
}
