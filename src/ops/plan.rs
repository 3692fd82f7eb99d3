//! From a request to the exact rows that it will change, read without a lock.

use chrono::{DateTime, Utc};

use super::actor::find_actor;
use super::assemble::{assemble, live_companions, statement};
use super::desk::{Context, Desk};
use super::doctor::before_write;
use super::error::{Error, Refusal};
use super::filter::list_command;
use super::plan_file::FromFile;
use super::policy::Policy;
use super::probing::Probing;
use super::record::refuse;
use super::request::{Known, Request};
use super::resolve::{Resolved, describe, describe_filter, resolve};
use super::selector::Selector;
use super::watch::watched;
use crate::adapter::{Bound, ForeignKey, With};
use crate::db::{Identity, Session};
use crate::model::{ApplicationAudit, CompanionRow, Finding, Plan, SecretCheck, Token, Unreached};

/// What a selector ends with where companions are left as they are.
pub(super) const NO_COMPANIONS: &str = " --no-companions";

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
}

impl Request {
    /// Connects and finds the exact rows that this request would change.
    ///
    /// # Errors
    ///
    /// When it must be refused; that is on record then, where it can be.
    pub async fn plan(self, context: &Context) -> Result<Planned, Box<Refusal>> {
        let file = self.file_to_apply().map(FromFile::plan);
        let mut known = Known {
            plan_digest: file.map(|file| file.digest.clone()),
            planned: file.map(|file| file.tokens.len()),
            ..Known::default()
        };
        let desk = self.open(context, &mut known).await?;
        let finding = self.find(&desk, &context.policy, &mut known);
        let found = watched(&desk.database, &desk.session, finding).await;
        match found {
            Ok((plan, left, statement)) => Ok(Planned {
                request: self,
                desk,
                plan,
                left,
                known,
                statement,
                policy: context.policy.clone(),
                probing: None,
            }),
            Err(error) => {
                Err(refuse(&self, &known, Some(&desk.identity), &desk.database, error).await)
            }
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
    ) -> Result<Bound, Error> {
        if let Some(file) = self.file_to_apply() {
            file.check_database(identity)?;
            file.check_adapters(&context.adapters)?;
        }
        context.detect(session).await
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
        let resolved = resolve(desk, &self.selectors, self.owner.as_deref(), most).await?;
        known.selector = self.told(resolved.selector.clone());
        self.check_size(policy, resolved.rows.len(), resolved.cut)?;
        self.check_expected(resolved.rows.len())?;
        Ok(resolved)
    }

    /// How the targets were named, with what else decides over the rows.
    fn told(&self, selector: String) -> String {
        if self.leave_companions {
            format!("{selector}{NO_COMPANIONS}")
        } else {
            selector
        }
    }

    async fn find(
        &self,
        desk: &Desk,
        policy: &Policy,
        known: &mut Known,
    ) -> Result<(Plan, Vec<CompanionRow>, String), Error> {
        let (statement, references) = self.prepare(desk, known).await?;
        let leaves_companions = self.leaves_companions();
        let (plan, left) = if let Some(file) = self.file_to_apply() {
            self.check_size(policy, file.plan().tokens.len(), false)?;
            let plan = file.over_rows(desk, &references).await?;
            let left = if leaves_companions {
                live_companions(desk, &plan.owned_keys()).await?
            } else {
                Vec::new()
            };
            (plan, left)
        } else {
            let rows = self.resolve(desk, policy, known).await?.rows;
            assemble(desk, self.action, rows, &references, leaves_companions).await?
        };
        let checks = plan.tokens.iter().map(|planned| planned.secret);
        known.secret_verified = secret_verified(checks);
        if self.file_to_apply().is_none() {
            known.plan_digest = Some(plan.digest());
        }
        known.planned = Some(plan.tokens.len());
        Ok((plan, left, statement))
    }

    /// The statement that carries it out, and what points at the token table, once nothing is in the
    /// way of writing.
    pub(super) async fn prepare(
        &self,
        desk: &Desk,
        known: &mut Known,
    ) -> Result<(String, Vec<ForeignKey>), Error> {
        known.adapter = Some(desk.bound.adapter.name.clone());
        known.selector = self.told(describe(desk, &self.selectors, self.owner.as_deref()));
        if let Some(file) = self.file_to_apply() {
            file.check(desk)?;
        }
        desk.check_writable()?;
        let application_audit = self.application_audit(desk);
        known.application_audit = Some(application_audit);
        // A statement that names a table needs its grants, whether it inserts a row or not.
        let written = application_audit == ApplicationAudit::Written;
        known.warnings = before_write(desk, self.action, written).await?;
        if let Some(actor) = &self.app_actor {
            known.app_actor_id = Some(find_actor(desk, actor).await?);
        }
        let with = With::unless(self.leaves_companions());
        statement(desk, self.action, written, with).await
    }

    /// Whether companions are left as they are; a plan file says so itself.
    fn leaves_companions(&self) -> bool {
        self.file_to_apply()
            .map_or(self.leave_companions, |file| file.plan().leaves_companions)
    }

    /// Whether the application's own audit log takes part.
    fn application_audit(&self, desk: &Desk) -> ApplicationAudit {
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

    /// What expire sets, column by column, in the adapter's words.
    #[must_use]
    pub fn sets(&self) -> Vec<String> {
        let expire = self.desk.bound.adapter.expire.as_ref();
        expire
            .map(|expire| {
                expire
                    .set
                    .iter()
                    .map(|(column, set)| format!("{column} = {set}"))
                    .collect()
            })
            .unwrap_or_default()
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
        let mut companions = self.plan.companions.iter();
        self.plan.changes() > 0 || companions.any(|companion| !companion.dead)
    }

    /// What stays alive whatever is done here, from the adapter. `done` is when it was done, for
    /// the times at which things end.
    #[must_use]
    pub fn unreached(&self, done: Option<DateTime<Utc>>) -> Vec<Unreached> {
        let planned = self.plan.tokens.iter();
        let tokens: Vec<&Token> = planned.map(|planned| &planned.token).collect();
        let adapter = &self.desk.bound.adapter;
        adapter.unreached(self.request.action, &tokens, done)
    }

    /// The companions that are left, as sentences.
    #[must_use]
    pub fn left_companions(&self) -> Vec<String> {
        let told = self.left.iter().map(|companion| {
            let CompanionRow {
                name, key, token, ..
            } = companion;
            format!("{name} {key} of token {token} stays alive (--no-companions)")
        });
        told.collect()
    }

    /// Both as sentences.
    #[must_use]
    pub fn still_works(&self) -> Vec<String> {
        let unreached = self.unreached(None).into_iter();
        let told = unreached.map(|thing| thing.text);
        told.chain(self.left_companions()).collect()
    }

    /// The same for a run of batches, whose tokens are not all known at once.
    #[must_use]
    pub fn run_still_works(&self) -> Vec<String> {
        let adapter = &self.desk.bound.adapter;
        let told = adapter.unreached_of_any(self.request.action).into_iter();
        let left = self.request.leave_companions && !self.desk.bound.companions.is_empty();
        let left = left.then(|| "what must die with them stays alive (--no-companions)".to_owned());
        told.chain(left).collect()
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

    /// What to know before saying yes, from the adapter.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let adapter = &self.desk.bound.adapter;
        let notes = adapter
            .notes
            .iter()
            .filter(|note| note.on.contains(&self.request.action));
        let mut texts: Vec<String> = notes.map(|note| note.text.clone()).collect();
        for kind in &adapter.kinds {
            let concerned = self
                .plan
                .tokens
                .iter()
                .any(|planned| planned.token.kind == kind.name);
            if let (true, Some(warn)) = (concerned, &kind.warn)
                && !texts.contains(warn)
            {
                texts.push(warn.clone());
            }
        }
        texts
    }

    /// Records that it was not carried out, and why.
    pub async fn decline(self, error: Error) -> Box<Refusal> {
        refuse(
            &self.request,
            &self.known,
            Some(&self.desk.identity),
            &self.desk.database,
            error,
        )
        .await
    }
}
