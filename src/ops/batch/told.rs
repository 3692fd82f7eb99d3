//! What is told of a run: a line while it goes, and a receipt at its end.

use uuid::Uuid;

use super::last_look::LastLook;
use super::run::Run;
use crate::model::{JSON_SCHEMA, RunEvent, RunLine, RunReceipt};

/// So many keys of tokens that are alive are told.
const TOLD: usize = 20;

impl Run {
    pub(super) fn tell(&self, event: RunEvent, tell: &mut (dyn FnMut(&RunLine) + Send)) {
        let here = &self.here;
        let seconds = here.took.unwrap_or_else(|| here.started.elapsed());
        let seconds = seconds.as_secs_f64();
        let done = self.progress().clone();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a rate is told, not reckoned with"
        )]
        let rate =
            (self.here.tokens > 0 && seconds > 0.0).then(|| self.here.tokens as f64 / seconds);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the rest is never negative, and an estimate of centuries is none"
        )]
        let eta = rate.map(|rate| ((done.tokens - done.tokens_done) as f64 / rate).ceil() as u64);
        tell(&RunLine {
            schema: JSON_SCHEMA,
            operation: self.id(),
            event,
            done,
            tokens_per_second: rate.map(|rate| (rate * 10.0).round() / 10.0),
            eta_seconds: eta,
        });
    }

    /// The run's operation; `None` for a dry run.
    pub(super) fn id(&self) -> Option<Uuid> {
        (!self.request.dry_run).then_some(self.operation.id)
    }

    /// The receipt of whoever found everything done.
    #[must_use]
    pub fn nothing_left(&self) -> RunReceipt {
        RunReceipt {
            schema: JSON_SCHEMA,
            operation: self.operation.clone(),
            run: self.progress().clone(),
            batches_done_here: 0,
            tokens_changed_here: 0,
            seconds: 0.0,
            failed: Vec::new(),
            verdict: None,
            watched_for_ms: 0,
            looks: 0,
            alive: Vec::new(),
            advice: None,
            still_works: self.planned.still_works(),
            stopped: None,
            resume: None,
            target: self.planned.policy.target.clone(),
            environment: None,
        }
    }

    pub(super) fn receipt(
        &self,
        seconds: f64,
        look: LastLook,
        stopped: Option<String>,
    ) -> RunReceipt {
        let complete = self.progress().is_complete();
        let policy = &self.planned.policy;
        let keys: Vec<&str> = look.alive.keys().map(String::as_str).collect();
        let advice = (!keys.is_empty()).then(|| self.planned.adviser().advice_on_run(&keys));
        RunReceipt {
            schema: JSON_SCHEMA,
            operation: self.operation.clone(),
            run: self.progress().clone(),
            batches_done_here: self.here.batches,
            tokens_changed_here: self.here.changed,
            seconds: (seconds * 1000.0).round() / 1000.0,
            failed: self.failures(),
            verdict: self.here.verdict,
            watched_for_ms: u64::try_from(look.watched.as_millis()).unwrap_or(u64::MAX),
            looks: look.looks,
            advice,
            alive: look.alive.into_keys().take(TOLD).collect(),
            still_works: self.planned.run_still_works(),
            stopped,
            resume: self
                .id()
                .filter(|_| !complete)
                .map(|id| format!("breakglass resume {id}")),
            target: policy.target.clone(),
            environment: policy.environment.as_ref().map(|named| named.name.clone()),
        }
    }
}
