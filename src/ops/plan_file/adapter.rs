//! The adapter that a plan was made with: no other one carries it out.

use super::error::PlanError;
use crate::adapter::{Adapter, Bound};
use crate::model::PlannedAdapter;

impl PlannedAdapter {
    /// The one that plans.
    pub(in crate::ops) fn of(bound: &Bound) -> Self {
        Self {
            name: bound.adapter.name.clone(),
            sha256: bound.adapter.sha256.clone(),
            schema: bound.token.schema.clone(),
        }
    }

    /// Refuses where none of the adapters is this one. Before one is chosen: that another one does
    /// not fit would say nothing.
    pub(in crate::ops) fn check_known(&self, adapters: &[Adapter]) -> Result<(), PlanError> {
        let Self { name, sha256, .. } = self;
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

    /// Refuses where another one was chosen, or for another schema.
    pub(in crate::ops) fn check_chosen(&self, bound: &Bound) -> Result<(), PlanError> {
        self.check_known(std::slice::from_ref(&bound.adapter))?;
        let schema = &bound.token.schema;
        if *schema != self.schema {
            return Err(PlanError::OtherAdapter {
                planned: format!("the tables of schema `{}`", self.schema),
                found: format!("schema `{schema}`"),
            });
        }
        Ok(())
    }
}
