//! Seeing that a restore holds, and why one did not come about: the rows are looked at again.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::rows::{ByName, Left, Standing, stand, text};
use crate::adapter::Columns;
use crate::db::{Identity, UnderWay};
use crate::model::{Observation, Plan, PutBack, RowNote, Settled, TokenVerdict, Verdict};
use crate::ops::desk::Desk;
use crate::ops::error::Error;
use crate::ops::explain::{changed, suspects};
use crate::ops::observe::observe;
use crate::ops::resolve::find_rows;

/// The shortest time from one look to the next.
const POLL: Duration = Duration::from_millis(150);

/// How much longer than a look the pause after it is.
const PAUSE: u32 = 2;

/// How the observation of a row ends that was gone before the restore, behind what it is.
const NOT_THERE: &str = ": the row was not there to be restored";

/// What kind of row it was, for the observation of one that was gone before the restore.
pub(super) fn kind_of_gone(seen: &Observation) -> Option<&str> {
    let kind = seen.detail.strip_suffix(NOT_THERE)?;
    (seen.verdict == Verdict::Gone).then_some(kind)
}

/// Reads the rows back on a fresh connection, again and again over the settle window: as after every
/// change, a writer that read the rows before may still write over them. Nothing is put back a second
/// time. The worst verdict is the operation's.
pub(in crate::ops) async fn read_back(
    desk: &Desk,
    plan: &Plan,
    gone: &[RowNote],
    operation: Uuid,
    window: Option<Duration>,
) -> (Verdict, Settled) {
    let interrupt = desk.database.interrupt().clone();
    // Whatever is done in here, the change itself stands.
    let _committed = interrupt.begin(UnderWay::Committed(operation));
    let length = window.unwrap_or(desk.bound.adapter.settle.window);
    let watched = watch(desk, plan, length).await;
    let mut seen = watched.seen;
    // That they were gone before was told with the plan; it is no verdict on what was done.
    let gone = gone.iter().map(|row| TokenVerdict {
        key: row.key.clone(),
        verdict: Verdict::Gone,
        detail: format!("{}{NOT_THERE}", row.kind),
    });
    let gone: Vec<TokenVerdict> = gone.collect();
    // The verdict is told in any case; without its record it is one that nobody can look up.
    if let Err(unrecorded) = observe(desk, operation, seen.iter().chain(&gone)).await {
        let restored = seen.iter_mut();
        for seen in restored.filter(|seen| seen.verdict == Verdict::Restored) {
            seen.verdict = Verdict::Unknown;
            seen.detail = format!("{}, which could not be recorded: {unrecorded}", seen.detail);
        }
    }
    let verdict = worst(&seen);
    seen.retain(|seen| seen.verdict != Verdict::Restored);
    let advice = advice(verdict, operation);
    let settled = Settled {
        watched_for_ms: u64::try_from(watched.length.as_millis()).unwrap_or(u64::MAX),
        looks: watched.looks,
        watched_until: watched.until,
        unsettled: seen,
        reapplied: Vec::new(),
        advice,
    };
    (verdict, settled)
}

/// What to do where it is not as it was put back.
pub(in crate::ops) fn advice(verdict: Verdict, operation: Uuid) -> Option<String> {
    let show = format!("`breakglass audit show {operation}`");
    match verdict {
        Verdict::Changed => Some(format!("something else writes there; see what with {show}")),
        Verdict::Gone => Some(format!("something removed the row; see which with {show}")),
        Verdict::Unknown => Some(format!(
            "what was put back is on record, see {show}; look at the rows with `breakglass tokens show`"
        )),
        _ => None,
    }
}

/// What was seen over the window.
#[derive(Debug, Default)]
struct Watched {
    seen: Vec<TokenVerdict>,
    looks: u32,
    /// From the first look to the last.
    length: Duration,
    /// When the last look was taken, by the database's clock.
    until: Option<DateTime<Utc>>,
}

