//! The audit log, for people and for programs.

use std::io::{self, Write};

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value};

use super::batch::{failed_line, progress};
use super::csv::io_error;
use super::escape::visible;
use super::table::draw;
use super::time::{Clock, zoned};
use crate::model::{
    Change, DatabaseIdentity, FailedBatch, Observation, Operation, RunProgress, SignalRecord,
    SignalResult,
};
use crate::ops::History;

/// So many operations that one caused, and tokens of a run that live, are told one by one.
const SHOWN: usize = 50;

/// One operation on one line.
pub(super) fn operation_line(operation: &Operation) -> String {
    let when = operation.occurred_at.map(zoned).unwrap_or_default();
    let reason = operation.reason.as_deref().unwrap_or("-");
    format!(
        "{when} {} {} by {}: {reason} ({})",
        operation.action,
        operation.outcome,
        actor(operation),
        operation.id
    )
}

pub(super) fn actor(operation: &Operation) -> String {
    let parts = [&operation.actor.os_user, &operation.actor.db_user];
    let mut parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    parts.dedup();
    parts.join(" as ")
}

/// Writes operations as a table.
///
/// # Errors
///
/// When it cannot be written.
pub fn operations_table(
    out: &mut dyn Write,
    operations: &[Operation],
    clock: Clock,
    width: Option<u16>,
) -> io::Result<()> {
    let head = [
        "OPERATION",
        "WHEN",
        "ACTION",
        "OUTCOME",
        "CHANGED",
        "SELECTOR",
        "ACTOR",
        "REASON",
    ]
    .map(str::to_owned);
    let rows = operations
        .iter()
        .map(|operation| {
            vec![
                operation.id.to_string(),
                clock.short(operation.occurred_at),
                operation.action.to_string(),
                operation.outcome.to_string(),
                operation
                    .changed
                    .map(|changed| changed.to_string())
                    .unwrap_or_default(),
                short_selector(&operation.selector),
                actor(operation),
                operation.reason.clone().unwrap_or_default(),
            ]
        })
        .collect();
    draw(out, &head, rows, width)
}

/// The selector, without the long digests that stand for secrets.
fn short_selector(selector: &str) -> String {
    const LONGEST: usize = 40;
    if selector.chars().count() <= LONGEST {
        return selector.to_owned();
    }
    selector.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// Writes operations as CSV.
///
/// # Errors
///
/// When it cannot be written.
pub fn operations_csv(
    out: &mut dyn Write,
    operations: &[Operation],
    terminal: bool,
) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer
        .write_record([
            "id",
            "occurred_at",
            "action",
            "outcome",
            "adapter",
            "os_user",
            "db_user",
            "client_address",
            "reason",
            "ticket",
            "selector",
            "planned",
            "matched",
            "changed",
            "unchanged",
            "database",
            "error",
        ])
        .map_err(io_error)?;
    for operation in operations {
        let number = |count: Option<i32>| count.map(|count| count.to_string()).unwrap_or_default();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let occurred_at = operation.occurred_at.map(|time| {
            time.with_timezone(&Utc)
                .to_rfc3339_opts(SecondsFormat::AutoSi, true)
        });
        let values = [
            operation.id.to_string(),
            occurred_at.unwrap_or_default(),
            operation.action.to_string(),
            operation.outcome.to_string(),
            text(&operation.adapter),
            text(&operation.actor.os_user),
            text(&operation.actor.db_user),
            text(&operation.actor.client_address),
            text(&operation.reason),
            text(&operation.ticket),
            operation.selector.clone(),
            number(operation.planned),
            number(operation.matched),
            number(operation.changed),
            number(operation.unchanged),
            operation.database.name.clone(),
            text(&operation.error),
        ];
        let values = values.map(|value| {
            if terminal {
                visible(&value).into_owned()
            } else {
                value
            }
        });
        writer.write_record(values).map_err(io_error)?;
    }
    writer.flush()
}

