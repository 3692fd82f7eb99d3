//! The record: one operation a request, one change a row, one observation a look afterwards.
//!
//! The same types are filled from the statement that changes and from the audit log that is
//! read later, so that a receipt and `audit show` cannot tell different stories.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Caller, Cascade, Owner, Signal};

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Make it stop working, keep the row.
    Expire,
    /// Remove the row.
    Delete,
    /// Put back what an operation set.
    Restore,
}

impl Action {
    /// The word in the record; also the stem of the SQL file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expire => "expire",
            Self::Delete => "delete",
            Self::Restore => "restore",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an operation did: an action on tokens, or what had to be done for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Make tokens stop working, keep their rows.
    Expire,
    /// Remove their rows.
    Delete,
    /// Put back what an operation set.
    Restore,
    /// Signal a session that held a lock in the way of another operation.
    CancelBlocker,
}

impl Deed {
    /// The word in the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expire => Action::Expire.as_str(),
            Self::Delete => Action::Delete.as_str(),
            Self::Restore => Action::Restore.as_str(),
            Self::CancelBlocker => "cancel_blocker",
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Action> for Deed {
    fn from(action: Action) -> Self {
        match action {
            Action::Expire => Self::Expire,
            Action::Delete => Self::Delete,
            Action::Restore => Self::Restore,
        }
    }
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A dry run: it would have been applied. Never stands in the audit log.
    Planned,
    /// Every planned row is dead, at least one by this operation.
    Applied,
    /// Every planned row was dead already.
    Unchanged,
    /// Breakglass or the operator declined before anything changed.
    Refused,
    /// The database did not do it; nothing changed.
    Failed,
    /// A signal was about to be sent; what came of it is recorded apart.
    Announced,
    /// A run of batches: what came of each is recorded with the batch.
    Begun,
}

impl Outcome {
    /// The word in the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Announced => "announced",
            Self::Begun => "begun",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the application's own audit log has the action too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationAudit {
    /// Written in the same transaction.
    Written,
    /// The adapter knows of none, or the table is missing.
    None,
    /// Left out with `--no-app-audit`.
    Off,
    /// The role may not insert into it.
    NotGranted,
}

impl ApplicationAudit {
    /// The word in the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::None => "none",
            Self::Off => "off",
            Self::NotGranted => "not_granted",
        }
    }
}

/// Who acted, as far as it can be known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Actor {
    /// The operating system's user that ran breakglass, as told by the client.
    pub os_user: Option<String>,
    /// The client's host name, as told by the client.
    pub host: Option<String>,
    /// The database role that logged in; written by the server, not by the client.
    pub db_user: Option<String>,
    /// Where the connection came from; written by the server. `None` for a unix socket.
    pub client_address: Option<String>,
    /// The application's user named with `--app-actor`.
    pub app_actor: Option<String>,
    /// Whoever asked over HTTP; `None` where the command line did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Caller>,
}

/// Which database it was, so that a record cannot be mistaken for another cluster's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseIdentity {
    /// The host or socket directory that was connected to.
    pub host: Option<String>,
    /// The server's port.
    pub port: Option<u16>,
    /// The database's name.
    pub name: String,
    /// `server_version` as the server tells it.
    pub server_version: String,
    /// The cluster's identifier, made by initdb; `None` where the role may not ask.
    pub system_identifier: Option<String>,
}

/// Why an operation caused another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Cause {
    /// It is one batch of a run.
    #[serde(rename = "batch")]
    Batch,
    /// A token that it killed was written back to life.
    #[serde(rename = "re-apply")]
    ReApply,
    /// It was taken back.
    #[serde(rename = "restore")]
    Restore,
    /// Somebody held a lock that it waited for.
    #[serde(rename = "blocked")]
    Blocked,
}

