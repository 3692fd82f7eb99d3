//! How a command fails: the error, what is on record of it, and the exit code.

use std::io;

use uuid::Uuid;

use crate::adapter::LoadError;
use crate::config;
use crate::db::conninfo::ConninfoError;
use crate::db::{self, UnderWay};
use crate::model::{Blocker, Candidates, Problem, Recorded};
use crate::ops::{Error, NotResumed, Refusal, causes};

use super::exit::Exit;

/// Why a command ended early.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "client"),
    expect(dead_code, reason = "without its client no server refuses anything")
)]
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
    /// The same at a server, which says why in the same words.
    Problem(Box<Problem>),
    /// A server did not answer, or not as one.
    Far(FarFailure),
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

/// What came of a server that did not answer.
#[derive(Debug)]
pub(super) struct FarFailure {
    /// A word for programs.
    pub(super) code: &'static str,
    /// The exit code.
    pub(super) exit: Exit,
    /// What happened.
    pub(super) message: String,
    /// What to do next.
    pub(super) hint: Option<String>,
}

/// What there is to say of the record of a change that did not happen.
pub(super) struct OnRecord<'a> {
    /// Its operation.
    pub(super) operation: Uuid,
    /// Whether it is on record.
    pub(super) recorded: &'a Recorded,
    /// Whether nothing was changed, as far as is known.
    pub(super) undone: bool,
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
            Self::Problem(problem) => problem.class.into(),
            Self::Far(failure) => failure.exit,
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
    pub(super) fn code(&self) -> &str {
        match self {
            Self::Usage { .. } => "usage",
            Self::Operation(error) => error.code(),
            Self::Mutation(refusal) => refusal.error.code(),
            Self::Problem(problem) => &problem.code,
            Self::Far(failure) => failure.code,
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
                Error::Declined => DECLINED.to_owned(),
                error => error.message(),
            },
            Self::Problem(problem) if problem.code == Error::Declined.code() => DECLINED.to_owned(),
            Self::Problem(problem) => problem.detail.clone(),
            Self::Far(failure) => failure.message.clone(),
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
            Self::Problem(problem) => problem.hint.clone(),
            Self::Far(failure) => failure.hint.clone(),
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
    fn error(&self) -> Option<&Error> {
        match self {
            Self::Mutation(refusal) => Some(&refusal.error),
            Self::Operation(error) => Some(error),
            _ => None,
        }
    }

    /// Who holds the lock that did not come.
    pub(super) fn blockers(&self) -> &[Blocker] {
        match (self, self.error()) {
            (Self::Problem(problem), _) => &problem.blockers,
            (_, Some(Error::Locked(locked))) => &locked.blockers,
            _ => &[],
        }
    }

    /// What an ambiguous name could mean.
    pub(super) fn candidates(&self) -> Option<Candidates> {
        match (self, self.error()) {
            (Self::Problem(problem), _) => problem.candidates.clone(),
            (
                _,
                Some(Error::Ambiguous {
                    as_of,
                    records_use,
                    found,
                    ..
                }),
            ) => Some(Candidates {
                as_of: *as_of,
                records_use: *records_use,
                tokens: found.clone(),
            }),
            _ => None,
        }
    }

    /// Whether no adapter could be chosen.
    pub(super) fn is_undetected(&self) -> bool {
        match self {
            Self::Operation(error) => matches!(error, Error::Detect(_)),
            Self::Problem(problem) => UNDETECTED.contains(&problem.code.as_str()),
            _ => false,
        }
    }

    /// What there is to say of the record of a change.
    pub(super) fn on_record(&self) -> Option<OnRecord<'_>> {
        match self {
            Self::Mutation(refusal) => Some(OnRecord {
                operation: refusal.operation,
                recorded: &refusal.recording,
                undone: !DONE.contains(&refusal.error.code()),
            }),
            Self::Problem(problem) => Some(OnRecord {
                operation: problem.operation?,
                recorded: problem.record.as_ref()?,
                undone: !DONE.contains(&problem.code.as_str()),
            }),
            _ => None,
        }
    }

    /// The operation, and whether it is on record.
    pub(super) fn operation(&self) -> Option<(String, bool)> {
        let on_record = self.on_record()?;
        let recorded = *on_record.recorded == Recorded::Recorded;
        Some((on_record.operation.to_string(), recorded))
    }
}

/// What a no is told as.
const DECLINED: &str = "declined; nothing was changed";

/// Codes of changes that may have happened, or did.
const DONE: [&str; 2] = ["outcome_unknown", "done_after_all"];

/// Codes of databases that no adapter could be chosen for.
const UNDETECTED: [&str; 5] = [
    "no_adapter",
    "several_adapters",
    "refused_by_adapter",
    "unknown_adapter",
    "adapter_misfit",
];

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
