//! What an operator does, and what came of it.

use std::time::Instant;

use breakglass::model::{Action, Outcome, Receipt, Verdict};
use breakglass::ops::{Context, Error, Planned, Recording, Refusal, Request, Selector};
use fastrand::Rng;
use uuid::Uuid;

use crate::application::pause;
use crate::support::seed;
use crate::world::Universe;

/// What must happen in some hundred schedules, or they are not random enough.
pub(crate) const HAPPENS: [&str; 9] = [
    "applied",
    "unchanged",
    "refused: changed since shown",
    "refused: no such token",
    "refused: declined",
    "dry run",
    "dead",
    "resurrected",
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
    pub(crate) ended: Ended,
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Done(Box<Receipt>),
    Refused(Box<Refusal>),
}

impl Done {
    /// What to call it in the summary.
    pub(crate) fn name(&self) -> &'static str {
        match &self.ended {
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
            _ => "unknown",
        })
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
            context: universe.world.context(),
            random,
        }
    }

    /// Some operations, one after the other.
    pub(crate) async fn act(mut self) -> Vec<Done> {
        let mut done = Vec::new();
        for _ in 0..self.random.usize(1..=3) {
            pause(&mut self.random, 6).await;
            let request = self.request();
            done.push(self.operate(request).await);
        }
        done
    }

    fn request(&mut self) -> Request {
        let random = &mut self.random;
        let selectors = (0..random.usize(1..=3)).map(|_| {
            let key = self.universe.any_key(random);
            match random.u8(0..6) {
                0 => Selector::Pasted(seed::token_of(key)),
                1 => Selector::Word(key.to_owned()),
                _ => Selector::Id(key.to_owned()),
            }
        });
        let selectors = selectors.collect();
        Request {
            id: Uuid::now_v7(),
            parent: None,
            batch: None,
            action: if random.u8(0..4) == 0 {
                Action::Delete
            } else {
                Action::Expire
            },
            ends_at: None,
            selectors,
            owner: None,
            expect: None,
            reason: "a simulation".to_owned(),
            ticket: None,
            dry_run: random.u8(0..10) == 0,
            application_audit: random.bool(),
            app_actor: None,
            os_user: None,
            host: None,
        }
    }

    async fn operate(&mut self, request: Request) -> Done {
        let id = request.id;
        let mut done = Done {
            id,
            planned: Vec::new(),
            companions: Vec::new(),
            begun: Instant::now(),
            ended: match request.plan(&self.context).await {
                Ok(planned) => return self.carry_out(id, planned).await,
                Err(refusal) => Ended::Refused(refusal),
            },
        };
        done.begun = Instant::now();
        done
    }

    async fn carry_out(&mut self, id: Uuid, planned: Planned) -> Done {
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
            id,
            planned: keys,
            companions,
            begun,
            ended: match ended {
                Ok(receipt) => Ended::Done(Box::new(receipt)),
                Err(refusal) => Ended::Refused(refusal),
            },
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
