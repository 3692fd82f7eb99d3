//! Recording an operation that changed nothing, in a transaction of its own.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::types::Type;

use super::audit::enumerated;
use super::error::{Error, Recording, Refusal};
use super::request::{Known, Request};
use crate::db::{self, Change, CommitError, Database, Identity, Installed, Isolation};
use crate::model::Outcome;

const RECORD: &str = include_str!("../../sql/audit/record.sql");
const OUTCOME: &str = include_str!("../../sql/audit/outcome.sql");

/// How often a record is tried while the database comes back.
const POLL: Duration = Duration::from_millis(500);

/// How long a record of something that changed nothing is tried where there is no connection:
/// whoever waits wants to know that nothing changed.
const BRIEFLY: Duration = Duration::from_secs(1);

/// Records a refusal or failure, and says whether that worked. Where the record says that the
/// operation happened after all, it is the error that gives way.
pub(super) async fn refuse(
    request: &Request,
    known: &Known,
    identity: Option<&Identity>,
    database: &Database,
    error: Error,
) -> Box<Refusal> {
    let recorded = match identity {
        _ if request.dry_run => Ok(Recording::NotWanted),
        None => Ok(Recording::Impossible(nowhere(&error).to_owned())),
        Some(identity) => recording(request, known, identity, database, &error).await,
    };
    let (error, recording) = if let Ok(recording) = recorded {
        (error, recording)
    } else {
        let cause = error.to_string();
        let operation = request.id;
        (
            Error::DoneAfterAll { operation, cause },
            Recording::Recorded,
        )
    };
    Box::new(Refusal {
        error,
        operation: request.id,
        recording,
    })
}

/// Why there is nowhere to record it.
fn nowhere(error: &Error) -> &'static str {
    match error {
        Error::Database(db::Error::OtherCluster { .. }) => {
            "nothing is written to a cluster that is not the pinned one"
        }
        Error::Database(db::Error::ClusterNotTold { .. }) => {
            "only the pinned cluster is written to, and this one may be another"
        }
        _ => "there is no connection",
    }
}

/// The audit log has the operation as one that was carried out.
struct Happened;

async fn recording(
    request: &Request,
    known: &Known,
    identity: &Identity,
    database: &Database,
    error: &Error,
) -> Result<Recording, Happened> {
    let impossible = |why: &str| Ok(Recording::Impossible(why.to_owned()));
    match error {
        Error::NotInstalled(Installed::No) => {
            return impossible("breakglass is not installed there");
        }
        Error::NotInstalled(_) => return impossible("the schema is of another version"),
        Error::Standby => return impossible("a standby cannot be written"),
        Error::OtherDatabase(_) | Error::Database(db::Error::OtherDatabase { .. }) => {
            return impossible("it is not the database that was shown");
        }
        Error::Plan(error) if !error.is_of_this_database() => {
            return impossible("the plan is not of this database");
        }
        // A record would be the fence, and that was tried.
        Error::OutcomeUnknown { .. } => {
            return Ok(Recording::Unknown(
                "what became of the operation itself is not known".to_owned(),
            ));
        }
        Error::Database(db::Error::OtherCluster { .. } | db::Error::ClusterNotTold { .. }) => {
            return impossible(nowhere(error));
        }
        Error::NotCommitted(_) => return Ok(Recording::Recorded),
        // Whoever left wants to be gone, and a server that is deaf takes no record either.
        Error::Database(db::Error::Cancelled { confirmed: false }) => {
            return impossible("the server did not answer");
        }
        _ => {}
    }
    let outcome = if error.is_refusal() {
        Outcome::Refused
    } else {
        Outcome::Failed
    };
    let record = WithoutEffect {
        request,
        known,
        identity,
        outcome,
        code: error.code(),
        error: error.to_string(),
    };
    // Not at a failure that stays: only where the answer to the record's own COMMIT was lost, or
    // the first connection after a cut was cut again.
    let started = Instant::now();
    let again = |unfenced: &Unfenced| {
        unfenced.may_stand || (unfenced.error.is_lost() && started.elapsed() < BRIEFLY)
    };
    match record.settle(database, again).await {
        Ok(Fenced::Before(Outcome::Applied | Outcome::Unchanged)) => Err(Happened),
        Ok(Fenced::First | Fenced::Before(_)) => Ok(Recording::Recorded),
        Err(unfenced) if unfenced.may_stand => Ok(Recording::Unknown(unfenced.error.to_string())),
        Err(unfenced) if unfenced.error.is_missing() => {
            impossible("breakglass is not installed there")
        }
        Err(unfenced) => Ok(Recording::Impossible(unfenced.error.to_string())),
    }
}

