//! One connection: reading on it, within limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::time::Duration;

use tokio_postgres::Row;

use super::cancel::CANCEL_LIMIT;
use super::database::Database;
use super::interrupt::{Interrupt, UnderWay};
use super::limits::Limits;
use super::open::Endpoint;
use super::parameter::Parameter;
use super::pool::Lease;
use super::sqlstate::{Error, Kind};
use super::wire::Wire;

pub(super) const BEGIN_READ: &str = include_str!("../../sql/session/begin_read.sql");
pub(super) const CLOSED_PATH: &str = include_str!("../../sql/session/closed_path.sql");
pub(super) const ROLLBACK: &str = include_str!("../../sql/session/rollback.sql");
const CLUSTER: &str = include_str!("../../sql/session/cluster.sql");

/// How long a cancelled statement may take to end before it is cancelled again.
const CANCEL_AGAIN: Duration = Duration::from_millis(300);

/// One connection to the database, for as long as somebody holds it.
pub struct Session {
    held: Held,
    pub(super) limits: Limits,
    pub(super) interrupt: Interrupt,
    /// The pinned cluster's `system_identifier`, where the server does not tell its own.
    unproven: Option<String>,
    surprises: Arc<AtomicUsize>,
}

/// Where a session's connection is from.
enum Held {
    /// Its own, which ends with it.
    Own(Box<Wire>),
    /// The pool's.
    Leased(Lease),
    /// Given back.
    Nothing,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("endpoint", &self.endpoint())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session on a connection of its own.
    pub(super) fn on_wire(wire: Wire, database: &Database) -> Self {
        Self::new(Held::Own(Box::new(wire)), database)
    }

    /// A session on a connection of the pool.
    pub(super) fn on_lease(lease: Lease, database: &Database) -> Self {
        Self::new(Held::Leased(lease), database)
    }

    fn new(held: Held, database: &Database) -> Self {
        Self {
            held,
            limits: *database.limits(),
            interrupt: database.interrupt().clone(),
            unproven: None,
            surprises: database.count_surprises(),
        }
    }

    /// The connection.
    ///
    /// # Errors
    ///
    /// When it was given back.
    pub(super) fn wire(&self) -> Result<&Wire, Error> {
        let wire = match &self.held {
            Held::Own(wire) => Some(&**wire),
            Held::Leased(lease) => lease.wire(),
            Held::Nothing => None,
        };
        wire.ok_or_else(|| Error::Lost(Some("it was given back to the pool".to_owned())))
    }

    /// Gives the connection back, where a pool lent it: for who needs none for a while, or is about
    /// to wait for another one. From then on this session counts as closed. A connection of its own
    /// stays.
    pub fn give_back(&mut self) {
        if matches!(self.held, Held::Leased(_)) {
            self.held = Held::Nothing;
        }
    }

    /// Whether its connection was given back, and not lost.
    #[must_use]
    pub fn is_given_back(&self) -> bool {
        matches!(self.held, Held::Nothing)
    }

    /// Whether its connection was held by somebody else before.
    #[must_use]
    pub fn was_used(&self) -> bool {
        self.wire().is_ok_and(|wire| wire.rests_since().is_some())
    }

    /// Says that what this leads to is not where the database is. Connections of a pool that rest
    /// are not believed any more either; the next sessions are on new ones.
    pub fn may_have_moved(&self) {
        if let Held::Leased(lease) = &self.held {
            lease.doubt();
        }
    }

    /// Which cluster this is; `None` where the role may not know.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub(super) async fn system_identifier(&self) -> Result<Option<String>, Error> {
        // Whether the role may ask is no surprise.
        match self.ask(CLUSTER, &[]).await {
            Ok(rows) => {
                let row = rows.first().map(|row| row.try_get("system_identifier"));
                Ok(row.transpose()?)
            }
            Err(error) if error.kind() == Some(Kind::Permission) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Holds it against the cluster that is pinned. A connection is asked once.
    ///
    /// # Errors
    ///
    /// When it is another than the pinned one, or does not answer. A server that does not tell
    /// may be read, and [`Session::may_write`] refuses.
    pub(super) async fn hold_against(&mut self, pinned: &str) -> Result<(), Error> {
        let known = self.wire()?.cluster.get().cloned();
        let found = match known {
            Some(found) => found,
            None => self.system_identifier().await?,
        };
        let found = self.wire()?.cluster.get_or_init(|| found);
        match found {
            Some(found) if found == pinned => Ok(()),
            Some(found) => Err(Error::OtherCluster {
                pinned: pinned.to_owned(),
                found: found.clone(),
            }),
            None => {
                self.unproven = Some(pinned.to_owned());
                Ok(())
            }
        }
    }

    /// Whether anything may be written here.
    ///
    /// # Errors
    ///
    /// When a cluster is pinned, and this server does not tell whether it is that one.
    pub fn may_write(&self) -> Result<(), Error> {
        match &self.unproven {
            None => Ok(()),
            Some(pinned) => Err(Error::ClusterNotTold {
                pinned: pinned.clone(),
            }),
        }
    }

    /// Which server answers; `None` where the connection was given back.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.wire().ok().map(Wire::endpoint)
    }

