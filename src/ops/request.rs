//! One request of one actor to change tokens.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::plan_file::FromFile;
use super::schedule::Ends;
use super::selector::Selector;
use crate::db::Identity;
use crate::model::{Action, Actor, ApplicationAudit, Caller, Cause, Finding, Operation, Outcome};

/// How many tokens go in one transaction, unless said otherwise.
pub const MAX_ROWS: usize = 50_000;

/// What is asked for, by whom and why.
#[derive(Clone, Debug)]
pub struct Request {
    /// A uuid v7 made before anything else, printed to the operator.
    pub id: Uuid,
    /// The operation that caused this one, and why.
    pub parent: Option<(Uuid, Cause)>,
    /// For a batch: its number in the run, from 1.
    pub batch: Option<i32>,
    /// Expire, delete or restore.
    pub action: Action,
    /// What is to be taken back, for a restore.
    pub restore: Option<Restore>,
    /// An end in the future, instead of now.
    pub ends_at: Option<Ends>,
    /// Which tokens.
    pub selectors: Vec<Selector>,
    /// Narrows names to one owner: key, login or email.
    pub owner: Option<String>,
    /// Exactly so many tokens, or nothing.
    pub expect: Option<usize>,
    /// At most so many tokens in the one transaction; a target may allow fewer.
    pub max_rows: usize,
    /// Leave the rows alone that would die with the tokens, such as refresh tokens.
    pub leave_companions: bool,
    /// Why.
    pub reason: String,
    /// The ticket that asked for it.
    pub ticket: Option<String>,
    /// How long the tokens are watched after the commit; `None` for as long as the adapter says.
    pub settle: Option<Duration>,
    /// Do the work and roll it back.
    pub dry_run: bool,
    /// Whether the application's own audit log is written where it can be.
    pub application_audit: bool,
    /// The application's user on whose behalf: key, login or email.
    pub app_actor: Option<String>,
    /// The operating system's user that asks.
    pub os_user: Option<String>,
    /// The host that it asks from.
    pub host: Option<String>,
    /// Whoever asks over HTTP. Whatever this operation causes is on their account too.
    pub caller: Option<Caller>,
}

/// What a restore takes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// The operation's id or the beginning of it; `None` for the latest that changed the selected
    /// token, of which only that token and its companions are taken back.
    pub operation: Option<String>,
    /// Put back what is as it was left, where other columns changed since.
    pub force: bool,
}

/// What is known of a request once the database was seen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Known {
    pub(super) adapter: Option<String>,
    pub(super) selector: String,
    pub(super) app_actor_id: Option<String>,
    pub(super) plan_digest: Option<String>,
    pub(super) planned: Option<usize>,
    pub(super) application_audit: Option<ApplicationAudit>,
    pub(super) secret_verified: Option<bool>,
    /// What may go wrong; shown, not recorded.
    pub(super) warnings: Vec<Finding>,
    /// What lists the rows, where a filter named them; shown, not recorded.
    pub(super) list_command: Option<String>,
    /// Whether a filter or an owner led to the rows; shown, not recorded.
    pub(super) filtered: bool,
}

impl Request {
    /// The plan file that is to be carried out.
    pub(super) fn file_to_apply(&self) -> Option<&FromFile> {
        match self.selectors.as_slice() {
            [Selector::FromFile(file)] => Some(file),
            _ => None,
        }
    }

    /// Whose everything it is about, as named.
    pub(super) fn owner_to_cut(&self) -> Option<&String> {
        match self.selectors.as_slice() {
            [Selector::Owner(owner)] => Some(owner),
            _ => None,
        }
    }

    /// The columns of `breakglass.operation` that the client supplies.
    pub(super) fn record(&self, known: &Known, identity: &Identity) -> Map<String, Value> {
        let Known {
            adapter,
            selector,
            app_actor_id,
            plan_digest,
            planned,
            application_audit,
            secret_verified,
            warnings: _,
            list_command: _,
            filtered: _,
        } = known;
        let database = &identity.database;
        let record = json!({
            "id": self.id,
            "parent_id": self.parent.map(|(parent, _)| parent),
            "cause": self.parent.map(|(_, cause)| cause),
            "batch": self.batch,
            "ends_at": self.end(),
            "action": self.action,
            "adapter": adapter,
            "os_user": self.os_user,
            "host": self.host,
            "app_actor": self.app_actor,
            "app_actor_id": app_actor_id,
            "reason": self.reason,
            "ticket": self.ticket,
            "selector": selector,
            "plan_digest": plan_digest,
            "planned": planned,
            "application_audit": application_audit.map(ApplicationAudit::as_str),
            "secret_verified": secret_verified,
            "tool_version": env!("CARGO_PKG_VERSION"),
            "server_host": database.host,
            "server_port": database.port,
            "system_identifier": database.system_identifier,
        });
        let mut record = match record {
            Value::Object(record) => record,
            _ => Map::new(),
        };
        record.extend(caller_columns(self.caller.as_ref()));
        record
    }

    /// The same as the model has it, of an operation that was not carried out.
    pub(super) fn operation(&self, known: &Known, identity: &Identity) -> Operation {
        let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        Operation {
            id: self.id,
            parent_id: self.parent.map(|(parent, _)| parent),
            cause: self.parent.map(|(_, cause)| cause),
            batch: self.batch,
            ends_at: self.end(),
            action: self.action.into(),
            outcome: Outcome::Planned,
            occurred_at: None,
            adapter: known.adapter.clone(),
            actor: Actor {
                os_user: self.os_user.clone(),
                host: self.host.clone(),
                db_user: Some(identity.role.clone()),
                client_address: None,
                app_actor: self.app_actor.clone(),
                http: self.caller.clone(),
            },
            reason: Some(self.reason.clone()),
            ticket: self.ticket.clone(),
            selector: known.selector.clone(),
            plan_digest: known.plan_digest.clone(),
            planned: known.planned.map(count),
            matched: None,
            changed: None,
            unchanged: None,
            companions_changed: None,
            cascades: None,
            application_audit: known.application_audit,
            secret_verified: known.secret_verified,
            error: None,
            error_code: None,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            database: identity.database.clone(),
        }
    }

    /// The same for an operation that changed nothing.
    pub(super) fn record_without_effect(
        &self,
        known: &Known,
        identity: &Identity,
        outcome: Outcome,
        (code, error): (&str, &str),
    ) -> Map<String, Value> {
        let mut record = self.record(known, identity);
        record.insert("outcome".to_owned(), outcome.as_str().into());
        record.insert("error".to_owned(), error.into());
        record.insert("error_code".to_owned(), code.into());
        record
    }
}

/// The columns of `breakglass.operation` that say who asked over HTTP; none for the command line.
pub(super) fn caller_columns(caller: Option<&Caller>) -> Map<String, Value> {
    let Some(Caller {
        principal,
        credential,
        peer,
        request_id,
        request_digest,
    }) = caller
    else {
        return Map::new();
    };
    let columns = [
        ("http_principal", Some(principal)),
        ("http_credential", Some(credential)),
        ("http_peer", peer.as_ref()),
        ("http_request_id", Some(request_id)),
        ("http_request_digest", Some(request_digest)),
    ];
    let columns = columns.into_iter();
    columns
        .filter_map(|(name, value)| Some((name.to_owned(), value?.clone().into())))
        .collect()
}
