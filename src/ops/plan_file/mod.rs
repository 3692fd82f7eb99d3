//! Plan files: a plan written down, and one read again to be carried out.
//!
//! A plan that was read is believed in what it says of the rows that are to be as they were. What
//! is shown of them is read again: nobody is asked about a name that somebody wrote into a file.

mod adapter;
mod error;
mod rows;

use std::fmt::Write as _;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::desk::Desk;
use crate::db::Identity;
use crate::model::{PlanFile, PlannedDatabase, Planner};
pub use error::PlanError;

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

    /// The plan, and the digest that it must have.
    #[must_use]
    pub fn into_parts(self) -> (PlanFile, Option<String>) {
        (Arc::unwrap_or_clone(self.plan), self.pinned)
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

    /// Refuses where it was made with another adapter or for another schema, is not the plan that
    /// was approved, or its time is over.
    pub(super) fn check(&self, desk: &Desk) -> Result<(), PlanError> {
        self.plan.adapter.check_chosen(&desk.bound)?;
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

/// A plan file as it is held with the plan that was made of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Held {
    /// All but its rows, which are those of the plan.
    plan: PlanFile,
    pinned: Option<String>,
}

impl FromFile {
    /// What is to be kept of it, once its rows were planned.
    pub(super) fn hold(&self) -> Held {
        Held {
            plan: PlanFile {
                tokens: Vec::new(),
                companions: Vec::new(),
                cascades: Vec::new(),
                ..PlanFile::clone(&self.plan)
            },
            pinned: self.pinned.clone(),
        }
    }
}

impl Held {
    pub(super) fn take_up(self) -> FromFile {
        FromFile::new(self.plan, self.pinned)
    }
}

fn place(name: &str, system_identifier: &str) -> String {
    format!("database `{name}` of cluster {system_identifier}")
}