/// Looks until the window is over, or something is not as it was put back. A look that fails is tried
/// again in a window for as long as an unknown COMMIT would be asked about, else it is the last.
async fn watch(desk: &Desk, plan: &Plan, length: Duration) -> Watched {
    let interrupt = desk.database.interrupt();
    let patience = desk.database.limits().resolve;
    let mut watched = Watched::default();
    let mut fresh: Option<Desk> = None;
    let (mut first, mut failing): (Option<Instant>, Option<Instant>) = (None, None);
    loop {
        let begun = Instant::now();
        match look(desk, &mut fresh, plan).await {
            Ok((until, seen)) => {
                failing = None;
                watched.looks += 1;
                watched.length = begun - *first.get_or_insert(begun);
                watched.until = Some(until);
                watched.seen = seen;
                let stands = worst(&watched.seen) == Verdict::Restored;
                if !stands || watched.length >= length {
                    return watched;
                }
            }
            Err(error) => {
                fresh = None;
                let since = *failing.get_or_insert(begun);
                watched.seen = unseen(plan, &format!("could not be read back: {error}"));
                if length.is_zero() || since.elapsed() >= patience {
                    return watched;
                }
            }
        }
        let next = Instant::now() + POLL.max(begun.elapsed() * PAUSE);
        // The last look is not before the end of the window, and not much after it.
        let end = first.map(|first| first + length);
        let next = end
            .filter(|end| *end > begun)
            .map_or(next, |end| end.min(next));
        tokio::select! {
            biased;
            () = interrupt.raised() => {
                watched.seen = unseen(plan, "not watched to the end of the settle window");
                return watched;
            }
            () = sleep_until(next) => {}
        }
    }
}

/// The worst of the verdicts.
pub(in crate::ops) fn worst(seen: &[TokenVerdict]) -> Verdict {
    seen.iter()
        .map(|seen| seen.verdict)
        .max_by_key(|it| rank(*it))
        .unwrap_or(Verdict::Unknown)
}

/// That of no token something can be said.
fn unseen(plan: &Plan, detail: &str) -> Vec<TokenVerdict> {
    let unseen = |key: &String| TokenVerdict {
        key: key.clone(),
        verdict: Verdict::Unknown,
        detail: detail.to_owned(),
    };
    tokens(plan).into_iter().map(unseen).collect()
}

/// The worse of several verdicts is the higher.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Restored | Verdict::Dead | Verdict::Scheduled => 0,
        Verdict::Unknown => 1,
        Verdict::Gone => 2,
        Verdict::Changed | Verdict::Resurrected | Verdict::Accepted => 3,
    }
}

