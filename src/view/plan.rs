//! The plan, as it is shown before anything is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use chrono::{DateTime, Utc};

use super::column::{Column, detail, shown_key};
use super::escape::visible;
use super::plan_file::origin;
use super::restore;
use super::table::tokens_table;
use super::time::Clock;
use crate::model::{
    Action, ApplicationAudit, CompanionRow, Effect, PlannedToken, Proposal, SecretCheck, State,
    Token,
};

/// Shown at once at most; of more than that only the first few are, and the rest is counted.
const SHOWN: usize = 50;
const FIRST: usize = 20;
/// From so many on a summary tells more than the rows do.
const MANY: usize = 10;

/// Writes what will be done, to what, where, and what it will break.
///
/// # Errors
///
/// When it cannot be written.
pub fn plan(out: &mut dyn Write, proposal: &Proposal, width: Option<u16>) -> io::Result<()> {
    let clock = Clock {
        as_of: proposal.as_of,
        records_use: proposal.records_use,
    };
    head(out, proposal, clock)?;
    let plan = &proposal.plan;
    let all = plan.tokens.len();
    // The rows of a restore are told below, each with what is put back.
    let restores = plan.action == Action::Restore;
    if all > MANY && !restores {
        summary(out, &plan.tokens, clock)?;
    }
    let shown = if all > SHOWN { FIRST } else { SHOWN };
    let tokens = plan.tokens.iter().take(shown);
    let tokens: Vec<Token> = tokens.map(|planned| planned.token.clone()).collect();
    if !tokens.is_empty() {
        tokens_table(out, &tokens, &Column::for_table(true), clock, width)?;
    }
    if all > shown {
        let more = all - shown;
        match &proposal.list_command {
            Some(list) => writeln!(out, "… and {more} more: `{}`", visible(list))?,
            None => writeln!(out, "… and {more} more")?,
        }
    }
    if !restores {
        let alive = plan.companions.iter().filter(|companion| !companion.dead);
        companions(out, &alive.collect::<Vec<_>>())?;
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
    if let Some(taken_back) = &proposal.taken_back {
        restore::rows(out, plan, taken_back, shown, clock)?;
    } else if all <= SHOWN {
        // The summary says it of more than those.
        for planned in &plan.tokens {
            breaks(out, planned, plan.ends_at, clock)?;
        }
    }
    foot(out, proposal)
}

/// How many of each kind, and when they were last used.
fn summary(out: &mut dyn Write, tokens: &[PlannedToken], clock: Clock) -> io::Result<()> {
    #[derive(Default)]
    struct OfKind {
        tokens: usize,
        used: usize,
        owners: BTreeSet<String>,
        latest: Option<DateTime<Utc>>,
    }
    let mut kinds: BTreeMap<&str, OfKind> = BTreeMap::new();
    for PlannedToken { token, .. } in tokens {
        let of_kind = kinds.entry(&token.kind).or_default();
        of_kind.tokens += 1;
        of_kind.used += usize::from(token.last_used_at.is_some());
        of_kind.latest = of_kind.latest.max(token.last_used_at);
        of_kind
            .owners
            .extend(token.owner.as_ref().map(|owner| owner.id.clone()));
    }
    for (kind, of_kind) in kinds {
        let OfKind {
            tokens,
            used,
            owners,
            latest,
        } = of_kind;
        let use_of = match latest {
            _ if !clock.records_use => "use is not recorded".to_owned(),
            None => "never used".to_owned(),
            Some(latest) if used < tokens => {
                format!("last used {}, {} never", clock.full(latest), tokens - used)
            }
            Some(latest) => format!("last used {}", clock.full(latest)),
        };
        let owners = match owners.len() {
            1 => "1 owner".to_owned(),
            several => format!("{several} owners"),
        };
        writeln!(out, "{tokens} {} of {owners}: {use_of}", visible(kind))?;
    }
    Ok(())
}

/// What dies with the tokens.
fn companions(out: &mut dyn Write, companions: &[&CompanionRow]) -> io::Result<()> {
    let shown = if companions.len() > SHOWN {
        FIRST
    } else {
        SHOWN
    };
    for companion in companions.iter().take(shown) {
        writeln!(
            out,
            "with it: {} {}",
            visible(&companion.name),
            visible(&companion.key)
        )?;
    }
    if companions.len() > shown {
        writeln!(out, "with it: … and {} more", companions.len() - shown)?;
    }
    Ok(())
}

/// Which database, which operation, and what is set.
fn head(out: &mut dyn Write, proposal: &Proposal, clock: Clock) -> io::Result<()> {
    let (plan, id) = (&proposal.plan, proposal.operation.id);
    writeln!(out, "{}", visible(&proposal.identity))?;
    if let Some(file) = &proposal.origin {
        writeln!(out, "operation {id}")?;
        origin(out, file, clock)?;
    } else {
        let digest = short(proposal.digest());
        writeln!(out, "operation {id}, plan {digest}")?;
    }
    let count = |number: usize| format!("{number} token{}", if number == 1 { "" } else { "s" });
    match plan.action {
        Action::Expire => {
            let unchanged = plan.tokens.len() - plan.changes();
            let sets = proposal.sets.join(", ");
            let sets = visible(&sets);
            let changes = count(plan.changes());
            match (plan.ends_at, proposal.changes_anything) {
                (_, false) => writeln!(out, "nothing to expire")?,
                (None, true) => {
                    let will = will(proposal.dry_run, "expire");
                    writeln!(out, "{will} {changes} ({sets})")?;
                }
                (Some(end), true) => {
                    let will = will(proposal.dry_run, "end");
                    writeln!(out, "{will} {changes} at {} ({sets})", clock.end(end))?;
                }
            }
            let why = match plan.ends_at {
                None => "already dead",
                Some(_) => "over by then anyway",
            };
            if unchanged > 0 {
                writeln!(out, "{} {why}, left as it is", count(unchanged))?;
            }
            Ok(())
        }
        Action::Delete => writeln!(
            out,
            "{} {}: the row is removed for good and cannot be restored",
            will(proposal.dry_run, "delete"),
            count(plan.tokens.len())
        ),
        Action::Restore => match &proposal.taken_back {
            Some(taken_back) => {
                let will = will(proposal.dry_run, "restore");
                restore::head(out, plan, taken_back, &will, clock)
            }
            None => Ok(()),
        },
    }
}

/// What the application says to the secret before the change.
fn probe(out: &mut dyn Write, proposal: &Proposal) -> io::Result<()> {
    match &proposal.probed {
        Some(told) => writeln!(out, "probe: {}", visible(told)),
        None => Ok(()),
    }
}

/// What stays alive, what to know, and what is not recorded.
fn foot(out: &mut dyn Write, proposal: &Proposal) -> io::Result<()> {
    for text in &proposal.notes {
        writeln!(out, "note: {text}")?;
    }
    foot_lines(out, proposal)?;
    // Last, right above the question.
    let unverified = |token: &&PlannedToken| token.secret == SecretCheck::NotVerified;
    for token in proposal.plan.tokens.iter().filter(unverified).take(SHOWN) {
        let key = shown_key(&token.token.key);
        writeln!(
            out,
            "warning: {}: secret not verified: this role may not read the stored hash",
            visible(&key)
        )?;
    }
    Ok(())
}

/// What stays alive, and what is not recorded, whatever the tokens.
///
/// # Errors
///
/// When it cannot be written.
pub(super) fn foot_lines(out: &mut dyn Write, proposal: &Proposal) -> io::Result<()> {
    let still_works = &proposal.still_works;
    let shown = if still_works.len() > SHOWN {
        FIRST
    } else {
        SHOWN
    };
    for text in still_works.iter().take(shown) {
        writeln!(out, "does not kill: {}", visible(text))?;
    }
    if still_works.len() > shown {
        writeln!(
            out,
            "does not kill: … and {} more",
            still_works.len() - shown
        )?;
    }
    probe(out, proposal)?;
    let why = match proposal.application_audit() {
        ApplicationAudit::NotGranted => Some("this role may not insert there"),
        ApplicationAudit::Off => Some("--no-app-audit"),
        ApplicationAudit::Written | ApplicationAudit::None => None,
    };
    if let Some(why) = why {
        writeln!(out, "the application's own audit log is not written: {why}")?;
    }
    for finding in &proposal.warnings {
        writeln!(
            out,
            "warning: {}: {}",
            visible(&finding.what),
            visible(&finding.why)
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
fn breaks(
    out: &mut dyn Write,
    planned: &PlannedToken,
    ends_at: Option<DateTime<Utc>>,
    clock: Clock,
) -> io::Result<()> {
    let token = &planned.token;
    let key = shown_key(&token.key);
    if planned.effect == Effect::Unchanged {
        let line = match (token.state, token.expires_at) {
            (State::Active, Some(end)) => format!("ends by itself at {}", clock.end(end)),
            (State::Active, None) => "over by then".to_owned(),
            (state, Some(end)) => format!("already {state} {}", clock.full(end)),
            (state, None) => format!("already {state}"),
        };
        writeln!(out, "{}: {line}", visible(&key))?;
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
        // Never later than it was.
        if let Some(own) = token.expires_at.filter(|own| Some(*own) < ends_at) {
            let own = clock.end(own);
            writeln!(
                out,
                "{}: its own end is earlier and stays: {own}; use no longer extends it",
                visible(&key)
            )?;
        }
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

pub(super) fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}
