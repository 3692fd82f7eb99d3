//! What was done, for people.

use std::io::{self, Write};

use super::column::shown_key;
use super::escape::visible;
use super::settled;
use super::time::zoned;
use super::unreached::{left_alive, others_left, probed};
use crate::model::{ApplicationAudit, Change, Deed, Operation, Outcome, Receipt};

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
    for token in unchanged.iter().take(shown(unchanged.len())) {
        let when = token
            .expires_at
            .map(|time| format!(" since {}", zoned(time)))
            .unwrap_or_default();
        let name = token
            .label
            .as_ref()
            .map(|label| format!(" `{label}`"))
            .unwrap_or_default();
        let line = format!(
            "already {}{when}: {} {}{name}, left as it is",
            token.state, token.kind, token.key
        );
        writeln!(out, "{}", visible(&line))?;
    }
    if unchanged.len() > SHOWN {
        writeln!(out, "… {} already dead in all", unchanged.len())?;
    }
    settled::write(out, *verdict, told)?;
    if let Some(report) = probe {
        probed(out, report)?;
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
    let verb = match (operation.outcome == Outcome::Planned, operation.action) {
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
    format!("{verb} {kind} {key}{name}{owner}: {state_before} -> {state_after}")
}
