//! Carrying out a plan: one transaction, one statement, COMMIT only when its counts are what the
//! plan said, and a read-back on a fresh connection.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::applied::{changes_of, operation_of};
use super::came_meanwhile;
use super::desk::Desk;
use super::error::{Error, Refusal};
use super::explain::{explain, other_cascades};
use super::planned::Planned;
use super::record::{Fenced, WithoutEffect};
use super::restore;
use super::settle::{look_after_probe, settle};
use super::watch::watched;
use crate::db::{
    self, Change, CommitError, Identity, Isolation, Kind, Recorded, UnderWay, Unrecorded,
};
use crate::model::{
    Action, ApplicationAudit, Change as ChangedRow, DeadRow, JSON_SCHEMA, Operation, Outcome,
    PutBack, Receipt, Settled, TakenBack, Verdict,
};

/// Attempts at a change that a serialization failure or a deadlock ended.
const ATTEMPTS: usize = 3;

impl Planned {
    /// Locks the planned rows, compares them, changes exactly them and records it, or does
    /// nothing. A dry run does the same and rolls it back.
    ///
    /// # Errors
    ///
    /// When it was refused or failed; nothing changed then, and that is on record where it can
    /// be. Only [`Error::OutcomeUnknown`] leaves open whether it happened.
    pub async fn carry_out(mut self) -> Result<Receipt, Box<Refusal>> {
        match self.attempt().await {
            Ok(receipt) => Ok(receipt),
            Err(error) => Err(self.decline(error).await),
        }
    }

    /// The same, with the record of a refusal left to [`Planned::decline`]: for a caller that can
    /// do something about it and try again as the same operation.
    ///
    /// # Errors
    ///
    /// As [`Planned::carry_out`].
    pub async fn attempt(&mut self) -> Result<Receipt, Error> {
        let begun = Instant::now();
        let (operation, changes) = self.change().await?;
        if operation.outcome == Outcome::Planned {
            return Ok(Receipt {
                unreached: self.unreached(None),
                probe: self.asked_before(),
                ..self.receipt(operation, changes, None)
            });
        }
        let committed = Instant::now();
        // What follows is on other sessions, and may take long.
        self.desk.session.give_back();
        let interrupt = self.desk.database.interrupt().clone();
        // The application is asked for longer than the database is.
        let _committed = interrupt.begin(UnderWay::Committed(operation.id));
        let asking = self.ask_on(&interrupt, committed, operation.outcome);
        let mut seen = self.look_back(operation.id).await;
        let mut probe = self.asked(asking, operation.id).await;
        if let Some(report) = probe.as_mut().filter(|report| report.is_unconfirmed()) {
            seen = look_after_probe(self, operation.id, seen, report).await;
        }
        let came_meanwhile = self.came_meanwhile().await;
        if let Some(advice) = came_meanwhile.as_ref().and_then(came_meanwhile::advice) {
            seen.1.advice.get_or_insert(advice);
        }
        Ok(Receipt {
            unreached: self.left_alive(&operation, committed - begun),
            probe,
            came_meanwhile,
            ..self.receipt(operation, changes, Some(seen))
        })
    }

