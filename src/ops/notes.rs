//! What to know of a plan before saying yes: what it sets, what stays alive, what the adapter says.

use std::collections::BTreeMap;

use super::planned::Planned;
use crate::model::CompanionRow;

impl Planned {
    /// What expire sets, column by column, in the adapter's words.
    #[must_use]
    pub fn sets(&self) -> Vec<String> {
        let Some(expire) = &self.desk.bound.adapter.expire else {
            return Vec::new();
        };
        match (&expire.at, self.plan.ends_at) {
            (Some(at), Some(_)) => in_words(&at.set),
            _ => in_words(&expire.set),
        }
    }

    /// What stays alive whatever is done here, from the adapter, and the companions that are left.
    #[must_use]
    pub fn still_works(&self) -> Vec<String> {
        let survivors = self.desk.bound.adapter.survivors.iter();
        let noted = survivors
            .filter(|note| note.on.contains(&self.effect()))
            .map(|note| note.text.clone());
        let left = self.left.iter().map(|companion| {
            let CompanionRow {
                name, key, token, ..
            } = companion;
            format!("{name} {key} of token {token} stays alive (--no-companions)")
        });
        noted.chain(left).collect()
    }

    /// What to know before saying yes, from the adapter.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
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
