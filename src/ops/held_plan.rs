//! A plan that is kept until somebody says yes to it, in a form that outlives its session and its
//! process: what was shown, and what is needed to carry out exactly that.
//!
//! Nothing is planned anew. Selectors, which may be secrets, are gone by then; the rows that they led
//! to are compared by the statement itself, as when a person thinks between a plan and the yes. What
//! is in the way of writing is looked for again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::desk::{Context, Desk};
use super::doctor::before_write;
use super::error::{Error, Refusal};
use super::plan_file::{FromFile, PlanError};
use super::planned::Planned;
use super::probe_error::ProbeError;
use super::record::refuse;
use super::request::{Known, Request, Restore};
use super::schedule::Ends;
use super::selector::Selector;
use super::watch::watched;
use super::{plan_file, restore};
use crate::adapter::{Choice, Columns};
use crate::db::{Identity, Session};
use crate::model::{
    Action, ApplicationAudit, Caller, Cause, CompanionRow, DatabaseIdentity, Plan, PlannedAdapter,
    TakenBack,
};

/// The version that holds plans, and takes up its own alone: another one may render other statements,
/// or compare by other rules.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A plan that is held. It never holds a secret, nor what tokens were named by, but for an owner; the
/// record of it says as much of that as the audit log does.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldPlan {
    tool_version: String,
    request: HeldRequest,
    known: Known,
    /// Where the rows are, and the role that read them.
    database: DatabaseIdentity,
    role: String,
    adapter: PlannedAdapter,
    plan: Plan,
    left: Vec<CompanionRow>,
    taken_back: Option<TakenBack>,
    /// For a restore: the columns that are in question, by table.
    columns: Columns,
}

/// A request without its selectors, all but a plan file and an owner.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeldRequest {
    id: Uuid,
    parent: Option<(Uuid, Cause)>,
    action: Action,
    restore: Option<Restore>,
    ends_at: Option<DateTime<Utc>>,
    file: Option<plan_file::Held>,
    /// Whose everything it is about: what came for the owner meanwhile is looked for afterwards.
    owner_to_cut: Option<String>,
    owner: Option<String>,
    expect: Option<usize>,
    max_rows: usize,
    leave_companions: bool,
    reason: String,
    ticket: Option<String>,
    settle: Option<Duration>,
    dry_run: bool,
    application_audit: bool,
    app_actor: Option<String>,
    os_user: Option<String>,
    host: Option<String>,
    caller: Option<Caller>,
}

impl From<&Request> for HeldRequest {
    fn from(request: &Request) -> Self {
        let Request {
            id,
            parent,
            // A batch is planned right before it is carried out.
            batch: _,
            action,
            restore,
            ends_at: _,
            selectors: _,
            owner,
            expect,
            max_rows,
            leave_companions,
            reason,
            ticket,
            settle,
            dry_run,
            application_audit,
            app_actor,
            os_user,
            host,
            caller,
        } = request;
        Self {
            id: *id,
            parent: *parent,
            action: *action,
            restore: restore.clone(),
            // Fixed when it was planned.
            ends_at: request.end(),
            file: request.file_to_apply().map(FromFile::hold),
            owner_to_cut: request.owner_to_cut().cloned(),
            owner: owner.clone(),
            expect: *expect,
            max_rows: *max_rows,
            leave_companions: *leave_companions,
            reason: reason.clone(),
            ticket: ticket.clone(),
            settle: *settle,
            dry_run: *dry_run,
            application_audit: *application_audit,
            app_actor: app_actor.clone(),
            os_user: os_user.clone(),
            host: host.clone(),
            caller: caller.clone(),
        }
    }
}

impl From<HeldRequest> for Request {
    fn from(held: HeldRequest) -> Self {
        let HeldRequest {
            id,
            parent,
            action,
            restore,
            ends_at,
            file,
            owner_to_cut,
            owner,
            expect,
            max_rows,
            leave_companions,
            reason,
            ticket,
            settle,
            dry_run,
            application_audit,
            app_actor,
            os_user,
            host,
            caller,
        } = held;
        let file = file.map(|file| Selector::FromFile(file.take_up()));
        let owner_to_cut = owner_to_cut.map(Selector::Owner);
        Self {
            id,
            parent,
            batch: None,
            action,
            restore,
            ends_at: ends_at.map(Ends::At),
            selectors: file.into_iter().chain(owner_to_cut).collect(),
            owner,
            expect,
            max_rows,
            leave_companions,
            reason,
            ticket,
            settle,
            dry_run,
            application_audit,
            app_actor,
            os_user,
            host,
            caller,
        }
    }
}

impl Planned {
    /// What is to be kept of it, so that somebody can say yes later, and elsewhere.
    ///
    /// # Errors
    ///
    /// When the application is to be asked, which takes a secret.
    pub fn hold(&self) -> Result<HeldPlan, Error> {
        if self.probing.is_some() {
            return Err(ProbeError::Held.into());
        }
        let Desk {
            identity, bound, ..
        } = &self.desk;
        Ok(HeldPlan {
            tool_version: VERSION.to_owned(),
            request: HeldRequest::from(&self.request),
            known: self.known.clone(),
            database: identity.database.clone(),
            role: identity.role.clone(),
            adapter: PlannedAdapter::of(bound),
            plan: self.plan.clone(),
            left: self.left.clone(),
            taken_back: self.taken_back.clone(),
            columns: self.columns.clone(),
        })
    }
}