    /// Changes and commits, or for a dry run rolls back; nothing is looked at afterwards.
    pub(super) async fn change(&mut self) -> Result<(Operation, Vec<ChangedRow>), Error> {
        self.same_database().await?;
        let mut attempt = 1;
        let (change, operation, changes) = loop {
            match self.apply().await {
                Ok(applied) => break applied,
                Err(Error::Database(error))
                    if error.kind() == Some(Kind::Conflict) && attempt < ATTEMPTS =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        };
        let proof = match self.prove(&change)? {
            Ok(proof) => proof,
            Err(unrecorded) => {
                // Open, it would hold the operation's id against the record of its own failure.
                change.roll_back().await?;
                return Err(unrecorded.into());
            }
        };
        if operation
            .cascades
            .as_ref()
            .is_some_and(|found| *found != self.plan.cascades)
        {
            let found = operation.cascades.clone().unwrap_or_default();
            change.roll_back().await?;
            return Err(Error::ChangedSinceShown(other_cascades(
                &self.plan.cascades,
                &found,
            )));
        }
        if let (Some(file), Some(now)) = (self.request.file_to_apply(), operation.occurred_at)
            && let Err(expired) = file.check_time(now)
        {
            change.roll_back().await?;
            return Err(expired.into());
        }
        if self.request.dry_run {
            change.roll_back().await?;
            let operation = Operation {
                outcome: Outcome::Planned,
                ..operation
            };
            return Ok((operation, changes));
        }
        let interrupt = self.desk.database.interrupt().clone();
        let _committing = interrupt.begin(UnderWay::Commit(operation.id));
        match change.commit(proof).await {
            Ok(()) => {}
            Err(CommitError::Aborted(error)) => return Err(error.into()),
            Err(CommitError::Unknown(error)) => self.settle_commit(&error).await?,
        }
        Ok((operation, changes))
    }

    /// Proves that the change did what was planned, and recorded itself.
    fn prove(&self, change: &Change<'_>) -> Result<Result<Recorded, Unrecorded>, db::Error> {
        let application_audit = self.application_audit() == ApplicationAudit::Written;
        let planned = self.plan.tokens.len();
        match self.request.action {
            Action::Expire | Action::Delete => change.recorded(planned, application_audit),
            Action::Restore => {
                let companions = self.plan.companions.len();
                change.recorded_restore(planned, companions, application_audit)
            }
        }
    }

    /// Sees what became of the rows, after the commit.
    async fn look_back(&self, operation: Uuid) -> (Verdict, Settled) {
        match self.request.action {
            Action::Expire | Action::Delete => settle(self, operation).await,
            Action::Restore => {
                let gone = self.taken_back.as_ref().map(|it| it.gone.as_slice());
                let gone = gone.unwrap_or_default();
                let window = self.request.settle;
                restore::read_back(&self.desk, &self.plan, gone, operation, window).await
            }
        }
    }

    fn receipt(
        &self,
        operation: Operation,
        changes: Vec<ChangedRow>,
        seen: Option<(Verdict, Settled)>,
    ) -> Receipt {
        let (verdict, settled) = seen.unzip();
        let token_table = self.desk.bound.token.display_name();
        let touched: HashSet<&str> = changes
            .iter()
            .filter(|change| change.relation == token_table)
            .map(|change| change.key.as_str())
            .collect();
        let tokens = self.plan.tokens.iter();
        let untouched = tokens.filter(|planned| !touched.contains(planned.token.key.as_str()));
        let unchanged = untouched.map(|planned| planned.token.clone()).collect();
        let taken_back = self.taken_back.clone().map(|taken_back| TakenBack {
            dead: self.dead_all_the_same(&changes),
            ..taken_back
        });
        Receipt {
            schema: JSON_SCHEMA,
            operation,
            changes,
            unchanged,
            verdict,
            settled: settled.unwrap_or_default(),
            still_works: self.still_works(),
            taken_back,
            unreached: Vec::new(),
            probe: None,
            came_meanwhile: None,
            target: self.policy.target.clone(),
            environment: self
                .policy
                .environment
                .as_ref()
                .map(|named| named.name.clone()),
        }
    }

    /// The tokens that were put back and are dead by themselves.
    fn dead_all_the_same(&self, changes: &[ChangedRow]) -> Vec<DeadRow> {
        let dead = changes
            .iter()
            .filter(|change| change.state_after != "active");
        dead.map(|change| {
            let planned = self
                .plan
                .put_back
                .iter()
                .find(|row| row.relation == change.relation && row.key == change.key);
            DeadRow {
                key: change.key.clone(),
                state: change.state_after.clone(),
                by_itself: planned.is_some_and(|row| row.state_before == "active"),
                since: planned.and_then(|row| row.ends_at),
            }
        })
        .collect()
    }

    /// Runs the statement, and turns a refusal by the database into what a person can use.
    async fn apply(&self) -> Result<(Change<'_>, Operation, Vec<ChangedRow>), Error> {
        let (operation, tokens, companions, keys) = self.parameters();
        let parameters: [db::Parameter<'_>; 4] = [
            (&operation, Type::JSONB),
            (&tokens, Type::JSONB),
            (&companions, Type::JSONB),
            (&keys, Type::TEXT_ARRAY),
        ];
        let Desk {
            database,
            session,
            identity,
            ..
        } = &self.desk;
        let isolation = match self.request.action {
            Action::Expire | Action::Restore => Isolation::Latest,
            Action::Delete => Isolation::Snapshot,
        };
        let change = Change::apply(session, identity, isolation, &self.statement, &parameters);
        match watched(database, session, change).await {
            Ok(change) => {
                let operation = operation_of(&self.request, &self.known, identity, change.row())?;
                let changes = changes_of(change.row())?;
                Ok((change, operation, changes))
            }
            Err(Error::Database(error)) if error.kind() == Some(Kind::NotAsPlanned) => {
                Err(match self.request.action {
                    Action::Expire | Action::Delete => explain(&self.desk, &self.plan).await,
                    Action::Restore => restore::explain(&self.desk, &self.plan).await,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Makes sure of a session on the very database that was shown: a proxy may have cut the one
    /// that planned while a person was thinking, and another server may answer now.
    pub(super) async fn same_database(&mut self) -> Result<(), Error> {
        if !self.desk.session.is_closed() {
            return Ok(());
        }
        self.take_session().await
    }

    /// Takes a session again, where the last one was given back while nobody needed it.
    pub(super) async fn resume_session(&mut self) -> Result<(), Error> {
        if self.desk.session.is_given_back() {
            self.take_session().await?;
        }
        Ok(())
    }

    /// Takes another session in the place of the one that there was.
    pub(super) async fn take_session(&mut self) -> Result<(), Error> {
        // Nobody waits for one while he holds one.
        self.desk.session.give_back();
        let session = self.desk.database.session().await?;
        let found = Identity::read(&session).await?;
        self.desk.check_same(&found)?;
        self.desk.identity = found;
        self.desk.session = session;
        Ok(())
    }

    fn parameters(&self) -> (Value, Value, Value, Vec<String>) {
        let mut operation = self.request.record(&self.known, &self.desk.identity);
        operation.insert(
            "schema".to_owned(),
            self.desk.bound.token.schema.clone().into(),
        );
        let operation = Value::Object(operation);
        let rows = self.plan.put_back.iter();
        let rows: HashMap<(&str, Option<&str>, &str), &PutBack> = rows
            .map(|row| {
                (
                    (
                        row.relation.as_str(),
                        row.companion.as_deref(),
                        row.key.as_str(),
                    ),
                    row,
                )
            })
            .collect();
        let own = self.desk.bound.token.display_name();
        let tokens = self.plan.tokens.iter().map(|planned| {
            let row = rows.get(&(own.as_str(), None, planned.token.key.as_str()));
            json!({
                "key": planned.token.key,
                "fixed": planned.fixed,
                "vital": planned.vital,
                "owner_login": planned.token.owner.as_ref().and_then(|owner| owner.login.as_ref()),
                "before": row.map(|row| &row.before),
                "after": row.map(|row| &row.after),
            })
        });
        let companions = self.plan.companions.iter().map(|companion| {
            let name = (
                companion.relation.as_str(),
                Some(companion.name.as_str()),
                companion.key.as_str(),
            );
            let row = rows.get(&name);
            json!({
                "relation": companion.relation,
                "name": companion.name,
                "before": row.map(|row| &row.before),
                "after": row.map(|row| &row.after),
                "key": companion.key,
                "token": companion.token,
                "vital": companion.vital,
            })
        });
        let planned = self.plan.tokens.iter().map(|planned| &planned.token.key);
        // A restore may concern companions alone.
        let of_rows = self.plan.put_back.iter().map(|row| &row.token);
        let keys: BTreeSet<&String> = planned.chain(of_rows).collect();
        let keys = keys.into_iter().cloned().collect();
        (operation, tokens.collect(), companions.collect(), keys)
    }

    /// Finds out what became of a COMMIT whose answer was lost: the fence takes the operation's
    /// id, or finds it taken.
    async fn settle_commit(&self, lost: &db::Error) -> Result<(), Error> {
        let identity = &self.desk.identity;
        let record = WithoutEffect::fence_of(&self.request, &self.known, identity);
        // Whatever is in the way may go away: only time ends this.
        match record.settle(&self.desk.database, |_unfenced| true).await {
            Ok(Fenced::Before(Outcome::Applied | Outcome::Unchanged)) => Ok(()),
            Ok(Fenced::First | Fenced::Before(_)) => Err(Error::NotCommitted(lost.to_string())),
            Err(unfenced) => Err(Error::OutcomeUnknown {
                operation: self.request.id,
                cause: format!("{lost}; asking again failed: {}", unfenced.error),
            }),
        }
    }
}
