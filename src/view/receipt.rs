//! What was done, for people.

use std::io::{self, Write};

use super::column::shown_key;
use super::escape::visible;
use super::restore;
use super::settled;
use super::time::{Clock, zoned};
use super::unreached::{left_alive, others_left, probed};
use crate::model::{
    ApplicationAudit, CameMeanwhile, Change, Deed, Operation, Outcome, Receipt, State, Token,
};

/// Rows that are told one by one at most; of more than that only the first few are.
const SHOWN: usize = 50;
const FIRST: usize = 20;

/// Writes the receipt of a mutation.
///
/// # Errors
///
/// When it cannot be written.
pub fn receipt(out: &mut dyn Write, receipt: &Receipt) -> io::Result<()> {
    let Receipt {
        schema: _,
        operation,
        changes,
        unchanged,
        verdict,
        settled: told,
        still_works,
        taken_back,
        came_meanwhile,
        unreached: left,
        probe,
        target: _,
        environment: _,
    } = receipt;
    let shown = |all: usize| if all > SHOWN { FIRST } else { SHOWN };
    for change in changes.iter().take(shown(changes.len())) {
        writeln!(out, "{}", visible(&change_line(operation, change)))?;
    }
    more(out, changes.len(), operation)?;
    if let Some(taken_back) = taken_back {
        restore::dead(out, taken_back)?;
        restore::left_out(out, taken_back, usize::MAX)?;
    }
    for token in unchanged.iter().take(shown(unchanged.len())) {
        writeln!(out, "{}", visible(&unchanged_line(operation, token)))?;
    }
    if unchanged.len() > SHOWN {
        let why = match (operation.action, operation.ends_at) {
            (Deed::Restore, _) => "already as before",
            (_, None) => "already dead",
            (_, Some(_)) => "over by then anyway",
        };
        writeln!(out, "… {} {why} in all", unchanged.len())?;
    }
    settled::write(out, operation.action, *verdict, told)?;
    if let Some(report) = probe {
        probed(out, report)?;
    }
    if let Some(came) = came_meanwhile {
        not_shut_out(out, came)?;
    }
    if operation.outcome == Outcome::Planned {
        return writeln!(out, "dry run: rolled back, nothing was changed or recorded");
    }
    let when = operation.occurred_at.map(zoned).unwrap_or_default();
    let audit = match operation.application_audit {
        Some(ApplicationAudit::Written) if operation.changed != Some(0) => {
            ", and in the application's own audit log"
        }
        _ => "",
    };
    let secret = if operation.secret_verified == Some(false) {
        ", secret not verified"
    } else {
        ""
    };
    writeln!(out, "recorded as {} at {when}{secret}{audit}", operation.id)?;
    left_alive(out, left)?;
    others_left(out, still_works, left)
}

/// Writes what lets an owner in all the same.
fn not_shut_out(out: &mut dyn Write, came: &CameMeanwhile) -> io::Result<()> {
    let CameMeanwhile {
        owner: _,
        tokens,
        unseen,
    } = came;
    if let Some(why) = unseen {
        let line = format!("what came after the plan could not be looked for: {why}");
        writeln!(out, "{}", visible(&line))?;
    }
    for token in tokens.iter().take(FIRST) {
        let line = format!(
            "came after the plan: {} {}",
            token.kind,
            shown_key(&token.key)
        );
        writeln!(out, "{}", visible(&line))?;
    }
    match tokens.len().saturating_sub(FIRST) {
        0 => Ok(()),
        more => writeln!(out, "… and {more} more that came after the plan"),
    }
}

fn unchanged_line(operation: &Operation, token: &Token) -> String {
    let when = match (token.state, token.expires_at) {
        _ if operation.action == Deed::Restore => "already as before".to_owned(),
        (State::Active, Some(time)) => {
            let clock = Clock::at(operation.occurred_at.unwrap_or(time));
            format!("ends by itself at {}", clock.end(time))
        }
        (State::Active, None) => "over by then".to_owned(),
        (state, Some(time)) => format!("already {state} since {}", zoned(time)),
        (state, None) => format!("already {state}"),
    };
    let name = token
        .label
        .as_ref()
        .map(|label| format!(" `{label}`"))
        .unwrap_or_default();
    format!("{when}: {} {}{name}, left as it is", token.kind, token.key)
}

/// What becomes of a token with an end in the future.
fn then(operation: &Operation, state_after: &str) -> Option<String> {
    let end = operation.ends_at?;
    // It may have passed since the plan, or the row may be one that died meanwhile.
    if state_after != State::Active.as_str() {
        return None;
    }
    let clock = Clock::at(operation.occurred_at?);
    Some(format!("ends at {}, works until then", clock.end(end)))
}

/// How many changed where not all are told, and where all of them stand.
fn more(out: &mut dyn Write, all: usize, operation: &Operation) -> io::Result<()> {
    if all <= SHOWN {
        return Ok(());
    }
    let more = all - FIRST;
    if operation.outcome == Outcome::Planned {
        return writeln!(out, "… and {more} more rows, {all} in all");
    }
    writeln!(
        out,
        "… and {more} more rows, {all} in all: `breakglass audit show {}`",
        operation.id
    )
}

fn change_line(operation: &Operation, change: &Change) -> String {
    let Change {
        relation: _,
        key,
        kind,
        label,
        owner,
        state_before,
        state_after,
        before: _,
        after: _,
    } = change;
    let then = then(operation, state_after);
    let verb = match (operation.outcome == Outcome::Planned, operation.action) {
        (true, Deed::Expire) if then.is_some() => "would schedule",
        (false, Deed::Expire) if then.is_some() => "scheduled",
        (true, Deed::Expire) => "would expire",
        (true, Deed::Delete) => "would delete",
        (true, Deed::Restore) => "would restore",
        (false, Deed::Expire) => "expired",
        (false, Deed::Delete) => "deleted",
        (false, Deed::Restore) => "restored",
        // It has a record, and no receipt.
        (_, Deed::CancelBlocker) => "cancelled",
    };
    let name = label
        .as_ref()
        .map(|label| format!(" `{label}`"))
        .unwrap_or_default();
    let owner = owner
        .as_ref()
        .map(|owner| format!(" of {}", owner.login.as_ref().unwrap_or(&owner.id)))
        .unwrap_or_default();
    let key = shown_key(key);
    let what = then.unwrap_or_else(|| format!("{state_before} -> {state_after}"));
    format!("{verb} {kind} {key}{name}{owner}: {what}")
}
