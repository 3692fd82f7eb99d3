//! What a mutation hands back: the record as written, and what was seen afterwards.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Change, Deed, Operation, ProbeReport, Settled, Token, Unreached, Verdict};

/// The answer to one mutation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
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
    /// For a restore: what was taken back, and what could not be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_back: Option<TakenBack>,
    /// For what an owner leads to: what lets the owner in all the same, since it came after the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came_meanwhile: Option<CameMeanwhile>,
}

/// What a second look at an owner saw, after the commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CameMeanwhile {
    /// Whom it is about, as named.
    pub owner: String,
    /// What lets the owner in and was not in the plan.
    pub tokens: Vec<Token>,
    /// Why that is not known.
    pub unseen: Option<String>,
}

impl CameMeanwhile {
    /// Whether the owner is seen to be shut out.
    #[must_use]
    pub fn is_shut_out(&self) -> bool {
        self.tokens.is_empty() && self.unseen.is_none()
    }
}

/// The operation that a restore takes back, and what is particular about its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TakenBack {
    /// The operation.
    pub operation: Uuid,
    /// What it did.
    pub action: Deed,
    /// When, by the database's clock.
    pub occurred_at: Option<DateTime<Utc>>,
    /// Rows that are not there any more.
    pub gone: Vec<RowNote>,
    /// With `--force`: rows none of whose columns is as it was left.
    pub skipped: Vec<RowNote>,
    /// With `--force`: columns that changed since and stay as they are.
    pub kept: Vec<RowNote>,
    /// Rows that are put back and dead all the same.
    pub dead: Vec<DeadRow>,
}

/// A row, and what there is to say of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowNote {
    /// Its table, with the schema.
    pub relation: String,
    /// Its primary key as text.
    pub key: String,
    /// The adapter's kind; for a companion the companion's name.
    pub kind: String,
    /// The columns in question: as the operation left them, and as they are.
    pub columns: Vec<String>,
}

/// A row that is dead after it was put back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadRow {
    /// Its primary key as text.
    pub key: String,
    /// Its state by the adapter's rule.
    pub state: String,
    /// Whether it was alive before the restored operation, and died by itself since.
    pub by_itself: bool,
    /// Since when, where its end says so.
    pub since: Option<DateTime<Utc>>,
}
