//! Looking at all tokens of a run once more when it is over: the application had all that time to
//! write one back, and a batch whose command was killed after its COMMIT was never looked at.

use serde_json::{Value, json};
use std::collections::HashSet;
use tokio_postgres::types::Type;

use super::run::Run;
use crate::db;
use crate::model::Verdict;
use crate::ops::error::Error;
use crate::ops::read_back::observe;

/// So many keys of tokens that are alive are told.
const TOLD: usize = 20;

impl Run {
    /// The keys of some tokens of the run that are alive, each on record as resurrected.
    ///
    /// # Errors
    ///
    /// When they cannot be looked at.
    pub(super) async fn last_look(&self) -> Result<Vec<String>, Error> {
        let desk = &self.planned.desk;
        let statement = desk.statements().alive()?;
        let mut told = Vec::new();
        for number in self.state.finished() {
            let batch = self.recorded(number).await?;
            let (Some(by), keys) = (batch.done.and_then(|done| done.by), batch.keys) else {
                continue;
            };
            let rows = desk
                .session
                .read(&statement, &[(&keys, Type::TEXT_ARRAY)])
                .await?;
            let mut alive: HashSet<String> = HashSet::new();
            for row in &rows {
                alive.insert(row.try_get("key").map_err(db::Error::from)?);
            }
            let concerned = |key: &&String| !batch.observed || alive.contains(*key);
            let seen: Vec<Value> = keys
                .iter()
                .filter(concerned)
                .map(|key| {
                    let (verdict, detail) = if alive.contains(key) {
                        (Verdict::Resurrected, "alive at the end of the run")
                    } else {
                        (Verdict::Dead, "not alive at the end of the run")
                    };
                    json!({ "key": key, "verdict": verdict.as_str(), "detail": detail })
                })
                .collect();
            if !seen.is_empty() {
                let many = seen.len();
                observe(desk, by, &Value::Array(seen), many).await?;
            }
            let room = TOLD.saturating_sub(told.len());
            told.extend(keys.into_iter().filter(|key| alive.contains(key)).take(room));
        }
        Ok(told)
    }
}
