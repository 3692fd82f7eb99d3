//! What is shown of a plan, and what the question about it needs: everything that somebody must
//! know who says yes to it, wherever they sit.
//!
//! It is made from a plan and leads to none: what will be compared is kept by whoever planned.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    ApplicationAudit, Environment, FailedBatch, Finding, KeyForm, Operation, PLAN_FILE_SCHEMA,
    Plan, PlanFile, PlannedAdapter, PlannedDatabase, Planner, RunProgress, TakenBack,
};

/// A plan as it is shown. Nothing is locked, nothing has changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Proposal {
    /// The JSON interface's number, [`super::JSON_SCHEMA`].
    pub schema: u32,
    /// The operation as it would be recorded, as far as that is known; its outcome is `planned`.
    pub operation: Operation,
    /// The rows.
    pub plan: Plan,
    /// The adapter that read them.
    pub adapter: PlannedAdapter,
    /// Which database it is, in one line.
    pub identity: String,
    /// When the rows were read, by the database's clock.
    pub as_of: DateTime<Utc>,
    /// Whether it would be rolled back.
    pub dry_run: bool,
    /// Whether carrying it out would change any row.
    pub changes_anything: bool,
    /// Whether the application records when a token was last used.
    pub records_use: bool,
    /// How a typed key is compared with a planned one.
    pub key_form: KeyForm,
    /// Whether the application's own audit log was asked for; the operation says what became of that.
    pub wants_application_audit: bool,
    /// What expire sets, column by column, in the adapter's words.
    pub sets: Vec<String>,
    /// What to know before saying yes, from the adapter.
    pub notes: Vec<String>,
    /// What stays alive whatever is done here.
    pub still_works: Vec<String>,
    /// What may go wrong with this change, as `doctor` tells it.
    pub warnings: Vec<Finding>,
    /// What the application said to the secret, where it was asked.
    pub probed: Option<String>,
    /// Whether a filter or an owner led to the rows, so that their number has to be said.
    #[serde(default)]
    pub filtered: bool,
    /// What lists the rows, where a filter named them.
    pub list_command: Option<String>,
    /// The plan file that it came from, if it did.
    pub origin: Option<PlanOrigin>,
    /// For a restore: what is taken back, and what cannot be.
    pub taken_back: Option<TakenBack>,
    /// The named target that it is for, if one was named.
    pub target: Option<String>,
    /// What the target is, such as production.
    pub environment: Option<Environment>,
    /// What named another database and had less say: `-d`, or names of variables.
    pub instead_of: Vec<String>,
}

/// Where a plan that was written down came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanOrigin {
    /// sha256 in hex of the file.
    pub digest: String,
    /// The id under which it was planned.
    pub operation: Uuid,
    /// Who planned it.
    pub planned_by: Planner,
    /// When, by the database's clock.
    pub planned_at: DateTime<Utc>,
    /// The last moment at which it may be carried out.
    pub valid_until: DateTime<Utc>,
    /// How the tokens were named, without any secret.
    pub selector: String,
    /// Why, where that was said.
    pub reason: Option<String>,
    /// The ticket that asked for it.
    pub ticket: Option<String>,
}

/// A run of batches as it is shown before it begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunProposal {
    /// Everything but the tokens, of which its plan has none.
    pub proposal: Proposal,
    /// How many tokens there are.
    pub tokens: usize,
    /// How many there are of each kind.
    pub kinds: BTreeMap<String, KindCount>,
    /// How many batches there are.
    pub batches: usize,
    /// Tokens in each of them but the last.
    pub batch_size: usize,
    /// The first key.
    pub first_key: String,
    /// The last key.
    pub last_key: String,
}

/// How many tokens of a kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KindCount {
    /// Alive.
    pub alive: usize,
    /// Dead already.
    pub dead: usize,
}

/// What is left of a run, as it is shown before somebody goes on with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunLeft {
    /// Everything but the tokens, of which its plan has none.
    pub proposal: Proposal,
    /// The operation that began it.
    pub operation: Operation,
    /// How far it has come.
    pub run: RunProgress,
    /// The batches that were tried and are not done.
    pub failed: Vec<FailedBatch>,
}

