//! The connections of a server that answers many requests: kept, handed out again while they are
//! clean, and never more of them than there may be.
//!
//! A request holds one session, and now and then needs another beside it: to see who holds a lock,
//! to read back, to put a refusal on record. Where all connections were held by requests that each
//! wait for another one, nobody would ever go on. So some are never handed out as the first one of
//! a request ([`Pool::first`]); whoever asks for one beside it ([`Pool::another`]) waits for
//! nothing else while he holds it, gives it back, and lets the next one go on.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{
    self, Manager, Metrics, Object, QueueMode, RecycleError, RecycleResult, Timeouts,
};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::opener::Opener;
use super::sqlstate::Error;
use super::wire::Wire;

/// The fewest connections that a pool can do with: one for a request, and one beside it.
pub const SMALLEST_POOL: usize = 2;

/// One in so many is kept for who holds one already, and one at least.
const KEPT: usize = 4;

/// A connection that rested for longer is asked whether it lives before anybody gets it.
const RESTED: Duration = Duration::from_secs(2);

/// Connections that rest are not doubted more often: a server that is a standby for good is not
/// connected to anew for every request.
const DOUBT_AGAIN: Duration = Duration::from_secs(5);

/// Why there is no pool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// It would be too small for one request.
    #[error(
        "a pool of {0} is too small: whoever changes something needs a second connection, so give {SMALLEST_POOL} at least"
    )]
    TooSmall(usize),
    /// It was not built.
    #[error("the pool cannot be built: {0}")]
    Unbuilt(String),
}

/// How a pool is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// How many connections there may be.
    pub size: usize,
    /// How many there are.
    pub open: usize,
    /// How many of these nobody holds.
    pub idle: usize,
    /// How many requests wait for one.
    pub waiting: usize,
}

/// The connections that there are. Clones are the same pool.
#[derive(Clone)]
pub(super) struct Pool {
    wires: managed::Pool<Keeper>,
    /// Who may hold a first one.
    seats: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    size: usize,
    /// How long to wait for one that is free.
    patience: Duration,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pool").field(&self.status()).finish()
    }
}

impl Pool {
    pub(super) fn new(opener: Arc<Opener>, size: usize) -> Result<Self, PoolError> {
        if size < SMALLEST_POOL {
            return Err(PoolError::TooSmall(size));
        }
        let patience = opener.limit();
        let wires = managed::Pool::builder(Keeper::new(opener))
            .max_size(size)
            // Those that are used stay warm, the others rest until they are needed.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| PoolError::Unbuilt(error.to_string()))?;
        Ok(Self {
            wires,
            seats: Arc::new(Semaphore::new(size - (size / KEPT).max(1))),
            waiting: Arc::default(),
            size,
            patience,
        })
    }

    pub(super) fn status(&self) -> PoolStatus {
        let status = self.wires.status();
        PoolStatus {
            size: self.size,
            open: status.size,
            idle: status.available,
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }

    /// A connection for who holds none.
    pub(super) async fn first(&self) -> Result<Lease, Error> {
        let until = Instant::now() + self.patience;
        let _waiting = Waiting::begin(&self.waiting);
        let seat = timeout_at(until, Arc::clone(&self.seats).acquire_owned()).await;
        let Ok(Ok(seat)) = seat else {
            return Err(self.exhausted());
        };
        self.wire(until, Some(seat)).await
    }

    /// A connection for who may hold one, and waits for no further one while he holds this one.
    pub(super) async fn another(&self) -> Result<Lease, Error> {
        let _waiting = Waiting::begin(&self.waiting);
        self.wire(Instant::now() + self.patience, None).await
    }

    async fn wire(
        &self,
        until: Instant,
        seat: Option<OwnedSemaphorePermit>,
    ) -> Result<Lease, Error> {
        let timeouts = Timeouts {
            wait: Some(until.saturating_duration_since(Instant::now())),
            // Opening has limits of its own.
            ..Timeouts::default()
        };
        match self.wires.timeout_get(&timeouts).await {
            Ok(wire) => Ok(Lease {
                wire: Some(wire),
                seat,
            }),
            Err(managed::PoolError::Backend(error)) => Err(error),
            Err(_none_came) => Err(self.exhausted()),
        }
    }

    fn exhausted(&self) -> Error {
        Error::NoSession {
            size: self.size,
            waited: self.patience,
        }
    }
}

/// Somebody waits, until this is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection on loan. It goes back when this is dropped, if it is clean.
pub(super) struct Lease {
    wire: Option<Object<Keeper>>,
    seat: Option<OwnedSemaphorePermit>,
}

impl Lease {
    /// The connection; `None` once it went back.
    pub(super) fn wire(&self) -> Option<&Wire> {
        self.wire.as_ref().map(|wire| &***wire)
    }

