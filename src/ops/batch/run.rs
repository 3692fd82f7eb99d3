//! A run that was begun: batch after batch, until all are done or something ends it.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::keys::Keys;
use super::lag::Lag;
use super::last_look::LastLook;
use super::one::{Batch, Done, Undone, is_passing};
use super::state::RunState;
use crate::adapter::ForeignKey;
use crate::db::{self, Kind};
use crate::model::{
    FailedBatch, Operation, RunEvent, RunLeft, RunLine, RunProgress, RunReceipt, Verdict,
};
use crate::ops::error::Error;
use crate::ops::planned::Planned;
use crate::ops::request::{Known, Request};

/// Connections of one batch that may break, one after the other: a statement that kills its backend
/// must not do so for ever.
pub(super) const LOSSES: usize = 3;

/// How often a batch is planned anew because the application changed one of its rows meanwhile.
const PLANS: usize = 10;

/// How a run goes.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Go on with the next batch where one fails.
    pub keep_going: bool,
    /// How far standbys may be behind; `None` does not ask.
    pub max_lag: Option<Duration>,
    /// How long a standby that is further behind is waited for.
    pub max_lag_wait: Duration,
}

/// Where the tokens of a batch come from.
#[derive(Debug)]
pub(super) enum Source {
    /// From the record of the run.
    Recorded,
    /// From memory, for a dry run.
    Held { keys: Keys, size: usize },
}

/// A run that was begun.
#[derive(Debug)]
pub struct Run {
    /// What carries out a batch; its request and its plan are those of the last one.
    pub(super) planned: Planned,
    /// That of the run.
    pub(super) request: Request,
    /// What is known of it.
    pub(super) known: Known,
    pub(super) references: Vec<ForeignKey>,
    /// The operation that began it.
    pub(super) operation: Operation,
    pub(super) state: RunState,
    pub(super) source: Source,
    pub(super) here: Here,
}

/// What this command did.
#[derive(Debug)]
pub(super) struct Here {
    pub(super) started: Instant,
    /// How long the batches took; `None` while they are under way.
    pub(super) took: Option<Duration>,
    pub(super) batches: i64,
    pub(super) tokens: i64,
    pub(super) changed: i64,
    pub(super) verdict: Option<Verdict>,
}

/// How carrying on ended.
#[derive(Debug)]
pub struct Ended {
    /// What was done.
    pub receipt: RunReceipt,
    /// Why it ended before all batches were tried, or why the first one of those that are not done is
    /// not.
    pub error: Option<Error>,
}

impl Run {
    pub(super) fn new(
        planned: Planned,
        references: Vec<ForeignKey>,
        operation: Operation,
        state: RunState,
        source: Source,
    ) -> Self {
        Self {
            request: planned.request.clone(),
            known: planned.known.clone(),
            planned,
            references,
            operation,
            state,
            source,
            here: Here {
                started: Instant::now(),
                took: None,
                batches: 0,
                tokens: 0,
                changed: 0,
                verdict: None,
            },
        }
    }

    /// That of a run in the record.
    pub(in crate::ops) fn recorded_as(
        planned: Planned,
        references: Vec<ForeignKey>,
        operation: Operation,
        state: RunState,
    ) -> Self {
        Self::new(planned, references, operation, state, Source::Recorded)
    }

    /// The request of whoever goes on with it.
    pub(in crate::ops) fn request(&self) -> &Request {
        &self.request
    }

    /// The operation that began it.
    #[must_use]
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// Makes sure that the role may see how far standbys are behind, where that is asked for.
    ///
    /// # Errors
    ///
    /// When it may not.
    pub async fn check_lag(&self, pace: &Pace) -> Result<(), Error> {
        self.planned.check_lag(pace).await
    }

    /// What is left of it, as it is shown before somebody goes on.
    #[must_use]
    pub fn left(&self) -> RunLeft {
        RunLeft {
            proposal: self.planned.run_proposal(),
            operation: self.operation.clone(),
            run: self.progress().clone(),
            failed: self.failures(),
        }
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> &RunProgress {
        self.state.progress()
    }

    /// Whether nothing is left to be done or looked at. A last look that did not happen, was cut short
    /// or saw tokens alive is left: one that saw all of them dead is on record.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.progress().is_complete() && (self.request.ends_at.is_some() || self.state.seen_dead())
    }

