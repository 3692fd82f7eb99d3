//! Targets: the list of them, and the line above a plan that says which one it is for.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::csv::io_error;
use super::escape::visible;
use super::table::draw;
use crate::config::TargetRow;
use crate::model::{Colour, Environment, Proposal};

/// Writes which environment and target a plan is for, and what else had named a database. Nothing
/// where there is nothing to say.
///
/// # Errors
///
/// When it cannot be written.
pub fn banner(out: &mut dyn Write, proposal: &Proposal, painted: bool) -> io::Result<()> {
    let unused = proposal.instead_of.join(", ");
    let verb = if proposal.instead_of.len() > 1 {
        "are"
    } else {
        "is"
    };
    let Some(target) = &proposal.target else {
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
    let Some(Environment { name, colour }) = &proposal.environment else {
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

/// What a target has in the table.
fn cells(target: &TargetRow) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    vec![
        target.name.clone(),
        text(&target.environment),
        target.place.clone(),
        target
            .adapter
            .clone()
            .unwrap_or_else(|| text(&target.adapter_file)),
        text(&target.system_identifier),
        target.demands(),
        target
            .max_rows
            .map_or_else(String::new, |rows| rows.to_string()),
        text(&target.password_command),
    ]
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
    let rows = targets.iter().map(cells).collect();
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
