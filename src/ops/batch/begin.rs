//! The record of a run that begins: which tokens each of its batches has, in one transaction.

use serde_json::Value;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::keys::Keys;
use super::plan::PlannedRun;
use super::run::{Run, Source};
use super::state::RunState;
use crate::db::{self, Change, CommitError, Isolation, UnderWay};
use crate::model::{Operation, Outcome};
use crate::ops::audit::ShowOperation;
use crate::ops::error::{Error, Refusal};
use crate::ops::log::Log;
use crate::ops::planned::Planned;
use crate::ops::record::{Fenced, WithoutEffect};

const BEGIN_RUN: &str = include_str!("../../../sql/audit/begin_run.sql");
const PLAN_BATCHES: &str = include_str!("../../../sql/audit/plan_batches.sql");
const BEGUN: &str = include_str!("../../../sql/audit/begun.sql");

/// How many keys go to the server at once.
const CHUNK: usize = 20_000;

impl PlannedRun {
    /// Records the run, or for a dry run holds it in memory: there is nothing to resume then.
    ///
    /// # Errors
    ///
    /// When it was refused or failed; nothing was begun then, and that is on record where it can be.
    /// Only [`Error::OutcomeUnknown`] leaves open whether it was.
    pub async fn begin(mut self) -> Result<Run, Box<Refusal>> {
        if self.planned.request.dry_run {
            let operation = self.would_be();
            let state = RunState::of_keys(self.keys.len(), self.size);
            let source = Source::Held {
                keys: self.keys,
                size: self.size,
            };
            return Ok(Run::new(
                self.planned,
                self.references,
                operation,
                state,
                source,
            ));
        }
        match self.record().await {
            Ok((operation, state)) => Ok(Run::new(
                self.planned,
                self.references,
                operation,
                state,
                Source::Recorded,
            )),
            Err(error) => Err(self.decline(error).await),
        }
    }

    /// The operation as it would be recorded.
    fn would_be(&self) -> Operation {
        let Planned {
            request,
            desk,
            known,
            ..
        } = &self.planned;
        request.operation(known, &desk.identity)
    }

    async fn record(&mut self) -> Result<(Operation, RunState), Error> {
        self.planned.same_database().await?;
        let id = self.planned.request.id;
        let change = self.write().await?;
        let proof = match change.recorded_run(self.number_of_batches(), count(self.keys.len()))? {
            Ok(proof) => proof,
            Err(unrecorded) => {
                // Open, it would hold the operation's id against the record of its own failure.
                change.roll_back().await?;
                return Err(unrecorded.into());
            }
        };
        let desk = &self.planned.desk;
        let interrupt = desk.database.interrupt().clone();
        let committing = interrupt.begin(UnderWay::Commit(id));
        match change.commit(proof).await {
            Ok(()) => {}
            Err(CommitError::Aborted(error)) => return Err(error.into()),
            Err(CommitError::Unknown(error)) => self.settle(id, &error).await?,
        }
        drop(committing);
        let database = desk.database.uninterrupted();
        let session = database.another_session().await?;
        let operation = ShowOperation { id: id.to_string() };
        let operation = operation.only(&Log::whole(&session)).await?;
        // As planned, so it need not be read.
        self.keys = Keys::default();
        let tokens = usize::try_from(operation.planned.unwrap_or_default()).unwrap_or_default();
        Ok((operation, RunState::of_keys(tokens, self.size)))
    }

    async fn write(&self) -> Result<Change<'_>, Error> {
        let Planned {
            request,
            desk,
            known,
            ..
        } = &self.planned;
        let operation = Value::Object(request.record(known, &desk.identity));
        let mut change = Change::apply(
            &desk.session,
            &desk.identity,
            Isolation::Latest,
            BEGIN_RUN,
            &[(&operation, Type::JSONB)],
        )
        .await?;
        // Whole batches, and one at least.
        let batches = (CHUNK / self.size.max(1)).max(1);
        let size = count(self.size);
        for first in (0..self.keys.len().div_ceil(self.size.max(1))).step_by(batches) {
            let keys: Vec<&str> = self
                .keys
                .slice(first * self.size, batches * self.size)
                .collect();
            let number = count(first + 1);
            let parameters: [db::Parameter<'_>; 4] = [
                (&request.id, Type::UUID),
                (&number, Type::INT4),
                (&size, Type::INT4),
                (&keys, Type::TEXT_ARRAY),
            ];
            change = change.and(PLAN_BATCHES, &parameters).await?;
        }
        Ok(change.and(BEGUN, &[(&request.id, Type::UUID)]).await?)
    }

    fn number_of_batches(&self) -> i32 {
        count(self.batches())
    }

    /// Finds out what became of a COMMIT whose answer was lost, as for any other operation.
    async fn settle(&self, id: Uuid, lost: &db::Error) -> Result<(), Error> {
        let Planned {
            request,
            known,
            desk,
            ..
        } = &self.planned;
        let record = WithoutEffect::fence_of(request, known, &desk.identity);
        let database = &self.planned.desk.database;
        match record.settle(database, |_unfenced| true).await {
            Ok(Fenced::Before(Outcome::Begun)) => Ok(()),
            Ok(Fenced::First | Fenced::Before(_)) => Err(Error::NotCommitted(lost.to_string())),
            Err(unfenced) => Err(Error::OutcomeUnknown {
                operation: id,
                cause: format!("{lost}; asking again failed: {}", unfenced.error),
            }),
        }
    }
}

/// A count as the database has them. There are no more tokens than fit.
fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
