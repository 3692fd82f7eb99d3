//! Carrying out a plan: one transaction, one statement, COMMIT only when its counts are what the
//! plan said, and a read-back on a fresh connection.

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::desk::Desk;
use super::error::{Error, Refusal};
use super::explain::{explain, other_cascades};
use super::plan::Planned;
use super::record::{Fenced, WithoutEffect};
use super::request::Known;
use super::settle::settle;
use super::watch::watched;
use crate::db::{self, Change, CommitError, Identity, Isolation, Kind, UnderWay};
use crate::model::{
    Action, Actor, ApplicationAudit, Change as ChangedRow, JSON_SCHEMA, Operation, Outcome, Owner,
    Receipt, Settled, Verdict,
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
        let interrupt = self.desk.database.interrupt().clone();
        // The application is asked for longer than the database is.
        let _committed = interrupt.begin(UnderWay::Committed(operation.id));
        let asking = self.ask_on(&interrupt, committed);
        let settled = settle(self, operation.id).await;
        let probe = self.asked(asking, operation.id).await;
        Ok(Receipt {
            unreached: self.left_alive(&operation, committed - begun),
            probe,
            ..self.receipt(operation, changes, Some(settled))
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
        let application_audit = self.application_audit() == ApplicationAudit::Written;
        let planned = self.plan.tokens.len();
        let proof = match change.recorded(planned, application_audit)? {
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
        Receipt {
            schema: JSON_SCHEMA,
            operation,
            changes,
            unchanged,
            verdict,
            settled: settled.unwrap_or_default(),
            still_works: self.still_works(),
            unreached: Vec::new(),
            probe: None,
            target: self.policy.target.clone(),
            environment: self
                .policy
                .environment
                .as_ref()
                .map(|named| named.name.clone()),
        }
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
            Action::Expire => Isolation::Latest,
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
                Err(explain(&self.desk, &self.plan).await)
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
        let tokens = self.plan.tokens.iter().map(|planned| {
            json!({
                "key": planned.token.key,
                "fixed": planned.fixed,
                "vital": planned.vital,
                "owner_login": planned.token.owner.as_ref().and_then(|owner| owner.login.as_ref()),
            })
        });
        let companions = self.plan.companions.iter().map(|companion| {
            json!({
                "relation": companion.relation,
                "key": companion.key,
                "token": companion.token,
                "vital": companion.vital,
            })
        });
        let keys = self
            .plan
            .tokens
            .iter()
            .map(|planned| planned.token.key.clone())
            .collect();
        (operation, tokens.collect(), companions.collect(), keys)
    }

    /// Finds out what became of a COMMIT whose answer was lost: the fence takes the operation's
    /// id, or finds it taken.
    async fn settle_commit(&self, lost: &db::Error) -> Result<(), Error> {
        let record = WithoutEffect {
            request: &self.request,
            known: &self.known,
            identity: &self.desk.identity,
            outcome: Outcome::Failed,
            error: "the answer to COMMIT was lost; fenced: the transaction can never commit"
                .to_owned(),
        };
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

/// The operation as the statement recorded it.
fn operation_of(
    request: &super::Request,
    known: &Known,
    identity: &Identity,
    row: &Row,
) -> Result<Operation, db::Error> {
    let count = |name: &str| row.try_get::<_, i32>(name).map(Some);
    let changed = count("changed")?;
    let companions_changed = count("companions_changed")?;
    let nothing = changed == Some(0) && companions_changed == Some(0);
    let cascades: Option<Value> = row.try_get("cascades")?;
    Ok(Operation {
        id: request.id,
        parent_id: request.parent.map(|(parent, _)| parent),
        cause: request.parent.map(|(_, cause)| cause),
        batch: request.batch,
        ends_at: request.ends_at,
        action: request.action.into(),
        outcome: if nothing {
            Outcome::Unchanged
        } else {
            Outcome::Applied
        },
        occurred_at: row.try_get("occurred_at")?,
        adapter: known.adapter.clone(),
        actor: Actor {
            os_user: request.os_user.clone(),
            host: request.host.clone(),
            db_user: row.try_get("db_user")?,
            client_address: row.try_get("client_address")?,
            app_actor: request.app_actor.clone(),
        },
        reason: Some(request.reason.clone()),
        ticket: request.ticket.clone(),
        selector: known.selector.clone(),
        plan_digest: known.plan_digest.clone(),
        planned: count("planned")?,
        matched: count("matched")?,
        changed,
        unchanged: count("unchanged")?,
        companions_changed,
        cascades: cascades
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| answer(&error))?,
        application_audit: match known.application_audit {
            // Nothing changed, so there was no row to write.
            Some(ApplicationAudit::Written) if changed == Some(0) => Some(ApplicationAudit::None),
            told => told,
        },
        secret_verified: known.secret_verified,
        error: None,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        database: identity.database.clone(),
    })
}

/// The changed rows as the statement recorded them.
fn changes_of(row: &Row) -> Result<Vec<ChangedRow>, db::Error> {
    let changes: Value = row.try_get("changes")?;
    let Value::Array(changes) = changes else {
        return Ok(Vec::new());
    };
    changes
        .into_iter()
        .map(|change| change_of(&change))
        .collect()
}

fn change_of(change: &Value) -> Result<ChangedRow, db::Error> {
    let text = |name: &str| change.get(name).and_then(Value::as_str).map(str::to_owned);
    let required = |name: &str| {
        text(name).ok_or_else(|| db::Error::Answer(format!("a change without {name}")))
    };
    let object =
        |name: &str| -> Option<Map<String, Value>> { change.get(name)?.as_object().cloned() };
    Ok(ChangedRow {
        relation: required("relation")?,
        key: required("key")?,
        kind: required("kind")?,
        label: text("label"),
        owner: text("owner_id").map(|id| Owner {
            id,
            login: text("owner_login"),
            email: None,
        }),
        state_before: required("state_before")?,
        state_after: required("state_after")?,
        before: object("before").unwrap_or_default(),
        after: object("after"),
    })
}

fn answer(error: &serde_json::Error) -> db::Error {
    db::Error::Answer(error.to_string())
}
