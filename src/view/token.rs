//! One token for people, and several to choose from.

use std::io::{self, Write};

use super::column::{Column, detail};
use super::escape::visible;
use super::operations::operation_line;
use super::table::tokens_table;
use super::time::Clock;
use crate::model::{SecretCheck, Shown, Token};

/// Writes everything that is known about one token.
///
/// # Errors
///
/// When it cannot be written.
pub fn token(out: &mut dyn Write, shown: &Shown, clock: Clock) -> io::Result<()> {
    let Shown {
        token,
        kind_title,
        companions,
        secret,
        still_works,
        notes,
        history,
    } = shown;
    let mut field = |name: &str, value: &str| writeln!(out, "{name:<12} {}", visible(value));
    field("key", &token.key)?;
    field("name", token.label.as_deref().unwrap_or("-"))?;
    match kind_title {
        Some(title) => field("kind", &format!("{} ({title})", token.kind))?,
        None => field("kind", &token.kind)?,
    }
    field("state", token.state.as_str())?;
    field("owner", &owner(token))?;
    for (name, time, missing) in [
        ("created", token.created_at, "unknown"),
        ("last used", token.last_used_at, clock.unused()),
        ("expires", token.expires_at, "never"),
    ] {
        field(
            name,
            &time.map_or_else(|| missing.to_owned(), |time| clock.full(time)),
        )?;
    }
    for (name, value) in &token.details {
        field(&name.replace('_', " "), &detail(value))?;
    }
    match secret {
        SecretCheck::NotGiven => {}
        SecretCheck::Verified => field("secret", "verified")?,
        SecretCheck::NotVerified => field("secret", "not verified")?,
    }
    for companion in companions {
        field(
            "with it",
            &format!("{} {} ({})", companion.name, companion.key, companion.state),
        )?;
    }
    for text in still_works {
        field("survives", text)?;
    }
    for text in notes {
        field("note", text)?;
    }
    match history {
        None => field("history", "no audit log of breakglass here")?,
        Some(history) if history.is_empty() => field("history", "none")?,
        Some(history) => {
            for operation in history {
                field("history", &operation_line(operation))?;
            }
        }
    }
    Ok(())
}

fn owner(token: &Token) -> String {
    let Some(owner) = &token.owner else {
        return "-".to_owned();
    };
    let login = owner.login.as_deref().unwrap_or("(no such owner)");
    match owner.email.as_deref().filter(|email| !email.is_empty()) {
        Some(email) => format!("{login} <{email}> ({})", owner.id),
        None => format!("{login} ({})", owner.id),
    }
}

/// Writes the tokens that a selector could have meant.
///
/// # Errors
///
/// When it cannot be written.
pub fn candidates(
    out: &mut dyn Write,
    tokens: &[Token],
    clock: Clock,
    width: Option<u16>,
) -> io::Result<()> {
    tokens_table(out, tokens, &Column::for_table(true), clock, width)
}
