//! Where an application keeps its tokens and what kills one, as data.
//!
//! `file` holds the types of an adapter's TOML file, `catalogue` what the database says,
//! `detect` chooses the adapter that fits, `bound` holds its names against the catalogue,
//! `render` turns both into the statements under `sql/tokens`, `secret` leads a pasted secret to
//! its row, and `unreached` tells what no statement kills. Nothing here talks to a database.

mod audit;
mod bound;
mod builtin;
mod cascade;
mod catalogue;
mod command;
mod constant;
pub mod detect;
mod expression;
mod file;
mod key;
mod names;
mod owners;
mod page;
mod quote;
mod record;
mod release;
mod render;
mod restore;
mod schedule;
mod secret;
mod settle;
mod template;
mod unreached;
mod with;

pub use audit::{ActorTable, ApplicationAudit};
pub use bound::{Bound, Misfit};
pub use builtin::{LoadError, builtin, load};
pub use catalogue::{Catalogue, Column, ForeignKey, Relation};
pub use constant::Constant;
pub use detect::Choice;
pub use file::{Adapter, Companion, Expire, Hash, Kind, Unit};
pub use release::{Quirk, Release};
pub use render::{RenderError, SortKey, Statements};
pub use restore::Columns;
pub use schedule::ExpireAt;
pub use secret::{KeyShape, SecretParts, SecretShape};
pub use settle::{Settle, StillAlive, WindowError, parse_window};
pub use unreached::{Cache, ProbeDefaults, Survivor};
pub use with::With;

pub(crate) use quote::Sql;
pub(crate) use template::{Context, fill, install};
