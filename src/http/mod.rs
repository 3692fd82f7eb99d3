//! The server mode: the operations over HTTP, for tools, and for Coder's own command line while coderd is
//! down. Small, off by default.
//!
//! A handler builds the same request structs as the command line and calls the same operations, so
//! the two cannot differ. What crosses the wire are the types of [`crate::model`].

mod account;
mod app;
mod caller;
mod carry;
mod coder;
mod extract;
mod keys;
mod limits;
pub mod listen;
mod log;
mod metrics;
pub mod principals;
mod problem;
mod request_id;
mod routes;
mod status;
mod waiting;
mod wanted;

pub use app::{App, RequestLimits, Settings};