impl Proposal {
    /// sha256 in hex of the plan; for one from a file, of the file.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.operation.plan_digest.as_deref().unwrap_or_default()
    }

    /// Whether the application's own audit log takes part.
    #[must_use]
    pub fn application_audit(&self) -> ApplicationAudit {
        self.operation
            .application_audit
            .unwrap_or(ApplicationAudit::None)
    }

    /// Where it is: the environment, else the target, else the database.
    #[must_use]
    pub fn place(&self) -> &str {
        self.environment
            .as_ref()
            .map(|environment| &environment.name)
            .or(self.target.as_ref())
            .unwrap_or(&self.operation.database.name)
    }

    /// The role that read the rows.
    #[must_use]
    pub fn role(&self) -> &str {
        self.operation.actor.db_user.as_deref().unwrap_or_default()
    }

    /// The plan as a file, valid for so long from when the rows were read; `None` where the role may
    /// not ask which cluster this is. The reason and the ticket are those that were given, which may
    /// be none.
    #[must_use]
    pub fn to_file(
        &self,
        valid_for: Duration,
        reason: Option<String>,
        ticket: Option<String>,
    ) -> Option<PlanFile> {
        let Operation {
            id,
            actor,
            selector,
            database,
            ..
        } = &self.operation;
        let system_identifier = database.system_identifier.clone()?;
        let valid_for = TimeDelta::from_std(valid_for).unwrap_or(TimeDelta::MAX);
        let valid_until = self.as_of.checked_add_signed(valid_for);
        let Plan {
            action,
            ends_at,
            adapter: _,
            tokens,
            companions,
            leaves_companions,
            cascades,
            // A restore is not written down.
            put_back: _,
        } = &self.plan;
        let file = PlanFile {
            plan_file: PLAN_FILE_SCHEMA,
            digest: String::new(),
            operation: *id,
            planned_by: Planner {
                os_user: actor.os_user.clone(),
                host: actor.host.clone(),
                db_role: self.role().to_owned(),
            },
            planned_at: self.as_of,
            valid_until: valid_until.unwrap_or(self.as_of),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            database: PlannedDatabase {
                system_identifier,
                name: database.name.clone(),
            },
            adapter: self.adapter.clone(),
            action: *action,
            ends_at: *ends_at,
            filtered: self.filtered,
            selector: without_digests(selector),
            reason,
            ticket,
            application_audit: self.wants_application_audit,
            app_actor: actor.app_actor.clone(),
            tokens: tokens.clone(),
            companions: companions.clone(),
            leaves_companions: *leaves_companions,
            cascades: cascades.clone(),
        };
        Some(file.seal())
    }
}

impl PlanFile {
    /// What is shown of where it came from.
    #[must_use]
    pub fn origin(&self) -> PlanOrigin {
        PlanOrigin {
            digest: self.digest.clone(),
            operation: self.operation,
            planned_by: self.planned_by.clone(),
            planned_at: self.planned_at,
            valid_until: self.valid_until,
            selector: self.selector.clone(),
            reason: self.reason.clone(),
            ticket: self.ticket.clone(),
        }
    }
}

/// What stands for a secret in a selector ends with this and a digest.
const DIGEST: &str = ", sha256 ";

/// A selector without the digests that stand for secrets: some applications store the very same,
/// and a plan file goes where the audit log does not.
fn without_digests(selector: &str) -> String {
    let mut parts = selector.split(DIGEST);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut text, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        if part.len() - rest.len() < 64 {
            text.push_str(DIGEST);
            text.push_str(part);
        } else {
            text.push_str(rest);
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::without_digests;

    #[test]
    fn a_selector_loses_its_digests_and_nothing_else() {
        let digest = "0123456789abcdef".repeat(4);
        for (selector, without) in [
            ("build-cache id:ab".to_owned(), "build-cache id:ab"),
            (
                format!(
                    "secret of 33 characters, sha256 {digest} id:ab a word of 3 characters, sha256 {digest}"
                ),
                "secret of 33 characters id:ab a word of 3 characters",
            ),
            ("name:x, sha256 of y".to_owned(), "name:x, sha256 of y"),
        ] {
            assert_eq!(without_digests(&selector), without);
        }
    }
}