/// Writes one operation with everything that is recorded of it.
///
/// # Errors
///
/// When it cannot be written.
pub fn operation(out: &mut dyn Write, history: &History, clock: Clock) -> io::Result<()> {
    let History {
        operation,
        changes,
        observations,
        caused,
        signal,
        run,
        failed,
        survivors,
    } = history;
    for (name, value) in fields(operation, clock) {
        if let Some(value) = value {
            field(out, name, &value)?;
        }
    }
    for cascade in operation.cascades.iter().flatten() {
        let rows = cascade
            .rows
            .map_or_else(|| "uncounted".to_owned(), |rows| rows.to_string());
        let text = format!(
            "{rows} rows of {} (on delete {})",
            cascade.relation, cascade.on_delete
        );
        field(out, "took along", &text)?;
    }
    for change in changes {
        write_change(out, change)?;
    }
    for seen in observations {
        let when = clock.full(seen.observed_at);
        let text = format!(
            "{when} {}: {} ({})",
            seen.key,
            seen.verdict.as_str(),
            seen.detail
        );
        field(out, "seen", &text)?;
    }
    for operation in caused.iter().take(SHOWN) {
        field(out, "caused", &caused_line(operation, clock))?;
    }
    more(out, caused.len())?;
    if let Some(signal) = signal {
        write_signal(out, signal, clock)?;
    }
    if let Some(run) = run {
        write_survivors(out, survivors, clock)?;
        write_run(out, operation, run, failed)?;
    }
    Ok(())
}

/// Tokens of a run that were not seen dead at last.
fn write_survivors(out: &mut dyn Write, survivors: &[Observation], clock: Clock) -> io::Result<()> {
    for survivor in survivors.iter().take(SHOWN) {
        let Observation {
            observed_at,
            key,
            verdict,
            detail,
        } = survivor;
        let when = clock.full(*observed_at);
        let text = format!("{when} {key}: {} ({detail})", verdict.as_str());
        field(out, "not seen dead", &text)?;
    }
    more(out, survivors.len())
}

/// How many there are besides those that were told.
fn more(out: &mut dyn Write, all: usize) -> io::Result<()> {
    match all.saturating_sub(SHOWN) {
        0 => Ok(()),
        more => field(out, "", &format!("… and {more} more: `-o json` has them")),
    }
}

/// How far a run has come, in the fields' form.
fn write_run(
    out: &mut dyn Write,
    operation: &Operation,
    run: &RunProgress,
    failed: &[FailedBatch],
) -> io::Result<()> {
    let mut lines = Vec::new();
    progress(&mut lines, run, operation.action)?;
    for line in String::from_utf8_lossy(&lines).lines() {
        field(out, "run", line)?;
    }
    for batch in failed {
        field(out, "not done", &failed_line(batch))?;
    }
    if run.is_complete() {
        return Ok(());
    }
    let resume = format!("breakglass resume {}", operation.id);
    field(out, "to go on", &resume)
}

/// `re-apply 0199…, applied at …`, for a batch with its number.
fn caused_line(operation: &Operation, clock: Clock) -> String {
    let cause = operation.cause.map(|cause| format!("{cause} "));
    let number = operation.batch.map(|batch| format!("{batch} "));
    let when = operation
        .occurred_at
        .map(|time| format!(" at {}", clock.full(time)));
    let error = operation.error.as_ref().map(|error| format!(": {error}"));
    format!(
        "{}{}{}, {}{}{}",
        cause.unwrap_or_default(),
        number.unwrap_or_default(),
        operation.id,
        operation.outcome,
        when.unwrap_or_default(),
        error.unwrap_or_default()
    )
}

