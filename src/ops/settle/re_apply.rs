//! Killing again what was written back to life: an operation of its own, planned from the rows as
//! they are now, by the way of every change.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::look::Sighting;
use crate::adapter::{Columns, With};
use crate::db::Identity;
use crate::model::{ApplicationAudit, Cause, Outcome, PlannedToken, Reapplied, SecretCheck};
use crate::ops::assemble::{assemble, statement};
use crate::ops::desk::Desk;
use crate::ops::error::{Error, Recording, Refusal};
use crate::ops::explain::changed;
use crate::ops::planned::Planned;
use crate::ops::record::refuse;
use crate::ops::request::{Known, Request};
use crate::ops::resolve::find_rows;
use crate::ops::token_row::TokenRow;

/// Keys that a selector tells.
const TOLD: usize = 5;

/// What came of one attempt.
#[derive(Debug)]
pub(super) struct Again {
    /// The operation; `None` where nothing was left to be done by one.
    pub(super) reapplied: Option<Reapplied>,
    /// Tokens that will not be killed again, each with the reason.
    pub(super) given_up: BTreeMap<String, String>,
}

impl Reapplied {
    /// Whether it stands on record as done, so that something can be seen of it.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Applied | Outcome::Unchanged))
    }
}

/// Kills again what was seen alive.
pub(super) async fn re_apply(original: &Planned, parent: Uuid, alive: &[Sighting]) -> Again {
    let keys = keys(alive);
    let request = Request {
        id: Uuid::now_v7(),
        parent: Some((parent, Cause::ReApply)),
        batch: None,
        selectors: Vec::new(),
        owner: None,
        expect: None,
        ..original.request.clone()
    };
    let mut known = Known {
        selector: describe(&keys),
        plan_digest: None,
        planned: None,
        secret_verified: None,
        ..original.known.clone()
    };
    let id = request.id;
    let ended = match plan(original, &request, &mut known, alive).await {
        Ok(Found { planned, given_up }) => match planned {
            Some(mut planned) => {
                let done = planned.change().await;
                let done = match done {
                    Ok((operation, _changes)) => Ok(operation),
                    Err(error) => Err(planned.decline(error).await),
                };
                (done, given_up)
            }
            None => {
                return Again {
                    reapplied: None,
                    given_up,
                };
            }
        },
        Err(error) => {
            let desk = &original.desk;
            let identity = Some(&desk.identity);
            let refusal = refuse(&request, &known, identity, &desk.database, error).await;
            (Err(refusal), BTreeMap::new())
        }
    };
    let (done, given_up) = ended;
    let count = |count: Option<i32>| count.unwrap_or_default();
    let reapplied = match done {
        Ok(operation) => Reapplied {
            operation: id,
            outcome: Some(operation.outcome),
            keys,
            changed: count(operation.changed),
            companions_changed: count(operation.companions_changed),
            error: None,
        },
        Err(refusal) => Reapplied {
            operation: id,
            outcome: outcome(&refusal),
            keys,
            changed: 0,
            companions_changed: 0,
            error: Some(refusal.error.to_string()),
        },
    };
    Again {
        reapplied: Some(reapplied),
        given_up,
    }
}

/// How a re-apply that was not done ended; `None` where that is not known.
fn outcome(refusal: &Refusal) -> Option<Outcome> {
    match &refusal.error {
        Error::OutcomeUnknown { .. } => None,
        // It seemed to fail, and stands on record as done; how much of it is not told here.
        Error::DoneAfterAll { .. } => Some(Outcome::Applied),
        _ if matches!(refusal.recording, Recording::Unknown(_)) => None,
        error if error.is_refusal() => Some(Outcome::Refused),
        _ => Some(Outcome::Failed),
    }
}

/// What there is to kill again.
struct Found {
    planned: Option<Planned>,
    given_up: BTreeMap<String, String>,
}

/// Plans anew: exactly these tokens, compared from now on with what they are now. A row that is not
/// the one that was planned at first stays as it is.
async fn plan(
    original: &Planned,
    request: &Request,
    known: &mut Known,
    alive: &[Sighting],
) -> Result<Found, Error> {
    let action = request.action;
    let desk = desk_again(&original.desk).await?;
    let written = known.application_audit == Some(ApplicationAudit::Written);
    let leaves_companions = original.plan.leaves_companions;
    let with = With::unless(leaves_companions);
    let end = request.end();
    let (statement, references) = statement(&desk, (action, end), written, with).await?;
    let planned: HashMap<&str, &PlannedToken> = original
        .plan
        .tokens
        .iter()
        .map(|planned| (planned.token.key.as_str(), planned))
        .collect();
    // A row that is gone again by now needs nothing more, and a companion cannot be planned without.
    let mut given_up: BTreeMap<String, String> = alive
        .iter()
        .filter(|sighting| sighting.companion_name().is_some())
        .map(|sighting| {
            (
                sighting.key.clone(),
                left(&sighting.detail, "its token's row is gone"),
            )
        })
        .collect();
    let mut rows: Vec<(TokenRow, SecretCheck)> = Vec::new();
    for row in find_rows(&desk, &keys(alive), &[], None).await? {
        let key = &row.token.key;
        let Some(shown) = planned.get(key.as_str()) else {
            continue;
        };
        let others = changed(&shown.fixed, &row.fixed);
        if others.is_empty() {
            given_up.remove(key);
            rows.push((row, SecretCheck::NotGiven));
        } else {
            let why = format!("it is not the row that was planned ({})", others.join(", "));
            given_up.insert(key.clone(), left(row.token.state.as_str(), &why));
        }
    }
    if rows.is_empty() {
        return Ok(Found {
            planned: None,
            given_up,
        });
    }
    let (plan, left) = assemble(&desk, (action, end), rows, &references, leaves_companions).await?;
    known.plan_digest = Some(plan.digest());
    known.planned = Some(plan.tokens.len());
    let planned = Planned {
        request: request.clone(),
        desk,
        plan,
        left,
        known: known.clone(),
        statement,
        columns: Columns::new(),
        policy: original.policy.clone(),
        taken_back: None,
        // It is asked of the first kill only, and goes on meanwhile.
        probing: None,
    };
    Ok(Found {
        planned: Some(planned),
        given_up,
    })
}

/// The same database, on a session of its own.
async fn desk_again(desk: &Desk) -> Result<Desk, Error> {
    let session = desk.database.session().await?;
    let identity = Identity::read(&session).await?;
    desk.check_same(&identity)?;
    Ok(Desk {
        database: desk.database.clone(),
        session,
        identity,
        bound: desk.bound.clone(),
        scope: desk.scope.clone(),
    })
}

/// What is told of a token that is left alive.
fn left(detail: &str, why: &str) -> String {
    format!("{detail}, and it was not killed again: {why}")
}

/// The keys of what was seen alive, each once and in order.
fn keys(alive: &[Sighting]) -> Vec<String> {
    let keys: BTreeSet<&String> = alive.iter().map(|sighting| &sighting.key).collect();
    keys.into_iter().cloned().collect()
}

/// How the tokens are told in the record: by key, as they were found.
fn describe(keys: &[String]) -> String {
    let mut words: Vec<String> = keys
        .iter()
        .take(TOLD)
        .map(|key| format!("id:{key}"))
        .collect();
    if keys.len() > TOLD {
        words.push(format!("and {} more", keys.len() - TOLD));
    }
    words.join(" ")
}
