//! Seeing that a token is dead: read again on a fresh connection, judged by the adapter's rule,
//! and recorded as seen.

use serde_json::{Value, json};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::desk::Desk;
use super::error::Error;
use super::plan::companions;
use super::resolve::find_rows;
use crate::db::{self, Change, Identity, Isolation};
use crate::model::{Action, Plan, State, Verdict};

const OBSERVE: &str = include_str!("../../sql/audit/observe.sql");

/// What was seen of one token.
pub(super) struct Seen {
    pub(super) key: String,
    pub(super) verdict: Verdict,
    pub(super) detail: String,
}

/// Reads the planned tokens back once. The worst verdict is the operation's.
pub(super) async fn read_back(desk: &Desk, plan: &Plan, operation: Uuid) -> Verdict {
    let seen = match look(desk, plan).await {
        Ok(seen) => seen,
        Err(error) => plan
            .tokens
            .iter()
            .map(|planned| Seen {
                key: planned.token.key.clone(),
                verdict: Verdict::Unknown,
                detail: format!("could not be read back: {error}"),
            })
            .collect(),
    };
    let worst = if seen.iter().any(|seen| seen.verdict == Verdict::Resurrected) {
        Verdict::Resurrected
    } else if seen.iter().any(|seen| seen.verdict == Verdict::Unknown) {
        Verdict::Unknown
    } else {
        Verdict::Dead
    };
    // The verdict is told in any case; without its record it is one that nobody can look up.
    match record(desk, operation, &seen).await {
        Ok(()) => worst,
        Err(_unrecorded) if worst == Verdict::Dead => Verdict::Unknown,
        Err(_unrecorded) => worst,
    }
}

async fn look(desk: &Desk, plan: &Plan) -> Result<Vec<Seen>, Error> {
    let database = desk.database.uninterrupted();
    let session = database.session().await?;
    let identity = Identity::read(&session).await?;
    // A row that is not there proves nothing where it never was, or has not arrived yet.
    desk.check_same(&identity)?;
    let fresh = Desk {
        session,
        database,
        identity,
        bound: desk.bound.clone(),
    };
    let keys: Vec<String> = plan
        .tokens
        .iter()
        .map(|planned| planned.token.key.clone())
        .collect();
    let rows = find_rows(&fresh, &keys, &[], None).await?;
    let companions = companions(&fresh, &keys).await?;
    Ok(keys
        .into_iter()
        .map(|key| {
            let state = rows
                .iter()
                .find(|row| row.token.key == key)
                .map(|row| row.token.state);
            let alive = companions
                .iter()
                .find(|companion| companion.token == key && !companion.dead);
            let (verdict, detail) = match (state, alive) {
                (_, Some(companion)) => (
                    Verdict::Resurrected,
                    format!("{} {} is alive", companion.name, companion.key),
                ),
                (None, None) if plan.action == Action::Delete => {
                    (Verdict::Dead, "the row is gone".to_owned())
                }
                // It may live on under another key.
                (None, None) => (Verdict::Unknown, "the row is not there any more".to_owned()),
                (Some(State::Active), None) => (Verdict::Resurrected, "active".to_owned()),
                (Some(state), None) => (Verdict::Dead, state.to_string()),
            };
            Seen {
                key,
                verdict,
                detail,
            }
        })
        .collect())
}

/// Puts on record what was seen, also after a Ctrl-C.
pub(super) async fn record(desk: &Desk, operation: Uuid, seen: &[Seen]) -> Result<(), Error> {
    let database = desk.database.uninterrupted();
    let session = database.session().await?;
    let rows: Value = seen
        .iter()
        .map(|seen| json!({ "key": seen.key, "verdict": seen.verdict.as_str(), "detail": seen.detail }))
        .collect();
    let parameters: [db::Parameter<'_>; 2] = [(&operation, Type::UUID), (&rows, Type::JSONB)];
    let change = Change::apply(
        &session,
        &desk.identity,
        Isolation::Latest,
        OBSERVE,
        &parameters,
    )
    .await?;
    let expected = i32::try_from(seen.len()).unwrap_or(i32::MAX);
    let proof = change.recorded_observations(expected)??;
    Ok(change.commit(proof).await.map_err(db::Error::from)?)
}
