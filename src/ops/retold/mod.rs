//! The receipt of an operation that is done, told once more from the log: for whoever asks again
//! under its id, because the first answer was lost.
//!
//! Operation, changes and verdicts are as they were told then. Tokens that were left alone are told
//! as they are now. How often was looked, what a probe was answered on the way, which rows of a
//! restore `--force` left out, and what came for an owner meanwhile is not on record.

mod seen;

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde_json::Map;

use super::audit::observations_of;
use super::desk::Desk;
use super::error::Error;
use super::plan::NO_COMPANIONS;
use super::policy::Policy;
use super::resolve::find_rows;
use super::restore::{self, Restored};
use super::settle::Adviser;
use crate::model::{
    Action, Cause, Change, Deed, History, JSON_SCHEMA, Operation, Outcome, Reapplied, Receipt,
    Settled, State, TakenBack, Token, Unreached, Verdict,
};
use seen::Seen;

/// A request for the receipt of an operation once more.
#[derive(Clone, Debug)]
pub struct Retell {
    /// The operation, as the log has it.
    pub operation: Operation,
}

/// What the log tells of an operation, read anew.
struct Story<'a> {
    desk: &'a Desk,
    policy: &'a Policy,
    action: Action,
    operation: Operation,
    changes: Vec<Change>,
    /// For a restore: what it took back.
    restored: Option<Restored>,
}

impl Retell {
    /// Runs it; `None` where the operation has no receipt, because it changed nothing, or is a run
    /// of batches, whose own is told by its progress.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub async fn run(self, desk: &Desk, policy: &Policy) -> Result<Option<Receipt>, Error> {
        let Some(action) = done(&self.operation) else {
            return Ok(None);
        };
        let History {
            operation,
            mut changes,
            observations,
            caused,
            signal: _,
            run: _,
            failed: _,
            survivors: _,
        } = History::read(self.operation, &desk.log()).await?;
        let own = desk.bound.token.display_name();
        // Tokens come first in a receipt.
        changes.sort_by_key(|change| change.relation != own);
        let story = Story {
            restored: Restored::read(desk, &operation).await?,
            desk,
            policy,
            action,
            operation,
            changes,
        };
        let mut seen = Seen::of(action, &observations);
        let touched: Vec<&str> = story.touched().collect();
        seen.complete(&touched);
        let (unchanged, dead) = story.left_alone(&seen).await?;
        let ends: HashMap<&str, DateTime<Utc>> = dead
            .iter()
            .filter_map(|token| Some((token.key.as_str(), token.expires_at?)))
            .collect();
        let restored = story.restored.as_ref();
        let taken_back = restored.map(|it| it.taken_back(&story.changes, &observations, &ends));
        let reapplied = story.reapplied(caused).await?;
        Ok(Some(story.receipt(seen, unchanged, taken_back, reapplied)))
    }
}

/// What was done to the tokens, if it was done.
fn done(operation: &Operation) -> Option<Action> {
    match (operation.outcome, operation.action) {
        (Outcome::Applied | Outcome::Unchanged, Deed::Expire) => Some(Action::Expire),
        (Outcome::Applied | Outcome::Unchanged, Deed::Delete) => Some(Action::Delete),
        (Outcome::Applied | Outcome::Unchanged, Deed::Restore) => Some(Action::Restore),
        _ => None,
    }
}

