//! What all the looks came to: a verdict on every token, the worst of them, and what to type next.

use std::collections::HashMap;

use uuid::Uuid;

use super::window::{Ended, Window};
use super::{Expected, Story};
use crate::adapter::StillAlive;
use crate::model::{Action, State, TokenVerdict, Verdict};
use crate::ops::planned::Planned;
use crate::ops::wording::rfc3339;

/// Tokens that are named in a command to type.
const NAMED: usize = 10;

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
pub(super) fn worst(seen: &[TokenVerdict]) -> Verdict {
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

/// What to type next.
pub(super) fn advice(
    planned: &Planned,
    operation: Uuid,
    verdict: Verdict,
    seen: &[TokenVerdict],
) -> Option<String> {
    let those = |verdict| -> Vec<&str> {
        let seen = seen.iter().filter(|seen| seen.verdict == verdict);
        seen.map(|seen| seen.key.as_str()).collect()
    };
    let program = program(planned);
    let show = format!("`{program} audit show {operation}`");
    match verdict {
        Verdict::Resurrected => {
            let keys = those(Verdict::Resurrected);
            Some(
                match (planned.request.action, &planned.desk.bound.adapter.settle) {
                    (Action::Expire, settle) if settle.still_alive == Some(StillAlive::Delete) => {
                        let why = settle.why.as_deref();
                        let why = why.map(|why| format!("; {why}")).unwrap_or_default();
                        format!(
                            "run {}{why}",
                            remove(planned, &program, &keys, Action::Delete)
                        )
                    }
                    // A restore is not watched here.
                    (Action::Expire | Action::Restore, _) => format!(
                        "something writes {} again and again: stop it, then run the command again, or remove the row with --delete; {show} tells what was tried",
                        planned.desk.bound.token.display_name()
                    ),
                    (Action::Delete, _) => format!(
                        "something inserts into {} again: stop it, then run the command again; {show} tells what was tried",
                        planned.desk.bound.token.display_name()
                    ),
                },
            )
        }
        Verdict::Unknown => {
            let look = match those(Verdict::Unknown).as_slice() {
                [key] => format!("`{program} tokens show id:{key}`"),
                [first, ..] => format!("`{program} tokens show id:{first}`, and so for each token"),
                [] => show.clone(),
            };
            Some(format!(
                "the change stands, see {show}; look whether it is dead with {look}"
            ))
        }
        Verdict::Restored => Some(advice_when_taken_back(&program)),
        _ => None,
    }
}

/// What to do where a restore on record is why they live: nobody fights with a colleague.
fn advice_when_taken_back(program: &str) -> String {
    format!(
        "a restore wanted it alive, see `{program} audit show` with its id; ask whose it is before it is ended again"
    )
}

/// What to type next where tokens of a run of batches came back to life. They are not killed again
/// by themselves: nobody knows how many there are.
pub(in crate::ops) fn advice_on_run(
    planned: &Planned,
    alive: &[&str],
    taken_back: bool,
) -> Option<String> {
    match alive {
        [] => taken_back.then(|| advice_when_taken_back(&program(planned))),
        alive => Some(advice_when_late(planned, alive)),
    }
}

/// What to type next where tokens came back to life and nothing was tried against it: once more, and
/// only then what helps against a writer that does not stop.
pub(super) fn advice_when_late(planned: &Planned, keys: &[&str]) -> String {
    let program = program(planned);
    let settle = &planned.desk.bound.adapter.settle;
    match planned.request.action {
        Action::Expire if settle.still_alive == Some(StillAlive::Delete) => {
            let why = settle.why.as_deref();
            let why = why.map(|why| format!("; {why}")).unwrap_or_default();
            let expire = remove(planned, &program, keys, Action::Expire);
            let delete = remove(planned, &program, keys, Action::Delete);
            format!("run {expire} again, or, if they come back once more, {delete}{why}")
        }
        action => format!("run {} again", remove(planned, &program, keys, action)),
    }
}

/// The program, as it was led to this database.
fn program(planned: &Planned) -> String {
    match &planned.policy.target {
        Some(target) => format!("breakglass --target {}", quoted(target)),
        None => "breakglass".to_owned(),
    }
}

/// The command that removes these tokens.
fn remove(planned: &Planned, program: &str, keys: &[&str], action: Action) -> String {
    let reason = quoted(&planned.request.reason);
    let ticket = planned.request.ticket.as_ref();
    let ticket = ticket
        .map(|ticket| format!(" --ticket {}", quoted(ticket)))
        .unwrap_or_default();
    let (keys, each) = if keys.len() > NAMED {
        (
            &["KEY"][..],
            format!(" for each of the {} tokens", keys.len()),
        )
    } else {
        (keys, String::new())
    };
    let selectors: Vec<String> = keys.iter().map(|key| format!("id:{key}")).collect();
    let confirm: String = match action {
        Action::Expire | Action::Restore => String::new(),
        Action::Delete => {
            let confirm = keys.iter().map(|key| format!(" --confirm {key}"));
            std::iter::once(" --delete".to_owned())
                .chain(confirm)
                .collect()
        }
    };
    format!(
        "`{program} tokens rm {}{confirm} --reason {reason}{ticket}`{each}",
        selectors.join(" ")
    )
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_word_is_quoted_for_a_shell() {
        assert_eq!(quoted("INC-42"), "INC-42");
        assert_eq!(quoted("hot loop"), "'hot loop'");
        assert_eq!(quoted("alice's"), r"'alice'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
