//! The adapter that fits, believed for some seconds.
//!
//! A server would else read the catalogue for every request. A command never believes what another
//! one found. What is believed cannot make a change do anything else than was shown: it decides which
//! columns are named, and one that is gone, or that may not be read any more, is refused by the
//! server. Then it is not believed any longer, and the next request looks again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::adapter::Bound;
use crate::db::Identity;

/// How long.
const BELIEVED: Duration = Duration::from_secs(5);

/// What was found last. Clones share it; all of them must be for one database and one choice.
#[derive(Clone, Debug, Default)]
pub struct Detected(Arc<Mutex<Option<Found>>>);

#[derive(Debug)]
struct Found {
    when: Instant,
    /// How often the server had surprised before it was looked for.
    surprises: usize,
    /// Where.
    identity: Identity,
    bound: Arc<Bound>,
}

impl Detected {
    /// What was found on this database for this role, if it is not long ago and the server has not
    /// surprised since.
    pub(super) fn get(&self, identity: &Identity, surprises: usize) -> Option<Arc<Bound>> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = found.as_ref().filter(|found| {
            found.when.elapsed() < BELIEVED
                && found.surprises == surprises
                && found.identity.is_of(identity)
        });
        found.map(|found| Arc::clone(&found.bound))
    }

    /// Remembers what was found.
    pub(super) fn put(&self, identity: &Identity, surprises: usize, bound: &Arc<Bound>) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *found = Some(Found {
            when: Instant::now(),
            surprises,
            identity: identity.clone(),
            bound: Arc::clone(bound),
        });
    }
}
