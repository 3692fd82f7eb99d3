//! Adapters, and the statements that they lead to.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};

use super::escape::visible;
use super::table::draw;
use crate::adapter::{Adapter, Cache, Settle, StillAlive};

/// Writes a list of adapters; `fits` is the one that matched the database, if one was asked.
///
/// # Errors
///
/// When it cannot be written.
pub fn adapters(
    out: &mut dyn Write,
    adapters: &[Adapter],
    fits: Option<&str>,
    width: Option<u16>,
) -> io::Result<()> {
    let head = [
        "ADAPTER",
        "APPLICATION",
        "TABLE",
        "VERIFIED AGAINST",
        "HERE",
    ]
    .map(str::to_owned);
    let rows = adapters
        .iter()
        .map(|adapter| {
            vec![
                adapter.name.clone(),
                adapter.title.clone(),
                adapter.token.table.clone(),
                adapter.verified_against.clone(),
                if fits == Some(adapter.name.as_str()) {
                    "yes".to_owned()
                } else {
                    String::new()
                },
            ]
        })
        .collect();
    draw(out, &head, rows, width)
}

/// Writes what one adapter says.
///
/// # Errors
///
/// When it cannot be written.
pub fn adapter(out: &mut dyn Write, adapter: &Adapter) -> io::Result<()> {
    let mut field = |name: &str, value: &str| writeln!(out, "{name:<16} {}", visible(value));
    field("adapter", &adapter.name)?;
    field("application", &adapter.title)?;
    field("source", adapter.upstream.as_deref().unwrap_or("-"))?;
    field("verified against", &adapter.verified_against)?;
    field("recognised by", &adapter.detect.all_of.join(", "))?;
    for refusal in &adapter.detect.refuse {
        field("refuses", &format!("{}: {}", refusal.table, refusal.why))?;
    }
    field("table", &adapter.token.table)?;
    let key = if adapter.token.key_is_secret {
        format!(
            "sha256 of {}, which is the secret itself",
            adapter.token.key
        )
    } else {
        adapter.token.key.clone()
    };
    field("key", &key)?;
    for kind in &adapter.kinds {
        let default = if kind.name == adapter.token.default_kind {
            " (what a name means, and what `ls` shows)"
        } else {
            ""
        };
        field("kind", &format!("{}: {}{default}", kind.name, kind.title))?;
    }
    match (&adapter.expire, &adapter.delete.only) {
        (Some(expire), _) => {
            field("expire sets", &in_words(&expire.set))?;
            if let Some(at) = &expire.at {
                field("for a later end", &in_words(&at.set))?;
            }
        }
        (None, why) => field(
            "expire",
            &format!("not possible: {}", why.as_deref().unwrap_or_default()),
        )?,
    }
    for (name, value) in settling(&adapter.settle) {
        field(name, &value)?;
    }
    for companion in &adapter.companions {
        field(
            "companion",
            &format!("{} in {}", companion.name, companion.table),
        )?;
    }
    if let Some(secret) = &adapter.secret {
        field("secret", &secret.shape)?;
    }
    if let Some(audit) = &adapter.application_audit {
        field("application log", &audit.table)?;
    }
    for text in adapter.owner.iter().flat_map(|owner| &owner.out_of_reach) {
        field("out of reach", text)?;
    }
    for (name, value) in reach(adapter) {
        field(name, &value)?;
    }
    for note in &adapter.notes {
        field("note", &note.text)?;
    }
    Ok(())
}

/// What is set, column by column.
fn in_words<T: Display>(set: &BTreeMap<String, T>) -> String {
    let words = set.iter().map(|(column, set)| format!("{column} = {set}"));
    words.collect::<Vec<_>>().join(", ")
}

/// What a kill does not reach, and how the application is asked.
fn reach(adapter: &Adapter) -> Vec<(&'static str, String)> {
    let survivors = adapter
        .survivors
        .iter()
        .map(|survivor| survivor.text.clone());
    let caches = adapter.caches.iter().map(Cache::words);
    let mut fields: Vec<(&str, String)> = survivors
        .chain(caches)
        .map(|text| ("does not kill", text))
        .collect();
    if let Some(header) = &adapter.probe.header {
        let path = adapter.probe.path.as_deref().unwrap_or_default();
        fields.push(("probe", format!("{header} {path}").trim_end().to_owned()));
    }
    fields
}

/// What comes after the commit: for how long it is watched, and what helps where that is not enough.
fn settling(settle: &Settle) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    if !settle.window.is_zero() {
        let seconds = settle.window.as_secs_f64();
        fields.push(("watched for", format!("{seconds} s after the commit")));
    }
    if let Some(StillAlive::Delete) = settle.still_alive {
        let why = settle.why.as_deref();
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        fields.push(("written back", format!("--delete{why}")));
    }
    fields
}
