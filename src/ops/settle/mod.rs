//! Proof that it stays dead: after the commit the tokens are watched on a fresh connection, over a
//! window in which the application may still write back what it read before. What comes back to
//! life is killed again, as an operation of its own, and what was seen is recorded.
//!
//! `look` asks the database, `window` asks again and again, `re_apply` kills again, `verdict` says
//! what it all came to, `advice` what to type next, `after_probe` looks once more when the application
//! was asked in vain.

mod advice;
mod after_probe;
mod look;
mod re_apply;
mod verdict;
mod window;

use std::collections::{BTreeMap, HashSet};

use uuid::Uuid;

use super::desk::Desk;
use super::error::Error;
use super::observe::observe;
use super::planned::Planned;
use super::restore::restored_since;
use crate::db::UnderWay;
use crate::model::{Action, Reapplied, Settled, TokenVerdict, Verdict};
use re_apply::{Again, re_apply};
use window::{Ended, Watch, Window};

pub(super) use advice::Adviser;
pub(super) use after_probe::look_after_probe;
pub(super) use look::{Looking, Sighting};
pub(super) use verdict::worst;

/// How often what came back to life is killed again. What is written back more often has a writer
/// that nobody wins against this way.
const REAPPLIED_AT_MOST: usize = 3;

/// What is expected of every planned row from the commit on. An end in the future will be another
/// expectation; a restore has no dead rows to expect, and judges for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// It is there, and dead by the adapter's rule.
    Dead,
    /// It is not there.
    Gone,
}

impl From<Action> for Expected {
    fn from(action: Action) -> Self {
        match action {
            // A restore is not watched here.
            Action::Expire | Action::Restore => Self::Dead,
            Action::Delete => Self::Gone,
        }
    }
}

/// What was seen until now.
#[derive(Debug, Default)]
struct Story {
    reapplied: Vec<Reapplied>,
    /// Tokens that are alive and are not killed again, with what is told of them.
    given_up: BTreeMap<String, String>,
    /// Tokens that are alive because a restore on record took the operation back, each with whose.
    taken_back: BTreeMap<String, String>,
    /// What was seen on the way and could not be recorded then.
    unrecorded: Vec<TokenVerdict>,
}

/// Watches the planned tokens after the commit, and kills again what comes back to life.
pub(super) async fn settle(planned: &Planned, operation: Uuid) -> (Verdict, Settled) {
    let desk = &planned.desk;
    let interrupt = desk.database.interrupt().clone();
    let mut story = Story::default();
    let window = story.watch(planned, operation).await;
    let _committed = interrupt.begin(UnderWay::Committed(operation));
    let mut seen = story.verdicts(planned, &window);
    // The verdict is told in any case; without its record it is one that nobody can look up.
    if let Err(unrecorded) = story.record(desk, operation, &seen).await {
        for seen in seen.iter_mut().filter(|seen| is_so(seen.verdict)) {
            seen.verdict = Verdict::Unknown;
            seen.detail = format!("{}, which could not be recorded: {unrecorded}", seen.detail);
        }
    }
    let verdict = worst(&seen);
    let advice = planned.adviser().advice(operation, verdict, &seen);
    seen.retain(|seen| !is_so(seen.verdict));
    let settled = Settled {
        watched_for_ms: u64::try_from(window.watched().as_millis()).unwrap_or(u64::MAX),
        looks: window.looks,
        watched_until: window.until,
        unsettled: seen,
        reapplied: story.reapplied,
        advice,
    };
    (verdict, settled)
}

/// Whether a token is as was asked for.
pub(super) fn is_so(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Dead | Verdict::Scheduled)
}

