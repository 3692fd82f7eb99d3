//! What is shown of a plan: the one place that knows it hands it over as a whole.

use super::plan_file::FromFile;
use super::planned::Planned;
use crate::model::{Action, JSON_SCHEMA, PlanFile, PlannedAdapter, Proposal};

impl Planned {
    /// Everything that is shown of it, and that the question about it needs.
    #[must_use]
    pub fn proposal(&self) -> Proposal {
        let (identity, bound) = (&self.desk.identity, &self.desk.bound);
        Proposal {
            schema: JSON_SCHEMA,
            operation: self.request.operation(&self.known, identity),
            plan: self.plan.clone(),
            adapter: PlannedAdapter::of(bound),
            identity: identity.line(),
            as_of: identity.as_of,
            dry_run: self.request.dry_run,
            changes_anything: self.changes_anything(),
            records_use: bound.records_use(),
            key_form: self.desk.statements().key_shape().form(),
            wants_application_audit: self.request.application_audit,
            sets: self.sets(),
            notes: self.notes(),
            still_works: self.still_works(),
            warnings: self.known.warnings.clone(),
            probed: self.probed(),
            filtered: self.known.filtered,
            list_command: self.known.list_command.clone(),
            origin: self
                .request
                .file_to_apply()
                .map(FromFile::plan)
                .map(PlanFile::origin),
            taken_back: self.taken_back.clone(),
            target: self.policy.target.clone(),
            environment: self.policy.environment.clone(),
            instead_of: self.policy.instead_of.clone(),
        }
    }

    /// The same for a run of batches, whose tokens are not all known at once.
    pub(super) fn run_proposal(&self) -> Proposal {
        Proposal {
            still_works: self.run_still_works(),
            ..self.proposal()
        }
    }

    /// Whether carrying it out would change any row.
    fn changes_anything(&self) -> bool {
        match self.request.action {
            Action::Expire | Action::Delete => {
                let mut companions = self.plan.companions.iter();
                self.plan.changes() > 0 || companions.any(|companion| !companion.dead)
            }
            Action::Restore => {
                let mut rows = self.plan.put_back.iter();
                rows.any(|row| !row.before.is_empty())
            }
        }
    }
}
