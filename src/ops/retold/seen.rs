//! What was seen after an operation, by the log.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use crate::model::{Action, Observation, ProbeReport, Settled, TokenVerdict, Verdict};
use crate::ops::probe::reported;
use crate::ops::restore::{self, was_gone};
use crate::ops::settle;

/// The last word on every token.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// In the order in which they were looked at.
    pub(super) last: Vec<TokenVerdict>,
    /// What the application itself answered.
    pub(super) probe: Option<ProbeReport>,
    /// When the first of it was put on record.
    pub(super) first_at: Option<DateTime<Utc>>,
    /// When the last of it was.
    last_at: Option<DateTime<Utc>>,
}

impl Seen {
    pub(super) fn of(action: Action, observations: &[Observation]) -> Self {
        let mut seen = Self::default();
        let mut known = HashSet::new();
        // The last word on a token is the one that stands.
        for observation in observations.iter().rev() {
            let Observation {
                observed_at,
                key,
                verdict,
                detail,
            } = observation;
            if let Some(report) = reported(observation) {
                seen.probe.get_or_insert(report);
                continue;
            }
            let is_no_verdict = match action {
                Action::Restore => was_gone(observation),
                // It was gone when its batch came.
                Action::Expire | Action::Delete => *verdict == Verdict::Gone,
            };
            if is_no_verdict {
                continue;
            }
            seen.first_at = Some(*observed_at);
            seen.last_at.get_or_insert(*observed_at);
            if known.insert(key) {
                seen.last.push(TokenVerdict {
                    key: key.clone(),
                    verdict: *verdict,
                    detail: detail.clone(),
                });
            }
        }
        seen.last.reverse();
        seen
    }

    /// Says of these what is known where nothing is on record: nothing.
    pub(super) fn complete(&mut self, keys: &[&str]) {
        let known: HashSet<&str> = self.last.iter().map(|seen| seen.key.as_str()).collect();
        let unseen = keys.iter().filter(|key| !known.contains(**key));
        let unseen: Vec<TokenVerdict> = unseen
            .map(|key| TokenVerdict {
                key: (*key).to_owned(),
                verdict: Verdict::Unknown,
                detail: "what was seen of it is not on record".to_owned(),
            })
            .collect();
        self.last.extend(unseen);
    }

    /// The operation's verdict.
    pub(super) fn verdict(&self, action: Action) -> Verdict {
        match action {
            Action::Restore => restore::worst(&self.last),
            Action::Expire | Action::Delete => settle::worst(&self.last),
        }
    }

    /// How it was watched, as far as it is on record: as after one look.
    pub(super) fn settled(self, action: Action) -> Settled {
        let is_so = |seen: &TokenVerdict| match action {
            Action::Restore => seen.verdict == Verdict::Restored,
            // One that somebody else put back lives.
            Action::Expire | Action::Delete => settle::is_so(seen.verdict),
        };
        let mut unsettled = self.last;
        unsettled.retain(|seen| !is_so(seen));
        Settled {
            watched_until: self.last_at,
            unsettled,
            ..Settled::default()
        }
    }
}
