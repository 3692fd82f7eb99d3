//! What was seen of killed or restored tokens over the settle window after the commit.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Outcome, Verdict};

/// How an operation's tokens were watched after its commit, and what that came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Settled {
    /// From the first look to the last one of the last window, in milliseconds: what happened
    /// between the two was seen if it was there to stay. 0 for one look.
    pub watched_for_ms: u64,
    /// Looks of the last window.
    pub looks: u32,
    /// When the last look was taken, by the database's clock; `None` where there was none.
    pub watched_until: Option<DateTime<Utc>>,
    /// The tokens whose verdict is not the good one.
    pub unsettled: Vec<TokenVerdict>,
    /// The operations that killed again what had come back to life, in their order.
    pub reapplied: Vec<Reapplied>,
    /// What to type next, where the verdict is not the good one.
    pub advice: Option<String>,
}

/// What was seen of one token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenVerdict {
    /// Its key.
    pub key: String,
    /// What the adapter's rule says of it.
    pub verdict: Verdict,
    /// The state that was seen, or why none could be.
    pub detail: String,
}

/// An operation that killed again what had come back to life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reapplied {
    /// Its id; its parent is the operation that the receipt is of.
    pub operation: Uuid,
    /// How it ended; `None` where that is not known.
    pub outcome: Option<Outcome>,
    /// The tokens that had come back, or whose companions had.
    pub keys: Vec<String>,
    /// Tokens that it changed.
    pub changed: i32,
    /// Companion rows that it changed.
    pub companions_changed: i32,
    /// Why it changed nothing.
    pub error: Option<String>,
}
