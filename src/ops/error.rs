//! Why an operation did not do what was asked, in words for a person at 3 am.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::wording::{
    database_code, database_hint, holders, installed_words, listed, locked_hint, named,
};
use crate::adapter::detect;
use crate::adapter::{LoadError, RenderError};
use crate::db::{self, Blocker, Installed, Unrecorded};
use crate::model::Token;

/// Why an operation ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer, or refused.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// No adapter could be chosen.
    #[error(transparent)]
    Detect(#[from] detect::Error),
    /// An adapter could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// An adapter could not be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// A selector names nothing. The text never holds a word that could be a secret.
    #[error("no token matches {0}")]
    NoSuchToken(String),
    /// A selector names more than one token.
    #[error("{selector} matches {} tokens: {}", .found.len(), listed(.found))]
    Ambiguous {
        /// The selector, without any secret.
        selector: String,
        /// The database's clock.
        as_of: DateTime<Utc>,
        /// Whether the application records the use of its tokens.
        records_use: bool,
        /// What it matches.
        found: Vec<Token>,
    },
    /// The secret's row exists, but the secret is not its own.
    #[error("the secret is not the one of token `{key}`: the stored hash differs")]
    WrongSecret {
        /// The key that the secret names.
        key: String,
    },
    /// A word looks like a secret that was cut.
    #[error(
        "a selector of {length} characters looks like a damaged secret; a whole one is {shape}"
    )]
    DamagedSecret {
        /// The word's length.
        length: usize,
        /// What a secret looks like.
        shape: String,
    },
    /// Standard input held something that is not a secret.
    #[error(
        "what was read ({length} characters) is not a secret of this application, which is {shape}"
    )]
    NotASecret {
        /// Its length.
        length: usize,
        /// What a secret looks like.
        shape: String,
    },
    /// A secret cannot be led to its row.
    #[error("role `{role}` may not read {column}, which finds the row of a secret")]
    SecretNotReadable {
        /// The role.
        role: String,
        /// The column.
        column: String,
    },
    /// Nothing says how the application's secrets look.
    #[error("adapter `{0}` does not say how a secret looks, so none can be searched for")]
    NoSecretShape(String),
    /// `--expect` says another number.
    #[error("--expect says {expected}, but the number of tokens that match is {found}")]
    Expected {
        /// What was expected.
        expected: usize,
        /// What was found.
        found: usize,
    },
    /// Nothing short of a delete kills a token of this application.
    #[error("tokens of {title} cannot be expired: {why}")]
    OnlyDelete {
        /// The application.
        title: String,
        /// Why.
        why: String,
    },
    /// The schema is not what this build works with.
    #[error("{}", installed_words(.0))]
    NotInstalled(Installed),
    /// The server is a standby.
    #[error("the server is a read-only standby: nothing can be changed here")]
    Standby,
    /// Row security hides rows.
    #[error(
        "row security on {relation} hides rows from role `{role}`: a change could miss them without a word"
    )]
    RowSecurity {
        /// The table.
        relation: String,
        /// The role.
        role: String,
    },
    /// Another database answers than the one that was shown.
    #[error("another database answers than the one that was shown: {0}")]
    OtherDatabase(String),
    /// Rows are not as they were shown.
    #[error("{}", .0.join("; "))]
    ChangedSinceShown(Vec<String>),
    /// The database did not do what the statement says.
    #[error("the database did not change {relation} as planned{}", named(.suspects))]
    Swallowed {
        /// The table.
        relation: String,
        /// What may have been in the way.
        suspects: Vec<String>,
    },
    /// The record is not whole.
    #[error(transparent)]
    Unrecorded(#[from] Unrecorded),
    /// A lock did not come.
    #[error("the rows are locked by somebody else, and the lock did not come within {} ms{}", .waited_ms, holders(.blockers))]
    Locked {
        /// How long was waited.
        waited_ms: u128,
        /// Who holds it.
        blockers: Vec<Blocker>,
    },
    /// `--app-actor` names nobody.
    #[error("--app-actor `{0}` is not a user of the application")]
    NoSuchActor(String),
    /// `--app-actor` names several.
    #[error("--app-actor `{0}` names more than one user of the application")]
    AmbiguousActor(String),
    /// The adapter knows no users.
    #[error("--app-actor: adapter `{0}` writes no audit row of the application")]
    NoActors(String),
    /// No operation has this id.
    #[error("no operation `{0}` is recorded here")]
    NoSuchOperation(String),
    /// More than one operation begins so.
    #[error("more than one operation begins with `{0}`")]
    AmbiguousOperation(String),
    /// The operator said no.
    #[error("declined")]
    Declined,
    /// `--confirm` does not name a token of the plan.
    #[error("--confirm does not name token `{0}`, which would be deleted")]
    NotConfirmed(String),
    /// COMMIT was sent, its answer was lost, and the database cannot be asked.
    #[error("the outcome of operation {operation} is unknown: its COMMIT was sent and {cause}")]
    OutcomeUnknown {
        /// The operation.
        operation: Uuid,
        /// What happened.
        cause: String,
    },
    /// COMMIT was sent, its answer was lost, and the database says that it did not happen.
    #[error(
        "the connection was lost at COMMIT; the transaction was not committed, nothing changed"
    )]
    NotCommitted,
    /// The role may not install.
    #[error("{0}")]
    MayNotInstall(String),
    /// The role that was named cannot be the operator role.
    #[error("{0}")]
    UnfitRole(String),
}

