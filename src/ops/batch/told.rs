//! What is told of a run: a line while it goes, a receipt at its end, and that it is not gone on with.

use uuid::Uuid;

use super::last_look::LastLook;
use super::run::Run;
use crate::model::{JSON_SCHEMA, RunEvent, RunLine, RunReceipt, Verdict};
use crate::ops::audit::ShowOperation;
use crate::ops::error::{Error, Refusal};
use crate::ops::log::Log;
use crate::ops::record::refuse;
use crate::ops::request::{Known, Request};

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

    /// Reads the operation that began it once more: what it changed is what its batches have. One that
    /// cannot be read is told as it was.
    pub(super) async fn read_anew(&mut self, error: Option<&Error>) {
        if self.request.dry_run || error.is_some_and(Error::is_lost) {
            return;
        }
        let show = ShowOperation {
            id: self.operation.id.to_string(),
        };
        let database = self.planned.desk.database.uninterrupted();
        if let Ok(session) = database.another_session().await
            && let Ok(operation) = show.only(&Log::whole(&session)).await
        {
            self.operation = operation;
        }
    }

    /// Records that it was not gone on with, and why: as an operation of its own, since the run's stands.
    pub async fn decline(self, error: Error) -> Box<Refusal> {
        let progress = self.progress();
        let left = progress.tokens - progress.tokens_done;
        let known = Known {
            selector: format!("run:{}", self.operation.id),
            plan_digest: None,
            planned: usize::try_from(left).ok(),
            ..self.known.clone()
        };
        let request = Request {
            id: Uuid::now_v7(),
            ..self.request.clone()
        };
        let desk = &self.planned.desk;
        refuse(
            &request,
            &known,
            Some(&desk.identity),
            &desk.database,
            error,
        )
        .await
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
            survivors: Vec::new(),
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
        look: &LastLook,
        stopped: Option<String>,
    ) -> RunReceipt {
        let complete = self.progress().is_complete();
        let is_cut = look.cut.is_some();
        let policy = &self.planned.policy;
        let alive = look.those(Verdict::Resurrected);
        let taken_back = !look.those(Verdict::Restored).is_empty();
        let advice = self.planned.adviser().advice_on_run(&alive, taken_back);
        let alive = alive.into_iter().map(str::to_owned).collect();
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
            alive,
            survivors: look.survivors(),
            still_works: self.planned.run_still_works(),
            stopped,
            resume: self
                .id()
                .filter(|_| !complete || is_cut)
                .map(|id| format!("breakglass resume {id}")),
            target: policy.target.clone(),
            environment: policy.environment.as_ref().map(|named| named.name.clone()),
        }
    }
}