impl Story {
    /// Watches over a whole window in which nothing comes back to life, or for as long as anything is
    /// done about what does.
    async fn watch(&mut self, planned: &Planned, operation: Uuid) -> Window {
        let desk = &planned.desk;
        let interrupt = desk.database.interrupt().clone();
        let adapters = &desk.bound.adapter.settle;
        let length = planned.request.settle.unwrap_or(adapters.window);
        let mut watch = Watch::new(desk, &planned.plan);
        let (mut attempts, mut is_last) = (0, false);
        loop {
            // Whatever is done in here, the change itself stands.
            let _committed = interrupt.begin(UnderWay::Committed(operation));
            let mut window = watch.window(length).await;
            let is_of_others = self.set_aside(desk, operation, &mut window).await;
            let Ended::Alive(alive) = &window.ended else {
                return window;
            };
            if interrupt.is_raised() || is_last {
                return window;
            }
            if is_of_others {
                // Nothing is done about what an operator wanted alive.
            } else if attempts == REAPPLIED_AT_MOST {
                self.give_up(alive);
                is_last = true;
            } else {
                attempts += 1;
                let Again {
                    reapplied,
                    given_up,
                } = Box::pin(re_apply(planned, operation, alive)).await;
                self.came_back(desk, operation, alive).await;
                self.reapplied.extend(reapplied);
                self.given_up.extend(given_up);
            }
            let left = self.given_up.len() + self.taken_back.len();
            if (is_last || is_of_others) && planned.plan.tokens.len() <= left {
                return window;
            }
            // The others are watched on, over a whole window.
            let known = self.given_up.keys().chain(self.taken_back.keys());
            watch.ignore(known.cloned().collect());
        }
    }

    /// Keeps apart what a restore on record took back, and tells whether that is all that is alive. A
    /// log that cannot be read knows of no restore: then what lives is killed again, as ever.
    async fn set_aside(&mut self, desk: &Desk, operation: Uuid, window: &mut Window) -> bool {
        let Ended::Alive(alive) = &mut window.ended else {
            return false;
        };
        let back = restored_since(desk, operation, alive)
            .await
            .unwrap_or_default();
        let others = alive.iter().filter(|it| !back.contains_key(&it.key));
        let others: Vec<Sighting> = others.cloned().collect();
        self.taken_back.extend(back);
        if others.is_empty() {
            return true;
        }
        *alive = others;
        false
    }

    /// Tokens were seen alive. That is recorded at once; where it cannot be, with the last verdict.
    async fn came_back(&mut self, desk: &Desk, operation: Uuid, alive: &[Sighting]) {
        let seen: Vec<TokenVerdict> = alive
            .iter()
            .map(|sighting| TokenVerdict {
                key: sighting.key.clone(),
                verdict: Verdict::Resurrected,
                detail: sighting.detail.clone(),
            })
            .collect();
        if observe(desk, operation, seen.iter()).await.is_err() {
            self.unrecorded.extend(seen);
        }
    }

    /// Nothing more is done about these.
    fn give_up(&mut self, alive: &[Sighting]) {
        for sighting in alive {
            let detail = self.still(&sighting.detail);
            self.given_up.insert(sighting.key.clone(), detail);
        }
    }

    /// Records the last verdict on every token: with the operation itself, and with each that killed
    /// again what it killed.
    async fn record(
        &self,
        desk: &Desk,
        operation: Uuid,
        last: &[TokenVerdict],
    ) -> Result<(), Error> {
        observe(desk, operation, self.unrecorded.iter().chain(last)).await?;
        let mut later: HashSet<&str> = HashSet::new();
        for reapplied in self.reapplied.iter().rev() {
            let keys: HashSet<&str> = reapplied.keys.iter().map(String::as_str).collect();
            // Nobody can point at what is not on record.
            if reapplied.is_done() {
                let seen = last.iter().filter(|seen| keys.contains(seen.key.as_str()));
                let seen: Vec<TokenVerdict> = seen
                    .map(|seen| again(seen, later.contains(seen.key.as_str())))
                    .collect();
                observe(desk, reapplied.operation, seen.iter()).await?;
            }
            later.extend(keys);
        }
        Ok(())
    }
}

/// The verdict on a token after it was killed again, where it came back after that once more.
fn again(last: &TokenVerdict, came_back: bool) -> TokenVerdict {
    if came_back {
        TokenVerdict {
            verdict: Verdict::Resurrected,
            detail: "came back to life, and was killed again".to_owned(),
            ..last.clone()
        }
    } else {
        last.clone()
    }
}
