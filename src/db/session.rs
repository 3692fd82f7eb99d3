//! One connection: reading on it, within limits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::poll_fn;
use futures_util::{Stream, TryStreamExt as _};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, CancelToken, Client, Row};

use super::limits::Limits;
use super::open::{Connection, Endpoint};
use super::parameter::Parameter;
use super::sqlstate::Error;

const BEGIN_READ: &str = include_str!("../../sql/session/begin_read.sql");
const CLOSED_PATH: &str = include_str!("../../sql/session/closed_path.sql");
const LIMITS: &str = include_str!("../../sql/session/limits.sql");
const ROLLBACK: &str = include_str!("../../sql/session/rollback.sql");
const BLOCKERS: &str = include_str!("../../sql/session/blockers.sql");

/// `statement_timeout` of a stream: it runs for as long as somebody reads, who may be slow.
const STREAM_LIMIT: &str = "4h";

/// One connection to the database.
pub struct Session {
    pub(super) client: Client,
    pub(super) limits: Limits,
    endpoint: Endpoint,
    encrypted: bool,
    warnings: Vec<String>,
    last_notice: Arc<Mutex<Option<String>>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// Who holds a lock that somebody waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocker {
    /// Process id of the backend.
    pub pid: i32,
    /// Its role; empty where we may not see it.
    pub role: String,
    /// Its `application_name`; empty where we may not see it.
    pub application: String,
    /// Where it connects from.
    pub client: String,
    /// Its state, such as `idle in transaction`.
    pub state: String,
    /// For how long its transaction has been open, in seconds.
    pub seconds: Option<f64>,
}

impl Session {
    /// Takes over a fresh connection and drives it until it ends.
    pub(super) fn start(client: Client, mut connection: Connection, limits: Limits) -> Self {
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
            client,
            limits,
            endpoint,
            encrypted,
            warnings,
            last_notice,
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

    pub(super) fn cancel_token(&self) -> CancelToken {
        self.client.cancel_token()
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
                self.client.query_typed(LIMITS, &limits),
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
        self.within(self.limits.deadline(), answer).await
    }

    /// The same, with the rows as they arrive: flat memory, whatever their number.
    ///
    /// The transaction stays open until [`Session::end_stream`], so the session reads nothing
    /// else meanwhile.
    ///
    /// # Errors
    ///
    /// When the server refuses it, or does not begin to answer in time.
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
                self.client.query_typed(LIMITS, &limits),
                self.client.query_typed_raw(statement, borrowed),
            );
            begun?;
            closed?;
            limited?;
            rows
        };
        let rows = self.within(self.limits.deadline(), answer).await?;
        Ok(rows.map_err(|error| self.error(&error)))
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

    /// Who holds the locks that the backend `pid` waits for.
    ///
    /// # Errors
    ///
    /// When the server refuses, or does not answer in time.
    pub async fn blockers(&self, pid: i32) -> Result<Vec<Blocker>, Error> {
        let rows = self.read(BLOCKERS, &[(&pid, Type::INT4)]).await?;
        rows.iter()
            .map(|row| {
                Ok(Blocker {
                    pid: row.try_get("pid")?,
                    role: row.try_get("role")?,
                    application: row.try_get("application")?,
                    client: row.try_get("client")?,
                    state: row.try_get("state")?,
                    seconds: row.try_get("seconds")?,
                })
            })
            .collect::<Result<_, tokio_postgres::Error>>()
            .map_err(|error| self.error(&error))
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::from_driver(&error, None)
    }
}
