//! Tables for people. They may change; JSON is the interface.

use std::io::{self, Write};

use comfy_table::{ColumnConstraint, ContentArrangement, presets};

use super::column::Column;
use super::escape::visible;
use super::time::Clock;
use crate::model::Token;

/// A table without lines, as wide as the terminal at most.
#[expect(clippy::disallowed_types, reason = "the one place that draws")]
pub(super) fn draw(
    out: &mut dyn Write,
    head: &[String],
    rows: Vec<Vec<String>>,
    width: Option<u16>,
) -> io::Result<()> {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(if width.is_some() {
        ContentArrangement::Dynamic
    } else {
        ContentArrangement::Disabled
    });
    if let Some(width) = width {
        table.set_width(width);
    }
    table.set_header(head);
    for row in rows {
        table.add_row(row.iter().map(|cell| visible(cell).into_owned()));
    }
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
        // Keys and ids are copied from here: never broken.
        first.set_constraint(ColumnConstraint::ContentWidth);
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Writes tokens as a table.
///
/// # Errors
///
/// When it cannot be written.
pub fn tokens_table(
    out: &mut dyn Write,
    tokens: &[Token],
    columns: &[Column],
    clock: Clock,
    width: Option<u16>,
) -> io::Result<()> {
    let head: Vec<String> = columns.iter().map(Column::head).collect();
    let rows = tokens
        .iter()
        .map(|token| {
            columns
                .iter()
                .map(|column| column.shown(token, clock))
                .collect()
        })
        .collect();
    draw(out, &head, rows, width)
}
