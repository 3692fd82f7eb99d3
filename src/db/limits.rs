//! How long anything may take.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::parameter::Parameter;

/// Limits of one transaction, and of waiting for its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a statement waits for one lock.
    pub lock: Duration,
    /// How long a statement may run.
    pub statement: Duration,
    /// How long the server lets a transaction sit idle.
    pub idle_in_transaction: Duration,
    /// How long to look for the outcome of a COMMIT whose answer was lost.
    pub resolve: Duration,
}

/// What an answer may take beyond the server's own limit before the client gives up:
/// `statement_timeout` does not cover the wire, nor COMMIT.
const GRACE: Duration = Duration::from_secs(5);

impl Default for Limits {
    fn default() -> Self {
        Self {
            lock: Duration::from_secs(5),
            statement: Duration::from_secs(30),
            idle_in_transaction: Duration::from_secs(30),
            resolve: Duration::from_secs(30),
        }
    }
}

impl Limits {
    /// How long the client waits for one answer.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.statement + GRACE
    }

    /// The parameters of `sql/session/limits.sql`.
    pub(super) fn settings(&self) -> Settings {
        let [lock, statement, idle] = [self.lock, self.statement, self.idle_in_transaction]
            .map(|limit| format!("{}ms", limit.as_millis()));
        Settings {
            lock,
            statement,
            idle,
        }
    }
}

/// The parameters of `sql/session/limits.sql`.
pub(super) struct Settings {
    lock: String,
    pub(super) statement: String,
    idle: String,
}

impl Settings {
    pub(super) fn parameters(&self) -> [Parameter<'_>; 3] {
        [
            (&self.lock, Type::TEXT),
            (&self.statement, Type::TEXT),
            (&self.idle, Type::TEXT),
        ]
    }
}
