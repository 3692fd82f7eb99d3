//! What a sweep found, for people and for programs, written as it comes.

use std::io::{self, Write};

use serde::Serialize;

use super::column::shown_key;
use super::csv::io_error;
use super::escape::{json_spelling, visible};
use super::json::line;
use super::receipt::receipt;
use super::table::draw;
use crate::model::{Hit, HitVerdict, JSON_SCHEMA, Place, Receipt, SweepHead};

/// Rows of a table at most, the most urgent first; programs get all.
const SHOWN: usize = 500;

/// How a sweep is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepStyle {
    /// A table, as wide as this at most.
    Table(Option<u16>),
    /// One JSON document.
    Json,
    /// One JSON object a line, each with its `type`.
    Jsonl,
    /// A line a place; escaped where a terminal would see it.
    Csv {
        /// Whether one would.
        terminal: bool,
    },
}

/// Writes what a sweep found.
pub struct SweepWriter<'a> {
    out: Box<dyn Write + 'a>,
    style: SweepStyle,
    written: u64,
    /// Of a table: its rows by urgency, and how many were left out.
    rows: [Vec<Vec<String>>; HitVerdict::ALL.len()],
    left_out: u64,
}

#[derive(Serialize)]
struct Line<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(flatten)]
    value: &'a T,
}

impl<'a> SweepWriter<'a> {
    /// Begins.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn begin(mut out: Box<dyn Write + 'a>, style: SweepStyle) -> io::Result<Self> {
        match style {
            SweepStyle::Json => write!(out, "{{\"schema\":{JSON_SCHEMA},\"hits\":[")?,
            SweepStyle::Csv { .. } => writeln!(out, "{}", CSV_HEAD.join(","))?,
            SweepStyle::Table(_) | SweepStyle::Jsonl => {}
        }
        Ok(Self {
            out,
            style,
            written: 0,
            rows: Default::default(),
            left_out: 0,
        })
    }

    /// Writes a hit; a table keeps it.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn hit(&mut self, hit: &Hit) -> io::Result<()> {
        let first = self.written == 0;
        self.written += 1;
        match self.style {
            SweepStyle::Table(_) => {
                let place = HitVerdict::ALL.iter().position(|one| *one == hit.verdict);
                match place.and_then(|place| self.rows.get_mut(place)) {
                    Some(rows) if rows.len() < SHOWN => rows.push(row(hit)),
                    _ => self.left_out += 1,
                }
                Ok(())
            }
            SweepStyle::Json => {
                let text = serde_json::to_string(hit)?;
                let separator = if first { "\n" } else { ",\n" };
                write!(self.out, "{separator}{}", json_spelling(&text))
            }
            SweepStyle::Jsonl => line(
                &mut self.out,
                &Line {
                    kind: "hit",
                    value: hit,
                },
            ),
            SweepStyle::Csv { terminal } => csv(&mut self.out, hit, terminal),
        }
    }

    /// Writes what it comes to. Returns how many hits a table did not show.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn summary(&mut self, head: &SweepHead) -> io::Result<u64> {
        match self.style {
            SweepStyle::Table(width) => {
                let mut rows: Vec<Vec<String>> =
                    self.rows.iter_mut().flat_map(std::mem::take).collect();
                self.left_out += rows.len().saturating_sub(SHOWN) as u64;
                rows.truncate(SHOWN);
                if !rows.is_empty() {
                    let head = TABLE_HEAD.map(str::to_owned);
                    draw(&mut self.out, &head, rows, width)?;
                }
            }
            SweepStyle::Json => {
                let end = if self.written == 0 { "" } else { "\n" };
                let text = serde_json::to_string(head)?;
                write!(self.out, "{end}],\n\"summary\":{}", json_spelling(&text))?;
            }
            SweepStyle::Jsonl => line(
                &mut self.out,
                &Line {
                    kind: "summary",
                    value: head,
                },
            )?,
            SweepStyle::Csv { .. } => {}
        }
        self.out.flush()?;
        Ok(self.left_out)
    }

    /// Ends, with the receipt of the change that followed, where one did.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn end(mut self, change: Option<&Receipt>) -> io::Result<()> {
        match (self.style, change) {
            (SweepStyle::Table(_), Some(change)) => receipt(&mut self.out, change)?,
            (SweepStyle::Json, change) => {
                let text = serde_json::to_string(&change)?;
                writeln!(self.out, ",\n\"receipt\":{}}}", json_spelling(&text))?;
            }
            (SweepStyle::Jsonl, Some(change)) => line(
                &mut self.out,
                &Line {
                    kind: "receipt",
                    value: change,
                },
            )?,
            (SweepStyle::Table(_) | SweepStyle::Jsonl | SweepStyle::Csv { .. }, _) => {}
        }
        self.out.flush()
    }
}