/// An operation that has no effect, and where it is to be recorded.
pub(super) struct WithoutEffect<'a> {
    pub(super) request: &'a Request,
    pub(super) known: &'a Known,
    pub(super) identity: &'a Identity,
    outcome: Outcome,
    /// Why, in a word for programs.
    code: &'static str,
    error: String,
}

/// Why the record could not be made.
#[derive(Debug)]
pub(super) struct Unfenced {
    pub(super) error: Error,
    /// Whether it may stand all the same: its COMMIT was sent, and the answer was lost.
    may_stand: bool,
}

impl<E: Into<Error>> From<E> for Unfenced {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            may_stand: false,
        }
    }
}

impl<'a> WithoutEffect<'a> {
    /// The fence of an operation whose COMMIT was sent and not answered: what stands on record if it
    /// never happens.
    pub(super) fn fence_of(request: &'a Request, known: &'a Known, identity: &'a Identity) -> Self {
        Self {
            request,
            known,
            identity,
            outcome: Outcome::Failed,
            code: Error::NotCommitted(String::new()).code(),
            error: "the answer to COMMIT was lost; fenced: the transaction can never commit"
                .to_owned(),
        }
    }

    /// Fences, and does so again while `again` says so and `--resolve-timeout` lasts.
    ///
    /// # Errors
    ///
    /// The last one, when none of the attempts was answered.
    pub(super) async fn settle(
        &self,
        database: &Database,
        again: impl Fn(&Unfenced) -> bool,
    ) -> Result<Fenced, Unfenced> {
        let patience = database.limits().resolve;
        let until = Instant::now() + patience;
        let mut may_stand = false;
        loop {
            let mut unfenced = match timeout_at(until, self.fence(database)).await {
                Ok(Ok(fenced)) => return Ok(fenced),
                Ok(Err(unfenced)) => unfenced,
                // Its COMMIT may have been under way.
                Err(_elapsed) => Unfenced {
                    error: db::Error::Deadline(patience).into(),
                    may_stand: true,
                },
            };
            may_stand |= unfenced.may_stand;
            unfenced.may_stand = may_stand;
            if !again(&unfenced) || Instant::now() + POLL >= until {
                return Err(unfenced);
            }
            sleep(POLL).await;
        }
    }

    /// Inserts the operation as one that changed nothing, or finds that its id is taken: the
    /// transaction that held it has committed.
    ///
    /// # Errors
    ///
    /// When the database does not take it, or is not the one that was shown: an id that is free
    /// elsewhere says nothing.
    async fn fence(&self, database: &Database) -> Result<Fenced, Unfenced> {
        let Self {
            request,
            known,
            identity,
            outcome,
            code,
            error,
        } = self;
        let database = database.uninterrupted();
        let session = database.another_session().await?;
        let found = Identity::read(&session).await?;
        if !found.is_of(identity) {
            return Err(Error::OtherDatabase(found.line()).into());
        }
        let why = (*code, error.as_str());
        let record = request.record_without_effect(known, identity, *outcome, why);
        let record = Value::Object(record);
        let change = Change::apply(
            &session,
            identity,
            Isolation::Latest,
            RECORD,
            &[(&record, Type::JSONB)],
        )
        .await?;
        let unrecorded = match change.recorded_alone()? {
            Ok(proof) => {
                return match change.commit(proof).await {
                    Ok(()) => Ok(Fenced::First),
                    Err(CommitError::Aborted(error)) => Err(error.into()),
                    Err(CommitError::Unknown(error)) => Err(Unfenced {
                        error: error.into(),
                        may_stand: true,
                    }),
                };
            }
            Err(unrecorded) => unrecorded,
        };
        change.roll_back().await?;
        // A conflict, or something that swallowed the row: only the row itself can tell.
        let rows = session.read(OUTCOME, &[(&request.id, Type::UUID)]).await?;
        match rows.first() {
            Some(row) => {
                let outcome: String = row.try_get("outcome").map_err(db::Error::from)?;
                Ok(Fenced::Before(enumerated(&outcome)?))
            }
            None => Err(unrecorded.into()),
        }
    }
}

/// What a fence found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fenced {
    /// The id was free, and is taken now by this record.
    First,
    /// It is recorded with this outcome.
    Before(Outcome),
}
