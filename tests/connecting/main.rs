//! Connections to real servers: every TLS mode, every kind of failure.
//!
//! The servers are started here, in a directory that goes away with them. `psql` has to agree with
//! every line of the tables: of TLS, of kinds of servers, and of everything that it reads.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a broken setup is a failed test"
)]

mod cancelling;
mod client_certificates;
mod failing;
mod impostor;
mod kinds;
mod logins;
mod operator;
mod psql;
mod revoked;
mod servers;
mod support;
mod tls;
mod tls_files;
