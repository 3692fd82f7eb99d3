//! From rows to a plan: what an action is to do with them, and what dies with them.

use chrono::{DateTime, Utc};

use super::desk::Desk;
use super::error::Error;
use super::token_row::{TokenRow, object};
use super::{delete, expire, schedule};
use crate::adapter::{Columns, ForeignKey, With};
use crate::model::{Action, CompanionRow, Effect, Plan, PlannedToken, SecretCheck, TakenBack};

/// What a request would do.
pub(super) struct Found {
    pub(super) plan: Plan,
    /// Live companions that are left as they are.
    pub(super) left: Vec<CompanionRow>,
    pub(super) statement: String,
    /// For a restore: the columns that are in question, by table.
    pub(super) columns: Columns,
    /// For a restore: what is taken back, and what cannot be.
    pub(super) taken_back: Option<TakenBack>,
}

/// The statement of an action, and for a delete what points at the token table.
pub(super) async fn statement(
    desk: &Desk,
    (action, end): (Action, Option<DateTime<Utc>>),
    application_audit: bool,
    with: With,
) -> Result<(String, Vec<ForeignKey>), Error> {
    match (action, end) {
        // A restore has a statement of its own, made for the columns that it puts back.
        (Action::Expire, None) | (Action::Restore, _) => Ok((
            expire::statement(desk, application_audit, with)?,
            Vec::new(),
        )),
        (Action::Expire, Some(end)) => Ok((
            schedule::statement(desk, end, application_audit, with)?,
            Vec::new(),
        )),
        (Action::Delete, _) => delete::statement(desk, application_audit, with).await,
    }
}

/// What an action is to do with these rows and what dies with them; beside it the live companions
/// that are left.
pub(super) async fn assemble(
    desk: &Desk,
    (action, end): (Action, Option<DateTime<Utc>>),
    rows: Vec<(TokenRow, SecretCheck)>,
    references: &[ForeignKey],
    leaves_companions: bool,
) -> Result<(Plan, Vec<CompanionRow>), Error> {
    let mut tokens: Vec<PlannedToken> = rows
        .into_iter()
        .map(|(row, secret)| PlannedToken {
            effect: match action {
                Action::Expire | Action::Restore => expire::effect(&row.token),
                Action::Delete => Effect::Change,
            },
            token: row.token,
            fixed: row.fixed,
            vital: row.vital,
            secret,
        })
        .collect();
    let keys: Vec<String> = tokens
        .iter()
        .map(|planned| planned.token.key.clone())
        .collect();
    let mut companions = live_companions(desk, &keys).await?;
    if let Some(end) = end {
        let over = schedule::over(desk, &keys, end).await?;
        over.expect(&desk.bound.token.display_name(), &mut tokens);
        over.leave(&mut companions);
    }
    let mut left = Vec::new();
    let mut cascades = Vec::new();
    if action == Action::Delete {
        cascades = delete::cascades(desk, references, &keys).await?;
        retain_left(desk, references, &mut companions);
    }
    if leaves_companions {
        std::mem::swap(&mut left, &mut companions);
    }
    let plan = Plan {
        action,
        ends_at: end,
        adapter: desk.bound.adapter.name.clone(),
        tokens,
        companions,
        leaves_companions,
        cascades,
        put_back: Vec::new(),
    };
    Ok((plan, left))
}

/// The rows that must die with the tokens, dead ones included.
pub(super) async fn companions(desk: &Desk, keys: &[String]) -> Result<Vec<CompanionRow>, Error> {
    let statement = desk.statements().companions()?;
    desk.read_by_keys(statement, keys, |row| {
        Ok(CompanionRow {
            name: row.try_get("name")?,
            relation: row.try_get("relation")?,
            key: row.try_get("key")?,
            token: row.try_get("token")?,
            state: row.try_get("state")?,
            dead: row.try_get("dead")?,
            vital: object(row, "vital")?,
        })
    })
    .await
}

/// Those of them that are alive.
async fn live_companions(desk: &Desk, keys: &[String]) -> Result<Vec<CompanionRow>, Error> {
    let mut found = companions(desk, keys).await?;
    found.retain(|companion| !companion.dead);
    Ok(found)
}

/// Those of them that a plan leaves, and that live on.
pub(super) async fn left_by(desk: &Desk, plan: &Plan) -> Result<Vec<CompanionRow>, Error> {
    if !plan.leaves_companions {
        return Ok(Vec::new());
    }
    let keys = plan.owned_keys();
    let mut left = live_companions(desk, &keys).await?;
    if let Some(end) = plan.ends_at {
        schedule::over(desk, &keys, end).await?.leave(&mut left);
    }
    Ok(left)
}

/// Leaves those companions that a delete does not take along by its foreign keys.
pub(super) fn retain_left(
    desk: &Desk,
    references: &[ForeignKey],
    companions: &mut Vec<CompanionRow>,
) {
    let left = desk.statements().left_by_delete(references);
    companions.retain(|companion| {
        left.iter()
            .any(|(_, relation)| relation.display_name() == companion.relation)
    });
}
