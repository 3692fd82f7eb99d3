//! One batch: its tokens read anew, and changed as any other operation changes them.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::run::{Run, Source};
use super::state::{Counts, counts};
use crate::db::{self, Kind};
use crate::model::{Cause, FailedBatch, Outcome, SecretCheck, TokenVerdict, Verdict};
use crate::ops::assemble::assemble;
use crate::ops::error::{Error, Recording};
use crate::ops::observe::observe;
use crate::ops::record::refuse;
use crate::ops::request::Request;
use crate::ops::resolve::find_rows;
use crate::ops::watch::watched;

const BATCH: &str = include_str!("../../../sql/audit/batch.sql");

/// How often a connection that broke is tried again.
const POLL: Duration = Duration::from_millis(500);

/// What a batch came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    /// The operation that did it; `None` for a dry run.
    pub(super) by: Option<Uuid>,
    pub(super) counts: Counts,
    /// What this command saw of it; `None` where somebody else had done it.
    pub(super) seen: Option<Verdict>,
    /// Whether this command did it.
    pub(super) here: bool,
}

/// A batch that is not done.
pub(super) struct Undone {
    pub(super) failed: FailedBatch,
    pub(super) error: Error,
}

/// The tokens of a batch, or what became of it.
pub(super) enum Batch {
    Keys(Vec<String>),
    Done(Done),
}

/// A batch by the record.
pub(super) struct RecordedBatch {
    pub(super) keys: Vec<String>,
    /// What became of it, if it is done.
    pub(super) done: Option<Done>,
    /// Whether its tokens were looked at afterwards.
    pub(super) observed: bool,
}

impl RecordedBatch {
    fn read(row: &Row) -> Result<Self, db::Error> {
        let by: Option<Uuid> = row.try_get("done_by")?;
        let counts = counts(row)?;
        Ok(Self {
            keys: row.try_get("keys")?,
            done: by.map(|by| Done {
                by: Some(by),
                counts,
                seen: None,
                here: false,
            }),
            observed: row.try_get("observed")?,
        })
    }
}

impl Run {
    /// Which tokens a batch has, unless it is done.
    pub(super) async fn batch(&self, number: i32) -> Result<Batch, Error> {
        match &self.source {
            Source::Held { keys, size } => {
                let first = usize::try_from(number)
                    .unwrap_or_default()
                    .saturating_sub(1)
                    * size;
                let keys = keys.slice(first, *size).map(str::to_owned).collect();
                Ok(Batch::Keys(keys))
            }
            Source::Recorded => {
                let recorded = self.recorded(number).await?;
                Ok(recorded
                    .done
                    .map_or(Batch::Keys(recorded.keys), Batch::Done))
            }
        }
    }

