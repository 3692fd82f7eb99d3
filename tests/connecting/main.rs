//! Connections to real servers: every TLS mode, every kind of failure.
//!
//! The servers are started here, in a directory that goes away with them. With
//! `BREAKGLASS_TEST_PSQL` set to a `psql`, it has to agree with every line of the TLS table.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a broken setup is a failed test"
)]

mod cancelling;
mod failing;
mod impostor;
mod logins;
mod servers;
mod support;
mod tls;
mod tls_files;
