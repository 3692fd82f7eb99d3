//! Breakglass: expire an application's API tokens straight in Postgres, with the record in the
//! same transaction.
//!
//! The path of one command, in the order in which it goes through the modules:
//!
//! 1. [`cli`] parses the command line and builds a request.
//! 2. [`ops`] runs it: finds the rows that were named, plans, and hands the plan back to be shown
//!    and approved; then carries it out.
//! 3. [`adapter`] says where the application keeps its tokens and what kills one, and renders the
//!    statements under `sql/tokens` for it.
//! 4. [`db`] connects and runs them. [`db::Change`] is the one place that can commit, and it
//!    demands the proof of the record.
//! 5. [`view`] shows what came back.
//!
//! `client` is the SDK: typed calls of a server, by which the command line works there too. [`probe`] asks
//! the application itself over HTTP. [`config`] reads the named targets. [`scan`] finds secrets in what leaked, for a sweep.
//! [`model`] holds the plain types that all of them share. [`cluster`] is the throw-away Postgres
//! under `breakglass demo` and the tests; nothing else uses it.

pub mod adapter;
pub mod cli;
#[cfg(feature = "client")]
pub mod client;
pub mod cluster;
pub mod config;
pub mod db;
pub mod http;
pub mod model;
pub mod ops;
pub mod probe;
pub mod scan;
pub mod view;
