//! Every integration test, in one binary, so that one throw-away Postgres serves them all.
//!
//! - `cli/`: the real binary, by what it prints, how it ends and what it leaves in the database.
//! - `database/`: what lies below the command line, and the fixtures themselves.
//! - `http/`: `breakglass serve`, by what it answers and what it leaves in the database.
//! - `faults/`: the wire cut and the server killed, and the one direction of the imports.
//! - `ops/`: the library's operations, called as a server calls them.
//! - `support/`: the server, the databases, running the binary, looking at rows.
//!
//! A machine without a Postgres fails the suite; nothing is ever skipped.

mod cli;
mod database;
mod faults;
mod http;
mod ops;
mod support;
#[path = "support/tests.rs"]
mod support_tests;
