//! The plain types that every layer shares: what a token is, what is planned, what was recorded.
//!
//! They know no database, no terminal and no command line. Their serialized form is the JSON
//! interface documented in the README, so a field is added freely and renamed never.

mod about;
mod access;
mod batch;
mod blocker;
mod caller;
mod environment;
mod finding;
mod history;
mod key;
mod operation;
mod page;
mod plan;
mod plan_file;
mod probe;
mod problem;
mod proposal;
mod receipt;
mod settled;
mod shown;
mod strict_json;
mod sweep;
mod token;
mod unreached;
pub mod wire;

pub use about::About;
pub use access::{Access, AccessDocument, Credential, CredentialsOfKind, OwnerRow};
pub use batch::{FailedBatch, RunEvent, RunLine, RunProgress, RunReceipt};
pub use blocker::{Blocker, Signal, Signalled, blockers};
pub use caller::Caller;
pub use environment::{Colour, Environment};
pub use finding::{Ability, Code, Diagnosis, Finding, Fitness, Severity};
pub use history::{History, HistoryDocument};
pub use key::KeyForm;
pub use operation::{
    Action, Actor, ApplicationAudit, Cause, Change, DatabaseIdentity, Deed, Observation, Operation,
    Outcome, SignalRecord, SignalResult, Verdict,
};
pub use page::{Cursor, OperationPage, TokenPage};
pub use plan::{Cascade, CompanionRow, Effect, Plan, PlannedToken, PutBack, SecretCheck, hex};
pub use plan_file::{
    PLAN_FILE_SCHEMA, PlanFile, PlanFileError, PlannedAdapter, PlannedDatabase, Planner,
};
pub use probe::{HeaderTemplate, ProbeReport, ProbeVerdict};
pub use problem::{Candidates, Class, Problem, Recorded};
pub use proposal::{KindCount, PlanOrigin, Proposal, RunLeft, RunProposal};
pub use receipt::{CameMeanwhile, DeadRow, Receipt, RowNote, TakenBack};
pub use settled::{Reapplied, Settled, TokenVerdict};
pub use shown::{Shown, ShownDocument};
pub use sweep::{Hit, HitVerdict, Place, Side, SweepDocument, SweepHead, SweepSummary};
pub use token::{Owner, State, Token};
pub use unreached::{CachePlace, Flush, Unreached, What};

/// The number in every JSON document that breakglass prints. It grows when a field changes
/// its meaning or goes away, not when one is added.
pub const JSON_SCHEMA: u32 = 1;
