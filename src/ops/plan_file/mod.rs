//! Plan files: a plan written down, and one read again to be carried out.
//!
//! A plan that was read is believed in what it says of the rows that are to be as they were. What
//! is shown of them is read again: nobody is asked about a name that somebody wrote into a file.

mod error;
mod rows;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::desk::Desk;
use super::error::Error;
use super::planned::Planned;
use super::selector::Selector;
use crate::adapter::Adapter;
use crate::db::Identity;
use crate::model::{PLAN_FILE_SCHEMA, Plan, PlanFile, PlannedAdapter, PlannedDatabase, Planner};
pub use error::PlanError;

/// What stands for a secret in a selector ends with this and a digest.
const DIGEST: &str = ", sha256 ";

/// A plan that was read from a file, and the digest that was approved.
#[derive(Clone)]
pub struct FromFile {
    plan: Arc<PlanFile>,
    pinned: Option<String>,
}

/// The same digest is the same plan.
impl PartialEq for FromFile {
    fn eq(&self, other: &Self) -> bool {
        self.plan.digest == other.plan.digest && self.pinned == other.pinned
    }
}

impl Eq for FromFile {}

impl FromFile {
    /// A plan, and the digest that it must have, if one was named.
    #[must_use]
    pub fn new(plan: PlanFile, pinned: Option<String>) -> Self {
        Self {
            plan: Arc::new(plan),
            pinned,
        }
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &PlanFile {
        &self.plan
    }

    /// How it is told and recorded: who planned what.
    pub(super) fn describe(&self) -> String {
        let PlanFile {
            operation,
            planned_by: Planner { os_user, host, .. },
            selector,
            ..
        } = &*self.plan;
        let mut text = format!("plan {operation}");
        for (word, name) in [("by", os_user), ("on", host)] {
            if let Some(name) = name {
                // Writing to a String cannot fail.
                let _written = write!(text, " {word} {name}");
            }
        }
        format!("{text}: {selector}")
    }

    /// Refuses another database than the plan's: nothing of the plan is looked at there.
    pub(super) fn check_database(&self, identity: &Identity) -> Result<(), PlanError> {
        let PlannedDatabase {
            system_identifier,
            name,
        } = &self.plan.database;
        let found = &identity.database;
        let Some(found_system) = &found.system_identifier else {
            return Err(PlanError::ClusterNotTold {
                role: identity.role.clone(),
            });
        };
        if (found_system, &found.name) != (system_identifier, name) {
            return Err(PlanError::OtherDatabase {
                planned: place(name, system_identifier),
                found: place(&found.name, found_system),
            });
        }
        Ok(())
    }

    /// Refuses where none of the adapters is the plan's. Before one is chosen: that another one does
    /// not fit would say nothing.
    pub(super) fn check_adapters(&self, adapters: &[Adapter]) -> Result<(), PlanError> {
        let PlannedAdapter { name, sha256, .. } = &self.plan.adapter;
        let known = adapters.iter().find(|adapter| adapter.name == *name);
        match known {
            Some(adapter) if adapter.sha256 == *sha256 => Ok(()),
            Some(adapter) => Err(PlanError::OtherAdapter {
                planned: format!("an adapter `{name}` whose data has sha256 {sha256}"),
                found: format!("one whose data has {}", adapter.sha256),
            }),
            None => Err(PlanError::OtherAdapter {
                planned: format!("adapter `{name}`"),
                found: "none of this name".to_owned(),
            }),
        }
    }

    /// Refuses where it was made with another adapter or for another schema, is not the plan that
    /// was approved, or its time is over.
    pub(super) fn check(&self, desk: &Desk) -> Result<(), PlanError> {
        let planned = &self.plan.adapter;
        let (adapter, schema) = (&desk.bound.adapter, &desk.bound.token.schema);
        self.check_adapters(std::slice::from_ref(adapter))?;
        if *schema != planned.schema {
            return Err(PlanError::OtherAdapter {
                planned: format!("the tables of schema `{}`", planned.schema),
                found: format!("schema `{schema}`"),
            });
        }
        if let Some(pinned) = self
            .pinned
            .as_ref()
            .filter(|pinned| **pinned != self.plan.digest)
        {
            return Err(PlanError::OtherDigest {
                pinned: pinned.clone(),
                found: self.plan.digest.clone(),
            });
        }
        self.check_time(desk.identity.as_of)
    }

    /// Refuses a plan whose time is over, by the database's clock.
    pub(super) fn check_time(&self, now: DateTime<Utc>) -> Result<(), PlanError> {
        let until = self.plan.valid_until;
        if now > until {
            return Err(PlanError::Expired { until, now });
        }
        Ok(())
    }
}

impl Planned {
    /// The plan as a file, valid for so long from when the rows were read. The reason and the
    /// ticket are those that were given, which may be none.
    ///
    /// # Errors
    ///
    /// When the role may not ask which cluster this is.
    pub fn to_file(
        &self,
        valid_for: Duration,
        reason: Option<String>,
        ticket: Option<String>,
    ) -> Result<PlanFile, Error> {
        let (identity, bound) = (&self.desk.identity, &self.desk.bound);
        let Some(system_identifier) = identity.database.system_identifier.clone() else {
            let role = identity.role.clone();
            return Err(PlanError::ClusterNotTold { role }.into());
        };
        let valid_for = TimeDelta::from_std(valid_for).unwrap_or(TimeDelta::MAX);
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
        let request = &self.request;
        let file = PlanFile {
            plan_file: PLAN_FILE_SCHEMA,
            digest: String::new(),
            operation: request.id,
            planned_by: Planner {
                os_user: request.os_user.clone(),
                host: request.host.clone(),
                db_role: identity.role.clone(),
            },
            planned_at: identity.as_of,
            valid_until: identity
                .as_of
                .checked_add_signed(valid_for)
                .unwrap_or(identity.as_of),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            database: PlannedDatabase {
                system_identifier,
                name: identity.database.name.clone(),
            },
            adapter: PlannedAdapter {
                name: bound.adapter.name.clone(),
                sha256: bound.adapter.sha256.clone(),
                schema: bound.token.schema.clone(),
            },
            action: *action,
            ends_at: *ends_at,
            filtered: matches!(
                request.selectors.as_slice(),
                [Selector::Filtered(_) | Selector::Owner(_)]
            ),
            selector: without_digests(&self.known.selector),
            reason,
            ticket,
            application_audit: request.application_audit,
            app_actor: request.app_actor.clone(),
            tokens: tokens.clone(),
            companions: companions.clone(),
            leaves_companions: *leaves_companions,
            cascades: cascades.clone(),
        };
        Ok(file.seal())
    }

    /// The file that it came from.
    #[must_use]
    pub fn file(&self) -> Option<&PlanFile> {
        self.request.file_to_apply().map(FromFile::plan)
    }
}

fn place(name: &str, system_identifier: &str) -> String {
    format!("database `{name}` of cluster {system_identifier}")
}

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
