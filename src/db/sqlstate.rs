//! What went wrong on the server, told apart once, by SQLSTATE and constraint, never by the
//! message's text.

use std::fmt;
use std::time::Duration;

use tokio_postgres::error::{Severity, SqlState};

use super::open::OpenError;
use super::password::PasswordError;

/// Kinds of refusal by the server that an operator has to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A lock did not come within `lock_timeout` (55P03).
    LockTimeout,
    /// The statement ran into `statement_timeout`, or was cancelled (57014).
    StatementTimeout,
    /// The role may not do it (42501).
    Permission,
    /// The counts did not add up: the record's own CHECK refused it.
    NotAsPlanned,
    /// The batch is done already, by whoever was quicker.
    BatchDone,
    /// Something swallowed the operation's record: its changes point at nothing.
    Unrecorded,
    /// The database cannot be written (25006).
    ReadOnly,
    /// Another transaction was in the way; trying again may help (40001, 40P01).
    Conflict,
    /// Rows of other tables still point at the row (23503, 23001).
    Referenced,
    /// A table or schema is not there (42P01, 3F000).
    Missing,
    /// The server is going away or has just come back (57P01 to 57P03).
    Shutdown,
    /// Anything else.
    Other,
}

/// An error message of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// Its kind.
    pub kind: Kind,
    /// Whether it ended the session as well (FATAL, PANIC).
    pub fatal: bool,
    /// Its SQLSTATE.
    pub code: String,
    /// Its message.
    pub message: String,
    /// Its detail. Never printed for constraint violations, where it holds the row.
    pub detail: Option<String>,
    /// Where it happened: the function or trigger.
    pub context: Option<String>,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.code)?;
        // A trigger's own error would else look like one of our statement.
        let mut context = self.context.iter().flat_map(|context| context.lines());
        let function = context.find(|line| line.contains("function"));
        function.map_or(Ok(()), |function| write!(f, " in {function}"))
    }
}

/// Why the database gave no answer, or not the one that was hoped for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No password, so no connection.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// All connections of the pool are in use, for longer than anybody waits.
    #[error("no session came free within {} s: all {size} of the pool are in use", .waited.as_secs_f64())]
    NoSession {
        /// How many connections the pool may have.
        size: usize,
        /// How long was waited.
        waited: Duration,
    },
    /// Another cluster than the pinned one answers.
    #[error(
        "another cluster answers than the one that is pinned: its system identifier is {found}, the pinned one {pinned}"
    )]
    OtherCluster {
        /// The pinned cluster's `system_identifier`.
        pinned: String,
        /// That of the one that answers.
        found: String,
    },
    /// Whether it is the pinned cluster is not known.
    #[error(
        "the server does not tell whether it is the pinned cluster (system identifier {pinned}), so nothing is written there"
    )]
    ClusterNotTold {
        /// The pinned cluster's `system_identifier`.
        pinned: String,
    },
    /// A transaction that is to write is elsewhere than what was shown.
    #[error(
        "another database answers than the one that was shown: {name} as {role}, system identifier {system_identifier}"
    )]
    OtherDatabase {
        /// The name of the one that answers.
        name: String,
        /// The role in it.
        role: String,
        /// Its cluster's `system_identifier`, or a question mark.
        system_identifier: String,
    },
    /// The server refused.
    #[error("{0}")]
    Server(ServerError),
    /// The connection broke.
    #[error("the connection was lost{}", because(.0.as_deref()))]
    Lost(Option<String>),
    /// No answer came in time.
    #[error("the server did not answer within {} s", .0.as_secs_f64())]
    Deadline(Duration),
    /// The operator pressed Ctrl-C while no statement ran.
    #[error("interrupted")]
    Interrupted,
    /// The operator pressed Ctrl-C while a statement ran.
    #[error("interrupted: {}", cancelled(*.confirmed))]
    Cancelled {
        /// Whether the server has ended it.
        confirmed: bool,
    },
    /// An answer was not what the statement promises.
    #[error("unexpected answer of the server: {0}")]
    Answer(String),
}

fn because(notice: Option<&str>) -> String {
    notice
        .map(|notice| format!(": {notice}"))
        .unwrap_or_default()
}

