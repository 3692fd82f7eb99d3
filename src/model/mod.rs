//! The plain types that every layer shares: what a token is, what is planned, what was recorded.
//!
//! They know no database, no terminal and no command line. Their serialized form is the JSON
//! interface documented in the README, so a field is added freely and renamed never.

mod operation;
mod plan;
mod receipt;
mod sweep;
mod token;

pub use operation::{
    Action, Actor, ApplicationAudit, Change, DatabaseIdentity, Observation, Operation, Outcome,
    Verdict,
};
pub use plan::{Cascade, CompanionRow, Effect, Plan, PlannedToken, SecretCheck, hex};
pub use receipt::Receipt;
pub use sweep::{Hit, HitVerdict, Place, Side, SweepSummary};
pub use token::{Owner, State, Token};

/// The number in every JSON document that breakglass prints. It grows when a field changes
/// its meaning or goes away, not when one is added.
pub const JSON_SCHEMA: u32 = 1;
