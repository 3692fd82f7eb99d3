//! From a request to the exact rows that it will change, read without a lock.

use std::sync::Arc;

use super::actor::find_actor;
use super::assemble::{Found, assemble, left_by, statement};
use super::audit::{ShowOperation, detect_for};
use super::desk::{Context, Desk};
use super::doctor::before_write;
use super::error::{Error, Refusal};
use super::filter::list_command;
use super::plan_file::FromFile;
use super::planned::Planned;
use super::policy::Policy;
use super::record::refuse;
use super::request::{Known, Request};
use super::resolve::{Resolved, describe, describe_filter, resolve};
use super::restore;
use super::schedule;
use super::selector::Selector;
use super::watch::watched;
use crate::adapter::{Bound, Columns, ForeignKey, With};
use crate::db::{Identity, Session};
use crate::model::{Action, ApplicationAudit, SecretCheck};

/// What a selector ends with where companions are left as they are.
pub(super) const NO_COMPANIONS: &str = " --no-companions";

impl Request {
    /// Connects and finds the exact rows that this request would change.
    ///
    /// # Errors
    ///
    /// When it must be refused; that is on record then, where it can be.
    pub async fn plan(mut self, context: &Context) -> Result<Planned, Box<Refusal>> {
        let file = self.file_to_apply().map(FromFile::plan);
        let mut known = Known {
            plan_digest: file.map(|file| file.digest.clone()),
            planned: file.map(|file| file.tokens.len()),
            ..Known::default()
        };
        let desk = self.open(context, &mut known).await?;
        if let Err(error) = self.ready(&desk, &mut known) {
            return Err(desk.refuse(&self, &known, error).await);
        }
        let finding = async {
            let found = self.find(&desk, &context.policy, &mut known).await?;
            desk.check_scope(&found.plan).await?;
            Ok::<_, Error>(found)
        };
        let found = watched(&desk.database, &desk.session, finding).await;
        match found {
            Ok(found) => Ok(Planned {
                request: self,
                desk,
                plan: found.plan,
                left: found.left,
                known,
                statement: found.statement,
                columns: found.columns,
                taken_back: found.taken_back,
                policy: context.policy.clone(),
                probing: None,
            }),
            Err(error) => Err(desk.refuse(&self, &known, error).await),
        }
    }

    /// Connects to where it is to be carried out.
    pub(super) async fn open(
        &self,
        context: &Context,
        known: &mut Known,
    ) -> Result<Desk, Box<Refusal>> {
        let connected = async {
            self.check_rules(&context.policy)?;
            let (session, identity) = context.connect().await?;
            session.may_write()?;
            Ok((session, identity))
        };
        let (session, identity) = match connected.await {
            Ok(connected) => connected,
            Err(error) => return Err(refuse(self, known, None, &context.database, error).await),
        };
        match self.detect(context, &session, &identity).await {
            Ok(bound) => Ok(context.desk(session, identity, bound)),
            Err(error) => {
                known.selector = self.unread();
                drop(session);
                Err(refuse(self, known, Some(&identity), &context.database, error).await)
            }
        }
    }

    /// Checks what the target demands of a request. A dry run has to justify nothing: nothing of
    /// it stays.
    pub(super) fn check_rules(&self, policy: &Policy) -> Result<(), Error> {
        if self.dry_run {
            return Ok(());
        }
        policy.check_reason(&self.reason)?;
        Ok(policy.check_ticket(self.ticket.as_deref())?)
    }

    /// Chooses the adapter; for a plan file on its own database, and the one that it was made with.
    async fn detect(
        &self,
        context: &Context,
        session: &Session,
        identity: &Identity,
    ) -> Result<Arc<Bound>, Error> {
        if let Some(file) = self.file_to_apply() {
            file.check_database(identity)?;
            file.plan().adapter.check_known(&context.adapters)?;
        }
        let error = match context.detect(session, identity).await {
            Err(error @ Error::Detect(_)) => error,
            found => return found,
        };
        let Some(id) = self.taken_back() else {
            return Err(error);
        };
        // The record knows which one it was.
        let log = context.log(session, identity).await;
        match (ShowOperation { id }).only(&log?).await {
            Ok(operation) => Err(detect_for(error, &operation)),
            Err(_unknown) => Err(error),
        }
    }

    /// The operation that a restore names.
    fn taken_back(&self) -> Option<String> {
        self.restore.as_ref()?.operation.clone()
    }

    /// How the selectors may be told where no adapter says what is a secret.
    fn unread(&self) -> String {
        self.file_to_apply().map_or_else(
            || format!("{} selectors, unread", self.selectors.len()),
            FromFile::describe,
        )
    }

    /// Leads the selectors to rows, not more of them than there may be.
    async fn resolve(
        &self,
        desk: &Desk,
        policy: &Policy,
        known: &mut Known,
    ) -> Result<Resolved, Error> {
        let most = policy.max_rows.unwrap_or(usize::MAX).min(self.max_rows);
        let resolved = resolve(desk, &self.selectors, self.owner.as_deref(), most).await;
        let resolved = match (resolved, self.selectors.as_slice(), self.expect) {
            // Nothing of a leak is alive: that is a number too.
            (Err(Error::NoSuchToken(_)), [Selector::Swept(_)], Some(expected)) => {
                return Err(Error::Expected { expected, found: 0 });
            }
            (resolved, _, _) => resolved?,
        };
        known.selector = self.told(resolved.selector.clone());
        self.check_size(policy, resolved.rows.len(), resolved.cut)?;
        self.check_expected(resolved.rows.len())?;
        Ok(resolved)
    }

