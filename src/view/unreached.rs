//! What a kill did not reach, and what the application said, for people.

use std::io::{self, Write};

use super::escape::visible;
use super::time::zoned;
use crate::model::{ProbeReport, ProbeVerdict, Unreached};

/// Commands shown at once at most; the rest is counted.
const SHOWN: usize = 20;

/// Writes what lives on, until when, and what to type against it.
pub(super) fn left_alive(out: &mut dyn Write, left: &[Unreached]) -> io::Result<()> {
    for thing in left {
        let Unreached {
            what: _,
            text,
            lasts_seconds: _,
            sliding: _,
            until,
            place: _,
            flush: _,
            commands,
            without_command,
        } = thing;
        let until = until
            .map(|until| format!(" (until {})", zoned(until)))
            .unwrap_or_default();
        writeln!(out, "not killed: {}{until}", visible(text))?;
        for command in commands.iter().take(SHOWN) {
            writeln!(out, "  {}", visible(command))?;
        }
        if commands.len() > SHOWN {
            writeln!(
                out,
                "  … and {} more: the same command again with `--dry-run -o json` has all of them in \
                 unreached[].commands",
                commands.len() - SHOWN
            )?;
        }
        if !without_command.is_empty() {
            let keys = without_command.iter().take(SHOWN);
            let keys: Vec<&str> = keys.map(String::as_str).collect();
            let more = without_command.len() - keys.len();
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let keys = visible(&keys.join(", ")).into_owned();
            writeln!(
                out,
                "  no command for {keys}{more}: no owner or label to make the cache's key from"
            )?;
        }
    }
    Ok(())
}

/// Writes the sentences that are not told with more: companions that were left alive on purpose, and
/// all of a run of batches.
pub(super) fn others_left(
    out: &mut dyn Write,
    still_works: &[String],
    left: &[Unreached],
) -> io::Result<()> {
    let is_told = |text: &&String| left.iter().any(|thing| thing.text == **text);
    let others: Vec<&String> = still_works.iter().filter(|text| !is_told(text)).collect();
    for text in others.iter().take(SHOWN) {
        writeln!(out, "not killed: {}", visible(text))?;
    }
    match others.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(out, "not killed: … and {more} more"),
    }
}

/// Writes what the application said after the change.
pub(super) fn probed(out: &mut dyn Write, report: &ProbeReport) -> io::Result<()> {
    let ProbeReport {
        url,
        status_before: _,
        status: _,
        after_ms: _,
        attempts: _,
        verdict,
        detail,
        in_the_way,
    } = report;
    let (meaning, detail) = match verdict {
        None => return Ok(()),
        Some(ProbeVerdict::Refused) => ("the application refuses it", detail),
        Some(ProbeVerdict::Accepted) => ("THE APPLICATION STILL TAKES IT", detail),
        Some(ProbeVerdict::Unknown) => ("not confirmed by the application", detail),
    };
    let line = format!("probe: {meaning}: {detail} ({url})");
    writeln!(out, "{}", visible(&line))?;
    for suspect in in_the_way {
        writeln!(out, "  in the way: {}", visible(suspect))?;
    }
    Ok(())
}
