//! What to know of a plan before saying yes: what it sets, what stays alive, what the adapter says.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::planned::Planned;
use crate::model::{CompanionRow, Token, Unreached};

impl Planned {
    /// What expire sets, column by column, in the adapter's words.
    pub(super) fn sets(&self) -> Vec<String> {
        let Some(expire) = &self.desk.bound.adapter.expire else {
            return Vec::new();
        };
        match (&expire.at, self.plan.ends_at) {
            (Some(at), Some(_)) => in_words(&at.set),
            _ => in_words(&expire.set),
        }
    }

    /// What stays alive whatever is done here, from the adapter. `done` is when it was done, for
    /// the times at which things end.
    pub(super) fn unreached(&self, done: Option<DateTime<Utc>>) -> Vec<Unreached> {
        let planned = self.plan.tokens.iter();
        let tokens: Vec<&Token> = planned.map(|planned| &planned.token).collect();
        let adapter = &self.desk.bound.adapter;
        adapter.unreached(self.effect(), &tokens, done)
    }

    /// The companions that are left, as sentences.
    pub(super) fn left_companions(&self) -> Vec<String> {
        let told = self.left.iter().map(|companion| {
            let CompanionRow {
                name, key, token, ..
            } = companion;
            format!("{name} {key} of token {token} stays alive (--no-companions)")
        });
        told.collect()
    }

    /// Both as sentences.
    pub(super) fn still_works(&self) -> Vec<String> {
        let unreached = self.unreached(None).into_iter();
        let told = unreached.map(|thing| thing.text);
        told.chain(self.left_companions()).collect()
    }

    /// The same for a run of batches, whose tokens are not all known at once.
    pub(super) fn run_still_works(&self) -> Vec<String> {
        let adapter = &self.desk.bound.adapter;
        let told = adapter.unreached_of_any(self.effect()).into_iter();
        let left = self.request.leave_companions && !self.desk.bound.companions.is_empty();
        let left = left.then(|| "what must die with them stays alive (--no-companions)".to_owned());
        told.chain(left).collect()
    }

    /// What to know before saying yes, from the adapter.
    pub(super) fn notes(&self) -> Vec<String> {
        let adapter = &self.desk.bound.adapter;
        let notes = adapter
            .notes
            .iter()
            .filter(|note| note.on.contains(&self.effect()));
        let mut texts: Vec<String> = notes.map(|note| note.text.clone()).collect();
        if self.plan.ends_at.is_some() {
            let own = adapter.expire_at().into_iter();
            let companions = adapter.companions.iter().filter(|companion| {
                let mut planned = self.plan.companions.iter();
                planned.any(|row| row.name == companion.name)
            });
            let theirs = companions.filter_map(|companion| companion.expire.at.as_ref());
            texts.extend(own.chain(theirs).filter_map(|at| at.note.clone()));
        }
        for kind in &adapter.kinds {
            let concerned = self
                .plan
                .tokens
                .iter()
                .any(|planned| planned.token.kind == kind.name);
            if let (true, Some(warn)) = (concerned, &kind.warn)
                && !texts.contains(warn)
            {
                texts.push(warn.clone());
            }
        }
        texts
    }
}

/// What is set, column by column.
fn in_words<T: std::fmt::Display>(set: &BTreeMap<String, T>) -> Vec<String> {
    set.iter()
        .map(|(column, set)| format!("{column} = {set}"))
        .collect()
}
