//! What goes with an error: a word for programs, and for a person what to type next.

use super::error::Error;
use super::filter::list_command;
use super::wording::{database_code, database_hint, locked_hint, unfit_hint};
use crate::adapter::detect;
use crate::db::Installed;

impl Error {
    /// A word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Database(error) => database_code(error),
            Self::Detect(error) | Self::DetectFor { error, .. } => detect_code(error),
            Self::Load(_) | Self::Render(_) => "bad_adapter",
            Self::NoSuchToken(_) => "no_such_token",
            Self::Ambiguous { .. } => "ambiguous",
            Self::WrongSecret { .. } => "wrong_secret",
            Self::DamagedSecret { .. } => "damaged_secret",
            Self::NotASecret { .. } => "not_a_secret",
            Self::SecretNotReadable { .. } => "secret_not_readable",
            Self::NoSecretShape(_) => "no_secret_shape",
            Self::UnknownKind { .. } => "unknown_kind",
            Self::NotKept { .. } => "not_kept",
            Self::Cursor(_) => "cursor",
            Self::PageSize { .. } => "page_size",
            Self::NothingMatches(_) => "nothing_matches",
            Self::AmbiguousOwner { .. } => "ambiguous_owner",
            Self::NoSuchOwner(_) => "no_such_owner",
            Self::NothingOfOwner(_) => "nothing_of_owner",
            Self::NoOwners(_) => "no_owners",
            Self::NoFilter => "no_filter",
            Self::BoundCaller => "bound_caller",
            Self::TooManyBatches { .. } => "too_many_batches",
            Self::NotARun { .. } => "not_a_run",
            Self::RunElsewhere { .. } => "other_run",
            Self::LagNotTold { .. } => "lag_not_told",
            Self::StandbyLags { .. } => "standby_lags",
            Self::Expected { .. } => "unexpected_count",
            Self::Unmet(_) => "unmet_rule",
            Self::TooManyRows { .. } | Self::TooManyLeft { .. } => "too_many_rows",
            Self::OverMaxRows { .. } => "over_max_rows",
            Self::OverAllowance { .. } => "over_allowance",
            Self::OnlyDelete { .. } => "only_delete",
            Self::NoLaterEnd { .. } => "no_later_end",
            Self::EndPassed { .. } => "end_passed",
            Self::EndTooFar => "end_too_far",
            Self::WholeDays { .. } => "whole_days",
            Self::NotInstalled(_) => "not_installed",
            Self::Unfit(_) => "unfit",
            Self::Standby => "standby",
            Self::RowSecurity { .. } => "row_security",
            Self::OtherDatabase(_) => "other_database",
            Self::Plan(error) => error.code(),
            Self::ChangedSinceShown(_) => "changed_since_shown",
            Self::Swallowed { .. } => "swallowed",
            Self::Unrecorded(_) => "unrecorded",
            Self::Locked { .. } => "locked",
            Self::Probe(error) => error.code(),
            Self::NoSuchActor(_) | Self::AmbiguousActor(_) | Self::NoActors(_) => "bad_actor",
            Self::NoSuchOperation(_) => "no_such_operation",
            Self::AmbiguousOperation(_) => "ambiguous_operation",
            Self::Unrestorable(error) => error.code(),
            Self::Declined => "declined",
            Self::NotSignallable { .. } => "not_signallable",
            Self::NotTheBlocker { .. } => "not_the_blocker",
            Self::SignalRefused { .. } => "signal_refused",
            Self::NotConfirmed(_) => "not_confirmed",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::NotCommitted(_) => "not_committed",
            Self::DoneAfterAll { .. } => "done_after_all",
            Self::MayNotInstall(_) => "may_not_install",
            Self::UnfitRole(_) => "unfit_role",
        }
    }

    /// What to type next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Database(error) => database_hint(error),
            Self::WrongSecret { key } => Some(format!(
                "if it is this token all the same, name it: `id:{key}`"
            )),
            Self::Unmet(unmet) => Some(unmet.hint()),
            Self::WholeDays { ends_at, .. } => Some(format!(
                "give the beginning of a day in UTC, such as `--at {}T00:00:00Z`, which is earlier",
                ends_at.date_naive()
            )),
            Self::Plan(error) => Some(error.hint()),
            Self::UnknownKind { known, .. } => Some(format!("give {}, or all", known.join(", "))),
            Self::NotKept { flags, .. } => Some(format!("leave out {flags}")),
            Self::NothingMatches(filter) => Some(format!(
                "see what there is with `{}`; dead ones need --include-expired",
                list_command(filter)
            )),
            Self::Probe(error) => error.hint().map(str::to_owned),
            Self::Unfit(findings) => unfit_hint(findings),
            Self::Unrestorable(error) => error.hint(),
            Self::Locked(locked) => Some(locked_hint(locked)),
            Self::OutcomeUnknown { operation, .. } => Some(format!(
                "run `breakglass audit show {operation}` when the database answers again: \
                 `applied` means that it happened; not there means nothing yet, the server may \
                 still be at it"
            )),
            Self::DoneAfterAll { operation, .. } => Some(format!(
                "see what it did with `breakglass audit show {operation}`, and whether the token \
                 is dead with `breakglass tokens show`"
            )),
            Self::DetectFor { adapter, .. }
            | Self::RunElsewhere {
                adapter: Some(adapter),
                ..
            } => Some(adapter_hint(adapter)),
            other => other.constant_hint().map(str::to_owned),
        }
    }

    /// The hints that need nothing of what the error holds.
    fn constant_hint(&self) -> Option<&'static str> {
        let hint = match self {
            Self::Detect(detect::Error::None(_)) => {
                "name the table with `--adapter-file FILE`, see `breakglass adapters ls`"
            }
            Self::Detect(detect::Error::Several(_)) => {
                "say which with `--adapter NAME` or `--schema NAME`"
            }
            Self::Detect(detect::Error::Unknown(_)) => "see `breakglass adapters ls`",
            Self::NoSuchToken(_) => {
                "see `breakglass tokens ls --include-expired --kind all`; a name is looked up among the default kind only"
            }
            Self::Ambiguous { .. } => {
                "name one by `id:KEY`, or say whose with `owner:LOGIN --name NAME`"
            }
            Self::DamagedSecret { .. } => {
                "copy it again; if it is a name, take the token's key: `id:KEY`"
            }
            Self::AmbiguousOwner { .. } => "give the owner's id",
            Self::NoSuchOwner(_) => {
                "give the owner's login, email or id as `breakglass tokens ls -c owner,email,owner_id` shows it"
            }
            Self::NothingOfOwner(_) => "`breakglass owners show OWNER` tells what is out of reach",
            Self::NoOwners(_) => "add an [owner] section to the adapter's file",
            Self::NotASecret { .. } => "give a name or key as an argument; `-` reads a secret",
            Self::SecretNotReadable { .. } => {
                "run `breakglass init --operator-role ROLE --allow-secret-check`, or name the token by key"
            }
            Self::NoSecretShape(_) => "add a [secret] section to the adapter's file",
            Self::OnlyDelete { .. } => "add `--delete` to remove the row for good",
            Self::NoLaterEnd { .. } => "leave `--at` and `--in` out: an expire ends it now",
            Self::EndPassed { written: true, .. } => {
                "plan again, with another `--at` or `--in`, or without to end it now"
            }
            Self::EndPassed { .. } => "leave `--at` and `--in` out to end it now",
            Self::EndTooFar => "leave it as it is, or give an earlier one",
            Self::NotInstalled(Installed::Newer(_)) => "use the newer breakglass that installed it",
            Self::NotInstalled(Installed::Divergent(_)) => "use the breakglass that installed it",
            Self::NotInstalled(_) => "run `breakglass init` as a role that may create a schema",
            Self::Standby => "connect to the primary",
            Self::RowSecurity { .. } => "use the table's owner, or a role with BYPASSRLS",
            Self::ChangedSinceShown(_) => {
                "look at it again with `breakglass tokens show`, and run the command again; a plan file has to be made anew"
            }
            Self::Swallowed { .. } => "look at the triggers, rules and policies of the table",
            Self::NotTheBlocker { .. } => "look at who holds the lock now, and name that pid",
            Self::SignalRefused { .. } => {
                "it needs `grant pg_signal_backend` to this role, or a role of the session's; a superuser's session needs a superuser"
            }
            Self::NotConfirmed(_) => "add `--confirm KEY` once for each token of the plan",
            Self::NoSuchActor(_) => "give the user's login, email or id",
            Self::AmbiguousActor(_) => "give the user's id",
            Self::NoSuchOperation(_) => "see `breakglass audit ls`",
            Self::AmbiguousOperation(_) => "give more of the id",
            Self::NotCommitted(_) => "run the command again",
            _ => return self.hint_on_many(),
        };
        Some(hint)
    }

    /// Those on how many tokens there are, and on runs of batches.
    fn hint_on_many(&self) -> Option<&'static str> {
        let hint = match self {
            Self::TooManyRows { restores: true, .. } => {
                "put back a batch (`breakglass audit ls --batches`) or a token (`breakglass tokens restore`) at a time, or change the target's `max_rows`; no flag raises it"
            }
            Self::TooManyRows { .. } => {
                "name fewer tokens, or change the target's `max_rows`; no flag raises it"
            }
            Self::TooManyLeft { .. } => {
                "change the target's `max_rows`, which no flag raises, or name fewer tokens in operations of their own"
            }
            Self::NoFilter => "leave --batch-size out, or say which by a filter",
            Self::TooManyBatches { .. } => "give a larger --batch-size",
            Self::NotARun { .. } => "see `breakglass audit ls --outcome begun`",
            Self::RunElsewhere { adapter: None, .. } => "connect to where it belongs",
            Self::LagNotTold { .. } => "run `grant pg_monitor to ROLE`, or leave --max-lag out",
            Self::StandbyLags { .. } => {
                "find out why it does not catch up, or allow it more with --max-lag"
            }
            Self::OverMaxRows { .. } => {
                "go in batches with `--batch-size N`, each a transaction of its own, or raise --max-rows"
            }
            _ => return self.callers_hint(),
        };
        Some(hint)
    }

    /// The hints of what only a server's callers can do wrong.
    fn callers_hint(&self) -> Option<&'static str> {
        match self {
            Self::BoundCaller => {
                Some("change fewer tokens at a time, each time in one transaction")
            }
            Self::Cursor(_) => Some(
                "hand back `next` of the page before, and ask for the same order; without a cursor the list begins anew",
            ),
            Self::PageSize { .. } => Some("say how many with `limit`"),
            _ => None,
        }
    }
}

/// The word for programs where no adapter was chosen.
fn detect_code(error: &detect::Error) -> &'static str {
    match error {
        detect::Error::None(_) => "no_adapter",
        detect::Error::Several(_) => "several_adapters",
        detect::Error::Refused { .. } => "refused_by_adapter",
        detect::Error::Unknown(_) => "unknown_adapter",
        detect::Error::Misfit { .. } => "adapter_misfit",
    }
}

/// Which adapter to name, where the record says which it was.
pub(super) fn adapter_hint(adapter: &str) -> String {
    format!(
        "name it with `--adapter {adapter}`; one of your own needs its file too: `--adapter-file FILE`"
    )
}
