//! Targets: the list of them, and the line above a plan that says which one it is for.

use std::io::{self, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use serde_json::Value;

use super::csv::io_error;
use super::escape::visible;
use super::table::draw;
use crate::config::Target;
use crate::ops::{Colour, Environment, Pattern, Policy};

/// Writes which environment and target a plan is for, and what else had named a database. Nothing
/// where there is nothing to say.
///
/// # Errors
///
/// When it cannot be written.
pub fn banner(out: &mut dyn Write, policy: &Policy, painted: bool) -> io::Result<()> {
    let unused = policy.instead_of.join(", ");
    let verb = if policy.instead_of.len() > 1 {
        "are"
    } else {
        "is"
    };
    let Some(target) = &policy.target else {
        return if unused.is_empty() {
            Ok(())
        } else {
            writeln!(
                out,
                "no target: the database was named by a flag, {unused} {verb} not used"
            )
        };
    };
    let unused = if unused.is_empty() {
        unused
    } else {
        format!("; {unused} {verb} not used")
    };
    let Some(Environment { name, colour }) = &policy.environment else {
        return writeln!(out, "target {}{unused}", visible(target));
    };
    let style = match colour {
        Some(colour) if painted => Style::new().bold().fg_color(Some(ansi(*colour).into())),
        _ => Style::new(),
    };
    let name = name.to_uppercase();
    writeln!(
        out,
        "{style}{}{style:#} (target {}{unused})",
        visible(&name),
        visible(target)
    )
}

fn ansi(colour: Colour) -> AnsiColor {
    match colour {
        Colour::Red => AnsiColor::Red,
        Colour::Green => AnsiColor::Green,
        Colour::Yellow => AnsiColor::Yellow,
        Colour::Blue => AnsiColor::Blue,
        Colour::Magenta => AnsiColor::Magenta,
        Colour::Cyan => AnsiColor::Cyan,
        Colour::White => AnsiColor::White,
    }
}

/// A target as programs see it. There is no password in it, and of the command only the program:
/// its arguments may hold one.
#[derive(Debug, Default, Serialize)]
pub struct TargetRow {
    /// For people; the whole string is for programs.
    #[serde(skip)]
    place: String,
    name: String,
    environment: Option<String>,
    colour: Option<&'static str>,
    database: String,
    adapter: Option<String>,
    adapter_file: Option<String>,
    schema: Option<String>,
    system_identifier: Option<String>,
    require_ticket: bool,
    ticket_pattern: Option<String>,
    reason_pattern: Option<String>,
    min_reason_length: usize,
    max_rows: Option<usize>,
    password_command: Option<String>,
    connect_timeout_ms: Option<u64>,
    lock_timeout_ms: Option<u64>,
    statement_timeout_ms: Option<u64>,
    idle_in_transaction_timeout_ms: Option<u64>,
    resolve_timeout_ms: Option<u64>,
}

impl From<&Target> for TargetRow {
    fn from(target: &Target) -> Self {
        let Target {
            name,
            database,
            adapter,
            adapter_file,
            schema,
            password_command,
            limits,
            policy,
        } = target;
        let Policy {
            target: _,
            environment,
            system_identifier,
            require_ticket,
            ticket_pattern,
            reason_pattern,
            min_reason_length,
            max_rows,
            instead_of: _,
        } = policy;
        let milliseconds = |limit: Option<Duration>| {
            limit.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
        };
        let colour = environment.as_ref().and_then(|named| named.colour);
        Self {
            place: target.place(),
            name: name.clone(),
            environment: environment.as_ref().map(|named| named.name.clone()),
            colour: colour.map(Colour::name),
            database: database.clone(),
            adapter: adapter.clone(),
            adapter_file: adapter_file.as_ref().map(|file| file.display().to_string()),
            schema: schema.clone(),
            system_identifier: system_identifier.clone(),
            require_ticket: *require_ticket,
            ticket_pattern: ticket_pattern.as_ref().map(Pattern::to_string),
            reason_pattern: reason_pattern.as_ref().map(Pattern::to_string),
            min_reason_length: *min_reason_length,
            max_rows: *max_rows,
            password_command: password_command
                .as_ref()
                .map(|command| command.program().to_owned()),
            connect_timeout_ms: milliseconds(limits.connect),
            lock_timeout_ms: milliseconds(limits.lock),
            statement_timeout_ms: milliseconds(limits.statement),
            idle_in_transaction_timeout_ms: milliseconds(limits.idle_in_transaction),
            resolve_timeout_ms: milliseconds(limits.resolve),
        }
    }
}

impl TargetRow {
    /// What must be given with every change.
    fn demands(&self) -> String {
        let ticket = match (self.require_ticket, &self.ticket_pattern) {
            (true, Some(pattern)) => Some(format!("ticket {pattern}")),
            (true, None) => Some("ticket".to_owned()),
            (false, Some(pattern)) => Some(format!("ticket, if any, {pattern}")),
            (false, None) => None,
        };
        let pattern = self.reason_pattern.as_ref();
        let reason = pattern.map(|pattern| format!("reason {pattern}"));
        let length = (self.min_reason_length > 0)
            .then(|| format!("reason of {} characters", self.min_reason_length));
        let demands: Vec<String> = [ticket, reason, length].into_iter().flatten().collect();
        demands.join("; ")
    }

    fn cells(&self) -> Vec<String> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            self.name.clone(),
            text(&self.environment),
            self.place.clone(),
            self.adapter
                .clone()
                .unwrap_or_else(|| text(&self.adapter_file)),
            text(&self.system_identifier),
            self.demands(),
            self.max_rows
                .map_or_else(String::new, |rows| rows.to_string()),
            text(&self.password_command),
        ]
    }
}

/// Writes the targets for people.
///
/// # Errors
///
/// When it cannot be written.
pub fn targets_table(
    out: &mut dyn Write,
    targets: &[TargetRow],
    width: Option<u16>,
) -> io::Result<()> {
    let head = [
        "TARGET",
        "ENVIRONMENT",
        "DATABASE",
        "ADAPTER",
        "PINNED CLUSTER",
        "DEMANDS",
        "MAX ROWS",
        "PASSWORD FROM",
    ]
    .map(str::to_owned);
    let rows = targets.iter().map(TargetRow::cells).collect();
    draw(out, &head, rows, width)
}

/// Writes the targets as CSV, with the fields of the JSON form as its columns. Values are escaped
/// only where a terminal would see them.
///
/// # Errors
///
/// When it cannot be written.
pub fn targets_csv(out: impl Write, targets: &[TargetRow], terminal: bool) -> io::Result<()> {
    let mut out = csv::Writer::from_writer(out);
    let fields = |target: &TargetRow| match serde_json::to_value(target) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(io::Error::other("a target is no object")),
        Err(error) => Err(error.into()),
    };
    let head = fields(&TargetRow::default())?;
    out.write_record(head.keys()).map_err(io_error)?;
    for target in targets {
        let values = fields(target)?;
        let values = values.values().map(|value| match value {
            Value::Null => String::new(),
            Value::String(text) if terminal => visible(text).into_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        out.write_record(values).map_err(io_error)?;
    }
    out.flush()
}