impl Story<'_> {
    /// The keys of the tokens that it changed.
    fn touched(&self) -> impl Iterator<Item = &str> {
        let own = self.desk.bound.token.display_name();
        let tokens = self.changes.iter();
        let tokens = tokens.filter(move |change| change.relation == own);
        tokens.map(|change| change.key.as_str())
    }

    /// The planned tokens that it left alone, and those that a restore put back and that are dead
    /// all the same, as they are now.
    async fn left_alone(&self, seen: &Seen) -> Result<(Vec<Token>, Vec<Token>), Error> {
        // By another adapter the same keys are of other rows.
        if self.operation.adapter.as_ref() != Some(&self.desk.bound.adapter.name) {
            return Ok((Vec::new(), Vec::new()));
        }
        let own = self.desk.bound.token.display_name();
        let touched: HashSet<&str> = self.touched().collect();
        let any = self.operation.unchanged.unwrap_or_default() > 0;
        let planned = |key: &str| {
            let restored = self.restored.as_ref();
            restored.is_none_or(|restored| restored.has(&own, key))
        };
        let keys = seen.last.iter().map(|seen| seen.key.as_str());
        let left = keys.filter(|key| any && !touched.contains(key) && planned(key));
        let dead = self.changes.iter().filter(|change| {
            self.action == Action::Restore
                && change.relation == own
                && change.state_after != State::Active.as_str()
        });
        let keys: Vec<String> = left
            .chain(dead.map(|change| change.key.as_str()))
            .map(str::to_owned)
            .collect();
        if keys.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let rows = find_rows(self.desk, &keys, &[], None).await?;
        let tokens = rows.into_iter().map(|row| row.token);
        Ok(tokens.partition(|token| !touched.contains(token.key.as_str())))
    }

    /// The operations that killed again what had come back to life.
    async fn reapplied(&self, caused: Vec<Operation>) -> Result<Vec<Reapplied>, Error> {
        let mut reapplied = Vec::new();
        for child in caused {
            if child.cause != Some(Cause::ReApply) {
                continue;
            }
            let seen = observations_of(&self.desk.session, child.id).await?;
            let mut keys: Vec<String> = seen.into_iter().map(|seen| seen.key).collect();
            if keys.is_empty() {
                // Nothing came of it, and its selector names some of them.
                let named = child.selector.split(' ');
                let named = named.filter_map(|word| word.strip_prefix("id:"));
                keys.extend(named.map(str::to_owned));
            }
            keys.sort_unstable();
            keys.dedup();
            reapplied.push(Reapplied {
                operation: child.id,
                outcome: Some(child.outcome),
                keys,
                changed: child.changed.unwrap_or_default(),
                companions_changed: child.companions_changed.unwrap_or_default(),
                error: child.error,
            });
        }
        Ok(reapplied)
    }

    fn receipt(
        self,
        seen: Seen,
        unchanged: Vec<Token>,
        taken_back: Option<TakenBack>,
        reapplied: Vec<Reapplied>,
    ) -> Receipt {
        let empty = seen.last.is_empty() && self.operation.planned != Some(0);
        let verdict = if empty {
            Verdict::Unknown
        } else {
            seen.verdict(self.action)
        };
        let advice = self.advice(verdict, &seen);
        let first_at = seen.first_at;
        let probe = seen.probe.clone();
        let settled = Settled {
            reapplied,
            advice,
            ..seen.settled(self.action)
        };
        Receipt {
            schema: JSON_SCHEMA,
            verdict: Some(verdict),
            settled,
            still_works: self.still_works(&unchanged),
            unreached: self.unreached(&unchanged, self.done_at(first_at)),
            probe,
            target: self.policy.target.clone(),
            environment: self
                .policy
                .environment
                .as_ref()
                .map(|named| named.name.clone()),
            taken_back,
            came_meanwhile: None,
            operation: self.operation,
            changes: self.changes,
            unchanged,
        }
    }

    fn advice(&self, verdict: Verdict, seen: &Seen) -> Option<String> {
        let Operation {
            id, reason, ticket, ..
        } = &self.operation;
        if self.action == Action::Restore {
            return restore::advice(verdict, *id);
        }
        let adviser = Adviser {
            bound: &self.desk.bound,
            policy: self.policy,
            action: self.action,
            reason: reason.as_deref().unwrap_or_default(),
            ticket: ticket.as_deref(),
        };
        adviser.advice(*id, verdict, &seen.last)
    }

    /// When the tokens were dead at the latest: the time at which they were first seen so is after
    /// the commit, so nothing is said to end sooner than it does.
    fn done_at(&self, first_at: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        let is_ours = self.operation.outcome == Outcome::Applied
            && (self.operation.changed != Some(0) || self.action == Action::Delete);
        let done = self.operation.ends_at.or(first_at);
        done.filter(|_| is_ours)
    }

    /// What it did not kill, from the adapter.
    fn unreached(&self, unchanged: &[Token], done: Option<DateTime<Utc>>) -> Vec<Unreached> {
        let own = self.desk.bound.token.display_name();
        let changed = self.changes.iter().filter(|change| change.relation == own);
        let changed: Vec<Token> = changed.map(|change| self.token_of(change)).collect();
        let tokens: Vec<&Token> = changed.iter().chain(unchanged).collect();
        let restored = self.restored.as_ref();
        let effect = restored.map_or(self.action, |it| it.effect(&self.changes));
        let adapter = &self.desk.bound.adapter;
        adapter.unreached(effect, &tokens, done)
    }

    /// The same as sentences, with what was to be left.
    fn still_works(&self, unchanged: &[Token]) -> Vec<String> {
        let told = self.unreached(unchanged, None);
        let left = self.operation.selector.ends_with(NO_COMPANIONS)
            && !self.desk.bound.companions.is_empty();
        let left = left.then(|| "what must die with them stays alive (--no-companions)".to_owned());
        told.into_iter()
            .map(|thing| thing.text)
            .chain(left)
            .collect()
    }

    /// A token as far as its change is on record: whatever the adapter says of one needs no more.
    fn token_of(&self, change: &Change) -> Token {
        Token {
            adapter: self.desk.bound.adapter.name.clone(),
            kind: change.kind.clone(),
            key: change.key.clone(),
            label: change.label.clone(),
            owner: change.owner.clone(),
            state: State::from_word(&change.state_before).unwrap_or(State::Active),
            created_at: None,
            last_used_at: None,
            expires_at: None,
            details: Map::new(),
        }
    }
}
