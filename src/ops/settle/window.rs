//! Looking at once, again and again, and a last time at the end of the window.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{Instant, sleep, sleep_until};

use super::look::{Look, Looking, Sighting};
use crate::db::{self, Interrupt, Kind};
use crate::model::{Plan, State};
use crate::ops::desk::Desk;
use crate::ops::error::Error;

/// The shortest time from one look to the next.
const POLL: Duration = Duration::from_millis(150);

/// How much longer than a look the pause after it is: tens of thousands of rows are looked at less
/// often, so that the server has more to do than that.
const PAUSE: u32 = 2;

/// How long a first look that fails is tried again where there is no window.
const BRIEFLY: Duration = Duration::from_secs(1);

/// How long a look that is under way is waited for after a Ctrl-C.
const GRACE: Duration = Duration::from_secs(2);

/// Watches the tokens of a plan.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    looking: Looking<'a>,
    interrupt: Interrupt,
    resolve: Duration,
    /// Tokens that are known to be alive, and that nothing more is done about.
    ignored: BTreeSet<String>,
}

/// How a window ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// It was watched to its end, and nothing that is expected to be dead was seen alive.
    Through,
    /// These were seen alive, and it ended there.
    Alive(Vec<Sighting>),
    /// There was no answer for too long.
    Unseen(Error),
    /// The operator pressed Ctrl-C before its end.
    Interrupted,
}

/// What was seen over a window.
#[derive(Debug)]
pub(super) struct Window {
    /// How it ended.
    pub(super) ended: Ended,
    /// How many looks were answered.
    pub(super) looks: u32,
    /// When the last of them was taken, by the database's clock.
    pub(super) until: Option<DateTime<Utc>>,
    /// The states of those that were dead at the first look.
    pub(super) states: HashMap<String, State>,
    /// Tokens whose rows were missing at any look.
    pub(super) missing: BTreeSet<String>,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(desk: &'a Desk, plan: &'a Plan) -> Self {
        Self {
            looking: Looking::new(desk, plan),
            interrupt: desk.database.interrupt().clone(),
            resolve: desk.database.limits().resolve,
            ignored: BTreeSet::new(),
        }
    }

    /// Says nothing more of these when they are seen alive.
    pub(super) fn ignore(&mut self, keys: Vec<String>) {
        self.ignored.extend(keys);
    }

    /// Watches over one whole window, or until something is seen alive.
    pub(super) async fn window(&mut self, length: Duration) -> Window {
        let mut window = Window::new();
        let patience = if length.is_zero() {
            BRIEFLY
        } else {
            self.resolve
        };
        let mut failing: Option<Instant> = None;
        loop {
            let begun = Instant::now();
            match self.look(window.looks == 0).await {
                Ok(look) => {
                    failing = None;
                    window.add(begun, look, &self.ignored);
                    if matches!(window.ended, Ended::Alive(_)) || window.watched() >= length {
                        return window;
                    }
                    window.ended = Ended::Interrupted;
                }
                Err(error) => {
                    self.looking.hang_up();
                    let since = *failing.get_or_insert(begun);
                    if !passes(&error) || since.elapsed() >= patience {
                        window.ended = Ended::Unseen(error);
                        return window;
                    }
                    window.ended = Ended::Unseen(error);
                }
            }
            let next = Instant::now() + POLL.max(begun.elapsed() * PAUSE);
            // The last look is not before the end of the window, and not much after it.
            let end = window.first.map(|first| first + length);
            let next = end
                .filter(|end| *end > begun)
                .map_or(next, |end| end.min(next));
            tokio::select! {
                biased;
                () = self.interrupt.raised() => return window,
                () = sleep_until(next) => {}
            }
        }
    }

    /// Looks within the limits of a session, and not for much longer after a Ctrl-C.
    async fn look(&mut self, whole: bool) -> Result<Look, Error> {
        let interrupt = &self.interrupt;
        let given_up = async {
            interrupt.raised().await;
            sleep(GRACE).await;
        };
        tokio::select! {
            biased;
            looked = self.looking.look(whole) => looked,
            () = given_up => Err(db::Error::Interrupted.into()),
        }
    }
}

impl Window {
    fn new() -> Self {
        Self {
            ended: Ended::Through,
            looks: 0,
            until: None,
            states: HashMap::new(),
            missing: BTreeSet::new(),
            first: None,
            last: None,
        }
    }

    /// From the first look to the last: each counts from when it was begun.
    pub(super) fn watched(&self) -> Duration {
        match (self.first, self.last) {
            (Some(first), Some(last)) => last - first,
            _ => Duration::ZERO,
        }
    }

    fn add(&mut self, begun: Instant, look: Look, ignored: &BTreeSet<String>) {
        let Look {
            at,
            mut alive,
            missing,
            dead,
        } = look;
        self.looks += 1;
        self.until = Some(at);
        self.first.get_or_insert(begun);
        self.last = Some(begun);
        self.missing.extend(missing);
        self.states.extend(dead);
        alive.retain(|sighting| !ignored.contains(&sighting.key));
        self.ended = if alive.is_empty() {
            Ended::Through
        } else {
            Ended::Alive(alive)
        };
    }
}

/// Whether an error may be another one, or none, at the next look: a wire that was cut, a failover.
fn passes(error: &Error) -> bool {
    match error {
        Error::Database(db::Error::Server(server)) => server.fatal || server.kind == Kind::Shutdown,
        Error::Standby
        | Error::OtherDatabase(_)
        | Error::Database(
            db::Error::Open(_)
            | db::Error::NoSession { .. }
            | db::Error::Lost(_)
            | db::Error::Deadline(_)
            | db::Error::OtherCluster { .. }
            | db::Error::OtherDatabase { .. },
        ) => true,
        _ => false,
    }
}
