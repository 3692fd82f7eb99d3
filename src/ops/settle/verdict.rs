//! What all the looks came to: a verdict on every token, and the worst of them.

use std::collections::HashMap;

use super::window::{Ended, Window};
use super::{Expected, Story};
use crate::model::{State, TokenVerdict, Verdict};
use crate::ops::planned::Planned;
use crate::ops::wording::rfc3339;

impl Story {
    /// The verdict on every planned token, in the plan's order.
    pub(super) fn verdicts(&self, planned: &Planned, window: &Window) -> Vec<TokenVerdict> {
        let alive: HashMap<&str, &str> = match &window.ended {
            Ended::Alive(alive) => alive
                .iter()
                .map(|sighting| (sighting.key.as_str(), sighting.detail.as_str()))
                .collect(),
            Ended::Through | Ended::Unseen(_) | Ended::Interrupted => HashMap::new(),
        };
        let unseen = Self::unseen(window);
        let over = over(window);
        let verdict = |key: &str| match (alive.get(key), self.given_up.get(key), &unseen) {
            (Some(detail), _, _) => (Verdict::Resurrected, self.still(detail)),
            (None, Some(detail), _) => (Verdict::Resurrected, detail.clone()),
            (None, None, Some(why)) => (Verdict::Unknown, why.clone()),
            (None, None, None) if window.missing.contains(key) => {
                // It may live on under another key.
                (Verdict::Unknown, "the row is not there any more".to_owned())
            }
            (None, None, None)
                if planned.plan.ends_at.is_some()
                    && window
                        .states
                        .get(key)
                        .is_none_or(|state| *state == State::Active) =>
            {
                let end = planned.plan.ends_at.map(|end| rfc3339(&end));
                let end = end.unwrap_or_default();
                (Verdict::Scheduled, format!("ends by {end}{over}"))
            }
            (None, None, None) => {
                let state = match (
                    Expected::from(planned.request.action),
                    window.states.get(key),
                ) {
                    (Expected::Gone, _) => "the row is gone".to_owned(),
                    (Expected::Dead, Some(state)) => state.to_string(),
                    (Expected::Dead, None) => "dead".to_owned(),
                };
                (Verdict::Dead, format!("{state}{over}"))
            }
        };
        let tokens = planned.plan.tokens.iter();
        tokens
            .map(|planned| {
                let key = planned.token.key.clone();
                let (verdict, detail) = match self.taken_back.get(&key) {
                    Some(whose) => (Verdict::Restored, whose.clone()),
                    None => verdict(&key),
                };
                TokenVerdict {
                    key,
                    verdict,
                    detail,
                }
            })
            .collect()
    }

    /// Why nobody knows of any token.
    fn unseen(window: &Window) -> Option<String> {
        let seen = match window.looks {
            0 => String::new(),
            1 => "; dead at one look".to_owned(),
            _ => format!("; dead{}", over(window)),
        };
        match &window.ended {
            Ended::Through => None,
            // The others were not watched to the end.
            Ended::Alive(_) => {
                Some("not watched to the end: another token came back to life".to_owned())
            }
            Ended::Unseen(error) => Some(format!("could not be read back: {error}{seen}")),
            Ended::Interrupted => Some(format!("not watched to the end: interrupted{seen}")),
        }
    }

    /// What is told of a token that is alive still.
    pub(super) fn still(&self, detail: &str) -> String {
        match self.reapplied.len() {
            0 => detail.to_owned(),
            1 => format!("{detail}, after it was killed again"),
            times => format!("{detail}, after it was killed again {times} times"),
        }
    }
}

/// For how long it was seen so.
fn over(window: &Window) -> String {
    let watched = window.watched();
    if watched.is_zero() {
        return String::new();
    }
    format!(
        " at each of {} looks over {:.1} s",
        window.looks,
        watched.as_secs_f64()
    )
}

/// The operation's verdict.
pub(in crate::ops) fn worst(seen: &[TokenVerdict]) -> Verdict {
    let any = |verdict| seen.iter().any(|seen| seen.verdict == verdict);
    if any(Verdict::Resurrected) {
        Verdict::Resurrected
    } else if any(Verdict::Unknown) {
        Verdict::Unknown
    } else if any(Verdict::Accepted) {
        Verdict::Accepted
    } else if any(Verdict::Restored) {
        Verdict::Restored
    } else if any(Verdict::Scheduled) {
        Verdict::Scheduled
    } else {
        Verdict::Dead
    }
}
