//! Talking to Postgres: connecting as libpq does, limits on every session, reading, and the one
//! [`Change`] that can commit.
//!
//! Statements are unnamed and typed, so that they work behind a transaction pooler.

mod catalogue;
mod change;
pub mod conninfo;
mod database;
mod identity;
mod limits;
mod login;
mod migrations;
pub mod open;
mod parameter;
mod session;
mod sqlstate;
pub mod tls;

pub use catalogue::{catalogue, interference, referencing};
pub use change::{Change, CommitError, Isolation, Recorded, Unrecorded};
pub use database::{Database, Interrupt};
pub use identity::Identity;
pub use limits::Limits;
pub(crate) use migrations::script;
pub use migrations::{Installation, Installed, MIGRATED_VERSION, installed};
pub use parameter::Parameter;
pub use session::{Blocker, Session};
pub use sqlstate::{Error, Kind, ServerError};
