//! Going on with a run of batches, from its record alone.

use std::time::Duration;

use super::audit::ShowOperation;
use super::batch::{Run, RunState};
use super::desk::Context;
use super::error::Error;
use super::plan::NO_COMPANIONS;
use super::planned::Planned;
use super::request::{Known, MAX_ROWS, Request};
use super::schedule::Ends;
use super::watch::watched;
use crate::model::{Action, ApplicationAudit, Deed, Operation, Outcome};

/// A request to go on with a run.
#[derive(Clone, Debug)]
pub struct Resume {
    /// The operation that began it, or the beginning of its id.
    pub id: String,
    /// Why; `None` is the run's own reason.
    pub reason: Option<String>,
    /// The ticket that asks for it; `None` is the run's own.
    pub ticket: Option<String>,
    /// How long the tokens are watched at the end; `None` for as long as the adapter says.
    pub settle: Option<Duration>,
    /// The operating system's user that asks.
    pub os_user: Option<String>,
    /// The host that it asks from.
    pub host: Option<String>,
}

impl Resume {
    /// Finds the run and what is left of it. Nothing is recorded: its batches are, one by one.
    ///
    /// # Errors
    ///
    /// When it is no run, or one of another database or adapter, or something is in the way.
    pub async fn open(self, context: &Context) -> Result<Run, Error> {
        let (session, identity) = context.connect().await?;
        session.may_write()?;
        let show = ShowOperation {
            id: self.id.clone(),
        };
        let operation = watched(&context.database, &session, show.only(&session)).await?;
        let action = match (operation.outcome, operation.action) {
            (Outcome::Begun, Deed::Expire) => Action::Expire,
            (Outcome::Begun, Deed::Delete) => Action::Delete,
            (outcome, _) => {
                return Err(Error::NotARun {
                    operation: operation.id,
                    outcome,
                });
            }
        };
        let bound = context.detect(&session, &identity).await?;
        let desk = context.desk(session, identity, bound);
        check_place(
            &operation,
            &desk.identity.database,
            &desk.bound.adapter.name,
        )?;
        let request = self.request(&operation, action);
        request.check_rules(&context.policy)?;
        let mut known = Known::default();
        let preparing = request.prepare(&desk, &mut known);
        let (statement, references) = watched(&desk.database, &desk.session, preparing).await?;
        known.selector.clone_from(&operation.selector);
        let state = RunState::read(&desk.session, operation.id).await?;
        let policy = context.policy.clone();
        let planned = Planned::without_tokens(request, desk, known, statement, policy);
        Ok(Run::recorded_as(planned, references, operation, state))
    }

    /// The request of the run, as far as its batches need it.
    fn request(self, operation: &Operation, action: Action) -> Request {
        let Self {
            id: _,
            reason,
            ticket,
            settle,
            os_user,
            host,
        } = self;
        Request {
            id: operation.id,
            parent: None,
            batch: None,
            restore: None,
            action,
            ends_at: operation.ends_at.map(Ends::At),
            selectors: Vec::new(),
            owner: None,
            expect: None,
            max_rows: MAX_ROWS,
            // Its selector is the one place that says so.
            leave_companions: operation.selector.ends_with(NO_COMPANIONS),
            reason: reason
                .or_else(|| operation.reason.clone())
                .unwrap_or_default(),
            ticket: ticket.or_else(|| operation.ticket.clone()),
            settle,
            dry_run: false,
            application_audit: operation.application_audit != Some(ApplicationAudit::Off),
            app_actor: operation.actor.app_actor.clone(),
            os_user,
            host,
        }
    }
}

/// Refuses a run of another database, which a copy of this one has in its log too, and of another
/// adapter, which would find other rows by the same keys.
fn check_place(
    run: &Operation,
    here: &crate::model::DatabaseIdentity,
    adapter: &str,
) -> Result<(), Error> {
    let place = |adapter: &str, database: &crate::model::DatabaseIdentity| {
        format!(
            "adapter {adapter} in database {} of cluster {}",
            database.name,
            database.system_identifier.as_deref().unwrap_or("unknown")
        )
    };
    let there = &run.database;
    let other_cluster = match (&there.system_identifier, &here.system_identifier) {
        (Some(there), Some(here)) => there != here,
        _ => false,
    };
    let run_adapter = run.adapter.as_deref().unwrap_or_default();
    if other_cluster || there.name != here.name || run_adapter != adapter {
        return Err(Error::RunElsewhere {
            run: run.id,
            there: place(run_adapter, there),
            here: place(adapter, here),
        });
    }
    Ok(())
}
