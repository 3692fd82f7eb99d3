//! What was done, for people.

use std::io::{self, Write};

use super::column::shown_key;
use super::escape::visible;
use super::settled;
use super::time::zoned;
use crate::model::{ApplicationAudit, Change, Deed, Operation, Outcome, Receipt};

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
        still_works: _,
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
    settled::write(out, *verdict, told)?;
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
    writeln!(out, "recorded as {} at {when}{secret}{audit}", operation.id)
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
