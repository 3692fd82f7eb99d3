//! The plain types that every layer shares: what a token is, what is planned, what was recorded.
//!
//! They know no database, no terminal and no command line. Their serialized form is the JSON
//! interface documented in the README, so a field is added freely and renamed never.

mod batch;
mod blocker;
mod finding;
mod operation;
mod plan;
mod plan_file;
mod probe;
mod receipt;
mod settled;
mod strict_json;
mod sweep;
mod token;
mod unreached;

pub use batch::{FailedBatch, RunEvent, RunLine, RunProgress, RunReceipt};
pub use blocker::{Blocker, Signal, blockers};
pub use finding::{Ability, Code, Diagnosis, Finding, Fitness, Severity};
pub use operation::{
    Action, Actor, ApplicationAudit, Cause, Change, DatabaseIdentity, Deed, Observation, Operation,
    Outcome, SignalRecord, SignalResult, Verdict,
};
pub use plan::{Cascade, CompanionRow, Effect, Plan, PlannedToken, PutBack, SecretCheck, hex};
pub use plan_file::{
    PLAN_FILE_SCHEMA, PlanFile, PlanFileError, PlannedAdapter, PlannedDatabase, Planner,
};
pub use probe::{HeaderTemplate, ProbeReport, ProbeVerdict};
pub use receipt::{CameMeanwhile, DeadRow, Receipt, RowNote, TakenBack};
pub use settled::{Reapplied, Settled, TokenVerdict};
pub use sweep::{Hit, HitVerdict, Place, Side, SweepSummary};
pub use token::{Owner, State, Token};
pub use unreached::{CachePlace, Flush, Unreached, What};

/// The number in every JSON document that breakglass prints. It grows when a field changes
/// its meaning or goes away, not when one is added.
pub const JSON_SCHEMA: u32 = 1;
