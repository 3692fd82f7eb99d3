//! What a named target demands of every operation on it: which cluster it is, what a reason and a
//! ticket must look like, how many tokens one operation may change.
//!
//! The rules are checked here and nowhere else; a front end asks before it connects, so that it
//! can ask again, and [`super::Request::plan`] asks in any case.

use std::fmt;

use regex::Regex;

use crate::model::Environment;

/// What holds for every operation; nothing, where no target was named.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The target's name in the configuration file.
    pub target: Option<String>,
    /// What the target is, for the eye.
    pub environment: Option<Environment>,
    /// The `system_identifier` of the only cluster that will do.
    pub system_identifier: Option<String>,
    /// Whether an operation needs a ticket.
    pub require_ticket: bool,
    /// What a ticket must match.
    pub ticket_pattern: Option<Pattern>,
    /// What a reason must match.
    pub reason_pattern: Option<Pattern>,
    /// How many characters a reason must have, blanks around it not counted.
    pub min_reason_length: usize,
    /// How many tokens one operation may plan to change at most; nothing raises it.
    pub max_rows: Option<usize>,
    /// What named another database and had less say: `-d`, or names of variables.
    pub instead_of: Vec<String>,
}

/// A regular expression that a text must match; it is not anchored, as `grep` has it.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// When it is not a regular expression, or too large a one.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        Regex::new(text).map(Self)
    }

    /// Whether a text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// Which rule of its target a request breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    /// There is no ticket.
    #[error("--ticket is required by target `{target}`")]
    NoTicket {
        /// The target.
        target: String,
    },
    /// The ticket is of another form.
    #[error("--ticket does not match `{pattern}`, which target `{target}` asks for")]
    Ticket {
        /// What it must match.
        pattern: String,
        /// The target.
        target: String,
    },
    /// The reason is of another form.
    #[error("the reason does not match `{pattern}`, which target `{target}` asks for")]
    Reason {
        /// What it must match.
        pattern: String,
        /// The target.
        target: String,
    },
    /// The reason is too short.
    #[error("the reason has {length} characters, and target `{target}` asks for {least} at least")]
    ShortReason {
        /// How many it has.
        length: usize,
        /// How many it must have.
        least: usize,
        /// The target.
        target: String,
    },
    /// What is not as it must be was given when a run was begun.
    #[error("{0}; it is the one that the run was begun with")]
    OfRun(Box<Self>),
}

impl Unmet {
    /// What to type next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoTicket { .. } => "add `--ticket TICKET`".to_owned(),
            Self::Ticket { pattern, .. } => {
                format!("give a ticket that matches the regular expression `{pattern}`")
            }
            Self::Reason { pattern, .. } => {
                format!("give a reason that matches the regular expression `{pattern}`")
            }
            Self::ShortReason { .. } => {
                "say more of why: the record is worth as much as its reason".to_owned()
            }
            Self::OfRun(unmet) => match unmet.as_ref() {
                Self::NoTicket { .. } | Self::Ticket { .. } => {
                    "give one with `--ticket TICKET`: it replaces the run's".to_owned()
                }
                _ => "give another one with `--reason TEXT`: it replaces the run's".to_owned(),
            },
        }
    }
}

impl Policy {
    /// Whether a plan of so many tokens is more than one operation may change.
    #[must_use]
    pub fn is_too_large(&self, planned: usize) -> bool {
        self.max_rows.is_some_and(|most| planned > most)
    }

    /// Checks a reason.
    ///
    /// # Errors
    ///
    /// When the target demands another one.
    pub fn check_reason(&self, reason: &str) -> Result<(), Unmet> {
        let length = reason.trim().chars().count();
        if length < self.min_reason_length {
            return Err(Unmet::ShortReason {
                length,
                least: self.min_reason_length,
                target: self.target_name(),
            });
        }
        match &self.reason_pattern {
            Some(pattern) if !pattern.matches(reason) => Err(Unmet::Reason {
                pattern: pattern.to_string(),
                target: self.target_name(),
            }),
            _ => Ok(()),
        }
    }

    /// Checks a ticket. One that is not required must match all the same.
    ///
    /// # Errors
    ///
    /// When there is none and the target demands one, or it demands another one.
    pub fn check_ticket(&self, ticket: Option<&str>) -> Result<(), Unmet> {
        let target = || self.target_name();
        let Some(ticket) = ticket.filter(|ticket| !ticket.trim().is_empty()) else {
            return if self.require_ticket {
                Err(Unmet::NoTicket { target: target() })
            } else {
                Ok(())
            };
        };
        match &self.ticket_pattern {
            Some(pattern) if !pattern.matches(ticket) => Err(Unmet::Ticket {
                pattern: pattern.to_string(),
                target: target(),
            }),
            _ => Ok(()),
        }
    }

    fn target_name(&self) -> String {
        self.target.clone().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, Policy, Unmet};

    fn policy() -> Policy {
        Policy {
            target: Some("prod".to_owned()),
            require_ticket: true,
            ticket_pattern: Pattern::new("^INC-[0-9]+$").ok(),
            reason_pattern: Pattern::new("[a-z]").ok(),
            min_reason_length: 5,
            ..Policy::default()
        }
    }

    #[test]
    fn without_a_target_nothing_is_demanded() {
        let none = Policy::default();
        assert_eq!(
            (none.check_reason(""), none.check_ticket(None)),
            (Ok(()), Ok(()))
        );
        assert!(!none.is_too_large(1_000_000));
    }

    #[test]
    fn a_ticket_is_demanded_and_must_match() {
        let no_ticket = Err(Unmet::NoTicket {
            target: "prod".to_owned(),
        });
        assert_eq!(policy().check_ticket(None), no_ticket);
        assert_eq!(policy().check_ticket(Some("  ")), no_ticket);
        assert_eq!(policy().check_ticket(Some("INC-42")), Ok(()));
        for other in ["inc-42", "INC-", "INC-42 ", "see INC-42"] {
            let checked = policy().check_ticket(Some(other));
            assert!(matches!(checked, Err(Unmet::Ticket { .. })), "{other}");
        }
        let optional = Policy {
            require_ticket: false,
            ..policy()
        };
        assert_eq!(optional.check_ticket(None), Ok(()));
        assert!(optional.check_ticket(Some("x")).is_err());
    }

    #[test]
    fn a_reason_has_its_length_and_form() {
        assert_eq!(policy().check_reason("leaked"), Ok(()));
        let short = policy().check_reason("  été ");
        assert!(matches!(
            short,
            Err(Unmet::ShortReason {
                length: 3,
                least: 5,
                ..
            })
        ));
        assert!(matches!(
            policy().check_reason("12345"),
            Err(Unmet::Reason { .. })
        ));
    }

    #[test]
    fn so_many_tokens_and_no_more() {
        let policy = Policy {
            max_rows: Some(2),
            ..policy()
        };
        assert!(!policy.is_too_large(2) && policy.is_too_large(3));
    }
}
