//! The plan, as it is shown before anything is asked.

use std::io::{self, Write};

use super::column::{Column, detail, shown_key};
use super::escape::visible;
use super::table::tokens_table;
use super::time::Clock;
use crate::model::{Action, ApplicationAudit, Effect, PlannedToken, SecretCheck, Token};
use crate::ops::Planned;

/// Shown at once at most; the rest is counted.
const SHOWN: usize = 50;

/// Writes what will be done, to what, where, and what it will break.
///
/// # Errors
///
/// When it cannot be written.
pub fn plan(out: &mut dyn Write, planned: &Planned, width: Option<u16>) -> io::Result<()> {
    let clock = Clock {
        as_of: planned.identity().as_of,
        records_use: planned.records_use(),
    };
    head(out, planned)?;
    let plan = planned.plan();
    let tokens: Vec<Token> = plan
        .tokens
        .iter()
        .take(SHOWN)
        .map(|planned| planned.token.clone())
        .collect();
    tokens_table(out, &tokens, &Column::for_table(true), clock, width)?;
    if plan.tokens.len() > SHOWN {
        writeln!(out, "… and {} more", plan.tokens.len() - SHOWN)?;
    }
    for companion in &plan.companions {
        writeln!(
            out,
            "with it: {} {}",
            visible(&companion.name),
            visible(&companion.key)
        )?;
    }
    for cascade in plan
        .cascades
        .iter()
        .filter(|cascade| cascade.rows != Some(0))
    {
        let rows = cascade.rows.map_or_else(
            || "rows that this role may not count".to_owned(),
            |rows| format!("{rows} row{}", if rows == 1 { "" } else { "s" }),
        );
        let relation = visible(&cascade.relation);
        writeln!(
            out,
            "takes along: {rows} of {relation} (on delete {})",
            cascade.on_delete
        )?;
    }
    for planned in plan.tokens.iter().take(SHOWN) {
        breaks(out, planned, clock)?;
    }
    foot(out, planned)
}

/// Which database, which operation, and what is set.
fn head(out: &mut dyn Write, planned: &Planned) -> io::Result<()> {
    let (plan, request) = (planned.plan(), planned.request());
    writeln!(out, "{}", visible(&planned.identity().line()))?;
    writeln!(
        out,
        "operation {}, plan {}",
        request.id,
        short(&plan.digest())
    )?;
    let count = |number: usize| format!("{number} token{}", if number == 1 { "" } else { "s" });
    match plan.action {
        Action::Expire => {
            let unchanged = plan.tokens.len() - plan.changes();
            let sets = planned.sets().join(", ");
            if planned.changes_anything() {
                let will = will(request.dry_run, "expire");
                writeln!(out, "{will} {} ({sets})", count(plan.changes()))?;
            } else {
                writeln!(out, "nothing to expire")?;
            }
            if unchanged > 0 {
                writeln!(out, "{} already dead, left as it is", count(unchanged))?;
            }
            Ok(())
        }
        Action::Delete => writeln!(
            out,
            "{} {}: the row is removed for good and cannot be restored",
            will(request.dry_run, "delete"),
            count(plan.tokens.len())
        ),
    }
}

/// What the application says to the secret before the change.
fn probe(out: &mut dyn Write, planned: &Planned) -> io::Result<()> {
    match planned.probed() {
        Some(told) => writeln!(out, "probe: {}", visible(&told)),
        None => Ok(()),
    }
}

/// What stays alive, what to know, and what is not recorded.
fn foot(out: &mut dyn Write, planned: &Planned) -> io::Result<()> {
    for thing in planned.unreached(None) {
        writeln!(out, "does not kill: {}", visible(&thing.text))?;
    }
    probe(out, planned)?;
    for text in planned.notes() {
        writeln!(out, "note: {text}")?;
    }
    let why = match planned.application_audit() {
        ApplicationAudit::NotGranted => Some("this role may not insert there"),
        ApplicationAudit::Off => Some("--no-app-audit"),
        ApplicationAudit::Written | ApplicationAudit::None => None,
    };
    if let Some(why) = why {
        writeln!(out, "the application's own audit log is not written: {why}")?;
    }
    for finding in planned.warnings() {
        writeln!(
            out,
            "warning: {}: {}",
            visible(&finding.what),
            visible(&finding.why)
        )?;
    }
    // Last, right above the question.
    let unverified = |token: &&PlannedToken| token.secret == SecretCheck::NotVerified;
    for token in planned.plan().tokens.iter().filter(unverified).take(SHOWN) {
        let key = shown_key(&token.token.key);
        writeln!(
            out,
            "warning: {}: secret not verified: this role may not read the stored hash",
            visible(&key)
        )?;
    }
    Ok(())
}

fn will(dry_run: bool, verb: &str) -> String {
    if dry_run {
        format!("would {verb}")
    } else {
        format!("will {verb}")
    }
}

/// What stops working with this token.
fn breaks(out: &mut dyn Write, planned: &PlannedToken, clock: Clock) -> io::Result<()> {
    let token = &planned.token;
    let key = shown_key(&token.key);
    if planned.effect == Effect::Unchanged {
        let when = token
            .expires_at
            .map(|time| format!(" {}", clock.full(time)))
            .unwrap_or_default();
        writeln!(out, "{}: already {}{when}", visible(&key), token.state)?;
    } else {
        let used = token.last_used_at.map_or_else(
            || {
                if clock.records_use {
                    "never used"
                } else {
                    "use is not recorded"
                }
                .to_owned()
            },
            |time| format!("last used {}", clock.full(time)),
        );
        let about = ["ip_address", "scope", "scopes", "owner_status"]
            .into_iter()
            .filter_map(|name| {
                let value = token.details.get(name)?;
                Some(format!("{}: {}", name.replace('_', " "), detail(value)))
            });
        let about: Vec<String> = std::iter::once(used).chain(about).collect();
        writeln!(
            out,
            "breaks {}: {}",
            visible(&key),
            visible(&about.join("; "))
        )?;
    }
    if planned.secret == SecretCheck::Verified {
        writeln!(out, "{}: the secret is its own (verified)", visible(&key))?;
    }
    Ok(())
}

fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}
