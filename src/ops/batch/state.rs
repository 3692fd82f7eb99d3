//! How far a run has come, by its record.

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::db::{self, Session};
use crate::model::{FailedBatch, RunProgress, Verdict};
use crate::ops::audit::enumerated;
use crate::ops::error::Error;

const BATCHES: &str = include_str!("../../../sql/audit/batches.sql");
const LOOKED: &str = include_str!("../../../sql/audit/looked.sql");

/// What became of one batch.
#[derive(Clone, Debug)]
enum BatchState {
    /// Nobody has tried it.
    Left,
    /// Done.
    Done,
    /// Tried, and not done.
    Failed(Box<FailedBatch>),
}

/// What a batch did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Its tokens that were there.
    pub(super) planned: i64,
    /// Of those: changed by it.
    pub(super) changed: i64,
    /// Of those: dead before.
    pub(super) unchanged: i64,
    /// Rows that died with them.
    pub(super) companions: i64,
}

/// How far a run has come.
#[derive(Clone, Debug, Default)]
pub(in crate::ops) struct RunState {
    /// In their order; the first is number 1.
    batches: Vec<(i64, BatchState)>,
    progress: RunProgress,
    /// Whether the last look that is on record saw all of them dead.
    seen_dead: bool,
}

impl RunState {
    /// That of a run of which nothing is done.
    pub(super) fn of_keys(keys: usize, size: usize) -> Self {
        let sizes = (0..keys)
            .step_by(size.max(1))
            .map(|first| size.min(keys - first));
        let mut state = Self::default();
        for tokens in sizes {
            state.add(i64::try_from(tokens).unwrap_or(i64::MAX), BatchState::Left);
        }
        state
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub(in crate::ops) async fn read(session: &Session, run: Uuid) -> Result<Self, Error> {
        let rows = session.read(BATCHES, &[(&run, Type::UUID)]).await?;
        let mut state = Self::default();
        for row in &rows {
            state.add_row(row)?;
        }
        let rows = session.read(LOOKED, &[(&run, Type::UUID)]).await?;
        let last = rows.first().map(|row| row.try_get::<_, String>("verdict"));
        let last = last.transpose().map_err(db::Error::from)?;
        state.seen_dead = last.is_some_and(|verdict| verdict == Verdict::Dead.as_str());
        Ok(state)
    }

    fn add_row(&mut self, row: &Row) -> Result<(), db::Error> {
        let number: i32 = row.try_get("number")?;
        let tokens = i64::from(row.try_get::<_, i32>("tokens")?);
        let done_by: Option<Uuid> = row.try_get("done_by")?;
        let failed_as: Option<Uuid> = row.try_get("failed_as")?;
        if done_by.is_some() {
            self.add(tokens, BatchState::Left);
            self.done(number, counts(row)?);
        } else if let Some(operation) = failed_as {
            let outcome: String = row.try_get("outcome")?;
            let text = |name: &str| -> Result<String, db::Error> {
                Ok(row.try_get::<_, Option<String>>(name)?.unwrap_or_default())
            };
            let failed = FailedBatch {
                batch: number,
                tokens,
                first_key: text("first_key")?,
                last_key: text("last_key")?,
                operation: Some(operation),
                outcome: enumerated(&outcome)?,
                error: text("error")?,
            };
            self.add(tokens, BatchState::Left);
            self.failed(failed);
        } else {
            self.add(tokens, BatchState::Left);
        }
        Ok(())
    }

    fn add(&mut self, tokens: i64, state: BatchState) {
        self.batches.push((tokens, state));
        self.progress.batches += 1;
        self.progress.batches_left += 1;
        self.progress.tokens += tokens;
    }

    /// A batch is done now.
    pub(super) fn done(&mut self, number: i32, counts: Counts) {
        let Some((tokens, state)) = slot(&mut self.batches, number) else {
            return;
        };
        let progress = &mut self.progress;
        match state {
            BatchState::Done => return,
            BatchState::Left => progress.batches_left -= 1,
            BatchState::Failed(_) => progress.batches_failed -= 1,
        }
        progress.batches_done += 1;
        progress.tokens_done += *tokens;
        progress.tokens_changed += counts.changed;
        progress.tokens_unchanged += counts.unchanged;
        progress.tokens_gone += *tokens - counts.planned;
        progress.companions_changed += counts.companions;
        *state = BatchState::Done;
    }

    /// A batch was tried, and is not done.
    pub(super) fn failed(&mut self, failed: FailedBatch) {
        let Some((_, state)) = slot(&mut self.batches, failed.batch) else {
            return;
        };
        let progress = &mut self.progress;
        match state {
            BatchState::Done => return,
            BatchState::Left => {
                progress.batches_left -= 1;
                progress.batches_failed += 1;
            }
            BatchState::Failed(_) => {}
        }
        *state = BatchState::Failed(Box::new(failed));
    }

    /// How far it has come.
    pub(in crate::ops) fn progress(&self) -> &RunProgress {
        &self.progress
    }

    /// Whether all of it was seen dead when it was over.
    pub(super) fn seen_dead(&self) -> bool {
        self.seen_dead
    }

    /// The numbers of the batches that are not done, in their order.
    pub(super) fn to_do(&self) -> Vec<i32> {
        self.numbers(|state| !matches!(state, BatchState::Done))
    }

    /// The numbers of those that are done.
    pub(super) fn finished(&self) -> Vec<i32> {
        self.numbers(|state| matches!(state, BatchState::Done))
    }

    fn numbers(&self, wanted: impl Fn(&BatchState) -> bool) -> Vec<i32> {
        (1..)
            .zip(&self.batches)
            .filter(|(_, (_, state))| wanted(state))
            .map(|(number, _)| number)
            .collect()
    }

    /// How many tokens a batch has.
    pub(super) fn tokens(&self, number: i32) -> i64 {
        let place = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
        place
            .and_then(|place| self.batches.get(place))
            .map_or(0, |(tokens, _)| *tokens)
    }

    /// Those that were tried and are not done.
    pub(in crate::ops) fn failures(&self) -> Vec<FailedBatch> {
        let failed = self.batches.iter().filter_map(|(_, state)| match state {
            BatchState::Failed(failed) => Some(FailedBatch::clone(failed)),
            BatchState::Left | BatchState::Done => None,
        });
        failed.collect()
    }
}

fn slot(batches: &mut [(i64, BatchState)], number: i32) -> Option<&mut (i64, BatchState)> {
    let place = usize::try_from(number).ok()?.checked_sub(1)?;
    batches.get_mut(place)
}

/// What the operation that did a batch has recorded.
pub(super) fn counts(row: &Row) -> Result<Counts, db::Error> {
    let count = |name: &str| -> Result<i64, db::Error> {
        Ok(i64::from(
            row.try_get::<_, Option<i32>>(name)?.unwrap_or_default(),
        ))
    };
    Ok(Counts {
        planned: count("planned")?,
        changed: count("changed")?,
        unchanged: count("unchanged")?,
        companions: count("companions_changed")?,
    })
}