impl HeldPlan {
    /// The id that the operation will be recorded under.
    #[must_use]
    pub fn operation(&self) -> Uuid {
        self.request.id
    }

    /// The same as it is asked for by another request: under its id, if it has one of its own, and on
    /// record as by whoever asks now.
    #[must_use]
    pub fn asked_again(mut self, id: Option<Uuid>, caller: Caller) -> Self {
        self.request.id = id.unwrap_or(self.request.id);
        self.request.caller = Some(caller);
        self
    }

    /// The rows.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Connects to where it was planned, and makes it ready to be carried out: as it was shown, or
    /// not at all.
    ///
    /// # Errors
    ///
    /// When it must be refused; that is on record then, where it can be. What changed of the rows is
    /// found when it is carried out.
    pub async fn planned(self, context: &Context) -> Result<Planned, Box<Refusal>> {
        let mut request = Request::from(self.request.clone());
        let (session, identity) = match open(&request, context).await {
            Ok(opened) => opened,
            Err(error) => {
                return Err(refuse(&request, &self.known, None, &context.database, error).await);
            }
        };
        let desk = match self
            .desk(&request, context, session, identity.clone())
            .await
        {
            Ok(desk) => desk,
            Err(error) => return Err(self.refuse(&request, context, &identity, error).await),
        };
        let preparing = self.prepare(&mut request, context, &desk);
        match watched(&desk.database, &desk.session, preparing).await {
            Ok(statement) => Ok(Planned {
                request,
                desk,
                plan: self.plan,
                left: self.left,
                known: self.known,
                statement,
                columns: self.columns,
                policy: context.policy.clone(),
                taken_back: self.taken_back,
                probing: None,
            }),
            Err(error) => Err(self.refuse(&request, context, &identity, error).await),
        }
    }

    async fn refuse(
        &self,
        request: &Request,
        context: &Context,
        identity: &Identity,
        error: Error,
    ) -> Box<Refusal> {
        refuse(
            request,
            &self.known,
            Some(identity),
            &context.database,
            error,
        )
        .await
    }

    /// The desk that it was planned at: the same database, and the very adapter.
    async fn desk(
        &self,
        request: &Request,
        context: &Context,
        session: Session,
        identity: Identity,
    ) -> Result<Desk, Error> {
        if !identity.is_at(&self.database, &self.role) {
            return Err(Error::OtherDatabase(identity.line()));
        }
        if self.tool_version != VERSION {
            return Err(PlanError::OtherVersion {
                planned: self.tool_version.clone(),
                found: VERSION,
            }
            .into());
        }
        self.adapter.check_known(&context.adapters)?;
        let choice = Choice {
            adapter: Some(self.adapter.name.clone()),
            schema: Some(self.adapter.schema.clone()),
        };
        let context = Context {
            choice,
            // Of another choice.
            detected: None,
            ..context.clone()
        };
        let bound = context.detect(&session, &identity).await?;
        let desk = context.desk(session, identity, bound);
        self.adapter.check_chosen(&desk.bound)?;
        if let Some(file) = request.file_to_apply() {
            file.check(&desk)?;
        }
        Ok(desk)
    }

    /// The statement that carries it out, once nothing is in the way of writing.
    async fn prepare(
        &self,
        request: &mut Request,
        context: &Context,
        desk: &Desk,
    ) -> Result<String, Error> {
        request.fix_end(desk.identity.as_of)?;
        request.check_size(&context.policy, self.plan.tokens.len(), false)?;
        desk.check_writable()?;
        desk.check_scope(&self.plan).await?;
        let written = self.known.application_audit == Some(ApplicationAudit::Written);
        let writable = request.application_audit(desk);
        if written && writable != ApplicationAudit::Written {
            // What was shown is what is done, and it was not shown so.
            let now = writable.as_str();
            let difference =
                format!("the application's own audit log cannot be written now ({now})");
            return Err(Error::ChangedSinceShown(vec![difference]));
        }
        // What may go wrong was told with the plan.
        before_write(desk, request.action, written).await?;
        if request.action == Action::Restore {
            let operation = request
                .parent
                .map_or(request.id, |(operation, _)| operation);
            return restore::statement(desk, operation, &self.columns, written);
        }
        let (statement, _references) = request
            .statement(desk, &mut Known::default(), written)
            .await?;
        Ok(statement)
    }
}

/// Connects to where it is to be carried out.
async fn open(request: &Request, context: &Context) -> Result<(Session, Identity), Error> {
    request.check_rules(&context.policy)?;
    let (session, identity) = context.connect().await?;
    session.may_write()?;
    Ok((session, identity))
}
