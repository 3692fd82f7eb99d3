//! One operation with everything that is recorded of it, for people.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::batch::{failed_line, progress};
use super::escape::visible;
use super::operations::actor;
use super::time::{Clock, zoned};
use crate::model::{
    Caller, Change, DatabaseIdentity, FailedBatch, History, Observation, Operation, RunProgress,
    SignalRecord, SignalResult,
};

/// So many operations that one caused, and tokens of a run that live, are told one by one.
const SHOWN: usize = 50;

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
        write_survivors(out, survivors.as_deref().unwrap_or_default(), clock)?;
        write_run(out, operation, run, failed.as_deref().unwrap_or_default())?;
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

fn fields(operation: &Operation, clock: Clock) -> [(&'static str, Option<String>); 22] {
    let verified = |verified| if verified { "verified" } else { "not verified" }.to_owned();
    [
        ("operation", Some(operation.id.to_string())),
        ("when", operation.occurred_at.map(|time| clock.full(time))),
        ("action", Some(operation.action.to_string())),
        ("ends at", operation.ends_at.map(|time| clock.full(time))),
        ("caused by", cause(operation)),
        ("outcome", Some(operation.outcome.to_string())),
        ("error", operation.error.clone()),
        ("error code", operation.error_code.clone()),
        ("actor", Some(actor(operation))),
        ("http principal", operation.actor.http.as_ref().map(caller)),
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

/// `scanner (credential 3f1c) from 127.0.0.1:50123, request 0199…`
fn caller(caller: &Caller) -> String {
    let Caller {
        principal,
        credential,
        peer,
        request_id,
        request_digest: _,
    } = caller;
    let from = peer.as_ref().map(|peer| format!(" from {peer}"));
    format!(
        "{principal} (credential {credential}){}, request {request_id}",
        from.unwrap_or_default()
    )
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
