//! Looking at all tokens of a run once more when it is over: the application had all that time to
//! write one back, and a batch whose command was killed after its COMMIT was never looked at. They
//! are watched over the settle window here, all of them together; each batch has one look at once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::iter;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::one::is_passing;
use super::run::{LOSSES, Run};
use crate::db::{self, UnderWay};
use crate::model::{Action, TokenVerdict, Verdict};
use crate::ops::error::Error;
use crate::ops::observe::observe;
use crate::ops::restore::restored_since;
use crate::ops::settle::Looking;

/// The shortest time from one look at all tokens to the next.
const POLL: Duration = Duration::from_millis(500);

/// How much longer than a look the pause after it is.
const PAUSE: u32 = 2;

/// When it was seen, for whoever reads the record of a batch.
const AT_THE_END: &str = "at the end of the run";

/// What an observation of a run as a whole has for a key.
const WHOLE_RUN: &str = "*";

/// What the last look saw.
#[derive(Debug, Default)]
pub(super) struct LastLook {
    /// The tokens that were seen alive, by their keys.
    pub(super) alive: BTreeMap<String, Survivor>,
    /// Whether some could not be seen dead, since their rows are not there.
    pub(super) unknown: bool,
    /// How often all of them were looked at.
    pub(super) looks: u32,
    /// From the first of these to the last: each counts from when it was begun.
    pub(super) watched: Duration,
    /// Why they were not watched to the end of the window.
    pub(super) cut: Option<Error>,
}

/// A token that was seen alive.
#[derive(Debug)]
pub(super) struct Survivor {
    /// Resurrected, or restored where a restore on record took it back.
    pub(super) verdict: Verdict,
    /// What lives: it, or a companion of it; or whose restore it was.
    pub(super) detail: String,
    /// Whether that is on record.
    recorded: bool,
}

impl LastLook {
    /// The keys of the tokens with this verdict.
    pub(super) fn those(&self, verdict: Verdict) -> Vec<&str> {
        let alive = self.alive.iter();
        let those = alive.filter(|(_, survivor)| survivor.verdict == verdict);
        those.map(|(key, _)| key.as_str()).collect()
    }

    /// What there is to say of each.
    pub(super) fn survivors(&self) -> Vec<TokenVerdict> {
        let alive = self.alive.iter();
        alive
            .map(|(key, survivor)| TokenVerdict {
                key: key.clone(),
                verdict: survivor.verdict,
                detail: survivor.detail.clone(),
            })
            .collect()
    }

    /// The worst of it.
    pub(super) fn verdict(&self) -> Verdict {
        let any = |verdict| self.alive.values().any(|it| it.verdict == verdict);
        if any(Verdict::Resurrected) {
            Verdict::Resurrected
        } else if self.unknown || self.cut.is_some() {
            Verdict::Unknown
        } else if any(Verdict::Restored) {
            Verdict::Restored
        } else {
            Verdict::Dead
        }
    }

    /// The same in words, for whoever reads the record of the run.
    fn words(&self) -> String {
        let looked = format!(
            "{} over {:.1} s",
            match self.looks {
                1 => "one look at all tokens".to_owned(),
                looks => format!("{looks} looks at all tokens"),
            },
            self.watched.as_secs_f64()
        );
        let alive = match self.alive.len() {
            0 => String::new(),
            alive => format!("; alive: {alive}"),
        };
        let cut = self
            .cut
            .as_ref()
            .map(|error| format!("; ended by: {error}"));
        format!("{looked}{alive}{}", cut.unwrap_or_default())
    }
}

impl Run {
    /// Looks at all tokens of the run that are there, again and again over the settle window. What
    /// was not looked at before, or could not be seen then, and what is alive is put on record with the
    /// batches, and what it came to with the run: so that whoever resumes knows that it is over.
    pub(super) async fn last_look(&mut self) -> LastLook {
        let mut look = self.watch_all().await;
        let seen = TokenVerdict {
            key: WHOLE_RUN.to_owned(),
            verdict: look.verdict(),
            detail: look.words(),
        };
        let recorded = observe(&self.planned.desk, self.operation.id, iter::once(&seen)).await;
        if let Err(error) = recorded {
            look.cut.get_or_insert(error);
        }
        look
    }

    async fn watch_all(&mut self) -> LastLook {
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
            let back = restored_since(desk, by, &found.alive).await?;
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
                    Some(_) if look.alive.get(&key).is_some_and(|it| it.recorded) => continue,
                    Some(detail) => {
                        let survivor = Survivor::new(detail, back.get(&key));
                        let told = (survivor.verdict, survivor.detail.clone());
                        look.alive.insert(key.clone(), survivor);
                        told
                    }
                    None if judges_all => self.judge(missing.contains(&key)),
                    None => continue,
                };
                look.unknown |= verdict == Verdict::Unknown;
                seen.push(TokenVerdict {
                    key,
                    verdict,
                    detail,
                });
            }
            if seen.is_empty() {
                continue;
            }
            observe(desk, by, seen.iter()).await?;
            for seen in seen {
                if let Some(survivor) = look.alive.get_mut(&seen.key) {
                    survivor.recorded = true;
                }
            }
        }
        Ok(())
    }

    /// What is told of a token that is not alive.
    fn judge(&self, is_missing: bool) -> (Verdict, String) {
        let (verdict, what) = match self.request.action {
            Action::Delete => (Verdict::Dead, "the row is gone"),
            // It may live on under another key.
            Action::Expire if is_missing => (Verdict::Unknown, "the row is not there any more"),
            Action::Expire => (Verdict::Dead, "dead"),
            // There are no runs of restores: what a look says of one is not for here.
            Action::Restore => (Verdict::Unknown, "a restore is not looked at here"),
        };
        (verdict, format!("{what} {AT_THE_END}"))
    }
}

impl Survivor {
    fn new(detail: &str, taken_back: Option<&String>) -> Self {
        let (verdict, detail) = match taken_back {
            Some(whose) => (Verdict::Restored, whose.clone()),
            None => (Verdict::Resurrected, format!("{detail} {AT_THE_END}")),
        };
        Self {
            verdict,
            detail,
            recorded: false,
        }
    }
}
