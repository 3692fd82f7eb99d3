//! JSON documents: an interface, with a schema number.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::json;

use super::escape::json_spelling;
use crate::model::{Blocker, JSON_SCHEMA};

/// Writes one document, indented.
///
/// # Errors
///
/// When it cannot be written.
pub fn document(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    writeln!(out, "{}", json_spelling(&text))
}

/// Writes one document on one line.
///
/// # Errors
///
/// When it cannot be written.
pub fn line(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string(value)?;
    writeln!(out, "{}", json_spelling(&text))
}

/// `{"schema":1,NAME:[…],"truncated":…}`, written as its members arrive.
#[derive(Debug)]
pub struct ListWriter {
    members: usize,
}

impl ListWriter {
    /// Begins the document.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn begin(out: &mut dyn Write, name: &str) -> io::Result<Self> {
        write!(out, "{{\"schema\":{JSON_SCHEMA},\"{name}\":[")?;
        Ok(Self { members: 0 })
    }

    /// Writes a member.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn member(&mut self, out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string(value)?;
        let separator = if self.members == 0 { "\n" } else { ",\n" };
        self.members += 1;
        write!(out, "{separator}{}", json_spelling(&text))
    }

    /// Ends the document, and says whether there was more.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn end(self, out: &mut dyn Write, truncated: bool) -> io::Result<()> {
        let Self { members } = self;
        let end = if members == 0 { "" } else { "\n" };
        writeln!(out, "{end}],\"truncated\":{truncated}}}")
    }
}

/// An error for programs.
#[derive(Clone, Debug, Default)]
pub struct Error {
    /// A word.
    pub code: String,
    /// What a person would read.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The operation that was refused or failed, and whether that is on record.
    pub operation: Option<(String, bool)>,
    /// Who holds the lock that did not come.
    pub blockers: Vec<Blocker>,
    /// What was worth a warning on the way.
    pub warnings: Vec<String>,
}

impl Error {
    /// Writes it on one line.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self {
            code,
            message,
            hint,
            operation,
            blockers,
            warnings,
        } = self;
        let mut error = json!({ "code": code, "message": message, "hint": hint });
        if let (Some((id, recorded)), Some(error)) = (operation, error.as_object_mut()) {
            error.insert("operation".to_owned(), id.as_str().into());
            error.insert("recorded".to_owned(), (*recorded).into());
        }
        if let (false, Some(error)) = (blockers.is_empty(), error.as_object_mut()) {
            error.insert("blockers".to_owned(), json!(blockers));
        }
        if let (false, Some(error)) = (warnings.is_empty(), error.as_object_mut()) {
            error.insert("warnings".to_owned(), json!(warnings));
        }
        line(out, &json!({ "schema": JSON_SCHEMA, "error": error }))
    }
}