impl Cause {
    /// The word in the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::ReApply => "re-apply",
            Self::Restore => "restore",
            Self::Blocked => "blocked",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One request of one actor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Operation {
    /// A uuid v7 made before the transaction.
    pub id: Uuid,
    /// The operation that caused this one.
    #[serde(default)]
    pub parent_id: Option<Uuid>,
    /// Why it did.
    #[serde(default)]
    pub cause: Option<Cause>,
    /// For a batch: its number in the run, from 1.
    #[serde(default)]
    pub batch: Option<i32>,
    /// For an expire with an end in the future: when the tokens end at the latest.
    #[serde(default)]
    pub ends_at: Option<DateTime<Utc>>,
    /// What was asked for.
    pub action: Deed,
    /// How it ended.
    pub outcome: Outcome,
    /// Start of the transaction by the database's clock; `None` where none was recorded.
    pub occurred_at: Option<DateTime<Utc>>,
    /// Name of the adapter, where one was found.
    pub adapter: Option<String>,
    /// Who.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// The ticket that asked for it.
    pub ticket: Option<String>,
    /// How the targets were named, without any secret.
    pub selector: String,
    /// sha256 of the plan, in hex.
    pub plan_digest: Option<String>,
    /// Tokens in the plan.
    pub planned: Option<i32>,
    /// Planned tokens that were still as shown when they were locked.
    pub matched: Option<i32>,
    /// Tokens that this operation changed.
    pub changed: Option<i32>,
    /// Planned tokens that were dead already.
    pub unchanged: Option<i32>,
    /// Companion rows (refresh tokens and the like) that this operation changed.
    pub companions_changed: Option<i32>,
    /// Rows that a delete took along, a relation each.
    pub cascades: Option<Vec<Cascade>>,
    /// Whether the application's own audit log has it.
    pub application_audit: Option<ApplicationAudit>,
    /// False when a pasted secret could not be compared with the stored hash; `None` when
    /// none was pasted.
    pub secret_verified: Option<bool>,
    /// What went wrong, for a refusal or a failure.
    pub error: Option<String>,
    /// The same in a word for programs; `None` also in what versions before this one recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Version of breakglass that wrote it.
    pub tool_version: String,
    /// Where.
    pub database: DatabaseIdentity,
}

/// One row that an operation changed: a token, or a companion of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// The table, with its schema.
    pub relation: String,
    /// The row's primary key as text.
    pub key: String,
    /// The adapter's kind; for a companion the companion's name.
    pub kind: String,
    /// The token's human name.
    pub label: Option<String>,
    /// Whom it acts for.
    pub owner: Option<Owner>,
    /// State before, by the adapter's rule.
    pub state_before: String,
    /// State after; `deleted` when the row is gone.
    pub state_after: String,
    /// The columns that the operation set (for a delete: every tracked column) as text.
    pub before: Map<String, Value>,
    /// The same columns afterwards; `None` when the row is gone.
    pub after: Option<Map<String, Value>>,
}

/// Which session an operation was about to signal, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SignalRecord {
    /// Process id of its backend.
    pub pid: i32,
    /// When the backend was started.
    pub backend_start: DateTime<Utc>,
    /// Its role.
    pub role: Option<String>,
    /// Its `application_name`.
    pub application: Option<String>,
    /// Where it connected from; `None` for a unix socket.
    pub client_address: Option<String>,
    /// What it was, such as `client backend`.
    pub backend_type: Option<String>,
    /// Its state then.
    pub state: Option<String>,
    /// What was to be sent.
    pub signal: Signal,
    /// What came of it; `None` where that is not known.
    pub result: Option<SignalResult>,
    /// Why, for a refusal or a failure.
    pub detail: Option<String>,
    /// When that was seen, by the database's clock.
    pub seen_at: Option<DateTime<Utc>>,
}

/// What came of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalResult {
    /// The server took it.
    Sent,
    /// The session or its transaction had ended by itself; nothing was sent.
    Gone,
    /// The role may not.
    Refused,
    /// There was no answer.
    Failed,
}

impl SignalResult {
    /// The word in the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Gone => "gone",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// What was seen after the commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Observation {
    /// When, by the database's clock.
    pub observed_at: DateTime<Utc>,
    /// Which token.
    pub key: String,
    /// What the adapter's rule said of it.
    pub verdict: Verdict,
    /// The state that was read, or why none could be.
    pub detail: String,
}

/// Whether a token that was killed was seen dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Read back on a fresh connection, and dead by the adapter's rule.
    Dead,
    /// Read back, and alive again: something wrote it back.
    Resurrected,
    /// It could not be read back.
    Unknown,
    /// Dead by the adapter's rule, and the application was seen to take it all the same.
    Accepted,
    /// Read back, and it ends when it was to.
    Scheduled,
    /// Read back after a restore, and as it was put back; after a kill: alive, because a restore on
    /// record took it back.
    Restored,
    /// Read back after a restore, and otherwise.
    Changed,
    /// The row of a restore is not there any more.
    Gone,
}

impl Verdict {
    /// The word in the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Resurrected => "resurrected",
            Self::Unknown => "unknown",
            Self::Accepted => "accepted",
            Self::Scheduled => "scheduled",
            Self::Restored => "restored",
            Self::Changed => "changed",
            Self::Gone => "gone",
        }
    }
}
