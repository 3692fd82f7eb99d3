//! What `doctor` found, for people.

use std::io::{self, Write};

use super::escape::visible;
use crate::model::{Ability, Diagnosis, Finding, Fitness, Severity};

/// Writes a diagnosis: what the role may do, each finding, and the verdict last. On a terminal a
/// finding takes a line for each of its parts; where a program reads along it is one line.
///
/// # Errors
///
/// When it cannot be written.
pub fn diagnosis(out: &mut dyn Write, diagnosis: &Diagnosis, width: Option<u16>) -> io::Result<()> {
    let Diagnosis {
        schema: _,
        identity: _,
        database: _,
        role,
        adapter,
        verdict,
        abilities,
        findings,
    } = diagnosis;
    writeln!(
        out,
        "adapter: {}",
        visible(adapter.as_deref().unwrap_or("none"))
    )?;
    for ability in abilities {
        writeln!(out, "{}", visible(&may(role, ability)))?;
    }
    for finding in findings {
        write_finding(out, finding, width.is_some())?;
    }
    let count = |severity| {
        findings
            .iter()
            .filter(|found| found.severity == severity)
            .count()
    };
    let counts = [Severity::Blocks, Severity::Warns, Severity::Notes]
        .into_iter()
        .map(|severity| format!("{} {severity}", count(severity)))
        .collect::<Vec<_>>()
        .join(", ");
    match (verdict, findings.is_empty()) {
        (Fitness::Fit, true) => writeln!(out, "fit: nothing was found"),
        (Fitness::Fit, false) => writeln!(
            out,
            "fit: nothing blocks a change; what is warned of can still make one fail ({counts})"
        ),
        (Fitness::Unfit, _) => writeln!(out, "unfit: a change would fail, or lie ({counts})"),
    }
}

fn may(role: &str, ability: &Ability) -> String {
    let Ability {
        verb,
        granted,
        missing,
    } = ability;
    if *granted {
        format!("{role} may {verb}")
    } else {
        // The findings have the rest.
        const FIRST: usize = 2;
        let first = missing.iter().take(FIRST).cloned().collect::<Vec<_>>();
        let more = missing.len() - first.len();
        let more = if more > 0 {
            format!(", and {more} more")
        } else {
            String::new()
        };
        format!("{role} may not {verb}: it lacks {}{more}", first.join(", "))
    }
}

fn write_finding(out: &mut dyn Write, finding: &Finding, apart: bool) -> io::Result<()> {
    let Finding {
        code,
        severity,
        subject: _,
        what,
        why,
        remedy,
    } = finding;
    let [what, why, remedy] = [what, why, remedy].map(|text| visible(text).into_owned());
    if apart {
        writeln!(
            out,
            "{severity} {code}: {what}\n  why: {why}\n  do:  {remedy}"
        )
    } else {
        writeln!(out, "{severity} {code}: {what} | why: {why} | do: {remedy}")
    }
}
