//! What the tests stand on: a server, a database each, the binary, a terminal, the rows.
//!
//! Everything here panics when it cannot do what it is for: that is how a test fails.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that cannot go on fails the test that called it"
)]

pub(crate) mod ask;
pub(crate) mod asked;
pub(crate) mod cluster;
pub(crate) mod coderd;
pub(crate) mod config;
pub(crate) mod context;
pub(crate) mod database;
pub(crate) mod http;
pub(crate) mod library;
pub(crate) mod many;
pub(crate) mod pgbouncer;
pub(crate) mod redact;
pub(crate) mod run;
pub(crate) mod scoped;
pub(crate) mod seed;
pub(crate) mod serving;
pub(crate) mod standby;
pub(crate) mod state;
pub(crate) mod template;
pub(crate) mod terminal;
mod via;

pub(crate) use cluster::{foreign_cluster, private_cluster, private_cluster_with_logins};
pub(crate) use coderd::Coderd;
pub(crate) use database::TestDatabase;
pub(crate) use pgbouncer::{Login, PgBouncer};
pub(crate) use redact::Redactor;
pub(crate) use run::{Invocation, breakglass};
pub(crate) use serving::{Server, Serving};
pub(crate) use standby::Standby;
pub(crate) use template::Template;