fn write_signal(out: &mut dyn Write, record: &SignalRecord, clock: Clock) -> io::Result<()> {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let target = format!(
        "{} pid {}, backend started {}: role {}, application {}, client {}, {}, {}",
        record.signal.as_str(),
        record.pid,
        zoned(record.backend_start),
        text(&record.role),
        text(&record.application),
        text(&record.client_address),
        text(&record.backend_type),
        text(&record.state)
    );
    field(out, "signal", &target)?;
    let result = record.result.map_or("unknown", SignalResult::as_str);
    let when = record.seen_at.map(|time| format!("{} ", clock.full(time)));
    let detail = record.detail.as_ref().map(|detail| format!(": {detail}"));
    let result = format!(
        "{}{result}{}",
        when.unwrap_or_default(),
        detail.unwrap_or_default()
    );
    field(out, "result", &result)
}

fn field(out: &mut dyn Write, name: &str, value: &str) -> io::Result<()> {
    writeln!(out, "{name:<16} {}", visible(value))
}

fn fields(operation: &Operation, clock: Clock) -> [(&'static str, Option<String>); 20] {
    let verified = |verified| if verified { "verified" } else { "not verified" }.to_owned();
    [
        ("operation", Some(operation.id.to_string())),
        ("when", operation.occurred_at.map(|time| clock.full(time))),
        ("action", Some(operation.action.to_string())),
        ("ends at", operation.ends_at.map(|time| clock.full(time))),
        ("caused by", cause(operation)),
        ("outcome", Some(operation.outcome.to_string())),
        ("error", operation.error.clone()),
        ("actor", Some(actor(operation))),
        ("client host", operation.actor.host.clone()),
        ("client address", operation.actor.client_address.clone()),
        ("application user", operation.actor.app_actor.clone()),
        ("reason", operation.reason.clone()),
        ("ticket", operation.ticket.clone()),
        ("selector", Some(operation.selector.clone())),
        ("adapter", operation.adapter.clone()),
        ("database", Some(place(&operation.database))),
        ("plan", operation.plan_digest.clone()),
        ("counts", counts(operation)),
        (
            "application log",
            operation
                .application_audit
                .map(|audit| audit.as_str().to_owned()),
        ),
        ("secret", operation.secret_verified.map(verified)),
    ]
}

fn cause(operation: &Operation) -> Option<String> {
    let cause = operation.cause.as_ref()?;
    let batch = operation
        .batch
        .map(|batch| format!(" {batch}"))
        .unwrap_or_default();
    Some(format!("{} ({cause}{batch})", operation.parent_id?))
}

fn place(database: &DatabaseIdentity) -> String {
    format!(
        "{} on {}:{}, PostgreSQL {}, cluster {}",
        database.name,
        database.host.as_deref().unwrap_or("?"),
        database
            .port
            .map_or_else(|| "?".to_owned(), |port| port.to_string()),
        database.server_version,
        database.system_identifier.as_deref().unwrap_or("unknown")
    )
}

fn counts(operation: &Operation) -> Option<String> {
    let planned = operation.planned?;
    let number =
        |count: Option<i32>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
    Some(format!(
        "{planned} planned, {} matched, {} changed, {} unchanged, {} companions changed",
        number(operation.matched),
        number(operation.changed),
        number(operation.unchanged),
        number(operation.companions_changed)
    ))
}

fn write_change(out: &mut dyn Write, change: &Change) -> io::Result<()> {
    let owner = change
        .owner
        .as_ref()
        .map(|owner| owner.login.as_ref().unwrap_or(&owner.id).clone());
    let name = format!(
        "{} {} {} of {}: {} -> {}",
        change.relation,
        change.key,
        change.label.as_deref().unwrap_or("-"),
        owner.as_deref().unwrap_or("-"),
        change.state_before,
        change.state_after
    );
    field(out, "change", &name)?;
    for (column, before) in &change.before {
        let after = after(change.after.as_ref(), column);
        field(out, "", &format!("{column}: {} -> {after}", text(before)))?;
    }
    Ok(())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "null".to_owned(),
        other => other.to_string(),
    }
}

fn after(after: Option<&Map<String, Value>>, column: &str) -> String {
    after.map_or_else(
        || "(row gone)".to_owned(),
        |after| after.get(column).map_or_else(|| "null".to_owned(), text),
    )
}