    /// Whether it runs over TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.wire().is_ok_and(Wire::is_encrypted)
    }

    /// Whether the connection has ended, or was given back.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.wire().map_or(true, |wire| wire.client.is_closed())
    }

    /// The backend that ran the latest transaction, 0 before the first one. Behind a pooler it is
    /// another one each time, so whoever asks about a transaction that runs looks here.
    #[must_use]
    pub fn backend(&self) -> Arc<AtomicI32> {
        self.wire().map(Wire::backend).unwrap_or_default()
    }

    /// Awaits an answer; on Ctrl-C cancels on the server what it is awaited from.
    pub(super) async fn interruptible<T>(
        &self,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        if self.interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        let _running = self.interrupt.begin(UnderWay::Statement);
        tokio::pin!(answer);
        tokio::select! {
            biased;
            done = &mut answer => done,
            () = self.interrupt.raised() => {
                // Whatever it answers now, its transaction comes to nothing.
                let ended = async { !matches!(answer.await, Err(Error::Lost(_) | Error::Deadline(_))) };
                Err(Error::Cancelled { confirmed: self.cancel(ended).await })
            }
        }
    }

    /// Cancels until the statement has ended: a cancel that overtakes its statement hits nothing.
    pub(super) async fn cancel(&self, ended: impl Future<Output = bool>) -> bool {
        let Ok(wire) = self.wire() else { return false };
        tokio::pin!(ended);
        let repeated = async {
            loop {
                wire.cancel().await;
                if let Ok(confirmed) = tokio::time::timeout(CANCEL_AGAIN, &mut ended).await {
                    return confirmed;
                }
            }
        };
        let limited = tokio::time::timeout(CANCEL_LIMIT, repeated).await;
        limited.unwrap_or(false)
    }

    /// Cancels what a stream that nobody reads any more still runs. Nobody waits for its answer.
    pub async fn abandon(&self) {
        if let Ok(wire) = self.wire() {
            wire.cancel().await;
        }
    }

    /// Waits for an answer, but not for ever: a black hole on the wire has no SQLSTATE.
    pub(super) async fn within<T>(
        &self,
        deadline: Duration,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(deadline, answer).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.error(&error)),
            Err(_elapsed) => Err(Error::Deadline(deadline)),
        }
    }

    /// What the driver says, with what the server said unasked.
    pub(super) fn error(&self, error: &tokio_postgres::Error) -> Error {
        match self.wire() {
            Ok(wire) => wire.error(error),
            Err(given_back) => given_back,
        }
    }

    /// Runs one reading statement in a transaction of its own: one round trip.
    ///
    /// # Errors
    ///
    /// When the server refuses it, or does not answer in time.
    pub async fn read(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Error> {
        self.noticed(self.ask(statement, parameters).await)
    }

    /// Notes where an answer shows that the catalogue is not what it was.
    pub(super) fn noticed<T>(&self, answer: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &answer
            && error.is_surprise()
        {
            self.surprises.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    async fn ask(&self, statement: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        let wire = self.wire()?;
        let settings = self.limits.settings();
        let limits = settings.parameters();
        let answer = async {
            wire.begun();
            // Queued in this order at the first poll, answered in this order.
            let (begun, closed, limited, rows, ended) = tokio::join!(
                wire.client.execute_typed(BEGIN_READ, &[]),
                wire.client.execute_typed(CLOSED_PATH, &[]),
                wire.limited(&limits),
                wire.client.query_typed(statement, parameters),
                wire.client.execute_typed(ROLLBACK, &[]),
            );
            if ended.is_ok() {
                wire.ended();
            }
            begun?;
            closed?;
            limited?;
            let rows = rows?;
            ended?;
            Ok(rows)
        };
        // On the heap: it is large, and part of whatever awaits it.
        let answer = self.within(self.limits.deadline(), Box::pin(answer));
        self.interruptible(answer).await
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::from_driver(&error, None)
    }
}
