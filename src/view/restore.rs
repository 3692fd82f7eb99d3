//! What a restore puts back, and what it cannot.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::column::shown_key;
use super::escape::visible;
use super::time::{Clock, zoned};
use crate::model::{Plan, PutBack, RowNote, TakenBack};

/// Writes which operation is taken back, and how many rows of it.
pub(super) fn head(
    out: &mut dyn Write,
    plan: &Plan,
    taken_back: &TakenBack,
    will: &str,
    clock: Clock,
) -> io::Result<()> {
    let TakenBack {
        operation,
        action,
        occurred_at,
        ..
    } = taken_back;
    let when = occurred_at.map(|time| format!(" of {}", clock.full(time)));
    writeln!(
        out,
        "takes back {action} {operation}{}",
        when.unwrap_or_default()
    )?;
    let changes = |companion: bool| {
        let rows = plan.put_back.iter();
        rows.filter(|row| row.companion.is_some() == companion && !row.before.is_empty())
            .count()
    };
    let (tokens, companions) = (changes(false), changes(true));
    match (tokens, companions) {
        (0, 0) => writeln!(out, "nothing to restore")?,
        (tokens, 0) => writeln!(out, "{will} {}", counted(tokens, "token"))?,
        (0, companions) => writeln!(out, "{will} {}", counted(companions, "companion"))?,
        (tokens, companions) => writeln!(
            out,
            "{will} {} and {}",
            counted(tokens, "token"),
            counted(companions, "companion")
        )?,
    }
    let unchanged = plan.tokens.len() - plan.changes();
    if unchanged > 0 {
        let left = if unchanged == 1 {
            "left as it is"
        } else {
            "left as they are"
        };
        let unchanged = counted(unchanged, "token");
        writeln!(out, "{unchanged} already as before, {left}")?;
    }
    Ok(())
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Writes every row with what is put back, and those that are not.
pub(super) fn rows(
    out: &mut dyn Write,
    plan: &Plan,
    taken_back: &TakenBack,
    shown: usize,
    clock: Clock,
) -> io::Result<()> {
    for row in plan.put_back.iter().take(shown) {
        if row.before.is_empty() {
            continue;
        }
        let what = columns(&row.after, &row.before).join(", ");
        writeln!(
            out,
            "{}",
            visible(&format!("puts back {}: {what}", name(row)))
        )?;
        if row.state != "active" {
            let since = row.ends_at.filter(|time| *time <= clock.as_of);
            let since = since.map(|time| clock.full(time));
            let by_itself = row.state_before == "active";
            let line = dead_line(&name(row), &row.state, since, by_itself);
            writeln!(out, "{}", visible(&line))?;
        }
    }
    left_out(out, taken_back, shown)
}

/// Writes the rows of the restored operation that are not, or not wholly, put back.
pub(super) fn left_out(
    out: &mut dyn Write,
    taken_back: &TakenBack,
    shown: usize,
) -> io::Result<()> {
    let TakenBack {
        gone,
        skipped,
        kept,
        ..
    } = taken_back;
    let mut write = |rows: &[RowNote], line: &dyn Fn(&RowNote) -> String| {
        for row in rows.iter().take(shown) {
            writeln!(out, "{}", visible(&line(row)))?;
        }
        if rows.len() > shown {
            writeln!(out, "… and {} more", rows.len() - shown)?;
        }
        io::Result::Ok(())
    };
    write(gone, &|row| {
        format!(
            "gone: {} {}: the row is not there any more",
            row.kind,
            shown_key(&row.key)
        )
    })?;
    let columns = |row: &RowNote| row.columns.join(", ");
    write(skipped, &|row| {
        format!(
            "skipped: {} {}: changed since ({})",
            row.kind,
            shown_key(&row.key),
            columns(row)
        )
    })?;
    write(kept, &|row| {
        format!(
            "keeps what changed since in {} {}: {}",
            row.kind,
            shown_key(&row.key),
            columns(row)
        )
    })
}

/// Writes the rows that are put back and dead all the same.
pub(super) fn dead(out: &mut dyn Write, taken_back: &TakenBack) -> io::Result<()> {
    for row in &taken_back.dead {
        let key = shown_key(&row.key);
        let since = row.since.map(zoned);
        let line = dead_line(&key, &row.state, since, row.by_itself);
        writeln!(out, "{}", visible(&line))?;
    }
    Ok(())
}

/// What was dead before the restored operation is meant to be so again; any other died meanwhile.
fn dead_line(name: &str, state: &str, since: Option<String>, by_itself: bool) -> String {
    let since = since
        .map(|since| format!(" since {since}"))
        .unwrap_or_default();
    let by_itself = if by_itself { " by itself" } else { "" };
    format!("{name}: put back, and {state}{since}{by_itself}: the application does not accept it")
}

fn name(row: &PutBack) -> String {
    match &row.companion {
        None => shown_key(&row.key),
        Some(companion) => format!("{companion} {}", row.key),
    }
}

/// What becomes of each column.
fn columns(now: &Map<String, Value>, then: &Map<String, Value>) -> Vec<String> {
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "null".to_owned(),
        Some(other) => other.to_string(),
    };
    then.iter()
        .map(|(column, then)| {
            format!(
                "{column}: {} -> {}",
                text(now.get(column)),
                text(Some(then))
            )
        })
        .collect()
}
