//! Looking at all tokens of a run once more when it is over: the application had all that time to
//! write one back, and a batch whose command was killed after its COMMIT was never looked at. They
//! are watched over the settle window here, all of them together; each batch has one look at once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::one::is_passing;
use super::run::{LOSSES, Run};
use crate::db::{self, UnderWay};
use crate::model::{Action, TokenVerdict, Verdict};
use crate::ops::error::Error;
use crate::ops::observe::observe;
use crate::ops::settle::Looking;

/// The shortest time from one look at all tokens to the next.
const POLL: Duration = Duration::from_millis(500);

/// How much longer than a look the pause after it is.
const PAUSE: u32 = 2;

/// What the last look saw.
#[derive(Debug, Default)]
pub(super) struct LastLook {
    /// The tokens that were seen alive, and whether that is on record.
    pub(super) alive: BTreeMap<String, bool>,
    /// Whether some could not be seen dead, since their rows are not there.
    pub(super) unknown: bool,
    /// How often all of them were looked at.
    pub(super) looks: u32,
    /// From the first of these to the last: each counts from when it was begun.
    pub(super) watched: Duration,
    /// Why they were not watched to the end of the window.
    pub(super) cut: Option<Error>,
}

impl Run {
    /// Looks at all tokens of the run that are there, again and again over the settle window. What
    /// was not looked at before, or could not be seen then, and what is alive is put on record.
    pub(super) async fn last_look(&mut self) -> LastLook {
        let database = &self.planned.desk.database;
        let interrupt = database.interrupt().clone();
        // Whatever is seen in here, the batches stand.
        let _committed = interrupt.begin(UnderWay::Committed(self.operation.id));
        let adapters = &self.planned.desk.bound.adapter.settle;
        let length = self.request.settle.unwrap_or(adapters.window);
        let mut look = LastLook::default();
        let mut first: Option<Instant> = None;
        let mut losses = 0;
        loop {
            let begun = Instant::now();
            match self.look_at_all(&mut look).await {
                Ok(()) => {
                    look.looks += 1;
                    look.watched = begun - *first.get_or_insert(begun);
                    if look.watched >= length {
                        return look;
                    }
                }
                Err(error) if is_passing(&error) && losses < LOSSES => losses += 1,
                Err(error) => {
                    look.cut = Some(error);
                    return look;
                }
            }
            self.planned.desk.session.give_back();
            let next = Instant::now() + POLL.max(begun.elapsed() * PAUSE);
            // The last look is not before the end of the window, and not much after it.
            let end = first.map(|first| first + length);
            let next = end
                .filter(|end| *end > begun)
                .map_or(next, |end| end.min(next));
            tokio::select! {
                biased;
                () = interrupt.raised() => {
                    look.cut = Some(db::Error::Interrupted.into());
                    return look;
                }
                () = sleep_until(next) => {}
            }
        }
    }

    /// One look, batch by batch.
    async fn look_at_all(&mut self, look: &mut LastLook) -> Result<(), Error> {
        if self.planned.desk.session.is_closed() {
            self.reconnect().await?;
        }
        let desk = &self.planned.desk;
        let mut looking = Looking::new(desk, &self.planned.plan);
        for number in self.state.finished() {
            if desk.database.interrupt().is_raised() {
                return Err(db::Error::Interrupted.into());
            }
            let batch = self.recorded(number).await?;
            let Some(by) = batch.done.and_then(|done| done.by) else {
                continue;
            };
            looking.turn_to(batch.keys.clone());
            let found = looking.look(false).await?;
            let alive: HashMap<String, String> = found
                .alive
                .into_iter()
                .map(|sighting| (sighting.key, sighting.detail))
                .collect();
            let missing: HashSet<String> = found.missing.into_iter().collect();
            let judges_all = look.looks == 0 && !batch.observed;
            let mut seen = Vec::new();
            for key in batch.keys {
                let (verdict, detail) = match alive.get(&key) {
                    // That is on record.
                    Some(_) if look.alive.get(&key) == Some(&true) => continue,
                    Some(detail) => {
                        look.alive.insert(key.clone(), false);
                        (Verdict::Resurrected, detail.as_str())
                    }
                    None if judges_all => self.judge(missing.contains(&key)),
                    None => continue,
                };
                look.unknown |= verdict == Verdict::Unknown;
                seen.push(TokenVerdict {
                    key,
                    verdict,
                    detail: format!("{detail} at the end of the run"),
                });
            }
            if seen.is_empty() {
                continue;
            }
            observe(desk, by, seen.iter()).await?;
            for seen in seen {
                if let Some(recorded) = look.alive.get_mut(&seen.key) {
                    *recorded = true;
                }
            }
        }
        Ok(())
    }

    /// What is told of a token that is not alive.
    fn judge(&self, is_missing: bool) -> (Verdict, &'static str) {
        match self.request.action {
            Action::Delete => (Verdict::Dead, "the row is gone"),
            // It may live on under another key.
            Action::Expire if is_missing => (Verdict::Unknown, "the row is not there any more"),
            Action::Expire => (Verdict::Dead, "dead"),
            // There are no runs of restores: what a look says of one is not for here.
            Action::Restore => (Verdict::Unknown, "a restore is not looked at here"),
        }
    }
}
