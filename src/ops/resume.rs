//! Going on with a run of batches, from its record alone.

use std::time::Duration;

use super::audit::{ShowOperation, detect_for};
use super::batch::{Run, RunState};
use super::desk::Context;
use super::error::{Error, Refusal};
use super::log::Log;
use super::plan::NO_COMPANIONS;
use super::planned::Planned;
use super::policy::{Policy, Unmet};
use super::request::{Known, MAX_ROWS, Request};
use super::schedule::Ends;
use super::watch::watched;
use crate::db;
use crate::model::{Action, ApplicationAudit, Caller, Deed, Operation, Outcome};

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
    /// Whoever asks over HTTP, who need not be who began the run.
    pub caller: Option<Caller>,
}

impl Resume {
    /// Finds the run and what is left of it. Nothing is recorded: its batches are, one by one.
    ///
    /// # Errors
    ///
    /// When it is no run, or one of another database or adapter, or something is in the way. What the
    /// target forbids is on record.
    pub async fn open(self, context: &Context) -> Result<Run, NotResumed> {
        let own = Own {
            reason: self.reason.is_none(),
            ticket: self.ticket.is_none(),
        };
        let run = self.find(context).await?;
        if let Err(error) = check_rules(&run, &context.policy, own) {
            return Err(NotResumed::Refused(run.decline(error).await));
        }
        Ok(run)
    }

    async fn find(self, context: &Context) -> Result<Run, Error> {
        context.scope.check_run()?;
        let (session, identity) = context.connect().await?;
        session.may_write()?;
        let show = ShowOperation {
            id: self.id.clone(),
        };
        let operation = watched(
            &context.database,
            &session,
            show.only(&Log::whole(&session)),
        )
        .await?;
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
        let bound = context.detect(&session, &identity).await;
        let bound = bound.map_err(|error| detect_for(error, &operation))?;
        let desk = context.desk(session, identity, bound);
        check_place(
            &operation,
            &desk.identity.database,
            &desk.bound.adapter.name,
        )?;
        let request = self.request(&operation, action);
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
            caller,
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
            caller,
        }
    }
}

/// Why a run is not gone on with.
#[derive(Debug)]
pub enum NotResumed {
    /// There is none to go on with here.
    Nothing(Error),
    /// There is, and it is refused.
    Refused(Box<Refusal>),
}

impl From<Error> for NotResumed {
    fn from(error: Error) -> Self {
        Self::Nothing(error)
    }
}

impl From<db::Error> for NotResumed {
    fn from(error: db::Error) -> Self {
        Self::Nothing(error.into())
    }
}

/// What a resume takes over from its run.
#[derive(Clone, Copy, Debug)]
struct Own {
    reason: bool,
    ticket: bool,
}

/// Refuses what the target demands otherwise: also what it did not demand when the run was begun, and
/// more tokens than one operation may change, which was not asked of a run before.
fn check_rules(run: &Run, policy: &Policy, own: Own) -> Result<(), Error> {
    let request = run.request();
    let reason = policy.check_reason(&request.reason);
    if let Err(unmet) = reason.and_then(|()| policy.check_ticket(request.ticket.as_deref())) {
        let is_own = match &unmet {
            Unmet::NoTicket { .. } | Unmet::Ticket { .. } => own.ticket,
            Unmet::Reason { .. } | Unmet::ShortReason { .. } | Unmet::OfRun(_) => own.reason,
        };
        return Err(if is_own {
            Unmet::OfRun(Box::new(unmet)).into()
        } else {
            unmet.into()
        });
    }
    let progress = run.progress();
    let left = usize::try_from(progress.tokens - progress.tokens_done).unwrap_or_default();
    match policy.max_rows {
        Some(most) if policy.is_too_large(left) => Err(Error::TooManyLeft {
            left,
            most,
            target: policy.target.clone().unwrap_or_default(),
        }),
        _ => Ok(()),
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
    let is_here = !other_cluster && there.name == here.name;
    if !is_here || run_adapter != adapter {
        return Err(Error::RunElsewhere {
            run: run.id,
            there: place(run_adapter, there),
            here: place(adapter, here),
            adapter: is_here.then(|| run_adapter.to_owned()),
        });
    }
    Ok(())
}
