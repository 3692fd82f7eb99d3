//! How long anything may take.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::parameter::Parameter;

/// Limits of one transaction, and of waiting for its answers.
///
/// How long connecting may take is a parameter of the connection
/// ([`super::conninfo::Settings::connect_timeout`]).
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

/// Limits as somebody said them; `None` leaves one to who has less say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// How long connecting to one server may take, until the session is ready.
    pub connect: Option<Duration>,
    /// See [`Limits::lock`].
    pub lock: Option<Duration>,
    /// See [`Limits::statement`].
    pub statement: Option<Duration>,
    /// See [`Limits::idle_in_transaction`].
    pub idle_in_transaction: Option<Duration>,
    /// See [`Limits::resolve`].
    pub resolve: Option<Duration>,
}

/// What an answer may take beyond the server's own limit before the client gives up:
/// `statement_timeout` does not cover the wire, nor COMMIT.
const GRACE: Duration = Duration::from_secs(5);

/// The shortest limit: Postgres counts milliseconds, and none of them means no limit at all.
const SHORTEST: Duration = Duration::from_millis(1);

/// The longest limit. More than a day is no limit to whoever waits at night.
const LONGEST: Duration = Duration::from_hours(24);

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

/// Why a text is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// It is no duration.
    #[error("give a duration such as `5s` or `500ms`")]
    NotADuration,
    /// It would be none, or one that is never reached.
    #[error("give a duration from 1ms to 24h: without a limit a command could hang for ever")]
    OutOfRange,
}

/// Reads a limit as it is typed: `5s`, `500ms`.
///
/// # Errors
///
/// When it is no duration, or not one from a millisecond to a day.
pub fn parse_limit(text: &str) -> Result<Duration, LimitError> {
    // Zero is what Postgres calls no limit; alone it has no unit.
    if text.trim() == "0" {
        return Err(LimitError::OutOfRange);
    }
    let limit = humantime::parse_duration(text).map_err(|_why| LimitError::NotADuration)?;
    if (SHORTEST..=LONGEST).contains(&limit) {
        Ok(limit)
    } else {
        Err(LimitError::OutOfRange)
    }
}

impl Said {
    /// Fills in what is not said here.
    #[must_use]
    pub fn or(self, weaker: Self) -> Self {
        Self {
            connect: self.connect.or(weaker.connect),
            lock: self.lock.or(weaker.lock),
            statement: self.statement.or(weaker.statement),
            idle_in_transaction: self.idle_in_transaction.or(weaker.idle_in_transaction),
            resolve: self.resolve.or(weaker.resolve),
        }
    }

    /// The limits, with the defaults for what nobody said.
    ///
    /// Of lock and statement the one that nobody said gives way: a lock that does not come must
    /// be told before the whole statement runs out of time, since only then it is known that it
    /// was a lock, and whose.
    #[must_use]
    pub fn limits(self) -> Limits {
        let Self {
            connect: _,
            lock,
            statement,
            idle_in_transaction,
            resolve,
        } = self;
        let default = Limits::default();
        let (lock, statement) = match (lock, statement) {
            (None, None) => (default.lock, default.statement),
            (Some(lock), Some(statement)) => (lock, statement),
            (Some(lock), None) => (lock, default.statement.max(lock + lock / 10 + SHORTEST)),
            (None, Some(statement)) => {
                let below = statement.saturating_sub(statement / 10).max(SHORTEST);
                (default.lock.min(below), statement)
            }
        };
        Limits {
            lock,
            statement,
            idle_in_transaction: idle_in_transaction.unwrap_or(default.idle_in_transaction),
            resolve: resolve.unwrap_or(default.resolve),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LimitError, Limits, Said, parse_limit};

    #[test]
    fn a_limit_is_from_a_millisecond_to_a_day() {
        assert_eq!(parse_limit("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_limit("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_limit("24h"), Ok(Duration::from_hours(24)));
        for text in ["0", " 0 ", "0s", "999us", "25h", "500years"] {
            assert_eq!(parse_limit(text), Err(LimitError::OutOfRange), "{text}");
        }
        for text in ["", "5", "-1s", "soon", "99999999999999999999y"] {
            assert_eq!(parse_limit(text), Err(LimitError::NotADuration), "{text}");
        }
    }

    #[test]
    fn the_limit_that_nobody_said_gives_way() {
        let limits = |lock: Option<u64>, statement: Option<u64>| {
            let said = Said {
                lock: lock.map(Duration::from_secs),
                statement: statement.map(Duration::from_secs),
                ..Said::default()
            };
            let Limits {
                lock, statement, ..
            } = said.limits();
            (lock.as_millis(), statement.as_millis())
        };
        assert_eq!(limits(None, None), (5_000, 30_000));
        assert_eq!(limits(Some(60), None), (60_000, 66_001));
        assert_eq!(limits(None, Some(1)), (900, 1_000));
        assert_eq!(limits(None, Some(60)), (5_000, 60_000));
        assert_eq!(limits(Some(9), Some(3)), (9_000, 3_000));
    }
}
