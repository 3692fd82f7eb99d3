//! What was done, for people.

use std::io::{self, Write};

use super::column::shown_key;
use super::escape::visible;
use super::time::zoned;
use super::unreached::{left_alive, probed};
use crate::model::{ApplicationAudit, Change, Deed, Operation, Outcome, Receipt, Verdict};

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
        still_works: _,
        unreached: left,
        probe,
        target: _,
        environment: _,
    } = receipt;
    for change in changes {
        writeln!(out, "{}", visible(&change_line(operation, change)))?;
    }
    for token in unchanged {
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
    read_back(out, *verdict)?;
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
    left_alive(out, left)
}

/// What was seen afterwards.
fn read_back(out: &mut dyn Write, verdict: Option<Verdict>) -> io::Result<()> {
    const READ: &str = "read back on a fresh connection";
    match verdict {
        None => Ok(()),
        Some(Verdict::Dead) => writeln!(out, "{READ}: dead"),
        Some(Verdict::Resurrected) => {
            writeln!(out, "{READ}: ALIVE AGAIN, something wrote it back")
        }
        Some(Verdict::Unknown) => writeln!(
            out,
            "changed, but it could not be read back, so it is not confirmed dead"
        ),
        // What the application said of it is told by itself.
        Some(Verdict::Accepted) => writeln!(out, "{READ}: dead, and the application takes it"),
        Some(Verdict::Scheduled) => writeln!(out, "{READ}: ends as set, alive until then"),
        Some(Verdict::Restored) => writeln!(out, "{READ}: as it was put back"),
        Some(Verdict::Changed) => writeln!(
            out,
            "{READ}: CHANGED AGAIN, something wrote over what was put back"
        ),
        Some(Verdict::Gone) => writeln!(out, "{READ}: the row is gone"),
    }
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
