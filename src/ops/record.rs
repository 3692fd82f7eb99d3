//! Recording an operation that changed nothing, in a transaction of its own.

use serde_json::Value;
use tokio_postgres::types::Type;

use super::audit::enumerated;
use super::error::{Error, Recording, Refusal};
use super::request::{Known, Request};
use crate::db::{self, Change, CommitError, Database, Identity, Installed, Isolation, Kind};
use crate::model::Outcome;

const RECORD: &str = include_str!("../../sql/audit/record.sql");
const OUTCOME: &str = include_str!("../../sql/audit/outcome.sql");

/// Records a refusal or failure, and says whether that worked.
pub(super) async fn refuse(
    request: &Request,
    known: &Known,
    identity: Option<&Identity>,
    database: &Database,
    error: Error,
) -> Box<Refusal> {
    let recording = if request.dry_run {
        Recording::NotWanted
    } else {
        match identity {
            None => Recording::Impossible(nowhere(&error).to_owned()),
            Some(identity) => recording(request, known, identity, database, &error).await,
        }
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

async fn recording(
    request: &Request,
    known: &Known,
    identity: &Identity,
    database: &Database,
    error: &Error,
) -> Recording {
    // Where the outcome is unknown a record would be the fence, and that was tried.
    match error {
        Error::NotInstalled(Installed::No) => {
            return Recording::Impossible("breakglass is not installed there".to_owned());
        }
        Error::NotInstalled(_) => {
            return Recording::Impossible("the schema is of another version".to_owned());
        }
        Error::Standby => return Recording::Impossible("a standby cannot be written".to_owned()),
        Error::OutcomeUnknown { .. } => {
            return Recording::Impossible(
                "what became of the operation itself is not known".to_owned(),
            );
        }
        Error::Database(db::Error::OtherCluster { .. } | db::Error::ClusterNotTold { .. }) => {
            return Recording::Impossible(nowhere(error).to_owned());
        }
        Error::NotCommitted => return Recording::Recorded,
        // Whoever left wants to be gone, and a server that is deaf takes no record either.
        Error::Database(db::Error::Cancelled { confirmed: false }) => {
            return Recording::Impossible("the server did not answer".to_owned());
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
        error: error.to_string(),
    };
    match record.fence(database).await {
        Ok(_recorded) => Recording::Recorded,
        Err(Error::Database(failed)) if failed.kind() == Some(Kind::Missing) => {
            Recording::Impossible("breakglass is not installed there".to_owned())
        }
        Err(failed) => Recording::Impossible(failed.to_string()),
    }
}

/// An operation that has no effect, and where it is to be recorded.
pub(super) struct WithoutEffect<'a> {
    pub(super) request: &'a Request,
    pub(super) known: &'a Known,
    pub(super) identity: &'a Identity,
    pub(super) outcome: Outcome,
    pub(super) error: String,
}

impl WithoutEffect<'_> {
    /// Inserts the operation as one that changed nothing, or finds that its id is taken: the
    /// transaction that held it has committed.
    ///
    /// # Errors
    ///
    /// When the database does not take it.
    pub(super) async fn fence(&self, database: &Database) -> Result<Fenced, Error> {
        let Self {
            request,
            known,
            identity,
            outcome,
            error,
        } = self;
        let database = database.uninterrupted();
        let session = database.session().await?;
        let record = Value::Object(request.record_without_effect(known, identity, *outcome, error));
        let change = Change::apply(
            &session,
            Isolation::Latest,
            RECORD,
            &[(&record, Type::JSONB)],
        )
        .await?;
        let unrecorded = match change.recorded_alone()? {
            Ok(proof) => {
                return match change.commit(proof).await {
                    Ok(()) => Ok(Fenced::First),
                    Err(CommitError::Aborted(error) | CommitError::Unknown(error)) => {
                        Err(error.into())
                    }
                };
            }
            Err(unrecorded) => unrecorded,
        };
        change.roll_back().await?;
        // A conflict, or something that swallowed the row: only the row itself can tell.
        let rows = session.read(OUTCOME, &[(&request.id, Type::UUID)]).await?;
        match rows
            .first()
            .map(|row| row.try_get::<_, String>("outcome"))
            .transpose()
        {
            Ok(Some(outcome)) => Ok(Fenced::Before(enumerated(&outcome)?)),
            Ok(None) => Err(unrecorded.into()),
            Err(error) => Err(db::Error::from(error).into()),
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
