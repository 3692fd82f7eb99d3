//! The application's side of the incident: requests with one token, again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::types::Type;

use super::stage::Stage;

const HOT_TOKEN: &str = include_str!("../../../sql/demo/hot_token.sql");
const REQUEST: &str = include_str!("../../../sql/demo/request.sql");

/// Between two requests.
const PAUSE: Duration = Duration::from_millis(50);

/// Longest wait for the loop to get anywhere.
const PATIENCE: Duration = Duration::from_secs(5);

/// The loop; it ends when this is dropped.
pub(super) struct HotLoop {
    task: JoinHandle<()>,
    accepted: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
}

impl HotLoop {
    /// Starts it, on a connection of its own.
    pub(super) async fn start(stage: &Stage, owner: &str, name: &str) -> anyhow::Result<Self> {
        let key = stage
            .value(HOT_TOKEN, &[(&owner, Type::TEXT), (&name, Type::TEXT)])
            .await?;
        let client = stage.application().await?;
        let (accepted, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let counters = (Arc::clone(&accepted), Arc::clone(&refused));
        let task = tokio::spawn(async move {
            loop {
                let Ok(rows) = client.query_typed(REQUEST, &[(&key, Type::TEXT)]).await else {
                    break;
                };
                let counter = if rows.is_empty() {
                    &counters.1
                } else {
                    &counters.0
                };
                counter.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(PAUSE).await;
            }
        });
        Ok(Self {
            task,
            accepted,
            refused,
        })
    }

    /// Requests that were let in, and refused.
    pub(super) fn counts(&self) -> (u64, u64) {
        (
            self.accepted.load(Ordering::Relaxed),
            self.refused.load(Ordering::Relaxed),
        )
    }

    /// Waits until so many were let in.
    pub(super) async fn wait_for_accepted(&self, count: u64) {
        wait_for(&self.accepted, count).await;
    }

    /// Waits until so many were refused.
    pub(super) async fn wait_for_refused(&self, count: u64) {
        wait_for(&self.refused, count).await;
    }
}

async fn wait_for(counter: &AtomicU64, count: u64) {
    let reached = async {
        while counter.load(Ordering::Relaxed) < count {
            tokio::time::sleep(PAUSE).await;
        }
    };
    // The story goes on either way, and tells the numbers as they are.
    let _in_time = tokio::time::timeout(PATIENCE, reached).await.is_ok();
}

impl Drop for HotLoop {
    fn drop(&mut self) {
        self.task.abort();
    }
}
