//! Talking to Postgres: connecting as libpq does, limits on every session, reading, and the one
//! [`Change`] that can commit.
//!
//! Statements are unnamed and typed, so that they work behind a transaction pooler.

mod blockers;
mod cancel;
mod catalogue;
mod change;
pub mod conninfo;
mod database;
mod identity;
mod interrupt;
mod limits;
pub mod local_file;
mod login;
mod migrations;
pub mod open;
mod opener;
mod parameter;
mod password;
mod pool;
mod recorded;
mod session;
mod sqlstate;
mod stream;
pub mod tls;
mod warnings;
mod wire;

pub use catalogue::{catalogue, interference, referencing};
pub use change::{Change, CommitError, Isolation};
pub use database::Database;
pub use identity::Identity;
pub use interrupt::{Begun, Interrupt, UnderWay};
pub use limits::{LimitError, Limits, Said, parse_limit};
pub(crate) use migrations::script;
pub use migrations::{Installation, Installed, MIGRATED_VERSION, installed};
pub use parameter::Parameter;
pub use password::{PasswordCommand, PasswordError};
pub use pool::{PoolError, PoolStatus, SMALLEST_POOL};
pub use recorded::{Recorded, Unrecorded};
pub use session::Session;
pub use sqlstate::{Error, Kind, ServerError};
pub use warnings::Warnings;