    /// Believes neither this one nor those that rest any more: they may lead to where the database
    /// was before. Not more often than now and then.
    pub(super) fn doubt(&self) {
        let Some(wire) = &self.wire else { return };
        let Some(pool) = Object::pool(wire) else {
            return;
        };
        if pool.manager().doubt(DOUBT_AGAIN) {
            wire.spoil();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut wire) = self.wire.take() else {
            return;
        };
        if wire.is_clean() {
            wire.rest();
            return;
        }
        match Handle::try_current() {
            // Whoever held it went away in the middle: what it runs, and the locks of that, end now.
            // Its place is free when they have, so that there are never more than there may be.
            Ok(runtime) if wire.runs_for_nobody() => {
                let seat = self.seat.take();
                runtime.spawn(async move {
                    wire.cancel().await;
                    drop(Object::take(wire));
                    drop(seat);
                });
            }
            _ => drop(Object::take(wire)),
        }
    }
}

/// Opens connections, and says of one that rested whether somebody may have it.
pub(super) struct Keeper {
    opener: Arc<Opener>,
    /// Who has rested since before is not believed.
    doubted: Mutex<Option<Instant>>,
}

impl Keeper {
    fn new(opener: Arc<Opener>) -> Self {
        Self {
            opener,
            doubted: Mutex::default(),
        }
    }

    /// Doubts all that rest now, unless it did so not long ago.
    fn doubt(&self, not_within: Duration) -> bool {
        let mut doubted = self.doubted.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = doubted.is_none_or(|before| before.elapsed() >= not_within);
        if is_due {
            *doubted = Some(Instant::now());
        }
        is_due
    }

    fn doubts(&self, since: Instant) -> bool {
        let doubted = self.doubted.lock().unwrap_or_else(PoisonError::into_inner);
        doubted.is_some_and(|doubted| since <= doubted)
    }

    /// Whether it is known to lead to another cluster than the pinned one.
    fn is_elsewhere(&self, wire: &Wire) -> bool {
        match (&self.opener.pinned, wire.cluster.get()) {
            (Some(pinned), Some(Some(found))) => found != pinned,
            _ => false,
        }
    }
}

impl Manager for Keeper {
    type Type = Box<Wire>;
    type Error = Error;

    async fn create(&self) -> Result<Box<Wire>, Error> {
        Ok(Box::new(self.opener.open().await?))
    }

    async fn recycle(&self, wire: &mut Box<Wire>, _: &Metrics) -> RecycleResult<Error> {
        if !wire.is_clean() || self.is_elsewhere(wire) {
            return Err(RecycleError::message("unfit"));
        }
        let Some(since) = wire.rests_since() else {
            return Ok(());
        };
        if self.doubts(since) {
            return Err(RecycleError::message("doubted"));
        }
        if since.elapsed() >= RESTED && !wire.answers().await {
            // One that is silent took a second. The others have rested as long: none is asked.
            let _due = self.doubt(Duration::ZERO);
            return Err(RecycleError::message("silent"));
        }
        Ok(())
    }
}