    /// A batch by the record.
    pub(super) async fn recorded(&self, number: i32) -> Result<RecordedBatch, Error> {
        let parameters: [db::Parameter<'_>; 2] =
            [(&self.operation.id, Type::UUID), (&number, Type::INT4)];
        let rows = self.planned.desk.session.read(BATCH, &parameters).await?;
        let Some(row) = rows.first() else {
            let missing = format!("batch {number} is not recorded");
            return Err(db::Error::Answer(missing).into());
        };
        Ok(RecordedBatch::read(row)?)
    }

    /// Changes the tokens of a batch that are still there.
    pub(super) async fn attempt(
        &mut self,
        number: i32,
        id: Uuid,
        keys: Vec<String>,
    ) -> Result<Done, Error> {
        let request = self.request_of(number, id);
        let desk = &self.planned.desk;
        let planning = async {
            let rows = find_rows(desk, &keys, &[], None).await?;
            let rows = rows.into_iter().map(|row| (row, SecretCheck::NotGiven));
            let leaves_companions = request.leave_companions;
            assemble(
                desk,
                (request.action, request.end()),
                rows.collect(),
                &self.references,
                leaves_companions,
            )
            .await
        };
        let (plan, left) = watched(&desk.database, &desk.session, planning).await?;
        let there: HashSet<&str> = plan
            .tokens
            .iter()
            .map(|planned| planned.token.key.as_str())
            .collect();
        let mut gone = keys.clone();
        gone.retain(|key| !there.contains(key.as_str()));
        let mut known = self.known.clone();
        known.selector = self.selector_of(number, &keys);
        known.plan_digest = Some(plan.digest());
        known.planned = Some(plan.tokens.len());
        self.planned.request = request;
        self.planned.known = known;
        self.planned.plan = plan;
        self.planned.left = left;
        let receipt = self.planned.attempt().await?;
        let mut seen = receipt.verdict;
        if !self.planned.request.dry_run
            && !gone.is_empty()
            && self.observe_gone(id, &gone).await.is_err()
        {
            // It stands, and its count tells that they were not there.
            seen = seen.map(|seen| super::run::worse(seen, Verdict::Unknown));
        }
        let count = |count: Option<i32>| i64::from(count.unwrap_or_default());
        Ok(Done {
            by: (!self.planned.request.dry_run).then_some(id),
            counts: Counts {
                planned: count(receipt.operation.planned),
                changed: count(receipt.operation.changed),
                unchanged: count(receipt.operation.unchanged),
                companions: count(receipt.operation.companions_changed),
            },
            seen,
            here: true,
        })
    }

    async fn observe_gone(&self, operation: Uuid, gone: &[String]) -> Result<(), Error> {
        let seen: Vec<TokenVerdict> = gone
            .iter()
            .map(|key| TokenVerdict {
                key: key.clone(),
                verdict: Verdict::Gone,
                detail: "the row was not there any more when its batch came".to_owned(),
            })
            .collect();
        observe(&self.planned.desk, operation, seen.iter()).await
    }

    /// The operation of a batch. A dry run leaves no run that it could belong to.
    pub(super) fn request_of(&self, number: i32, id: Uuid) -> Request {
        let dry_run = self.request.dry_run;
        Request {
            id,
            parent: (!dry_run).then_some((self.operation.id, Cause::Batch)),
            batch: (!dry_run).then_some(number),
            expect: None,
            // The whole run is watched at its end.
            settle: Some(Duration::ZERO),
            ..self.request.clone()
        }
    }

    pub(super) fn selector_of(&self, number: i32, keys: &[String]) -> String {
        let (first, last) = (keys.first(), keys.last());
        format!(
            "batch {number} of {}: {} to {}",
            self.state.progress().batches,
            first.map_or("", String::as_str),
            last.map_or("", String::as_str)
        )
    }

    /// Records that a batch is not done, unless the record says otherwise.
    pub(super) async fn undone(
        &mut self,
        number: i32,
        id: Uuid,
        keys: &[String],
        error: Error,
    ) -> Result<Done, Box<Undone>> {
        let request = self.request_of(number, id);
        let mut known = self.known.clone();
        known.selector = self.selector_of(number, keys);
        known.plan_digest = None;
        known.planned = (!keys.is_empty()).then_some(keys.len());
        let desk = &self.planned.desk;
        let refusal = refuse(
            &request,
            &known,
            Some(&desk.identity),
            &desk.database,
            error,
        )
        .await;
        if let Error::DoneAfterAll { .. } = refusal.error
            && let Ok(recorded) = self.recorded(number).await
            && let Some(done) = recorded.done
        {
            return Ok(Done {
                seen: Some(Verdict::Unknown),
                here: true,
                ..done
            });
        }
        let end = |key: Option<&String>| key.cloned().unwrap_or_default();
        let failed = FailedBatch {
            batch: number,
            tokens: self.state.tokens(number),
            first_key: end(keys.first()),
            last_key: end(keys.last()),
            operation: (refusal.recording == Recording::Recorded).then_some(refusal.operation),
            outcome: if refusal.error.is_refusal() {
                Outcome::Refused
            } else {
                Outcome::Failed
            },
            error: refusal.error.to_string(),
        };
        Err(Box::new(Undone {
            failed,
            error: refusal.error,
        }))
    }

    /// Opens another connection to the same database, and waits for it for as long as for the outcome
    /// of a COMMIT.
    pub(super) async fn reconnect(&mut self) -> Result<(), Error> {
        let patience = self.planned.desk.database.limits().resolve;
        let until = Instant::now() + patience;
        loop {
            let error = match self.planned.take_session().await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if !is_passing(&error) || Instant::now() + POLL >= until {
                return Err(error);
            }
            sleep(POLL).await;
        }
    }
}

/// Whether it may go away by itself: a connection that broke, a server that goes or comes, a primary
/// that is a standby now while its successor is on the way.
pub(super) fn is_passing(error: &Error) -> bool {
    match error {
        Error::NotCommitted(_) | Error::Standby | Error::Database(db::Error::Deadline(_)) => true,
        Error::Database(error) => {
            matches!(error.kind(), Some(Kind::Shutdown | Kind::ReadOnly))
                || matches!(
                    error,
                    db::Error::Lost(_) | db::Error::Open(_) | db::Error::NoSession { .. }
                )
        }
        _ => false,
    }
}
