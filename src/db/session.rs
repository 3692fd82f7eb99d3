//! One connection: reading on it, within limits.

use std::pin::Pin;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::poll_fn;
use futures_util::stream::unfold;
use futures_util::{Stream, TryStreamExt as _};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Row, RowStream};

use super::cancel::{CANCEL_LIMIT, Canceller};
use super::database::Database;
use super::interrupt::{Interrupt, UnderWay};
use super::limits::Limits;
use super::open::{Connection, Endpoint};
use super::parameter::Parameter;
use super::sqlstate::{Error, Kind};

const BEGIN_READ: &str = include_str!("../../sql/session/begin_read.sql");
const CLOSED_PATH: &str = include_str!("../../sql/session/closed_path.sql");
const LIMITS: &str = include_str!("../../sql/session/limits.sql");
const ROLLBACK: &str = include_str!("../../sql/session/rollback.sql");
const CLUSTER: &str = include_str!("../../sql/session/cluster.sql");

/// `statement_timeout` of a stream: it runs for as long as somebody reads, who may be slow.
const STREAM_LIMIT: &str = "4h";

/// How long a cancelled statement may take to end before it is cancelled again.
const CANCEL_AGAIN: Duration = Duration::from_millis(300);

/// The rows of a stream that have not been read.
type Rows = Pin<Box<RowStream>>;

