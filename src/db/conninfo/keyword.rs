//! The keyword form of a connection string: `host=db1 dbname='my app'`.
//!
//! The rules are those of libpq's `conninfo_parse`, oddities included: `host= user=x` sets the
//! host to `user=x`, since blanks after the equals sign are skipped.

use super::error::ConninfoError;
use super::parameters::Parameters;

/// Reads `keyword = value` pairs; a later one wins.
pub(super) fn parse(text: &str) -> Result<Parameters, ConninfoError> {
    let mut parameters = Parameters::default();
    let mut rest = skip_blanks(text);
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let (keyword, after) = keyword(rest, number)?;
        let (value, after) = value(skip_blanks(after), number)?;
        parameters.set_numbered(keyword, &value, number)?;
        rest = skip_blanks(after);
    }
    Ok(parameters)
}

/// Writes a value so that it reads back as itself, whatever is in it.
#[must_use]
pub fn quote(value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('\'', "\\'");
    format!("'{escaped}'")
}

/// Splits the keyword off, and the equals sign behind it.
fn keyword(text: &str, number: usize) -> Result<(&str, &str), ConninfoError> {
    let end = text.find(|c| c == '=' || is_blank(c)).unwrap_or(text.len());
    let (keyword, rest) = text.split_at(end);
    let after = skip_blanks(rest).strip_prefix('=');
    after
        .map(|after| (keyword, after))
        .ok_or(ConninfoError::Keywords {
            problem: "`=` is missing; a value with blanks needs quotes",
            number,
        })
}

fn value(text: &str, number: usize) -> Result<(String, &str), ConninfoError> {
    match text.strip_prefix('\'') {
        Some(quoted) => quoted_value(quoted).ok_or(ConninfoError::Keywords {
            problem: "a quote is not closed",
            number,
        }),
        None => Ok(bare_value(text)),
    }
}

/// Reads up to the next blank; a backslash takes the character behind it as it is.
fn bare_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        let rest = characters.as_str();
        match characters.next() {
            Some('\\') => value.extend(characters.next()),
            Some(c) if !is_blank(c) => value.push(c),
            Some(_) | None => return (value, rest),
        }
    }
}

/// Reads up to the closing quote; `None` when there is none.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '\\' => value.extend(characters.next()),
            '\'' => return Some((value, characters.as_str())),
            c => value.push(c),
        }
    }
}

fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches(is_blank)
}

/// C's `isspace`: unlike Rust's, it has the vertical tab and nothing beyond ASCII.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}