    /// How the targets were named, with what else decides over the rows.
    fn told(&self, selector: String) -> String {
        // What a plan file tells of itself ends with it already.
        if self.leave_companions && self.file_to_apply().is_none() {
            format!("{selector}{NO_COMPANIONS}")
        } else {
            selector
        }
    }

    /// What must hold before anything is looked for: a plan file fits, an end is in the future.
    pub(super) fn ready(&mut self, desk: &Desk, known: &mut Known) -> Result<(), Error> {
        self.name(desk, known);
        if let Some(file) = self.file_to_apply() {
            file.check(desk)?;
        }
        let is_written = self.file_to_apply().is_some();
        self.fix_end(desk.identity.as_of)
            .map_err(|error| match error {
                Error::EndPassed { end, as_of, .. } => Error::EndPassed {
                    end,
                    as_of,
                    written: is_written,
                },
                error => error,
            })
    }

    /// What a record says of it, whatever becomes of it.
    fn name(&self, desk: &Desk, known: &mut Known) {
        known.adapter = Some(desk.bound.adapter.name.clone());
        known.selector = self.told(describe(desk, &self.selectors, self.owner.as_deref()));
        known.list_command = match self.selectors.as_slice() {
            [Selector::Filtered(filter)] => Some(list_command(&describe_filter(desk, filter))),
            _ => None,
        };
        known.filtered = matches!(
            self.selectors.as_slice(),
            [Selector::Filtered(_) | Selector::Owner(_)]
        );
    }

    async fn find(
        &mut self,
        desk: &Desk,
        policy: &Policy,
        known: &mut Known,
    ) -> Result<Found, Error> {
        let written = self.check(desk, known).await?;
        if self.action == Action::Restore {
            return restore::find(self, desk, policy, known, written).await;
        }
        let (statement, references) = self.statement(desk, known, written).await?;
        let (plan, left) = if let Some(file) = self.file_to_apply() {
            let planned = file.plan().tokens.len();
            self.check_size(policy, planned, false)?;
            self.check_expected(planned)?;
            let plan = file.over_rows(desk, &references).await?;
            let left = left_by(desk, &plan).await?;
            (plan, left)
        } else {
            let rows = self.resolve(desk, policy, known).await?.rows;
            let what = (self.action, self.end());
            assemble(desk, what, rows, &references, self.leaves_companions()).await?
        };
        let checks = plan.tokens.iter().map(|planned| planned.secret);
        known.secret_verified = secret_verified(checks);
        if self.file_to_apply().is_none() {
            known.plan_digest = Some(plan.digest());
        }
        known.planned = Some(plan.tokens.len());
        Ok(Found {
            plan,
            left,
            statement,
            columns: Columns::new(),
            taken_back: None,
        })
    }

    /// The statement that carries it out, and what points at the token table, once nothing is in the
    /// way of writing.
    pub(super) async fn prepare(
        &self,
        desk: &Desk,
        known: &mut Known,
    ) -> Result<(String, Vec<ForeignKey>), Error> {
        self.name(desk, known);
        let written = self.check(desk, known).await?;
        self.statement(desk, known, written).await
    }

    /// Makes sure that nothing is in the way of writing. Tells whether the application's own audit
    /// log is written.
    async fn check(&self, desk: &Desk, known: &mut Known) -> Result<bool, Error> {
        desk.check_writable()?;
        let application_audit = self.application_audit(desk);
        known.application_audit = Some(application_audit);
        // A statement that names a table needs its grants, whether it inserts a row or not.
        let written = application_audit == ApplicationAudit::Written;
        known.warnings = before_write(desk, self.action, written).await?;
        if let Some(actor) = &self.app_actor {
            known.app_actor_id = Some(find_actor(desk, actor).await?);
        }
        Ok(written)
    }

    pub(super) async fn statement(
        &self,
        desk: &Desk,
        known: &mut Known,
        written: bool,
    ) -> Result<(String, Vec<ForeignKey>), Error> {
        let (end, with) = (self.end(), With::unless(self.leaves_companions()));
        let found = statement(desk, (self.action, end), written, with).await?;
        if end.is_some() {
            let mut warnings = schedule::warnings(desk).await?;
            warnings.retain(|found| !known.warnings.contains(found));
            known.warnings.extend(warnings);
        }
        Ok(found)
    }

    /// Whether companions are left as they are; a plan file says so itself.
    fn leaves_companions(&self) -> bool {
        self.file_to_apply()
            .map_or(self.leave_companions, |file| file.plan().leaves_companions)
    }

    /// Whether the application's own audit log takes part.
    pub(super) fn application_audit(&self, desk: &Desk) -> ApplicationAudit {
        let (Some(audit), Some(relation)) =
            (&desk.bound.adapter.application_audit, &desk.bound.audit)
        else {
            return ApplicationAudit::None;
        };
        if !self.application_audit {
            return ApplicationAudit::Off;
        }
        let granted = relation.may_use_schema
            && audit.columns.keys().all(|column| {
                relation
                    .columns
                    .get(column)
                    .is_some_and(|column| column.may_insert)
            });
        if granted {
            ApplicationAudit::Written
        } else {
            ApplicationAudit::NotGranted
        }
    }
}

/// `None` when no secret was given, false when any could not be compared.
fn secret_verified(checks: impl Iterator<Item = SecretCheck>) -> Option<bool> {
    checks
        .filter(|check| *check != SecretCheck::NotGiven)
        .map(|check| check == SecretCheck::Verified)
        .reduce(|a, b| a && b)
}
