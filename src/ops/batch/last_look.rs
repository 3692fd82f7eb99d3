//! Looking at all tokens of a run once more when it is over: the application had all that time to
//! write one back, and a batch whose command was killed after its COMMIT was never looked at.

use std::collections::HashMap;

use serde_json::{Value, json};
use tokio_postgres::types::Type;

use super::run::Run;
use crate::db;
use crate::model::{Action, Verdict};
use crate::ops::error::Error;
use crate::ops::plan::companions;
use crate::ops::read_back::observe;

/// So many keys of tokens that are alive are told.
const TOLD: usize = 20;

/// What the last look saw.
#[derive(Debug, Default)]
pub(super) struct LastLook {
    /// The first of the tokens that are alive.
    pub(super) alive: Vec<String>,
    /// Whether some could not be seen dead, since their rows are not there.
    pub(super) unknown: bool,
}

impl Run {
    /// Looks at all tokens of the run that are there. What was not looked at before, or could not be
    /// seen then, and what is alive is put on record.
    ///
    /// # Errors
    ///
    /// When they cannot be looked at.
    pub(super) async fn last_look(&mut self) -> Result<LastLook, Error> {
        if self.planned.desk.session.is_closed() {
            self.reconnect().await?;
        }
        let statement = self.planned.desk.statements().alive()?;
        let mut look = LastLook::default();
        for number in self.state.finished() {
            let batch = self.recorded(number).await?;
            let Some(by) = batch.done.and_then(|done| done.by) else {
                continue;
            };
            let alive = self.look_at(&statement, &batch.keys).await?;
            let seen: Vec<Value> = batch
                .keys
                .iter()
                .filter(|key| !batch.observed || alive.get(*key) == Some(&true))
                .map(|key| {
                    let (verdict, detail) = self.judge(alive.get(key).copied());
                    look.unknown |= verdict == Verdict::Unknown;
                    json!({ "key": key, "verdict": verdict.as_str(), "detail": detail })
                })
                .collect();
            if !seen.is_empty() {
                let many = seen.len();
                observe(&self.planned.desk, by, &Value::Array(seen), many).await?;
            }
            let room = TOLD.saturating_sub(look.alive.len());
            let living = batch
                .keys
                .into_iter()
                .filter(|key| alive.get(key) == Some(&true));
            look.alive.extend(living.take(room));
        }
        Ok(look)
    }

    /// Which of some tokens are there, and whether they or what must die with them are alive.
    async fn look_at(
        &self,
        statement: &str,
        keys: &[String],
    ) -> Result<HashMap<String, bool>, Error> {
        let desk = &self.planned.desk;
        let parameters: [db::Parameter<'_>; 1] = [(&keys, Type::TEXT_ARRAY)];
        let mut alive = HashMap::new();
        for row in &desk.session.read(statement, &parameters).await? {
            let key: String = row.try_get("key").map_err(db::Error::from)?;
            alive.insert(key, row.try_get("alive").map_err(db::Error::from)?);
        }
        if !self.request.leave_companions {
            for companion in companions(desk, keys).await? {
                if !companion.dead {
                    alive.insert(companion.token, true);
                }
            }
        }
        Ok(alive)
    }

    fn judge(&self, alive: Option<bool>) -> (Verdict, &'static str) {
        match (alive, self.request.action) {
            (Some(true), _) => (Verdict::Resurrected, "alive at the end of the run"),
            (Some(false), _) => (Verdict::Dead, "dead at the end of the run"),
            (None, Action::Delete) => (Verdict::Dead, "the row is gone at the end of the run"),
            // It may live on under another key.
            (None, Action::Expire) => (
                Verdict::Unknown,
                "the row is not there any more at the end of the run",
            ),
        }
    }
}