/// One connection to the database.
pub struct Session {
    pub(super) client: Client,
    pub(super) limits: Limits,
    endpoint: Endpoint,
    encrypted: bool,
    warnings: Vec<String>,
    last_notice: Arc<Mutex<Option<String>>>,
    /// The pinned cluster's `system_identifier`, where the server does not tell its own.
    unproven: Option<String>,
    canceller: Canceller,
    pub(super) interrupt: Interrupt,
    backend: Arc<AtomicI32>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Takes over a fresh connection and drives it until it ends.
    pub(super) fn start(client: Client, mut connection: Connection, database: &Database) -> Self {
        let endpoint = connection.endpoint().clone();
        let encrypted = connection.is_encrypted();
        let warnings = connection.warnings().to_vec();
        let last_notice = Arc::new(Mutex::new(None));
        let heard = Arc::clone(&last_notice);
        tokio::spawn(async move {
            // The server's last words arrive here, not at the call that they end.
            while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
                let (said, ended) = match message {
                    Ok(AsyncMessage::Notice(notice)) => (Some(notice.message().to_owned()), false),
                    Ok(_) => (None, false),
                    Err(error) => (
                        error.as_db_error().map(|said| said.message().to_owned()),
                        true,
                    ),
                };
                if said.is_some() {
                    *heard.lock().unwrap_or_else(PoisonError::into_inner) = said;
                }
                // Polled on it would never end, and its callers would wait for nothing.
                if ended {
                    break;
                }
            }
        });
        Self {
            canceller: Canceller::new(client.cancel_token(), database.settings(), &endpoint),
            client,
            limits: *database.limits(),
            endpoint,
            encrypted,
            warnings,
            last_notice,
            unproven: None,
            interrupt: database.interrupt().clone(),
            backend: Arc::default(),
        }
    }

    /// Which cluster this is; `None` where the role may not know.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub(super) async fn system_identifier(&self) -> Result<Option<String>, Error> {
        match self.read(CLUSTER, &[]).await {
            Ok(rows) => {
                let row = rows.first().map(|row| row.try_get("system_identifier"));
                Ok(row.transpose()?)
            }
            Err(error) if error.kind() == Some(Kind::Permission) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Holds it against the cluster that is pinned.
    ///
    /// # Errors
    ///
    /// When it is another than the pinned one, or does not answer. A server that does not tell
    /// may be read, and [`Session::may_write`] refuses.
    pub(super) async fn hold_against(&mut self, pinned: &str) -> Result<(), Error> {
        match self.system_identifier().await? {
            Some(found) if found == pinned => Ok(()),
            Some(found) => Err(Error::OtherCluster {
                pinned: pinned.to_owned(),
                found,
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

    /// Which server answered.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether it runs over TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// What the operator should know of how the connection came about.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// The backend that ran the latest transaction, 0 before the first one. Behind a pooler it is
    /// another one each time, so whoever asks about a transaction that runs looks here.
    #[must_use]
    pub fn backend(&self) -> Arc<AtomicI32> {
        Arc::clone(&self.backend)
    }

    /// Sets the limits of a transaction, and learns from the same statement which backend runs it.
    pub(super) async fn limited(
        &self,
        limits: &[Parameter<'_>],
    ) -> Result<(), tokio_postgres::Error> {
        for row in self.client.query_typed(LIMITS, limits).await? {
            self.backend.store(row.try_get("pid")?, Ordering::Relaxed);
        }
        Ok(())
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
    async fn cancel(&self, ended: impl Future<Output = bool>) -> bool {
        tokio::pin!(ended);
        let repeated = async {
            loop {
                let _sent = self.canceller.cancel().await;
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
        let _sent = self.canceller.cancel().await;
    }

    pub(super) fn error(&self, error: &tokio_postgres::Error) -> Error {
        let notice = self
            .last_notice
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Error::from_driver(error, notice)
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
        let settings = self.limits.settings();
        let limits = settings.parameters();
        let answer = async {
            // Queued in this order at the first poll, answered in this order.
            let (begun, closed, limited, rows, ended) = tokio::join!(
                self.client.execute_typed(BEGIN_READ, &[]),
                self.client.execute_typed(CLOSED_PATH, &[]),
                self.limited(&limits),
                self.client.query_typed(statement, parameters),
                self.client.execute_typed(ROLLBACK, &[]),
            );
            begun?;
            closed?;
            limited?;
            let rows = rows?;
            ended?;
            Ok(rows)
        };
        let answer = self.within(self.limits.deadline(), answer);
        self.interruptible(answer).await
    }

    /// The same, with the rows as they arrive: flat memory, whatever their number.
    ///
    /// The transaction stays open until [`Session::end_stream`], so the session reads nothing
    /// else meanwhile.
    ///
    /// # Errors
    ///
    /// When the server refuses it, or does not answer in time: neither at first, nor from one row
    /// to the next. The time that the reader takes does not count.
    pub async fn stream<'a>(
        &'a self,
        statement: &str,
        parameters: Vec<(Box<dyn ToSql + Sync + Send>, Type)>,
    ) -> Result<impl Stream<Item = Result<Row, Error>> + use<'a>, Error> {
        let mut settings = self.limits.settings();
        STREAM_LIMIT.clone_into(&mut settings.statement);
        let limits = settings.parameters();
        let borrowed: Vec<(&(dyn ToSql + Sync), Type)> = parameters
            .iter()
            .map(|(value, type_)| (&**value as &(dyn ToSql + Sync), type_.clone()))
            .collect();
        let answer = async {
            let (begun, closed, limited, rows) = tokio::join!(
                self.client.execute_typed(BEGIN_READ, &[]),
                self.client.execute_typed(CLOSED_PATH, &[]),
                self.limited(&limits),
                self.client.query_typed_raw(statement, borrowed),
            );
            begun?;
            closed?;
            limited?;
            rows
        };
        let answer = self.within(self.limits.deadline(), answer);
        let rows = Box::pin(self.interruptible(answer).await?);
        Ok(unfold(Some(rows), |rows| self.next_row(rows)))
    }

    /// The next row of a stream, and the rest of it.
    async fn next_row(&self, rows: Option<Rows>) -> Option<(Result<Row, Error>, Option<Rows>)> {
        let mut rows = rows?;
        let _running = self.interrupt.begin(UnderWay::Statement);
        let next = tokio::select! {
            biased;
            () = self.interrupt.raised() => Err(self.end_early(rows.as_mut()).await),
            // A stream runs for as long as somebody reads; the next row has the limit of a statement.
            next = self.within(self.limits.statement, rows.try_next()) => match next {
                Err(late @ Error::Deadline(_)) => {
                    let _cancelled = self.end_early(rows.as_mut()).await;
                    Err(late)
                }
                next => next,
            },
        };
        match next {
            Ok(row) => row.map(|row| (Ok(row), Some(rows))),
            Err(error) => Some((Err(error), None)),
        }
    }

    /// Cancels a stream and reads what is on its way, up to the server's last word.
    async fn end_early(&self, mut rows: Pin<&mut RowStream>) -> Error {
        let ended = async {
            loop {
                match rows.try_next().await {
                    Ok(Some(_unread)) => {}
                    Ok(None) => return true,
                    Err(error) => return error.as_db_error().is_some(),
                }
            }
        };
        Error::Cancelled {
            confirmed: self.cancel(ended).await,
        }
    }

    /// Ends the transaction of a stream that was read to its end.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub async fn end_stream(&self) -> Result<(), Error> {
        let ended = self.client.execute_typed(ROLLBACK, &[]);
        self.within(self.limits.deadline(), ended)
            .await
            .map(|_count| ())
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::from_driver(&error, None)
    }
}
