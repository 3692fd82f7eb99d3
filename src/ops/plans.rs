//! Plans that wait to be applied: shown by one request and carried out by another, perhaps by
//! another server. They are no part of the log, and go when they are applied, declined or over.
//!
//! What is in one is the caller's; here it is a JSON object. It holds no secret.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::error::Error;
use crate::db::{self, Change, CommitError, Identity, Isolation, Recorded, Session};

const HOLD: &str = include_str!("../../sql/plans/hold.sql");
const FIND: &str = include_str!("../../sql/plans/find.sql");
const RELEASE: &str = include_str!("../../sql/plans/release.sql");
const CLEAR: &str = include_str!("../../sql/plans/clear.sql");

/// A plan that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitingPlan {
    /// The operation that it will be.
    pub operation: Uuid,
    /// sha256 of the plan, in hex, by which it is named.
    pub digest: String,
    /// Who had it made; nobody else may apply it.
    pub principal: String,
    /// When it was made, by the database's clock.
    pub created_at: DateTime<Utc>,
    /// Until when it may be applied, by the same clock.
    pub expires_at: DateTime<Utc>,
    /// What it is. Whoever may add a plan may have written it: hold it against the digest.
    pub content: Value,
}

/// A request to let a plan wait.
#[derive(Clone, Debug)]
pub struct HoldPlan {
    /// The operation that it will be.
    pub operation: Uuid,
    /// sha256 of the plan, in hex.
    pub digest: String,
    /// Who has it made.
    pub principal: String,
    /// How long it may wait.
    pub lifetime: Duration,
    /// What it is: an object.
    pub content: Value,
}

impl HoldPlan {
    /// Writes it down, in the database of `shown` and no other.
    ///
    /// # Errors
    ///
    /// When a plan of this operation waits already, or the database refuses. Where only the answer
    /// was lost it may wait all the same, until it is over.
    pub async fn run(self, session: &Session, shown: &Identity) -> Result<WaitingPlan, Error> {
        let lifetime = self.lifetime.as_secs_f64();
        let parameters: [db::Parameter<'_>; 5] = [
            (&self.operation, Type::UUID),
            (&self.digest, Type::TEXT),
            (&self.principal, Type::TEXT),
            (&lifetime, Type::FLOAT8),
            (&self.content, Type::JSONB),
        ];
        let change = Change::apply(session, shown, Isolation::Latest, HOLD, &parameters).await?;
        let row = change.row();
        let (created_at, expires_at) = (
            row.try_get("created_at").map_err(db::Error::from)?,
            row.try_get("expires_at").map_err(db::Error::from)?,
        );
        let proof = match change.recorded_plan()? {
            Ok(proof) => proof,
            Err(unrecorded) => {
                change.roll_back().await?;
                return Err(unrecorded.into());
            }
        };
        commit(change, proof).await?;
        let Self {
            operation,
            digest,
            principal,
            lifetime: _,
            content,
        } = self;
        Ok(WaitingPlan {
            operation,
            digest,
            principal,
            created_at,
            expires_at,
            content,
        })
    }
}

/// A request for the newest plan that waits for a principal and is not over. What is `None` is not
/// asked for.
#[derive(Clone, Debug)]
pub struct FindPlan {
    /// Who had it made.
    pub principal: String,
    /// Its digest.
    pub digest: Option<String>,
    /// The operation that it will be.
    pub operation: Option<Uuid>,
}

impl FindPlan {
    /// Runs it. What is over, was applied, or is somebody else's is not there.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub async fn run(&self, session: &Session) -> Result<Option<WaitingPlan>, Error> {
        let parameters: [db::Parameter<'_>; 3] = [
            (&self.principal, Type::TEXT),
            (&self.digest, Type::TEXT),
            (&self.operation, Type::UUID),
        ];
        let rows = session.read(FIND, &parameters).await?;
        Ok(rows.first().map(waiting).transpose()?)
    }
}

fn waiting(row: &Row) -> Result<WaitingPlan, db::Error> {
    Ok(WaitingPlan {
        operation: row.try_get("operation_id")?,
        digest: row.try_get("digest")?,
        principal: row.try_get("principal")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        content: row.try_get("content")?,
    })
}

/// A request to take a plan away that was applied or declined.
#[derive(Clone, Copy, Debug)]
pub struct ReleasePlan {
    /// The operation that it was to be.
    pub operation: Uuid,
}

impl ReleasePlan {
    /// Takes it away, and tells whether it was there.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub async fn run(self, session: &Session, shown: &Identity) -> Result<bool, Error> {
        let removed = remove(session, shown, RELEASE, &[(&self.operation, Type::UUID)]).await?;
        Ok(removed > 0)
    }
}

/// A request to take away the plans that are over.
#[derive(Clone, Copy, Debug)]
pub struct ClearPlans;

impl ClearPlans {
    /// Takes them away, and tells how many there were.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub async fn run(self, session: &Session, shown: &Identity) -> Result<i32, Error> {
        remove(session, shown, CLEAR, &[]).await
    }
}

async fn remove(
    session: &Session,
    shown: &Identity,
    statement: &str,
    parameters: &[db::Parameter<'_>],
) -> Result<i32, Error> {
    let change = Change::apply(session, shown, Isolation::Latest, statement, parameters).await?;
    let (proof, removed) = change.removed_plans()?;
    commit(change, proof).await?;
    Ok(removed)
}

async fn commit(change: Change<'_>, proof: Recorded) -> Result<(), Error> {
    let committed: Result<(), CommitError> = change.commit(proof).await;
    Ok(committed.map_err(db::Error::from)?)
}
