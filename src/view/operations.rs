//! Lists of operations, for people and for programs.

use std::io::{self, Write};

use chrono::{SecondsFormat, Utc};

use super::csv::io_error;
use super::escape::visible;
use super::table::draw;
use super::time::{Clock, zoned};
use crate::model::{Actor, Caller, Operation};

/// The columns of the CSV. New ones come last.
const COLUMNS: [&str; 22] = [
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
    "error_code",
    "http_principal",
    "http_credential",
    "http_peer",
    "http_request_id",
];

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

/// Who did it, as which role: the operating system's user, or whoever asked over HTTP.
pub(super) fn actor(operation: &Operation) -> String {
    let Actor {
        os_user,
        host: _,
        db_user,
        client_address: _,
        app_actor: _,
        http,
    } = &operation.actor;
    let who = match http {
        Some(caller) => Some(format!("{} (http)", caller.principal)),
        None => os_user.clone(),
    };
    let mut parts: Vec<String> = [who, db_user.clone()].into_iter().flatten().collect();
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
    writer.write_record(COLUMNS).map_err(io_error)?;
    for operation in operations {
        let values = values(operation).map(|value| {
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

/// What stands in them.
fn values(operation: &Operation) -> [String; COLUMNS.len()] {
    let number = |count: Option<i32>| count.map(|count| count.to_string()).unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let occurred_at = operation.occurred_at.map(|time| {
        time.with_timezone(&Utc)
            .to_rfc3339_opts(SecondsFormat::AutoSi, true)
    });
    let http = operation.actor.http.as_ref();
    let of_caller = |text: fn(&Caller) -> &str| http.map(text).unwrap_or_default().to_owned();
    [
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
        text(&operation.error_code),
        of_caller(|caller| &caller.principal),
        of_caller(|caller| &caller.credential),
        of_caller(|caller| caller.peer.as_deref().unwrap_or_default()),
        of_caller(|caller| &caller.request_id),
    ]
}
