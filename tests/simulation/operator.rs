//! What an operator does, and what came of it.

use std::time::{Duration, Instant};

use breakglass::model::{Action, Outcome, PlanFile, Receipt, Verdict};
use breakglass::ops::{
    Context, Error, Filter, FromFile, Kinds, MAX_ROWS, Planned, Recording, Refusal, Request,
    Restore, Selector,
};
use fastrand::Rng;
use uuid::Uuid;

use crate::application::pause;
use crate::support::seed;
use crate::world::Universe;

/// What must happen in some hundred schedules, or they are not random enough.
pub(crate) const HAPPENS: [&str; 14] = [
    "applied",
    "unchanged",
    "refused: changed since shown",
    "refused: no such token",
    "refused: declined",
    "dry run",
    "dead",
    "killed again",
    "restored",
    "a filter",
    "an owner",
    "a plan file",
    "a restore",
    "the application wrote three stale columns",
];

/// One operation as the operator saw it.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) id: Uuid,
    /// Keys of the tokens that the plan showed; none where there was no plan.
    pub(crate) planned: Vec<String>,
    /// Keys of the companions that it showed.
    pub(crate) companions: Vec<String>,
    /// When it was carried out: the COMMIT came later.
    pub(crate) begun: Instant,
    /// When it had ended.
    pub(crate) over: Instant,
    /// How long it watched.
    pub(crate) settle: Duration,
    pub(crate) action: Action,
    pub(crate) way: &'static str,
    pub(crate) ended: Ended,
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum Ended {
    NotYet,
    Done(Box<Receipt>),
    Refused(Box<Refusal>),
}

impl Done {
    /// What to call it in the summary.
    pub(crate) fn name(&self) -> &'static str {
        match &self.ended {
            Ended::NotYet => "nothing",
            Ended::Done(receipt) => match receipt.operation.outcome {
                Outcome::Planned => "dry run",
                Outcome::Unchanged => "unchanged",
                _ => "applied",
            },
            Ended::Refused(refusal) => match &refusal.error {
                Error::ChangedSinceShown(_) => "refused: changed since shown",
                Error::NoSuchToken(_) => "refused: no such token",
                Error::Declined => "refused: declined",
                Error::Locked(_) => "failed: locked",
                Error::Unrestorable(_) => "refused: cannot be restored",
                Error::NothingOfOwner { .. } => "refused: nothing of the owner",
                Error::NothingMatches(_) => "refused: nothing matches",
                Error::Database(_) => "failed: the database",
                _ => "refused or failed otherwise",
            },
        }
    }

    /// The read-back.
    pub(crate) fn verdict(&self) -> Option<&'static str> {
        let Ended::Done(receipt) = &self.ended else {
            return None;
        };
        Some(match receipt.verdict? {
            Verdict::Dead => "dead",
            Verdict::Resurrected => "resurrected",
            Verdict::Restored => "restored",
            Verdict::Changed => "changed after it was restored",
            Verdict::Gone => "gone after it was restored",
            _ => "unknown",
        })
    }

    /// Whether what came back to life was killed again.
    pub(crate) fn killed_again(&self) -> bool {
        matches!(&self.ended, Ended::Done(receipt) if !receipt.settled.reapplied.is_empty())
    }
}

/// An operator of one schedule.
pub(crate) struct Operator<'a> {
    universe: &'a Universe<'a>,
    context: Context,
    random: Rng,
}

impl<'a> Operator<'a> {
    pub(crate) fn new(universe: &'a Universe<'a>, random: Rng) -> Self {
        Self {
            universe,
            context: universe.context.clone(),
            random,
        }
    }

    /// Some operations, one after the other.
    pub(crate) async fn act(mut self) -> Vec<Done> {
        let mut done = Vec::new();
        for _ in 0..self.random.usize(1..=4) {
            pause(&mut self.random, 6).await;
            let (way, request) = self.request(&done);
            done.push(self.operate(way, request).await);
        }
        done
    }

