//! Runs of batches, for people.

use std::io::{self, Write};

use super::column::shown_key;
use super::escape::visible;
use super::operations::actor;
use super::plan::{foot_lines, short};
use super::time::zoned;
use super::unreached::others_left;
use crate::model::{
    Action, Deed, FailedBatch, Operation, Outcome, Proposal, RunLeft, RunProgress, RunProposal,
    RunReceipt, TokenVerdict, Verdict,
};

/// So many failed batches, and tokens that live, are told one by one; the rest is counted.
const SHOWN: usize = 20;

/// Writes what a run will do, to how many tokens of which kinds, where, and what it will break.
///
/// # Errors
///
/// When it cannot be written.
pub fn run_plan(out: &mut dyn Write, run: &RunProposal) -> io::Result<()> {
    let RunProposal {
        proposal,
        tokens: all,
        kinds,
        batches,
        batch_size,
        first_key,
        last_key,
    } = run;
    writeln!(out, "{}", visible(&proposal.identity))?;
    writeln!(
        out,
        "operation {}, plan {}",
        proposal.operation.id,
        short(proposal.digest())
    )?;
    let will = if proposal.dry_run { "would" } else { "will" };
    writeln!(
        out,
        "{will} {}, in {} of at most {}, a transaction each",
        what(proposal, &tokens(*all)),
        counted(*batches, "batch", "batches"),
        tokens(*batch_size),
    )?;
    for (kind, count) in kinds {
        let dead = match (proposal.plan.action, count.dead) {
            (_, 0) => String::new(),
            (Action::Expire, dead) => format!(", {dead} already dead, to be left as they are"),
            (Action::Delete | Action::Restore, dead) => format!(", {dead} already dead"),
        };
        writeln!(out, "  {}: {} alive{dead}", visible(kind), count.alive)?;
    }
    writeln!(out, "from {} to {}", visible(first_key), visible(last_key))?;
    for note in &proposal.notes {
        writeln!(out, "note: {}", visible(note))?;
    }
    foot_lines(out, proposal)
}

/// Writes what is left of a run, before somebody goes on with it.
///
/// # Errors
///
/// When it cannot be written.
pub fn run_left(out: &mut dyn Write, left: &RunLeft) -> io::Result<()> {
    let RunLeft {
        proposal,
        operation,
        run,
        failed,
    } = left;
    writeln!(out, "{}", visible(&proposal.identity))?;
    let begun = format!(
        "run {} of {}: {}, begun {} by {}: {}",
        operation.id,
        tokens_of(operation),
        operation.selector,
        operation.occurred_at.map(zoned).unwrap_or_default(),
        actor(operation),
        operation.reason.as_deref().unwrap_or("-")
    );
    writeln!(out, "{}", visible(&begun))?;
    progress(out, run, operation.action)?;
    failures(out, failed)?;
    if run.is_complete() {
        return Ok(());
    }
    let (left, batches) = (run.tokens - run.tokens_done, run.batches - run.batches_done);
    writeln!(
        out,
        "will {}, in {}",
        what(proposal, &tokens(left)),
        counted(batches, "batch", "batches")
    )?;
    foot_lines(out, proposal)
}

/// Writes what a command did for a run.
///
/// # Errors
///
/// When it cannot be written.
pub fn run_receipt(out: &mut dyn Write, receipt: &RunReceipt) -> io::Result<()> {
    let RunReceipt {
        schema: _,
        operation,
        run,
        batches_done_here,
        tokens_changed_here,
        seconds,
        failed,
        verdict: _,
        watched_for_ms: _,
        looks: _,
        alive: _,
        survivors,
        advice: _,
        still_works,
        stopped,
        resume: _,
        target: _,
        environment: _,
    } = receipt;
    progress(out, run, operation.action)?;
    if *batches_done_here < run.batches_done {
        writeln!(
            out,
            "of these here: {}, {} {}",
            counted(*batches_done_here, "batch", "batches"),
            tokens(*tokens_changed_here),
            done(operation.action)
        )?;
    }
    if *batches_done_here > 0 {
        writeln!(out, "took {seconds:.1} s")?;
    }
    failures(out, failed)?;
    if let Some(why) = stopped {
        writeln!(out, "stopped: {}", visible(why))?;
    }
    seen(out, receipt)?;
    alive(out, survivors)?;
    if operation.outcome == Outcome::Planned {
        return writeln!(out, "dry run: rolled back, nothing was changed or recorded");
    }
    writeln!(out, "recorded as {} and its batches", operation.id)?;
    others_left(out, still_works, &[])
}