const TABLE_HEAD: [&str; 7] = ["KEY", "SECRET", "VERDICT", "NAME", "OWNER", "SEEN", "WHERE"];

fn row(hit: &Hit) -> Vec<String> {
    let token = hit.token.as_ref();
    let owner = token.and_then(|token| token.owner.as_ref());
    let verdict = match (hit.verdict, hit.verified) {
        (HitVerdict::Live, None) => "live, not verified",
        (HitVerdict::Dead, None) => "dead, not verified",
        (HitVerdict::WrongSecret, _) => "wrong secret",
        (verdict, _) => verdict.as_str(),
    };
    vec![
        hit.key.as_deref().map_or_else(|| "-".to_owned(), shown_key),
        format!("…{}", hit.last_four),
        verdict.to_owned(),
        token
            .and_then(|token| token.label.clone())
            .unwrap_or_else(|| "-".to_owned()),
        owner.map_or_else(
            || "-".to_owned(),
            |owner| owner.login.clone().unwrap_or_else(|| owner.id.clone()),
        ),
        hit.occurrences.to_string(),
        whereabouts(hit),
    ]
}

fn whereabouts(hit: &Hit) -> String {
    let Some(first) = hit.places.first() else {
        return String::new();
    };
    match hit.occurrences.saturating_sub(1) {
        0 => place(first),
        more => format!("{} and {more} more", place(first)),
    }
}

/// `path:line:column (added in 9fceb02d0ae5)`.
fn place(place: &Place) -> String {
    const SHORT: usize = 12;
    let mut text = place.path.clone().unwrap_or_else(|| "-".to_owned());
    match (place.line, place.column) {
        (Some(line), Some(column)) => text = format!("{text}:{line}:{column}"),
        (Some(line), None) => text = format!("{text}:{line}"),
        (None, _) => text = format!("{text} at byte {}", place.offset),
    }
    let commit = place
        .commit
        .as_ref()
        .map(|commit| commit.chars().take(SHORT).collect::<String>());
    match (place.side, commit) {
        (Some(side), Some(commit)) => format!("{text} ({} in {commit})", side.as_str()),
        (Some(side), None) => format!("{text} ({})", side.as_str()),
        (None, Some(commit)) => format!("{text} (in {commit})"),
        (None, None) => text,
    }
}

const CSV_HEAD: [&str; 15] = [
    "verdict",
    "key",
    "last_four",
    "verified",
    "label",
    "kind",
    "state",
    "owner_login",
    "occurrences",
    "path",
    "line",
    "column",
    "commit",
    "side",
    "offset",
];

/// A line a place, so that every field has one value.
fn csv(out: &mut dyn Write, hit: &Hit, terminal: bool) -> io::Result<()> {
    let token = hit.token.as_ref();
    let owner = token.and_then(|token| token.owner.as_ref());
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    let number = |number: Option<u64>| number.map(|n| n.to_string()).unwrap_or_default();
    let mut writer = csv::Writer::from_writer(out);
    for place in &hit.places {
        let values = [
            hit.verdict.to_string(),
            text(hit.key.as_ref()),
            hit.last_four.clone(),
            hit.verified
                .map(|verified| verified.to_string())
                .unwrap_or_default(),
            text(token.and_then(|token| token.label.as_ref())),
            text(token.map(|token| &token.kind)),
            token
                .map(|token| token.state.to_string())
                .unwrap_or_default(),
            text(owner.and_then(|owner| owner.login.as_ref())),
            hit.occurrences.to_string(),
            text(place.path.as_ref()),
            number(place.line),
            number(place.column),
            text(place.commit.as_ref()),
            place
                .side
                .map(|side| side.as_str().to_owned())
                .unwrap_or_default(),
            place.offset.to_string(),
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
