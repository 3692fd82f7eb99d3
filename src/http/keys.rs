//! Requests under way, by their idempotency key: a retry waits for the first one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

type Place = Arc<tokio::sync::Mutex<()>>;

/// The keys under way.
#[derive(Debug, Default)]
pub(super) struct Keys(Arc<Mutex<HashMap<Uuid, Place>>>);

/// A key that is held; nobody else has it meanwhile.
#[derive(Debug)]
pub(super) struct Held {
    keys: Arc<Mutex<HashMap<Uuid, Place>>>,
    key: Uuid,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Keys {
    /// Waits for whoever has the key.
    pub(super) async fn hold(&self, key: Uuid) -> Held {
        let place = {
            let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(keys.entry(key).or_default())
        };
        let guard = place.lock_owned().await;
        Held {
            keys: Arc::clone(&self.0),
            key,
            guard: Some(guard),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.guard.take());
        // The map's own is the last one where nobody waits.
        if keys
            .get(&self.key)
            .is_some_and(|place| Arc::strong_count(place) == 1)
        {
            keys.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;
    use uuid::Uuid;

    use super::Keys;

    #[tokio::test]
    async fn a_key_is_held_by_one_and_forgotten_by_all() {
        let keys = Keys::default();
        let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
        let held = keys.hold(one).await;
        let _beside = keys.hold(other).await;
        let waiting = timeout(Duration::from_millis(20), keys.hold(one)).await;
        assert!(waiting.is_err());
        drop(held);
        drop(keys.hold(one).await);
        assert_eq!(keys.0.lock().unwrap().len(), 1);
    }
}
