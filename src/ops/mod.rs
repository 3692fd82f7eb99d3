//! What breakglass can do: one file a verb, each a request struct with `run`.
//!
//! An operation knows no command line, no HTTP and no terminal; the CLI builds its request,
//! runs it, and shows what it returns. A change is a [`Request`]: `plan` finds the exact rows,
//! the caller asks whoever is to be asked, and [`Planned::carry_out`] does it.

mod actor;
mod advice;
mod applied;
mod assemble;
mod audit;
mod batch;
mod cancel_blocker;
mod carry_out;
mod constants;
mod delete;
mod desk;
mod detected;
mod doctor;
mod error;
mod expire;
mod explain;
mod filter;
mod grants;
mod install;
mod list;
mod notes;
mod observe;
mod owners;
mod plan;
mod plan_file;
mod planned;
mod policy;
mod probe;
mod probe_error;
mod probing;
mod record;
mod request;
mod resolve;
mod restore;
mod resume;
mod rights;
mod schedule;
mod selector;
#[cfg(test)]
mod sending;
mod settle;
mod show;
mod size;
mod statements;
mod sweep;
mod token_row;
mod unrestorable;
mod verify;
mod watch;
mod wording;

pub use audit::{History, ListOperations, ShowOperation};
pub use batch::{Count, Ended, Pace, PlannedRun, Run};
pub use cancel_blocker::{CancelBlocker, Signalled};
pub use desk::{Context, Desk};
pub use detected::Detected;
pub use doctor::Doctor;
pub use error::{Class, Error, Locked, Recording, Refusal};
pub use filter::{Filter, Kinds, Moment};
pub use grants::OperatorRole;
pub use install::{Install, InstallReport};
pub use list::ListTokens;
pub use owners::{Access, Credential, CredentialsOfKind, OwnerRow, ShowOwner};
pub use plan_file::{FromFile, PlanError};
pub use planned::Planned;
pub use policy::{Colour, Environment, Pattern, Policy, Unmet};
pub use probe::ProbeWanted;
pub use probe_error::ProbeError;
pub use probing::Teller;
pub use request::{MAX_ROWS, Request, Restore};
pub use resume::Resume;
pub use schedule::Ends;
pub use selector::Selector;
pub use show::{ShowToken, Shown};
pub use statements::statements;
pub use sweep::{Sweep, Swept};
pub use unrestorable::Unrestorable;
pub use watch::watched;