    /// Any way of asking for it.
    fn request(&mut self, before: &[Done]) -> (&'static str, Request) {
        let taken_back: Vec<&Done> = before
            .iter()
            .filter(|done| matches!(done.ended, Ended::Done(_)) && done.name() == "applied")
            .collect();
        let random = &mut self.random;
        if random.u8(0..3) == 0
            && let Some(done) = random.choice(taken_back)
        {
            let mut request = self.blank(Action::Restore, Vec::new());
            request.restore = Some(Restore {
                operation: Some(done.id.to_string()),
                force: self.random.bool(),
            });
            return ("a restore", request);
        }
        let action = if random.u8(0..4) == 0 {
            Action::Delete
        } else {
            Action::Expire
        };
        let owner = self.universe.owner.clone();
        let (way, selectors) = match random.u8(0..8) {
            0 => {
                let filter = Filter {
                    owner: Some(owner),
                    kinds: Kinds::All,
                    include_expired: random.bool(),
                    ..Filter::default()
                };
                ("a filter", vec![Selector::Filtered(filter)])
            }
            1 => ("an owner", vec![Selector::Owner(owner)]),
            _ => {
                let selectors = (0..random.usize(1..=3)).map(|_| {
                    let key = self.universe.any_key(random);
                    match random.u8(0..6) {
                        0 => Selector::Pasted(seed::token_of(key).into()),
                        1 => Selector::Word(key.to_owned()),
                        _ => Selector::Id(key.to_owned()),
                    }
                });
                ("some tokens", selectors.collect())
            }
        };
        (way, self.blank(action, selectors))
    }

    fn blank(&mut self, action: Action, selectors: Vec<Selector>) -> Request {
        let random = &mut self.random;
        Request {
            id: Uuid::now_v7(),
            parent: None,
            batch: None,
            action,
            restore: None,
            ends_at: None,
            selectors,
            owner: None,
            expect: None,
            max_rows: MAX_ROWS,
            leave_companions: random.u8(0..6) == 0,
            reason: "a simulation".to_owned(),
            ticket: None,
            settle: Some(Duration::from_millis([0, 0, 20, 60][random.usize(0..4)])),
            dry_run: random.u8(0..10) == 0,
            application_audit: random.bool(),
            app_actor: None,
            os_user: None,
            host: None,
            caller: None,
        }
    }

    async fn operate(&mut self, way: &'static str, request: Request) -> Done {
        let begun = Instant::now();
        let blank = Done {
            id: request.id,
            planned: Vec::new(),
            companions: Vec::new(),
            begun,
            over: begun,
            settle: request.settle.unwrap_or_default(),
            action: request.action,
            way,
            ended: Ended::NotYet,
        };
        let by_file = request.action != Action::Restore && self.random.u8(0..6) == 0;
        match request.plan(&self.context).await {
            Ok(planned) if by_file => self.apply(planned, blank).await,
            Ok(planned) => self.carry_out(planned, blank).await,
            Err(refusal) => Done {
                ended: Ended::Refused(refusal),
                ..blank
            },
        }
    }

    /// Another operator gets the plan as a file.
    async fn apply(&mut self, planned: Planned, blank: Done) -> Done {
        let file = planned
            .proposal()
            .to_file(Duration::from_mins(1), None, None);
        let text = serde_json::to_vec(&file.expect("it can be written")).expect("it is JSON");
        drop(planned);
        pause(&mut self.random, 8).await;
        let file = PlanFile::read(&text).expect("it is whole");
        let selectors = vec![Selector::FromFile(FromFile::new(file, None))];
        let request = self.blank(blank.action, selectors);
        let blank = Done {
            id: request.id,
            settle: request.settle.unwrap_or_default(),
            way: "a plan file",
            ..blank
        };
        match request.plan(&self.context).await {
            Ok(planned) => self.carry_out(planned, blank).await,
            Err(refusal) => Done {
                ended: Ended::Refused(refusal),
                ..blank
            },
        }
    }

    async fn carry_out(&mut self, planned: Planned, blank: Done) -> Done {
        let plan = planned.plan();
        let keys = plan.tokens.iter().map(|token| token.token.key.clone());
        let (keys, companions) = (
            keys.collect(),
            plan.companions.iter().map(|row| row.key.clone()).collect(),
        );
        // Somebody thinks.
        pause(&mut self.random, 10).await;
        let begun = Instant::now();
        let ended = if self.random.u8(0..12) == 0 {
            Err(planned.decline(Error::Declined).await)
        } else {
            planned.carry_out().await
        };
        Done {
            planned: keys,
            companions,
            begun,
            over: Instant::now(),
            ended: match ended {
                Ok(receipt) => Ended::Done(Box::new(receipt)),
                Err(refusal) => Ended::Refused(refusal),
            },
            ..blank
        }
    }
}

/// Whether a refusal must stand in the log.
pub(crate) fn must_be_recorded(refusal: &Refusal) -> bool {
    match &refusal.recording {
        Recording::Recorded => true,
        Recording::NotWanted => false,
        other => panic!("it could not be recorded: {other:?} ({refusal:?})"),
    }
}
