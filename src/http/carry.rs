//! Carrying out a change that was asked for over HTTP: once, whoever retries, and to its end, whoever
//! goes away.

use std::pin::Pin;

use uuid::Uuid;

use super::app::App;
use super::caller::Caller;
use super::principals::{Exhausted, Permission};
use super::problem::Refused;
use super::wanted::Wanted;
use crate::model::wire::ChangeRequest;
use crate::model::{Action, Outcome, Receipt};
use crate::ops::{Error, FindOperation, Planned, Retell};

/// A change under way.
pub(super) type Work = Pin<Box<dyn Future<Output = Result<Receipt, Refused>> + Send>>;

/// The id of a change, and what its request is told from others by.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    /// The operation's id.
    pub(super) id: Uuid,
    /// Whether the client chose it, and so may ask again.
    pub(super) is_given: bool,
    /// sha256 of the request.
    pub(super) digest: String,
}

impl App {
    /// Does a change, or tells again how the first request with its key ended.
    ///
    /// It runs as a task of its own: a client that goes away, or waits no longer, leaves it to its end.
    ///
    /// # Errors
    ///
    /// When it was refused or failed, or the key is another request's.
    pub(super) async fn once(
        &self,
        caller: &Caller,
        ticket: Ticket,
        work: impl FnOnce() -> Work + Send + 'static,
    ) -> Result<Receipt, Refused> {
        let id = ticket.id;
        let (app, caller) = (self.clone(), caller.clone());
        let task = self.tasks().spawn(async move {
            if !ticket.is_given {
                return work().await;
            }
            let _held = app.keys().hold(ticket.id).await;
            if let Some(told) = app.told_before(&caller, &ticket).await? {
                return Ok(told);
            }
            match work().await {
                // Another server of the same database was first.
                Err(refused) if refused.may_be_done() => {
                    match app.told_before(&caller, &ticket).await {
                        Ok(Some(told)) => Ok(told),
                        _ => Err(refused),
                    }
                }
                ended => ended,
            }
        });
        let ended = task.await.map_err(|_panic| Refused::internal().about(id))?;
        if let Ok(receipt) = &ended {
            self.metrics().operation(&receipt.operation);
        }
        ended
    }

    /// Plans a change and carries it out, as one operation.
    ///
    /// # Errors
    ///
    /// When the principal may not, or it was refused or failed.
    pub(super) async fn change(
        &self,
        caller: &Caller,
        wanted: Wanted,
        ticket: Ticket,
        change: ChangeRequest,
    ) -> Result<Receipt, Refused> {
        let action = wanted.action;
        caller.must(Permission::of(action))?;
        let request = wanted.request(self, caller, (ticket.id, ticket.digest.clone()), change)?;
        let (own, by) = (self.clone(), caller.clone());
        let work = move || -> Work {
            Box::pin(async move {
                let context = own.context_of(&by).await?;
                let planned = match request.plan(&context).await {
                    Ok(planned) => planned,
                    Err(refusal) => {
                        own.count_refusal(action, &refusal.error);
                        return Err(refusal.into());
                    }
                };
                own.carry_out(&by, planned).await
            })
        };
        self.once(caller, ticket, work).await
    }

    /// How the first request with this key ended; `None` where there was none.
    async fn told_before(
        &self,
        caller: &Caller,
        ticket: &Ticket,
    ) -> Result<Option<Receipt>, Refused> {
        let context = self.context_of(caller).await?;
        let find = FindOperation { id: ticket.id };
        let (session, _identity) = context.connect().await?;
        let Some(found) = find.run(&session).await? else {
            return Ok(None);
        };
        drop(session);
        let known = found.actor.http.as_ref();
        let is_same = known.is_some_and(|known| {
            known.principal == caller.principal().name && known.request_digest == ticket.digest
        });
        if !is_same {
            return Err(Refused::key_reused(ticket.id));
        }
        if matches!(found.outcome, Outcome::Refused | Outcome::Failed) {
            return Err(Refused::again(&found));
        }
        let desk = context.open().await?;
        let retell = Retell { operation: found };
        Ok(retell.run(&desk, &context.policy).await?)
    }

    /// Carries out what was planned, where the principal may and has not used up its hour.
    pub(super) async fn carry_out(
        &self,
        caller: &Caller,
        mut planned: Planned,
    ) -> Result<Receipt, Refused> {
        let request = planned.request();
        let (action, is_dry) = (request.action, request.dry_run);
        let tokens = planned.plan().tokens.len();
        if !is_dry && let Err(exhausted) = caller.principal().allowance.take(tokens) {
            let Exhausted {
                most,
                left,
                retry_after,
            } = exhausted;
            let error = Error::OverAllowance {
                planned: tokens,
                most,
                left,
            };
            self.count_refusal(action, &error);
            let refusal = planned.decline(error).await;
            return Err(Refused::from(refusal).retry_after(retry_after));
        }
        match planned.attempt().await {
            Ok(receipt) => Ok(receipt),
            Err(error) => {
                let refusal = planned.decline(error).await;
                self.count_refusal(action, &refusal.error);
                Err(refusal.into())
            }
        }
    }

    /// Counts a change that was not done.
    pub(super) fn count_refusal(&self, action: Action, error: &Error) {
        let outcome = if error.is_refusal() {
            Outcome::Refused
        } else {
            Outcome::Failed
        };
        self.metrics().ended(action.as_str(), outcome);
    }
}
