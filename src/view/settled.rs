//! What was seen of killed tokens after the commit, for people.

use std::io::{self, Write};

use super::column::shown_key;
use super::escape::visible;
use crate::model::{Deed, Outcome, Reapplied, Settled, TokenVerdict, Verdict};

/// Tokens whose verdicts are told one by one.
const TOLD: usize = 20;

/// Writes what was seen afterwards: what was killed again, the verdict, and on which tokens it is
/// another one than was hoped for.
pub(super) fn write(
    out: &mut dyn Write,
    action: Deed,
    verdict: Option<Verdict>,
    settled: &Settled,
) -> io::Result<()> {
    let Settled {
        watched_for_ms,
        looks,
        watched_until: _,
        unsettled,
        reapplied,
        advice: _,
    } = settled;
    for again in reapplied {
        writeln!(out, "{}", visible(&reapplied_line(again)))?;
    }
    let read_back = "read back on a fresh connection";
    let line = match verdict {
        None => return Ok(()),
        Some(Verdict::Dead) if *watched_for_ms > 0 => format!(
            "{read_back}: dead, at each of {looks} looks over {}",
            seconds(*watched_for_ms)
        ),
        Some(Verdict::Dead) => format!("{read_back}: dead"),
        Some(Verdict::Resurrected) => {
            format!("{read_back}: ALIVE AGAIN, something wrote it back")
        }
        Some(Verdict::Unknown) if action == Deed::Restore && *looks > 0 => format!(
            "put back, but not seen so to the end of the settle window ({looks} looks over {})",
            seconds(*watched_for_ms)
        ),
        Some(Verdict::Unknown) if action == Deed::Restore => {
            "put back, but it could not be read back".to_owned()
        }
        Some(Verdict::Unknown) if *looks > 0 => format!(
            "changed, but not seen dead to the end of the settle window, so it is not confirmed dead ({looks} looks over {})",
            seconds(*watched_for_ms)
        ),
        Some(Verdict::Unknown) => {
            "changed, but it could not be read back, so it is not confirmed dead".to_owned()
        }
        Some(Verdict::Accepted) => {
            "changed, but THE APPLICATION STILL TAKES IT, so it is not confirmed dead".to_owned()
        }
        Some(Verdict::Scheduled) => format!("{read_back}: ends as set, alive until then"),
        Some(Verdict::Restored) if action != Deed::Restore => {
            format!("{read_back}: NOT DEAD, taken back by a restore on record")
        }
        Some(Verdict::Restored) if *watched_for_ms > 0 => format!(
            "{read_back}: as it was put back, at each of {looks} looks over {}",
            seconds(*watched_for_ms)
        ),
        Some(Verdict::Restored) => format!("{read_back}: as it was put back"),
        Some(Verdict::Changed) => {
            format!("{read_back}: CHANGED AGAIN, something wrote over what was put back")
        }
        Some(Verdict::Gone) => format!("{read_back}: the row is gone"),
    };
    writeln!(out, "{line}")?;
    for seen in unsettled.iter().take(TOLD) {
        let TokenVerdict {
            key,
            verdict,
            detail,
        } = seen;
        let line = format!("  {} {}: {detail}", shown_key(key), verdict.as_str());
        writeln!(out, "{}", visible(&line))?;
    }
    match unsettled.len().saturating_sub(TOLD) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more, see `breakglass audit show`"),
    }
}

fn reapplied_line(again: &Reapplied) -> String {
    let Reapplied {
        operation,
        outcome,
        keys,
        changed: _,
        companions_changed,
        error,
    } = again;
    let what = match keys.as_slice() {
        [key] => shown_key(key),
        several => format!("{} tokens", several.len()),
    };
    let outcome = outcome.map_or("outcome unknown", Outcome::as_str);
    let companions = match companions_changed {
        0 => String::new(),
        number => format!(", {number} of what must die with it"),
    };
    let error = error
        .as_ref()
        .map(|error| format!(": {error}"))
        .unwrap_or_default();
    format!(
        "came back to life, so killed again: {what} by {operation} ({outcome}{companions}){error}"
    )
}

/// Milliseconds as `3.1 s`.
pub(super) fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}
