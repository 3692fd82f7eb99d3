//! Plans that wait in the database, from the request that made one to the request that applies it.

use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::caller::Caller;
use super::carry::Ticket;
use super::problem::Refused;
use crate::model::{Action, Proposal};
use crate::ops::{
    ClearPlans, Context, Error, FindPlan, HeldPlan, HoldPlan, Planned, ReleasePlan, WaitingPlan,
};

/// What waits: what was shown, what it takes to carry it out, and which request it came from.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    proposal: Proposal,
    held: HeldPlan,
    request_digest: String,
}

/// A plan that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    operation: Uuid,
    content: Content,
}

/// A plan that was taken away to be applied or declined: nobody else has it now.
#[derive(Debug)]
pub(super) struct Taken(HeldPlan);

impl Waiting {
    /// Keeps a plan. What is over goes at the same time.
    pub(super) async fn keep(
        planned: Planned,
        caller: &Caller,
        ticket: &Ticket,
        lifetime: Duration,
    ) -> Result<Proposal, Refused> {
        let (proposal, identity) = (planned.proposal(), planned.identity().clone());
        let content = Content {
            proposal,
            held: planned.hold()?,
            request_digest: ticket.digest.clone(),
        };
        let hold = HoldPlan {
            operation: ticket.id,
            digest: content.proposal.digest().to_owned(),
            principal: caller.principal().name.clone(),
            lifetime,
            content: serde_json::to_value(&content).map_err(|_form| Refused::internal())?,
        };
        let session = planned.session();
        ClearPlans.run(session, &identity).await?;
        hold.run(session, &identity).await?;
        Ok(content.proposal)
    }

    /// What was shown to the first request with the same key; `None` where there was none.
    pub(super) async fn again(
        context: &Context,
        caller: &Caller,
        ticket: &Ticket,
    ) -> Result<Option<Proposal>, Refused> {
        let found = match find(context, caller, None, Some(ticket.id)).await {
            // Nothing waits where nothing is installed, or may be read; planning says it better.
            Err(error) if ["missing", "permission_denied"].contains(&error.code()) => None,
            found => found?,
        };
        let Some(waiting) = found else {
            return Ok(None);
        };
        if waiting.content.request_digest != ticket.digest {
            return Err(Refused::key_reused(ticket.id));
        }
        Ok(Some(waiting.content.proposal))
    }

    /// The plan of this digest that the caller had made under the same key, else the newest: a dry run of
    /// the same rows has the same digest.
    pub(super) async fn find(
        context: &Context,
        caller: &Caller,
        (digest, ticket): (&str, &Ticket),
    ) -> Result<Self, Refused> {
        let named = Some(digest.to_owned());
        let own = if ticket.is_given {
            find(context, caller, named.clone(), Some(ticket.id)).await?
        } else {
            None
        };
        let found = match own {
            Some(own) => Some(own),
            None => find(context, caller, named, None).await?,
        };
        found.ok_or_else(|| {
            Refused::not_found("no_such_plan", format!("no plan `{digest}` waits"))
                .hint("plan again: it was applied or declined, is over, or somebody else's")
        })
    }

    /// What it is to do.
    pub(super) fn action(&self) -> Action {
        self.content.proposal.plan.action
    }

    /// Takes it away, so that it is applied or declined once.
    pub(super) async fn take(self, context: &Context) -> Result<Taken, Refused> {
        let operation = self.operation;
        let (session, identity) = context.connect().await?;
        let release = ReleasePlan { operation };
        if release.run(&session, &identity).await? {
            return Ok(Taken(self.content.held));
        }
        Err(Refused::new(
            StatusCode::CONFLICT,
            "plan_taken",
            "somebody else applies or declines this plan right now",
        ))
    }
}

impl Taken {
    /// The plan, ready to be carried out as the operation of this request.
    pub(super) async fn planned(
        self,
        context: &Context,
        caller: &Caller,
        ticket: &Ticket,
    ) -> Result<Planned, Refused> {
        let Self(held) = self;
        let id = ticket.is_given.then_some(ticket.id);
        let held = held.asked_again(id, caller.on_record(ticket.digest.clone()));
        Ok(held.planned(context).await?)
    }
}

async fn find(
    context: &Context,
    caller: &Caller,
    digest: Option<String>,
    operation: Option<Uuid>,
) -> Result<Option<Waiting>, Error> {
    let request = FindPlan {
        principal: caller.principal().name.clone(),
        digest,
        operation,
    };
    let (session, _identity) = context.connect().await?;
    let found = request.run(&session).await?;
    Ok(found.and_then(waiting))
}

/// Reads what waits; what another version wrote in another form is as if it was over.
fn waiting(found: WaitingPlan) -> Option<Waiting> {
    let WaitingPlan {
        operation, content, ..
    } = found;
    let content = serde_json::from_value(content).ok()?;
    Some(Waiting { operation, content })
}
