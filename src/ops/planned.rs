//! A plan that is ready to be carried out, and what there is to say of it.

use super::desk::Desk;
use super::error::{Error, Refusal};
use super::policy::Policy;
use super::probing::Probing;
use super::request::{Known, Request};
use crate::adapter::Columns;
use crate::db::{Identity, Session};
use crate::model::{Action, ApplicationAudit, CompanionRow, Plan, TakenBack};

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
    /// For a restore: the columns that are in question, by table.
    pub(super) columns: Columns,
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

    /// Which database it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.desk.identity
    }

    /// The session that planned, which waits for a yes.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.desk.session
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Whether the application's own audit log takes part.
    pub(super) fn application_audit(&self) -> ApplicationAudit {
        self.known
            .application_audit
            .unwrap_or(ApplicationAudit::None)
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