/// The tokens that the rows belong to, each once.
fn tokens(plan: &Plan) -> Vec<&String> {
    let mut tokens: Vec<&String> = plan.put_back.iter().map(|row| &row.token).collect();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

/// Looks once, on a connection that is made where there is none, and that leads to the same database.
async fn look(
    desk: &Desk,
    fresh: &mut Option<Desk>,
    plan: &Plan,
) -> Result<(DateTime<Utc>, Vec<TokenVerdict>), Error> {
    let mut on = match fresh.take() {
        Some(on) if !on.session.is_given_back() => on,
        _ => {
            let database = desk.database.uninterrupted();
            Desk {
                session: database.another_session().await?,
                database,
                identity: desk.identity.clone(),
                bound: desk.bound.clone(),
                scope: desk.scope.clone(),
            }
        }
    };
    let identity = Identity::read(&on.session).await?;
    desk.check_same(&identity)?;
    let seen = judge(plan, &standing(&on, plan).await?);
    on.session.give_back();
    *fresh = Some(on);
    Ok((identity.as_of, seen))
}

async fn standing(desk: &Desk, plan: &Plan) -> Result<ByName<Standing>, Error> {
    let mut columns = Columns::new();
    for row in &plan.put_back {
        let known = columns.entry(row.relation.clone()).or_default();
        for column in row.before.keys() {
            if !known.contains(column) {
                known.push(column.clone());
            }
        }
    }
    // Nothing is put back in such a table: look at what could be.
    columns.retain(|_relation, columns| !columns.is_empty());
    for (relation, settable) in desk.bound.settable() {
        columns.entry(relation).or_insert(settable);
    }
    let left: Vec<Left> = plan.put_back.iter().map(left).collect();
    let rows: Vec<_> = left
        .iter()
        .map(|left| (left, left.before.clone()))
        .collect();
    stand(desk, &columns, &rows).await
}

fn left(row: &PutBack) -> Left {
    Left {
        relation: row.relation.clone(),
        key: row.key.clone(),
        kind: row.companion.clone().unwrap_or_default(),
        companion: row.companion.clone(),
        owner: None,
        state_before: row.state_before.clone(),
        before: row.before.clone(),
        after: row.after.clone(),
    }
}

/// One observation a token: what is worst among it and its companions.
fn judge(plan: &Plan, standing: &ByName<Standing>) -> Vec<TokenVerdict> {
    let mut seen: BTreeMap<&String, (Verdict, String)> = BTreeMap::new();
    for row in &plan.put_back {
        let found = see(row, standing);
        let worst = seen.entry(&row.token).or_insert_with(|| found.clone());
        if rank(found.0) > rank(worst.0) {
            *worst = found;
        }
    }
    let seen = seen
        .into_iter()
        .map(|(key, (verdict, detail))| TokenVerdict {
            key: key.clone(),
            verdict,
            detail,
        });
    seen.collect()
}

fn see(row: &PutBack, standing: &ByName<Standing>) -> (Verdict, String) {
    let name = row
        .companion
        .as_ref()
        .map(|companion| format!("{companion} {}: ", row.key));
    let name = name.unwrap_or_default();
    let Some(found) = standing.get(&(row.relation.clone(), row.key.clone())) else {
        return (
            Verdict::Gone,
            format!("{name}the row is not there any more"),
        );
    };
    let others: Vec<String> = row
        .before
        .iter()
        .filter(|(column, before)| found.now.get(*column) != Some(before))
        .map(|(column, before)| {
            let (before, now) = (text(Some(before)), text(found.now.get(column)));
            format!("{column}: {before} -> {now}")
        })
        .collect();
    if others.is_empty() {
        (Verdict::Restored, format!("{name}{}", found.state))
    } else {
        (Verdict::Changed, format!("{name}{}", others.join(", ")))
    }
}

/// Names what changed since the plan was shown or, when nothing did, what may have swallowed the
/// write.
pub(in crate::ops) async fn explain(desk: &Desk, plan: &Plan) -> Error {
    match differences(desk, plan).await {
        Ok(found) if !found.is_empty() => Error::ChangedSinceShown(found),
        Ok(_same) => suspects(desk, !plan.companions.is_empty()).await,
        Err(error) => error,
    }
}

async fn differences(desk: &Desk, plan: &Plan) -> Result<Vec<String>, Error> {
    let standing = standing(desk, plan).await?;
    let mut found = Vec::new();
    for row in &plan.put_back {
        let name = match &row.companion {
            None => format!("token `{}`", row.key),
            Some(companion) => format!("{companion} {}", row.key),
        };
        match standing.get(&(row.relation.clone(), row.key.clone())) {
            None => found.push(format!("{name} is gone")),
            Some(now) => {
                let columns = changed(&row.after, &those(&now.now, &row.after));
                if !columns.is_empty() {
                    let columns = columns.join(", ");
                    found.push(format!("{name} was changed after it was shown ({columns})"));
                }
            }
        }
    }
    let keys: Vec<String> = plan.tokens.iter().map(|it| it.token.key.clone()).collect();
    if !found.is_empty() || keys.is_empty() {
        return Ok(found);
    }
    let rows = find_rows(desk, &keys, &[], None).await?;
    for planned in &plan.tokens {
        let Some(row) = rows.iter().find(|row| row.token.key == planned.token.key) else {
            continue;
        };
        let mut columns = changed(&planned.fixed, &row.fixed);
        columns.extend(changed(&planned.vital, &row.vital));
        if !columns.is_empty() {
            let (key, columns) = (&planned.token.key, columns.join(", "));
            found.push(format!(
                "token `{key}` was changed after it was shown ({columns})"
            ));
        }
    }
    Ok(found)
}

/// The same columns of another row.
fn those(all: &Map<String, Value>, like: &Map<String, Value>) -> Map<String, Value> {
    let columns = like.keys();
    columns
        .filter_map(|column| Some((column.clone(), all.get(column)?.clone())))
        .collect()
}
