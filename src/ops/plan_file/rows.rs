//! A plan from a file over the rows as they are now.

use serde_json::Map;

use super::FromFile;
use crate::adapter::{Bound, ForeignKey};
use crate::model::{Action, CompanionRow, Effect, Plan, PlanFile, PlannedToken, Token};
use crate::ops::delete;
use crate::ops::desk::Desk;
use crate::ops::error::Error;
use crate::ops::explain::{Now, compare, other_cascades};

impl FromFile {
    /// The plan over the rows as they are now: what must be as it was comes from the file, what is
    /// shown from the database.
    ///
    /// # Errors
    ///
    /// When a row is not as it was planned, or the file shows what does not follow from it.
    pub(in crate::ops) async fn over_rows(
        &self,
        desk: &Desk,
        references: &[ForeignKey],
    ) -> Result<Plan, Error> {
        let PlanFile {
            action,
            ends_at,
            tokens,
            companions,
            leaves_companions,
            cascades,
            ..
        } = self.plan();
        let plan = Plan {
            action: *action,
            ends_at: *ends_at,
            adapter: desk.bound.adapter.name.clone(),
            tokens: tokens.clone(),
            companions: companions.clone(),
            leaves_companions: *leaves_companions,
            cascades: cascades.clone(),
            put_back: Vec::new(),
        };
        let mut now = compare(desk, &plan).await?;
        if *action == Action::Delete {
            let mut keys = plan.owned_keys();
            if !desk.scope.is_open() {
                keys.retain(|key| now.rows.contains_key(key));
            }
            let found = delete::cascades(desk, references, &keys).await?;
            now.differences.extend(other_cascades(cascades, &found));
        }
        if !now.differences.is_empty() {
            return Err(Error::ChangedSinceShown(now.differences));
        }
        let mut tokens = Vec::with_capacity(plan.tokens.len());
        let mut invented = Vec::new();
        for planned in plan.tokens {
            // A row that is gone is a difference.
            let Some(row) = now.rows.get(&planned.token.key) else {
                continue;
            };
            // With what there is to show of it now.
            let fresh = PlannedToken {
                effect: now.effect(desk, *action, row),
                token: row.token.clone(),
                ..planned.clone()
            };
            if planned.vital == row.vital && !follows(&planned, &fresh, &desk.bound) {
                invented.push(format!(
                    "token `{}` is not what the file shows of it, although its columns are",
                    planned.token.key
                ));
            }
            tokens.push(fresh);
        }
        if !invented.is_empty() {
            return Err(Error::ChangedSinceShown(invented));
        }
        Ok(Plan {
            tokens,
            companions: companions
                .iter()
                .map(|row| companion_now(row, &now))
                .collect(),
            ..plan
        })
    }
}

/// Whether what the file shows of a row is what it has, as far as that follows from the columns that
/// are compared: then only somebody who wrote the file by hand can have made it otherwise.
fn follows(shown: &PlannedToken, found: &PlannedToken, bound: &Bound) -> bool {
    let moving = |column: &String| bound.adapter.token.moving.contains(column);
    let kinds_stay = !bound
        .adapter
        .kinds
        .iter()
        .any(|kind| kind.when.iter().any(|condition| moving(&condition.column)));
    let told = |token: &Token| {
        let label = token.label.clone();
        let details: Map<_, _> = token
            .details
            .iter()
            .filter(|(name, _)| shown.fixed.contains_key(*name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let owner = token
            .owner
            .as_ref()
            .map(|owner| (owner.id.clone(), owner.login.clone()));
        let kind = kinds_stay.then(|| token.kind.clone());
        (
            kind,
            label,
            owner,
            token.created_at,
            token.expires_at,
            details,
        )
    };
    let revived = shown.effect == Effect::Unchanged && found.effect == Effect::Change;
    told(&shown.token) == told(&found.token) && !revived
}

/// A planned companion with the state that it has now.
fn companion_now(planned: &CompanionRow, now: &Now) -> CompanionRow {
    let (state, dead) = now.companion(planned).map_or_else(
        || (planned.state.clone(), planned.dead),
        |found| (found.state.clone(), found.dead),
    );
    CompanionRow {
        state,
        dead,
        ..planned.clone()
    }
}
