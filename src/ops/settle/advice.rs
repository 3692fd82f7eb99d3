//! What to type next where tokens are not seen dead.

use uuid::Uuid;

use crate::adapter::{Bound, StillAlive};
use crate::model::{Action, TokenVerdict, Verdict};
use crate::ops::planned::Planned;
use crate::ops::policy::Policy;

/// Tokens that are named in a command to type.
const NAMED: usize = 10;

/// What a command to type next is made of.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct Adviser<'a> {
    pub(in crate::ops) bound: &'a Bound,
    pub(in crate::ops) policy: &'a Policy,
    pub(in crate::ops) action: Action,
    pub(in crate::ops) reason: &'a str,
    pub(in crate::ops) ticket: Option<&'a str>,
}

impl Planned {
    /// Whoever says what to type next.
    pub(in crate::ops) fn adviser(&self) -> Adviser<'_> {
        Adviser {
            bound: &self.desk.bound,
            policy: &self.policy,
            action: self.request.action,
            reason: &self.request.reason,
            ticket: self.request.ticket.as_deref(),
        }
    }
}

impl Adviser<'_> {
    /// What to type next.
    pub(in crate::ops) fn advice(
        &self,
        operation: Uuid,
        verdict: Verdict,
        seen: &[TokenVerdict],
    ) -> Option<String> {
        let those = |verdict| -> Vec<&str> {
            let seen = seen.iter().filter(|seen| seen.verdict == verdict);
            seen.map(|seen| seen.key.as_str()).collect()
        };
        let program = self.program();
        let show = format!("`{program} audit show {operation}`");
        match verdict {
            Verdict::Resurrected => {
                let keys = those(Verdict::Resurrected);
                Some(match (self.action, &self.bound.adapter.settle) {
                    (Action::Expire, settle) if settle.still_alive == Some(StillAlive::Delete) => {
                        let why = settle.why.as_deref();
                        let why = why.map(|why| format!("; {why}")).unwrap_or_default();
                        format!("run {}{why}", self.remove(&program, &keys, Action::Delete))
                    }
                    // A restore is not watched here.
                    (Action::Expire | Action::Restore, _) => format!(
                        "something writes {} again and again: stop it, then run the command again, or remove the row with --delete; {show} tells what was tried",
                        self.bound.token.display_name()
                    ),
                    (Action::Delete, _) => format!(
                        "something inserts into {} again: stop it, then run the command again; {show} tells what was tried",
                        self.bound.token.display_name()
                    ),
                })
            }
            Verdict::Unknown => {
                let look = match those(Verdict::Unknown).as_slice() {
                    [key] => format!("`{program} tokens show id:{key}`"),
                    [first, ..] => {
                        format!("`{program} tokens show id:{first}`, and so for each token")
                    }
                    [] => show.clone(),
                };
                Some(format!(
                    "the change stands, see {show}; look whether it is dead with {look}"
                ))
            }
            Verdict::Restored => Some(self.when_taken_back()),
            _ => None,
        }
    }

    /// What to do where a restore on record is why they live: nobody fights with a colleague.
    fn when_taken_back(&self) -> String {
        format!(
            "a restore wanted it alive, see `{} audit show` with its id; ask whose it is before it is ended again",
            self.program()
        )
    }

    /// What to type next where tokens of a run of batches came back to life. They are not killed again
    /// by themselves: nobody knows how many there are.
    pub(in crate::ops) fn advice_on_run(&self, alive: &[&str], taken_back: bool) -> Option<String> {
        match alive {
            [] => taken_back.then(|| self.when_taken_back()),
            alive => Some(self.when_late(alive)),
        }
    }

    /// What to type next where tokens came back to life and nothing was tried against it: once more, and
    /// only then what helps against a writer that does not stop.
    pub(super) fn when_late(&self, keys: &[&str]) -> String {
        let program = self.program();
        let settle = &self.bound.adapter.settle;
        match self.action {
            Action::Expire if settle.still_alive == Some(StillAlive::Delete) => {
                let why = settle.why.as_deref();
                let why = why.map(|why| format!("; {why}")).unwrap_or_default();
                let expire = self.remove(&program, keys, Action::Expire);
                let delete = self.remove(&program, keys, Action::Delete);
                format!("run {expire} again, or, if they come back once more, {delete}{why}")
            }
            action => format!("run {} again", self.remove(&program, keys, action)),
        }
    }

    /// The program, as it was led to this database.
    fn program(&self) -> String {
        match &self.policy.target {
            Some(target) => format!("breakglass --target {}", quoted(target)),
            None => "breakglass".to_owned(),
        }
    }

    /// The command that removes these tokens.
    fn remove(&self, program: &str, keys: &[&str], action: Action) -> String {
        let reason = quoted(self.reason);
        let ticket = self
            .ticket
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