fn cancelled(confirmed: bool) -> &'static str {
    if confirmed {
        "the running statement was cancelled on the server"
    } else {
        "the server did not confirm that it cancelled the running statement"
    }
}

impl Error {
    /// Whether the operator ended it.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        matches!(self, Self::Interrupted | Self::Cancelled { .. })
    }

    /// Whether the connection ended with it.
    #[must_use]
    pub fn ends_connection(&self) -> bool {
        match self {
            Self::Lost(_) => true,
            Self::Server(error) => error.fatal,
            _ => false,
        }
    }

    /// Whether the server still owes the session an answer, so that it takes nothing more.
    #[must_use]
    pub(super) fn is_unanswered(&self) -> bool {
        matches!(
            self,
            Self::Lost(_) | Self::Deadline(_) | Self::Cancelled { confirmed: false }
        )
    }

    /// Whether the catalogue is not as the statement took it to be: something is not there, or may
    /// not be done (class 42, 3F).
    #[must_use]
    pub(super) fn is_surprise(&self) -> bool {
        matches!(self, Self::Server(error) if error.code.starts_with("42") || error.code.starts_with("3F"))
    }

    /// Whether a text could not be read as a value of its type (class 22).
    #[must_use]
    pub fn is_unreadable_value(&self) -> bool {
        matches!(self, Self::Server(error) if error.code.starts_with("22"))
    }

    /// The kind of the server's refusal, if it was one.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Self::Server(error) => Some(error.kind),
            Self::Open(_)
            | Self::Password(_)
            | Self::NoSession { .. }
            | Self::OtherCluster { .. }
            | Self::ClusterNotTold { .. }
            | Self::OtherDatabase { .. }
            | Self::Lost(_)
            | Self::Deadline(_)
            | Self::Interrupted
            | Self::Cancelled { .. }
            | Self::Answer(_) => None,
        }
    }

    /// Sorts what the driver says; `notice` is the last thing the server said unasked.
    pub(super) fn from_driver(error: &tokio_postgres::Error, notice: Option<String>) -> Self {
        if let Some(server) = error.as_db_error() {
            let context = server.where_().map(str::to_owned);
            return Self::Server(ServerError {
                kind: kind(server.code(), server.constraint()),
                fatal: !matches!(server.parsed_severity(), Some(Severity::Error)),
                code: server.code().code().to_owned(),
                message: server.message().to_owned(),
                detail: server.detail().map(str::to_owned),
                context,
            });
        }
        if error.is_closed()
            || std::error::Error::source(error)
                .is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
        {
            return Self::Lost(notice);
        }
        let source = std::error::Error::source(error)
            .map(|source| format!(": {source}"))
            .unwrap_or_default();
        Self::Answer(format!("{error}{source}"))
    }
}

fn kind(code: &SqlState, constraint: Option<&str>) -> Kind {
    match code {
        &SqlState::LOCK_NOT_AVAILABLE => Kind::LockTimeout,
        &SqlState::QUERY_CANCELED => Kind::StatementTimeout,
        &SqlState::INSUFFICIENT_PRIVILEGE => Kind::Permission,
        &SqlState::READ_ONLY_SQL_TRANSACTION => Kind::ReadOnly,
        &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => Kind::Conflict,
        &SqlState::FOREIGN_KEY_VIOLATION
            if matches!(constraint, Some("change_belongs_to_operation")) =>
        {
            Kind::Unrecorded
        }
        &SqlState::UNIQUE_VIOLATION if constraint == Some("operation_batch_is_done_once") => {
            Kind::BatchDone
        }
        &SqlState::FOREIGN_KEY_VIOLATION | &SqlState::RESTRICT_VIOLATION => Kind::Referenced,
        &SqlState::UNDEFINED_TABLE | &SqlState::INVALID_SCHEMA_NAME => Kind::Missing,
        &SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN | &SqlState::CANNOT_CONNECT_NOW => {
            Kind::Shutdown
        }
        &SqlState::CHECK_VIOLATION
            if constraint.is_some_and(|name| {
                name == "operation_did_what_was_planned"
                    || name == "operation_unchanged_changed_nothing"
            }) =>
        {
            Kind::NotAsPlanned
        }
        _ => Kind::Other,
    }
}
