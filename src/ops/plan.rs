//! From a request to the exact rows that it will change, read without a lock.

use chrono::{DateTime, Utc};

use super::actor::find_actor;
use super::desk::{Context, Desk};
use super::doctor::before_write;
use super::error::{Error, Refusal};
use super::policy::Policy;
use super::probing::Probing;
use super::record::refuse;
use super::request::{Known, Request};
use super::resolve::{Resolved, describe, resolve};
use super::token_row::object;
use super::watch::watched;
use super::{delete, expire};
use crate::db::Identity;
use crate::model::{
    Action, ApplicationAudit, CompanionRow, Effect, Finding, Plan, PlannedToken, SecretCheck,
    Token, Unreached,
};

/// A request whose rows are known. Nothing is locked, nothing has changed.
#[derive(Debug)]
pub struct Planned {
    pub(super) request: Request,
    pub(super) desk: Desk,
    pub(super) plan: Plan,
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
        let mut known = Known::default();
        let connected = async {
            self.check_rules(&context.policy)?;
            let (session, identity) = context.connect().await?;
            session.may_write()?;
            Ok((session, identity))
        };
        let (session, identity) = match connected.await {
            Ok(connected) => connected,
            Err(error) => return Err(refuse(&self, &known, None, &context.database, error).await),
        };
        let bound = match context.detect(&session).await {
            Ok(bound) => bound,
            Err(error) => {
                known.selector = format!("{} selectors, unread", self.selectors.len());
                return Err(refuse(&self, &known, Some(&identity), &context.database, error).await);
            }
        };
        let desk = context.desk(session, identity, bound);
        let finding = self.find(&desk, &context.policy, &mut known);
        let found = watched(&desk.database, &desk.session, finding).await;
        match found {
            Ok((plan, statement)) => Ok(Planned {
                request: self,
                desk,
                plan,
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

    /// Checks what the target demands of a request. A dry run has to justify nothing: nothing of
    /// it stays.
    fn check_rules(&self, policy: &Policy) -> Result<(), Error> {
        if self.dry_run {
            return Ok(());
        }
        policy.check_reason(&self.reason)?;
        Ok(policy.check_ticket(self.ticket.as_deref())?)
    }

    /// Leads the selectors to rows, not more of them than there may be.
    async fn resolve(
        &self,
        desk: &Desk,
        policy: &Policy,
        known: &mut Known,
    ) -> Result<Resolved, Error> {
        let resolved = resolve(desk, &self.selectors, self.owner.as_deref()).await?;
        known.selector.clone_from(&resolved.selector);
        if let Some(expected) = self
            .expect
            .filter(|expected| *expected != resolved.rows.len())
        {
            return Err(Error::Expected {
                expected,
                found: resolved.rows.len(),
            });
        }
        if policy.is_too_large(resolved.rows.len()) {
            return Err(Error::TooManyRows {
                planned: resolved.rows.len(),
                most: policy.max_rows.unwrap_or_default(),
                target: policy.target.clone().unwrap_or_default(),
            });
        }
        Ok(resolved)
    }

    async fn find(
        &self,
        desk: &Desk,
        policy: &Policy,
        known: &mut Known,
    ) -> Result<(Plan, String), Error> {
        known.adapter = Some(desk.bound.adapter.name.clone());
        known.selector = describe(desk, &self.selectors, self.owner.as_deref());
        desk.check_writable()?;
        let application_audit = self.application_audit(desk);
        known.application_audit = Some(application_audit);
        // A statement that names a table needs its grants, whether it inserts a row or not.
        let written = application_audit == ApplicationAudit::Written;
        known.warnings = before_write(desk, self.action, written).await?;
        if let Some(actor) = &self.app_actor {
            known.app_actor_id = Some(find_actor(desk, actor).await?);
        }
        let (statement, references) = match self.action {
            Action::Expire => (expire::statement(desk, written)?, Vec::new()),
            Action::Delete => delete::statement(desk, written).await?,
        };
        let resolved = self.resolve(desk, policy, known).await?;
        known.secret_verified = secret_verified(resolved.rows.iter().map(|(_, check)| *check));
        let tokens: Vec<PlannedToken> = resolved
            .rows
            .into_iter()
            .map(|(row, secret)| PlannedToken {
                effect: match self.action {
                    Action::Expire => expire::effect(&row.token),
                    Action::Delete => Effect::Change,
                },
                token: row.token,
                fixed: row.fixed,
                vital: row.vital,
                secret,
            })
            .collect();
        let keys: Vec<String> = tokens
            .iter()
            .map(|planned| planned.token.key.clone())
            .collect();
        let mut companions = companions(desk, &keys).await?;
        companions.retain(|companion| !companion.dead);
        let mut cascades = Vec::new();
        if self.action == Action::Delete {
            cascades = delete::cascades(desk, &references, &keys).await?;
            let left = desk.statements().left_by_delete(&references);
            companions.retain(|companion| {
                left.iter()
                    .any(|(_, relation)| relation.display_name() == companion.relation)
            });
        }
        let plan = Plan {
            action: self.action,
            adapter: desk.bound.adapter.name.clone(),
            tokens,
            companions,
            cascades,
        };
        known.plan_digest = Some(plan.digest());
        known.planned = Some(plan.tokens.len());
        Ok((plan, statement))
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

/// The rows that must die with the tokens, dead ones included.
pub(super) async fn companions(desk: &Desk, keys: &[String]) -> Result<Vec<CompanionRow>, Error> {
    let statement = desk.statements().companions()?;
    desk.read_by_keys(statement, keys, |row| {
        Ok(CompanionRow {
            name: row.try_get("name")?,
            relation: row.try_get("relation")?,
            key: row.try_get("key")?,
            token: row.try_get("token")?,
            state: row.try_get("state")?,
            dead: row.try_get("dead")?,
            vital: object(row, "vital")?,
        })
    })
    .await
}

impl Planned {
    /// The rows.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
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
        self.plan.changes() > 0 || !self.plan.companions.is_empty()
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

    /// The same as sentences.
    #[must_use]
    pub fn still_works(&self) -> Vec<String> {
        let unreached = self.unreached(None).into_iter();
        unreached.map(|thing| thing.text).collect()
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
