//! How a command fails: the error, what is on record of it, and the exit code.

use std::io;

use uuid::Uuid;

use crate::adapter::LoadError;
use crate::config;
use crate::db::conninfo::ConninfoError;
use crate::db::{self, UnderWay};
use crate::model::Blocker;
use crate::ops::{Error, NotResumed, Recording, Refusal, causes};

use super::exit::Exit;

/// Why a command ended early.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command line is wrong in a way that clap cannot see.
    Usage {
        message: String,
        hint: Option<String>,
    },
    /// An operation was refused or failed.
    Operation(Error),
    /// The same for a mutation, with its record.
    Mutation(Box<Refusal>),
    /// The operator pressed Ctrl-C before anything was begun.
    Interrupted,
    /// The operator pressed Ctrl-C a second time, while this was under way.
    Abandoned(UnderWay),
    /// Standard output is closed or full.
    Output(io::Error),
    /// The change stands, but its receipt could not be written.
    Receipt { operation: Uuid, error: io::Error },
    /// Something around the operation: the demo's server, a file.
    Other(anyhow::Error),
}

impl Failure {
    pub(super) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// The exit code.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Usage { .. } => Exit::Usage,
            Self::Operation(error) => error.class().into(),
            Self::Mutation(refusal) => refusal.error.class().into(),
            Self::Interrupted | Self::Abandoned(UnderWay::Nothing | UnderWay::Statement) => {
                Exit::Interrupted
            }
            Self::Abandoned(UnderWay::Commit(_) | UnderWay::Installation) => Exit::Unknown,
            // Whoever closed the pipe has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Self::Receipt { .. } | Self::Abandoned(UnderWay::Committed(_)) => Exit::NotConfirmed,
            Self::Output(_) | Self::Other(_) => Exit::Refused,
        }
    }

    /// A word for programs.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Usage { .. } => "usage",
            Self::Operation(error) => error.code(),
            Self::Mutation(refusal) => refusal.error.code(),
            Self::Interrupted | Self::Abandoned(_) => "interrupted",
            Self::Output(_) | Self::Receipt { .. } => "output",
            Self::Other(_) => "failed",
        }
    }

    /// The whole of it, each cause once.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Usage { message, .. } => message.clone(),
            Self::Operation(error) => error.message(),
            Self::Mutation(refusal) => match &refusal.error {
                Error::Declined => "declined; nothing was changed".to_owned(),
                error => error.message(),
            },
            Self::Interrupted => "interrupted; nothing was changed".to_owned(),
            Self::Abandoned(under_way) => abandoned(*under_way),
            Self::Output(error) => format!("cannot write the output: {error}"),
            Self::Receipt { operation, error } => format!(
                "operation {operation} was carried out and recorded, but its receipt is lost: \
                 cannot write the output: {error}"
            ),
            Self::Other(error) => format!("{error:#}"),
        }
    }

    /// What to do next.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Usage { hint, .. } => hint.clone(),
            Self::Operation(error) => error.hint(),
            Self::Mutation(refusal) => refusal.error.hint(),
            Self::Receipt { operation, .. }
            | Self::Abandoned(UnderWay::Commit(operation) | UnderWay::Committed(operation)) => {
                Some(format!("run `breakglass audit show {operation}`"))
            }
            Self::Abandoned(UnderWay::Installation) => {
                Some("run `breakglass init` again: it tells what is there".to_owned())
            }
            Self::Abandoned(UnderWay::Nothing | UnderWay::Statement)
            | Self::Interrupted
            | Self::Output(_)
            | Self::Other(_) => None,
        }
    }

    /// The operation's error, if it is one.
    pub(super) fn error(&self) -> Option<&Error> {
        match self {
            Self::Mutation(refusal) => Some(&refusal.error),
            Self::Operation(error) => Some(error),
            _ => None,
        }
    }

    /// Who holds the lock that did not come.
    pub(super) fn blockers(&self) -> &[Blocker] {
        match self.error() {
            Some(Error::Locked(locked)) => &locked.blockers,
            _ => &[],
        }
    }

    /// The operation, and whether it is on record.
    pub(super) fn operation(&self) -> Option<(String, bool)> {
        match self {
            Self::Mutation(refusal) => Some((
                refusal.operation.to_string(),
                refusal.recording == Recording::Recorded,
            )),
            _ => None,
        }
    }
}

/// What a second Ctrl-C leaves behind.
fn abandoned(under_way: UnderWay) -> String {
    let what = match under_way {
        UnderWay::Nothing => "nothing was changed".to_owned(),
        UnderWay::Statement => {
            "nothing was changed; a statement may still run on the server until its limit, and \
             cannot commit"
                .to_owned()
        }
        UnderWay::Commit(operation) => format!(
            "the outcome of operation {operation} is unknown: its COMMIT may still run on the server"
        ),
        UnderWay::Installation => {
            "whether the schema was installed is unknown: its COMMIT may still run on the server"
                .to_owned()
        }
        UnderWay::Committed(operation) => {
            format!("operation {operation} was carried out and recorded, but not read back")
        }
    };
    format!("interrupted again, so ended at once: {what}")
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Database(db::Error::Interrupted) => Self::Interrupted,
            error => Self::Operation(error),
        }
    }
}

impl From<db::Error> for Failure {
    fn from(error: db::Error) -> Self {
        Self::from(Error::from(error))
    }
}

impl From<NotResumed> for Failure {
    fn from(error: NotResumed) -> Self {
        match error {
            NotResumed::Nothing(error) => error.into(),
            NotResumed::Refused(refusal) => refusal.into(),
        }
    }
}

impl From<Box<Refusal>> for Failure {
    fn from(refusal: Box<Refusal>) -> Self {
        Self::Mutation(refusal)
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::Operation(error.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<config::Error> for Failure {
    fn from(error: config::Error) -> Self {
        Self::Usage {
            hint: error.hint(),
            message: causes(&error),
        }
    }
}

impl From<ConninfoError> for Failure {
    fn from(error: ConninfoError) -> Self {
        Self::Usage {
            message: error.to_string(),
            hint: None,
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}