    /// The batches that were tried and are not done.
    #[must_use]
    pub fn failures(&self) -> Vec<FailedBatch> {
        self.state.failures()
    }

    /// Does the batches that are not done, and tells how far it has come.
    pub async fn carry_on(mut self, pace: Pace, tell: &mut (dyn FnMut(&RunLine) + Send)) -> Ended {
        self.here.started = Instant::now();
        self.tell(RunEvent::Begin, tell);
        let mut ended = self.all(pace, tell).await;
        let took = self.here.started.elapsed();
        self.here.took = Some(took);
        let over = self.progress().is_complete() && !self.request.dry_run;
        let mut look = LastLook::default();
        // Where an end is in the future they are meant to be alive.
        if over && self.request.ends_at.is_none() && ended.error.is_none() {
            self.tell(RunEvent::LastLook, tell);
            look = self.last_look().await;
            // What could not be seen then has been looked at now.
            if look.cut.is_none() && self.here.verdict == Some(Verdict::Unknown) {
                self.here.verdict = None;
            }
            self.saw(look.verdict());
            ended.stopped = look.cut.as_ref().map(|error| match look.looks {
                0 => format!("the last look failed: {error}"),
                _ => format!("not watched to the end of the settle window: {error}"),
            });
        }
        self.read_anew(ended.error.as_ref()).await;
        self.tell(RunEvent::End, tell);
        Ended {
            receipt: self.receipt(took.as_secs_f64(), &look, ended.stopped),
            error: ended.error,
        }
    }

    async fn all(&mut self, pace: Pace, tell: &mut (dyn FnMut(&RunLine) + Send)) -> Stopped {
        let mut lag = pace.max_lag.map(|most| Lag::new(most, pace.max_lag_wait));
        let mut first = None;
        for number in self.state.to_do() {
            // Between batches: none of them has failed.
            if let Err(error) = self.ready(lag.as_mut(), tell).await {
                return Stopped {
                    stopped: Some(error.to_string()),
                    error: Some(error),
                };
            }
            match self.try_batch(number, tell).await {
                Ok(done) => {
                    self.note(number, done);
                    let by = done.by.unwrap_or_else(Uuid::nil);
                    self.tell(RunEvent::Batch { batch: number, by }, tell);
                }
                Err(undone) => {
                    let Undone { failed, error } = *undone;
                    let stopped = format!("batch {number}: {error}");
                    self.state.failed(failed.clone());
                    self.tell(RunEvent::Failed(failed), tell);
                    if !pace.keep_going || ends_run(&error) {
                        return Stopped {
                            error: Some(error),
                            stopped: Some(stopped),
                        };
                    }
                    first.get_or_insert(error);
                }
            }
        }
        Stopped {
            error: first,
            stopped: None,
        }
    }

    fn note(&mut self, number: i32, done: Done) {
        let before = self.progress().tokens_done;
        self.state.done(number, done.counts);
        if done.here {
            self.here.batches += 1;
            self.here.changed += done.counts.changed;
        }
        self.here.tokens += self.progress().tokens_done - before;
        if let Some(seen) = done.seen {
            self.saw(seen);
        }
    }

    fn saw(&mut self, seen: Verdict) {
        self.here.verdict = Some(match self.here.verdict {
            Some(before) => worse(before, seen),
            None => seen,
        });
    }