/// Writes which tokens live, and why where that is known.
fn alive(out: &mut dyn Write, survivors: &[TokenVerdict]) -> io::Result<()> {
    for survivor in survivors.iter().take(SHOWN) {
        let TokenVerdict {
            key,
            verdict: _,
            detail,
        } = survivor;
        let line = format!("alive: {}: {detail}", shown_key(key));
        writeln!(out, "{}", visible(&line))?;
    }
    if survivors.len() > SHOWN {
        writeln!(out, "… and {} more", survivors.len() - SHOWN)?;
    }
    Ok(())
}

/// What was seen of the tokens afterwards.
fn seen(out: &mut dyn Write, receipt: &RunReceipt) -> io::Result<()> {
    let complete = receipt.run.is_complete();
    let line = match receipt.verdict {
        None => return Ok(()),
        Some(Verdict::Resurrected | Verdict::Changed) => {
            "read back on fresh connections: some are ALIVE AGAIN, something wrote them back"
        }
        Some(Verdict::Unknown | Verdict::Accepted) => {
            "changed, but not all could be read back, so they are not confirmed dead"
        }
        Some(Verdict::Restored) => {
            "read back on fresh connections: some are NOT DEAD, taken back by a restore on record"
        }
        Some(Verdict::Scheduled) => {
            "read back on fresh connections: they end as set, alive until then"
        }
        Some(_) if complete && receipt.watched_for_ms > 0 => {
            return writeln!(
                out,
                "read back on fresh connections: all dead, at each of {} looks over {}",
                receipt.looks,
                super::settled::seconds(receipt.watched_for_ms)
            );
        }
        Some(_) if complete => "read back on fresh connections: all dead",
        Some(_) => "read back on fresh connections: dead, those of the batches that are done",
    };
    writeln!(out, "{line}")
}

/// Writes how far a run has come.
///
/// # Errors
///
/// When it cannot be written.
pub(super) fn progress(out: &mut dyn Write, run: &RunProgress, deed: Deed) -> io::Result<()> {
    let RunProgress {
        batches,
        batches_done,
        batches_failed,
        batches_left,
        tokens: all,
        tokens_done,
        tokens_changed,
        tokens_unchanged,
        tokens_gone,
        companions_changed,
    } = run;
    writeln!(
        out,
        "{batches_done} of {batches} batches done, {batches_failed} failed, {batches_left} left"
    )?;
    let mut parts = vec![format!("{tokens_changed} {}", done(deed))];
    if *tokens_unchanged > 0 {
        parts.push(format!("{tokens_unchanged} dead before"));
    }
    if *tokens_gone > 0 {
        parts.push(format!("{tokens_gone} gone before their batch came"));
    }
    if *companions_changed > 0 {
        parts.push(format!(
            "and {companions_changed} of what must die with them"
        ));
    }
    writeln!(out, "{tokens_done} of {all} tokens: {}", parts.join(", "))
}

/// Writes the batches that were tried and are not done.
///
/// # Errors
///
/// When it cannot be written.
pub(super) fn failures(out: &mut dyn Write, failed: &[FailedBatch]) -> io::Result<()> {
    for batch in failed.iter().take(SHOWN) {
        writeln!(out, "{}", visible(&failed_line(batch)))?;
    }
    if failed.len() > SHOWN {
        writeln!(out, "… and {} more that failed", failed.len() - SHOWN)?;
    }
    Ok(())
}

/// `batch 3 failed, 5000 tokens from … to …: why (operation)`.
#[must_use]
pub fn failed_line(failed: &FailedBatch) -> String {
    let FailedBatch {
        batch,
        tokens: many,
        first_key,
        last_key,
        operation,
        outcome,
        error,
    } = failed;
    let range = if first_key.is_empty() {
        String::new()
    } else {
        format!(" from {first_key} to {last_key}")
    };
    let record = operation.map_or_else(
        || "not recorded".to_owned(),
        |operation| operation.to_string(),
    );
    format!(
        "batch {batch} {outcome}, {}{range}: {error} ({record})",
        tokens(*many)
    )
}

fn done(deed: Deed) -> &'static str {
    match deed {
        Deed::Expire => "expired",
        Deed::Delete => "deleted",
        Deed::Restore => "restored",
        Deed::CancelBlocker => "cancelled",
    }
}

fn what(proposal: &Proposal, many: &str) -> String {
    match proposal.plan.action {
        Action::Expire => format!("expire {many} ({})", proposal.sets.join(", ")),
        Action::Delete => {
            format!("delete {many} (the rows are removed for good and cannot be restored)")
        }
        Action::Restore => format!("restore {many}"),
    }
}

fn tokens_of(operation: &Operation) -> String {
    tokens(operation.planned.unwrap_or_default())
}

fn tokens(number: impl TryInto<i64>) -> String {
    counted(number, "token", "tokens")
}

fn counted(number: impl TryInto<i64>, one: &str, many: &str) -> String {
    let number = number.try_into().unwrap_or(i64::MAX);
    format!("{number} {}", if number == 1 { one } else { many })
}