/// What the caller does with an error; each class has an exit code of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Refused or failed: nothing changed.
    Refused,
    /// The command line or a file named on it is wrong.
    Usage,
    /// There is no connection.
    NoConnection,
    /// Whether something changed is not known.
    Unknown,
    /// The operator interrupted.
    Interrupted,
}

impl Error {
    /// A word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Database(error) => database_code(error),
            Self::Detect(detect::Error::None(_)) => "no_adapter",
            Self::Detect(detect::Error::Several(_)) => "several_adapters",
            Self::Detect(detect::Error::Refused { .. }) => "refused_by_adapter",
            Self::Detect(detect::Error::Unknown(_)) => "unknown_adapter",
            Self::Detect(detect::Error::Misfit { .. }) => "adapter_misfit",
            Self::Load(_) | Self::Render(_) => "bad_adapter",
            Self::NoSuchToken(_) => "no_such_token",
            Self::Ambiguous { .. } => "ambiguous",
            Self::WrongSecret { .. } => "wrong_secret",
            Self::DamagedSecret { .. } => "damaged_secret",
            Self::NotASecret { .. } => "not_a_secret",
            Self::SecretNotReadable { .. } => "secret_not_readable",
            Self::NoSecretShape(_) => "no_secret_shape",
            Self::Expected { .. } => "unexpected_count",
            Self::OnlyDelete { .. } => "only_delete",
            Self::NotInstalled(_) => "not_installed",
            Self::Standby => "standby",
            Self::RowSecurity { .. } => "row_security",
            Self::OtherDatabase(_) => "other_database",
            Self::ChangedSinceShown(_) => "changed_since_shown",
            Self::Swallowed { .. } => "swallowed",
            Self::Unrecorded(_) => "unrecorded",
            Self::Locked { .. } => "locked",
            Self::NoSuchActor(_) | Self::AmbiguousActor(_) | Self::NoActors(_) => "bad_actor",
            Self::NoSuchOperation(_) => "no_such_operation",
            Self::AmbiguousOperation(_) => "ambiguous_operation",
            Self::Declined => "declined",
            Self::NotConfirmed(_) => "not_confirmed",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::NotCommitted => "not_committed",
            Self::MayNotInstall(_) => "may_not_install",
            Self::UnfitRole(_) => "unfit_role",
        }
    }

    /// What to type next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Database(error) => return database_hint(error),
            Self::Detect(detect::Error::None(_)) => {
                "name the table with `--adapter-file FILE`, see `breakglass adapters ls`"
            }
            Self::Detect(detect::Error::Several(_)) => {
                "say which with `--adapter NAME` or `--schema NAME`"
            }
            Self::Detect(detect::Error::Unknown(_)) => "see `breakglass adapters ls`",
            Self::NoSuchToken(_) => {
                "see `breakglass tokens ls --include-expired --kind all`; a name is looked up among the default kind only"
            }
            Self::Ambiguous { .. } => {
                "name one by `id:KEY`, or say whose with `owner:LOGIN --name NAME`"
            }
            Self::WrongSecret { key } => {
                return Some(format!(
                    "if it is this token all the same, name it: `id:{key}`"
                ));
            }
            Self::DamagedSecret { .. } => {
                "copy it again; if it is a name, take the token's key: `id:KEY`"
            }
            Self::NotASecret { .. } => "give a name or key as an argument; `-` reads a secret",
            Self::SecretNotReadable { .. } => {
                "run `breakglass init --operator-role ROLE --allow-secret-check`, or name the token by key"
            }
            Self::NoSecretShape(_) => "add a [secret] section to the adapter's file",
            Self::OnlyDelete { .. } => "add `--delete` to remove the row for good",
            Self::NotInstalled(Installed::Newer(_)) => "use the newer breakglass that installed it",
            Self::NotInstalled(Installed::Divergent(_)) => "use the breakglass that installed it",
            Self::NotInstalled(_) => "run `breakglass init` as a role that may create a schema",
            Self::Standby => "connect to the primary",
            Self::RowSecurity { .. } => "use the table's owner, or a role with BYPASSRLS",
            Self::ChangedSinceShown(_) => {
                "look at it again with `breakglass tokens show`, and run the command again"
            }
            Self::Swallowed { .. } => "look at the triggers, rules and policies of the table",
            Self::Locked { blockers, .. } => return Some(locked_hint(blockers)),
            Self::NotConfirmed(_) => "add `--confirm KEY` once for each token of the plan",
            Self::NoSuchActor(_) => "give the user's login, email or id",
            Self::AmbiguousActor(_) => "give the user's id",
            Self::NoSuchOperation(_) => "see `breakglass audit ls`",
            Self::AmbiguousOperation(_) => "give more of the id",
            Self::OutcomeUnknown { operation, .. } => {
                return Some(format!(
                    "run `breakglass audit show {operation}` when the database answers again: \
                     `applied` means that it happened; not there means nothing yet, the server may \
                     still be at it"
                ));
            }
            Self::Detect(detect::Error::Refused { .. } | detect::Error::Misfit { .. })
            | Self::Load(_)
            | Self::Render(_)
            | Self::Expected { .. }
            | Self::OtherDatabase(_)
            | Self::Unrecorded(_)
            | Self::NoActors(_)
            | Self::Declined
            | Self::NotCommitted
            | Self::MayNotInstall(_)
            | Self::UnfitRole(_) => return None,
        };
        Some(hint.to_owned())
    }

    /// Which class it is of.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Database(db::Error::Open(error))
                if *error.reason() == db::open::Reason::Parameter =>
            {
                Class::Usage
            }
            Self::Database(db::Error::Open(_)) => Class::NoConnection,
            Self::Database(db::Error::Interrupted) => Class::Interrupted,
            Self::Load(_) | Self::Detect(detect::Error::Unknown(_)) => Class::Usage,
            Self::OutcomeUnknown { .. } => Class::Unknown,
            _ => Class::Refused,
        }
    }

    /// Whether breakglass or the operator declined, rather than the database.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        !matches!(
            self,
            Self::Database(_)
                | Self::Render(_)
                | Self::Swallowed { .. }
                | Self::Unrecorded(_)
                | Self::Locked { .. }
                | Self::NotCommitted
                | Self::OutcomeUnknown { .. }
        )
    }
}

/// What became of recording a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recording {
    /// It stands in the audit log.
    Recorded,
    /// It was not to be: a dry run leaves no record.
    NotWanted,
    /// It could not be.
    Impossible(String),
}

/// A mutation that did not happen.
#[derive(Debug)]
pub struct Refusal {
    /// Why.
    pub error: Error,
    /// Its operation.
    pub operation: Uuid,
    /// Whether that is on record.
    pub recording: Recording,
}