    /// Does one batch, through broken connections and rows that change under it.
    async fn try_batch(
        &mut self,
        number: i32,
        tell: &mut (dyn FnMut(&RunLine) + Send),
    ) -> Result<Done, Box<Undone>> {
        let mut id = Uuid::now_v7();
        let (mut losses, mut plans) = (0, 0);
        let mut keys = Vec::new();
        loop {
            let error = match self.once(number, id, &mut keys).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            match &error {
                // Somebody else was quicker, and the record says who.
                Error::Database(error)
                    if error.kind() == Some(Kind::BatchDone) && plans < PLANS =>
                {
                    plans += 1;
                    continue;
                }
                Error::ChangedSinceShown(_) if plans < PLANS => {
                    plans += 1;
                    continue;
                }
                // A transaction of this id can never commit, and the id is taken by the record of that.
                Error::NotCommitted(_) => id = Uuid::now_v7(),
                _ => {}
            }
            if is_passing(&error) && losses < LOSSES {
                losses += 1;
                let told = RunEvent::Reconnect {
                    error: error.to_string(),
                };
                self.tell(told, tell);
                match self.reconnect().await {
                    Ok(()) => continue,
                    Err(error) => return self.undone(number, id, &keys, error).await,
                }
            }
            return self.undone(number, id, &keys, error).await;
        }
    }

    async fn once(&mut self, number: i32, id: Uuid, keys: &mut Vec<String>) -> Result<Done, Error> {
        match self.batch(number).await? {
            Batch::Done(done) => Ok(done),
            Batch::Keys(found) => {
                keys.clone_from(&found);
                self.attempt(number, id, found).await
            }
        }
    }

    /// Waits until the next batch may come.
    async fn ready(
        &mut self,
        lag: Option<&mut Lag>,
        tell: &mut (dyn FnMut(&RunLine) + Send),
    ) -> Result<(), Error> {
        if self.planned.desk.database.interrupt().is_raised() {
            return Err(db::Error::Interrupted.into());
        }
        self.planned.resume_session().await?;
        let Some(lag) = lag else {
            return Ok(());
        };
        match self.wait(lag, tell).await {
            Err(error) if is_passing(&error) => {
                let told = RunEvent::Reconnect {
                    error: error.to_string(),
                };
                self.tell(told, tell);
                self.reconnect().await?;
                self.wait(lag, tell).await
            }
            waited => waited,
        }
    }

    async fn wait(
        &self,
        lag: &mut Lag,
        tell: &mut (dyn FnMut(&RunLine) + Send),
    ) -> Result<(), Error> {
        let desk = &self.planned.desk;
        let interrupt = desk.database.interrupt();
        let most = lag.most();
        let waiting = lag.wait(&desk.session, &desk.identity.role, |behind| {
            let event = RunEvent::Lag {
                standby: behind.standby.clone(),
                lag_seconds: behind.lag.as_secs_f64(),
                max_lag_seconds: most.as_secs_f64(),
            };
            self.tell(event, tell);
        });
        tokio::select! {
            waited = waiting => waited,
            () = interrupt.raised() => Err(db::Error::Interrupted.into()),
        }
    }
}

/// Why the batches ended before the last one.
struct Stopped {
    error: Option<Error>,
    stopped: Option<String>,
}

/// The worse of two verdicts.
pub(super) fn worse(one: Verdict, other: Verdict) -> Verdict {
    let rank = |verdict| match verdict {
        Verdict::Resurrected | Verdict::Changed => 3,
        Verdict::Unknown | Verdict::Accepted => 2,
        // Taken back by a restore on record.
        Verdict::Restored => 1,
        Verdict::Dead | Verdict::Scheduled | Verdict::Gone => 0,
    };
    if rank(other) > rank(one) { other } else { one }
}

/// Whether no further batch could fare better.
fn ends_run(error: &Error) -> bool {
    match error {
        Error::Database(error) if error.is_interruption() => true,
        Error::Database(
            db::Error::Open(_)
            | db::Error::Password(_)
            | db::Error::NoSession { .. }
            | db::Error::OtherCluster { .. }
            | db::Error::ClusterNotTold { .. }
            | db::Error::OtherDatabase { .. }
            | db::Error::Lost(_)
            | db::Error::Deadline(_),
        )
        | Error::OtherDatabase(_)
        | Error::OutcomeUnknown { .. }
        | Error::NotInstalled(_)
        | Error::Standby
        | Error::LagNotTold { .. }
        | Error::StandbyLags { .. } => true,
        _ => false,
    }
}
