//! A restore told once more, from the log alone.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::left;
use super::read_back::kind_of_gone;
use super::rows::{ByName, Left};
use crate::model::{
    Action, Change, DeadRow, Deed, Observation, Operation, RowNote, State, TakenBack,
};
use crate::ops::audit::FindOperation;
use crate::ops::desk::Desk;
use crate::ops::error::Error;

/// The operation that a restore took back, and its rows as it left them.
#[derive(Debug)]
pub(in crate::ops) struct Restored {
    operation: Operation,
    rows: ByName<Left>,
}

impl Restored {
    /// Reads it; `None` where the operation is no restore, or what it took back is not on record any
    /// more.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub(in crate::ops) async fn read(
        desk: &Desk,
        restore: &Operation,
    ) -> Result<Option<Self>, Error> {
        let (Deed::Restore, Some(id)) = (restore.action, restore.parent_id) else {
            return Ok(None);
        };
        let Some(operation) = (FindOperation { id }).run(&desk.session).await? else {
            return Ok(None);
        };
        let rows = left(desk, &operation, usize::MAX).await?;
        let rows = rows
            .into_iter()
            .map(|left| ((left.relation.clone(), left.key.clone()), left));
        Ok(Some(Self {
            operation,
            rows: rows.collect(),
        }))
    }

    /// Whether it changed the token itself, and not companions of it alone.
    pub(in crate::ops) fn has(&self, relation: &str, key: &str) -> bool {
        self.state_before(relation, key).is_some()
    }

    fn state_before(&self, relation: &str, key: &str) -> Option<&str> {
        let row = self.rows.get(&(relation.to_owned(), key.to_owned()))?;
        Some(&row.state_before)
    }

    /// What it came to: putting back what a restore had changed kills as an expire does.
    pub(in crate::ops) fn effect(&self, changes: &[Change]) -> Action {
        let mut before = changes
            .iter()
            .filter_map(|change| self.state_before(&change.relation, &change.key));
        if before.any(|state| state != State::Active.as_str()) {
            Action::Expire
        } else {
            Action::Restore
        }
    }

    /// What was taken back. Which rows were left out with `--force` is not on record.
    pub(in crate::ops) fn taken_back(
        &self,
        changes: &[Change],
        observations: &[Observation],
        ends: &HashMap<&str, DateTime<Utc>>,
    ) -> TakenBack {
        let dead = changes
            .iter()
            .filter(|change| change.state_after != State::Active.as_str());
        let dead = dead.map(|change| DeadRow {
            key: change.key.clone(),
            state: change.state_after.clone(),
            by_itself: self.state_before(&change.relation, &change.key)
                == Some(State::Active.as_str()),
            since: ends.get(change.key.as_str()).copied(),
        });
        TakenBack {
            operation: self.operation.id,
            action: self.operation.action,
            occurred_at: self.operation.occurred_at,
            gone: self.gone(observations),
            skipped: Vec::new(),
            kept: Vec::new(),
            dead: dead.collect(),
        }
    }

    /// The rows that were not there to be restored.
    fn gone(&self, observations: &[Observation]) -> Vec<RowNote> {
        let gone = observations
            .iter()
            .filter_map(|seen| Some((seen.key.as_str(), kind_of_gone(seen)?)));
        let gone = gone.filter_map(|(key, kind)| {
            let mut rows = self.rows.values();
            let row = rows.find(|row| row.key == key && row.kind == kind)?;
            Some(RowNote {
                relation: row.relation.clone(),
                key: row.key.clone(),
                kind: row.kind.clone(),
                columns: Vec::new(),
            })
        });
        gone.collect()
    }
}

/// Whether what was seen is of a row that was gone before the restore: no verdict on what it did.
pub(in crate::ops) fn was_gone(seen: &Observation) -> bool {
    kind_of_gone(seen).is_some()
}
