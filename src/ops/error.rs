//! Why an operation did not do what was asked, in words for a person at 3 am.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::plan_file::PlanError;
use super::policy::Unmet;
use super::probe_error::ProbeError;
use super::unrestorable::Unrestorable;
use super::wording::{
    at_least, first_of, holders, installed_words, listed, named, owners, rfc3339, roots, signalled,
    unfit,
};
use crate::adapter::detect;
use crate::adapter::{LoadError, RenderError};
use crate::db::{self, Installed, Unrecorded};
use crate::model::{Blocker, Finding, Outcome, Signal, Token};
pub use crate::model::{Class, Recorded as Recording};

/// Why an operation ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer, or refused.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// No adapter could be chosen.
    #[error(transparent)]
    Detect(#[from] detect::Error),
    /// No adapter could be chosen for an operation on record, which says with which it was done.
    #[error("{error}; operation {operation} was done with adapter `{adapter}`")]
    DetectFor {
        /// Why.
        error: detect::Error,
        /// The operation.
        operation: Uuid,
        /// Its adapter.
        adapter: String,
    },
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
    /// A kind that the adapter does not have.
    #[error("--kind `{kind}` is none that adapter `{adapter}` knows")]
    UnknownKind {
        /// The kind.
        kind: String,
        /// The adapter.
        adapter: String,
        /// The kinds that there are.
        known: Vec<String>,
    },
    /// A filter by something that the application does not keep.
    #[error("{title} does not record {what}")]
    NotKept {
        /// The application.
        title: String,
        /// What it does not keep.
        what: &'static str,
        /// The flags that need it.
        flags: &'static str,
    },
    /// A cursor is rubbish, or of another list.
    #[error("the cursor is not one of this list: {0}")]
    Cursor(&'static str),
    /// A page without a size, or too large a one.
    #[error("a page has from 1 to {most} rows")]
    PageSize {
        /// How many it has at most.
        most: u32,
    },
    /// A filter lets nothing through.
    #[error("no token matches {0}")]
    NothingMatches(String),
    /// A filter's owner is more than one.
    #[error("owner `{owner}` is more than one: {}", owners(.found))]
    AmbiguousOwner {
        /// What was given.
        owner: String,
        /// Whom it names, each with what tells them apart.
        found: Vec<String>,
    },
    /// No owner has this key, login or email.
    #[error("no owner `{0}` is known")]
    NoSuchOwner(String),
    /// Nothing of an owner is alive.
    #[error("no token of owner `{0}` is alive")]
    NothingOfOwner(String),
    /// The adapter knows no owners.
    #[error("adapter `{0}` does not say whom a token acts for")]
    NoOwners(String),
    /// Batches are of what a filter lets through.
    #[error("--batch-size goes with a filter: few tokens that are named go in one transaction")]
    NoFilter,
    /// A run of batches is asked for by a caller that is bound.
    #[error(
        "runs of batches are only for callers that may act on every token, and this one is bound to an owner or to kinds"
    )]
    BoundCaller,
    /// The batches are so small that there are too many.
    #[error("that makes {batches} batches, and a run has {most} at most")]
    TooManyBatches {
        /// How many there would be.
        batches: usize,
        /// How many there may be.
        most: usize,
    },
    /// An operation is no run of batches.
    #[error(
        "operation {operation} is no run of batches, so there is nothing to resume: it is {outcome}"
    )]
    NotARun {
        /// The operation.
        operation: Uuid,
        /// How it ended.
        outcome: Outcome,
    },
    /// A run belongs to another database or another adapter.
    #[error("run {run} is of {there}, and this is {here}")]
    RunElsewhere {
        /// The run.
        run: Uuid,
        /// Where it belongs.
        there: String,
        /// Where we are.
        here: String,
        /// The run's adapter, where nothing but that is another one.
        adapter: Option<String>,
    },
    /// The lag of the standbys cannot be seen.
    #[error(
        "role `{role}` may not see how far the standbys are behind, so --max-lag cannot be held"
    )]
    LagNotTold {
        /// The role.
        role: String,
    },
    /// A standby does not catch up.
    #[error("standby {standby} is {:.1} s behind, after waiting for it for {} s", .lag.as_secs_f64(), .waited.as_secs())]
    StandbyLags {
        /// Its name.
        standby: String,
        /// How far it is behind.
        lag: Duration,
        /// How long it was waited for.
        waited: Duration,
    },
    /// `--expect` says another number.
    #[error("--expect says {expected}, but the number of tokens that match is {found}")]
    Expected {
        /// What was expected.
        expected: usize,
        /// What was found.
        found: usize,
    },
    /// The request breaks a rule of its target.
    #[error(transparent)]
    Unmet(#[from] Unmet),
    /// More tokens are planned than the target allows.
    #[error("the plan has {}{planned} tokens, and target `{target}` allows {most} in one operation", at_least(*.cut))]
    TooManyRows {
        /// How many there are.
        planned: usize,
        /// Whether there are more, which were not read.
        cut: bool,
        /// How many there may be.
        most: usize,
        /// The target.
        target: String,
        /// Whether they were to be put back.
        restores: bool,
    },
    /// More tokens of a run are left than the target allows.
    #[error("the run has {left} tokens left, and target `{target}` allows {most} in one operation")]
    TooManyLeft {
        /// How many are left.
        left: usize,
        /// How many there may be.
        most: usize,
        /// The target.
        target: String,
    },
    /// More tokens are planned than go in one transaction.
    #[error("the plan has {}{planned} tokens, and --max-rows allows {most} in one transaction", at_least(*.cut))]
    OverMaxRows {
        /// How many there are.
        planned: usize,
        /// Whether there are more, which were not read.
        cut: bool,
        /// How many there may be.
        most: usize,
    },
    /// More tokens are planned than a principal of the server may change in an hour.
    #[error(
        "the plan has {planned} tokens, and the principal may change {most} in an hour, of which {left} are left"
    )]
    OverAllowance {
        /// How many there are.
        planned: usize,
        /// How many an hour there are.
        most: usize,
        /// How many of them are left.
        left: usize,
    },
    /// Nothing short of a delete kills a token of this application.
    #[error("tokens of {title} cannot be expired: {why}")]
    OnlyDelete {
        /// The application.
        title: String,
        /// Why.
        why: String,
    },
    /// The application would not honour an end in the future.
    #[error("{title} (adapter `{adapter}`) has no end in the future that it would honour")]
    NoLaterEnd {
        /// The adapter.
        adapter: String,
        /// The application.
        title: String,
    },
    /// An end in the future that is not.
    #[error("{} is not in the future: the database's clock says {}", rfc3339(.end), rfc3339(.as_of))]
    EndPassed {
        /// The end that was asked for.
        end: DateTime<Utc>,
        /// The database's clock.
        as_of: DateTime<Utc>,
        /// Whether a plan file asks for it.
        written: bool,
    },
    /// An end that no time can hold.
    #[error("that end is later than any that a database can hold and a client read")]
    EndTooFar,
    /// The column holds whole days, and the end is not the beginning of one.
    #[error("{column} holds whole days in UTC, so nothing can end at {}", rfc3339(.ends_at))]
    WholeDays {
        /// The column with its table.
        column: String,
        /// The end that was asked for.
        ends_at: DateTime<Utc>,
    },
    /// The schema is not what this build works with.
    #[error("{}", installed_words(.0))]
    NotInstalled(Installed),
    /// Something would make the change fail, or its record lie.
    #[error("{}", unfit(.0))]
    Unfit(Vec<Finding>),
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
    /// A plan file is not written, or not carried out.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Rows are not as they were shown.
    #[error("{}", first_of(.0))]
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
    #[error("the rows are locked by somebody else, and the lock did not come within {} ms{}", .0.waited_ms, holders(.0))]
    Locked(Box<Locked>),
    /// `--cancel-blocker` cannot end this one.
    #[error("--cancel-blocker cannot end {name}: {why}")]
    NotSignallable {
        /// Who.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// `--cancel-blocker=PID` names somebody else than a root blocker.
    #[error("--cancel-blocker={pid} is not who is in the way: {}", roots(.locked))]
    NotTheBlocker {
        /// Who was named.
        pid: i32,
        /// Who is in the way.
        locked: Box<Locked>,
    },
    /// The server did not take the signal.
    #[error("{name} was not {}: {detail}", signalled(*.signal))]
    SignalRefused {
        /// At whom it was aimed.
        name: String,
        /// What it was.
        signal: Signal,
        /// What the server says.
        detail: String,
    },
    /// The application cannot be asked as was wanted.
    #[error(transparent)]
    Probe(#[from] ProbeError),
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
    /// An operation cannot be taken back.
    #[error(transparent)]
    Unrestorable(#[from] Unrestorable),
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
    #[error("{0}, at COMMIT; the transaction was not committed, nothing changed")]
    NotCommitted(String),
    /// It failed as far as could be seen, and yet the record says that it happened.
    #[error("operation {operation} is on record as done, although it seemed to fail: {cause}")]
    DoneAfterAll {
        /// The operation.
        operation: Uuid,
        /// What seemed to be its end.
        cause: String,
    },
    /// The role may not install.
    #[error("{0}")]
    MayNotInstall(String),
    /// The role that was named cannot be the operator role.
    #[error("{0}")]
    UnfitRole(String),
}

impl Error {
    /// Which class it is of.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Database(db::Error::Open(error))
                if *error.reason() == db::open::Reason::Parameter =>
            {
                Class::Usage
            }
            Self::Database(
                db::Error::Open(_) | db::Error::Password(_) | db::Error::NoSession { .. },
            ) => Class::NoConnection,
            Self::Database(error) if error.is_interruption() => Class::Interrupted,
            Self::Load(_)
            | Self::Unmet(_)
            | Self::UnknownKind { .. }
            | Self::NotKept { .. }
            | Self::Cursor(_)
            | Self::PageSize { .. }
            | Self::Detect(detect::Error::Unknown(_))
            | Self::DetectFor {
                error: detect::Error::Unknown(_),
                ..
            } => Class::Usage,
            Self::Plan(error) if error.is_usage() => Class::Usage,
            Self::OutcomeUnknown { .. } => Class::Unknown,
            Self::DoneAfterAll { .. } => Class::NotConfirmed,
            _ => Class::Refused,
        }
    }

    /// Whether the connection broke, or none came about.
    pub(super) fn is_lost(&self) -> bool {
        matches!(
            self,
            Self::Database(db::Error::Lost(_) | db::Error::Open(_))
        )
    }

    /// Whether a table or schema is not there.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Database(error) if error.kind() == Some(db::Kind::Missing))
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
                | Self::Locked(_)
                | Self::SignalRefused { .. }
                | Self::NotCommitted(_)
                | Self::DoneAfterAll { .. }
                | Self::OutcomeUnknown { .. }
        )
    }
}

/// A lock that did not come, and who was in the way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Locked {
    /// How long was waited, in milliseconds.
    pub waited_ms: u128,
    /// Who holds it, roots first.
    pub blockers: Vec<Blocker>,
    /// Why nobody could be asked.
    pub unseen: Option<String>,
}

impl Locked {
    /// Those that wait for nobody themselves.
    pub fn roots(&self) -> impl Iterator<Item = &Blocker> {
        self.blockers.iter().filter(|blocker| blocker.root)
    }
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
