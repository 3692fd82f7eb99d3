//! What lets an owner in.

use std::io::{self, Write};

use serde::Serialize;

use super::column::{Column, detail};
use super::csv::io_error;
use super::escape::visible;
use super::json::line;
use super::table::tokens_table;
use super::time::Clock;
use crate::model::{Access, CompanionRow, OwnerRow, Token};

/// Writes it for people.
///
/// # Errors
///
/// When it cannot be written.
pub fn access(
    out: &mut dyn Write,
    access: &Access,
    clock: Clock,
    width: Option<u16>,
) -> io::Result<()> {
    let Access {
        owner,
        kinds,
        out_of_reach,
    } = access;
    let mut field = |name: &str, value: &str| writeln!(out, "{name:<12} {}", visible(value));
    field("owner", &owner.owner.id)?;
    field(
        "login",
        owner.owner.login.as_deref().unwrap_or("(no such owner)"),
    )?;
    if let Some(email) = owner.owner.email.as_deref().filter(|text| !text.is_empty()) {
        field("email", email)?;
    }
    for (name, value) in &owner.details {
        field(&name.replace('_', " "), &detail(value))?;
    }
    if kinds.is_empty() {
        writeln!(out, "\nno token of theirs is alive")?;
    }
    for of_kind in kinds {
        let title = of_kind.title.as_ref();
        let title = title.map(|title| format!(" ({title})")).unwrap_or_default();
        let head = format!("{} {}{title}", of_kind.tokens.len(), of_kind.kind);
        writeln!(out, "\n{}", visible(&head))?;
        let tokens: Vec<Token> = of_kind
            .tokens
            .iter()
            .map(|credential| credential.token.clone())
            .collect();
        tokens_table(out, &tokens, &Column::for_table(false), clock, width)?;
        for companion in of_kind.tokens.iter().flat_map(|token| &token.companions) {
            let CompanionRow {
                name, key, token, ..
            } = companion;
            let told = format!("with {token}: {name} {key} ({})", companion.state);
            writeln!(out, "{}", visible(&told))?;
        }
    }
    if !out_of_reach.is_empty() {
        writeln!(out)?;
    }
    for text in out_of_reach {
        writeln!(out, "out of reach: {}", visible(text))?;
    }
    Ok(())
}

/// Writes an object a line: the owner, each token, each companion, what is out of reach.
///
/// # Errors
///
/// When it cannot be written.
pub fn access_lines(out: &mut dyn Write, access: &Access) -> io::Result<()> {
    #[derive(Serialize)]
    #[serde(tag = "what", rename_all = "snake_case")]
    enum Line<'a> {
        Owner(&'a OwnerRow),
        Token(&'a Token),
        Companion(&'a CompanionRow),
        OutOfReach { text: &'a str },
    }
    line(out, &Line::Owner(&access.owner))?;
    for credential in access.credentials() {
        line(out, &Line::Token(&credential.token))?;
        for companion in &credential.companions {
            line(out, &Line::Companion(companion))?;
        }
    }
    for text in &access.out_of_reach {
        line(out, &Line::OutOfReach { text })?;
    }
    Ok(())
}

/// Writes the rows as CSV, tokens and companions; escaped where a terminal would see it.
///
/// # Errors
///
/// When it cannot be written.
pub fn access_csv(out: impl Write, access: &Access, terminal: bool) -> io::Result<()> {
    let mut out = csv::Writer::from_writer(out);
    let columns = Column::for_csv();
    let names = columns.iter().map(Column::name);
    let head: Vec<String> = std::iter::once("what".to_owned()).chain(names).collect();
    out.write_record(&head).map_err(io_error)?;
    let shown = |value: String| {
        if terminal {
            visible(&value).into_owned()
        } else {
            value
        }
    };
    for credential in access.credentials() {
        let values = columns.iter().map(|column| column.value(&credential.token));
        let values = std::iter::once("token".to_owned()).chain(values);
        out.write_record(values.map(shown)).map_err(io_error)?;
        for companion in &credential.companions {
            let values = columns.iter().map(|column| match column {
                Column::Key => companion.key.clone(),
                Column::Label => companion.token.clone(),
                Column::Kind => companion.name.clone(),
                Column::State => companion.state.clone(),
                Column::OwnerId | Column::OwnerLogin | Column::OwnerEmail | Column::Adapter => {
                    column.value(&credential.token)
                }
                _ => String::new(),
            });
            let values = std::iter::once("companion".to_owned()).chain(values);
            out.write_record(values.map(shown)).map_err(io_error)?;
        }
    }
    out.flush()
}
