//! What the operator should know of how connections come about.

use std::sync::{Arc, Mutex, PoisonError};

/// Warnings on their way to the operator, each of them once. Clones share one list.
#[derive(Clone, Debug, Default)]
pub struct Warnings(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    all: Vec<String>,
    told: usize,
}

impl Warnings {
    /// Adds a warning, unless it was given before.
    pub fn add(&self, text: &str) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !heard.all.iter().any(|known| known == text) {
            heard.all.push(text.to_owned());
        }
    }

    /// Hands out what was not handed out before.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = heard.all.iter().skip(heard.told).cloned().collect();
        heard.told = heard.all.len();
        fresh
    }
}
