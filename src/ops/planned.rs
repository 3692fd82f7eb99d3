//! A plan that is ready to be carried out, and what there is to say of it.

use super::desk::Desk;
use super::error::{Error, Refusal};
use super::filter::list_command;
use super::policy::Policy;
use super::probing::Probing;
use super::request::{Known, Request};
use super::resolve::describe_filter;
use super::selector::Selector;
use crate::db::Identity;
use crate::model::{Action, ApplicationAudit, CompanionRow, Finding, Plan, TakenBack};

/// A request whose rows are known. Nothing is locked, nothing has changed.
#[derive(Debug)]
pub struct Planned {
    pub(super) request: Request,
    pub(super) desk: Desk,
    pub(super) plan: Plan,
    /// Live companions that are left as they are.
    pub(super) left: Vec<CompanionRow>,
    pub(super) known: Known,
    pub(super) statement: String,
    pub(super) policy: Policy,
    /// What the application said when it was asked.
    pub(super) probing: Option<Probing>,
    pub(super) taken_back: Option<TakenBack>,
}

impl Planned {
    /// The rows.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// sha256 in hex of the plan; for one from a file, of the file.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.known.plan_digest.as_deref().unwrap_or_default()
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// What its target demands.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// For a restore: what is taken back, and what cannot be.
    #[must_use]
    pub fn taken_back(&self) -> Option<&TakenBack> {
        self.taken_back.as_ref()
    }

    /// Which database it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.desk.identity
    }

    /// Whether the application's own audit log takes part.
    #[must_use]
    pub fn application_audit(&self) -> ApplicationAudit {
        self.known
            .application_audit
            .unwrap_or(ApplicationAudit::None)
    }

    /// Whether a typed key confirms a planned one: it is the key, or for a digest its beginning.
    #[must_use]
    pub fn confirms(&self, typed: &str, key: &str) -> bool {
        let shape = self.desk.statements().key_shape();
        shape
            .spell(typed)
            .is_some_and(|typed| shape.names(&typed, key))
    }

    /// Whether the application records when a token was last used.
    #[must_use]
    pub fn records_use(&self) -> bool {
        self.desk.bound.records_use()
    }

    /// Whether carrying it out would change any row.
    #[must_use]
    pub fn changes_anything(&self) -> bool {
        match self.request.action {
            Action::Expire | Action::Delete => {
                let mut companions = self.plan.companions.iter();
                self.plan.changes() > 0 || companions.any(|companion| !companion.dead)
            }
            Action::Restore => {
                let mut rows = self.plan.put_back.iter();
                rows.any(|row| !row.before.is_empty())
            }
        }
    }

    /// What it comes to: putting back what a restore changed kills as an expire does.
    pub(super) fn effect(&self) -> Action {
        let mut rows = self.plan.put_back.iter();
        let kills = rows.any(|row| !row.before.is_empty() && row.state_before != "active");
        match self.request.action {
            Action::Restore if kills => Action::Expire,
            action => action,
        }
    }

    /// How the targets were named, without any secret.
    #[must_use]
    pub fn selector(&self) -> &str {
        &self.known.selector
    }

    /// What lists the rows of a plan that a filter made.
    #[must_use]
    pub fn list_command(&self) -> Option<String> {
        match self.request.selectors.as_slice() {
            [Selector::Filtered(filter)] => {
                Some(list_command(&describe_filter(&self.desk, filter)))
            }
            _ => None,
        }
    }

    /// What may go wrong with this change, as `doctor` tells it.
    #[must_use]
    pub fn warnings(&self) -> &[Finding] {
        &self.known.warnings
    }

    /// Records that it was not carried out, and why.
    pub async fn decline(self, error: Error) -> Box<Refusal> {
        let Self {
            request,
            desk,
            known,
            ..
        } = self;
        desk.refuse(&request, &known, error).await
    }
}
