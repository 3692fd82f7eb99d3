//! One connection to the server: what drives it, and whether somebody else may have it afterwards.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::future::poll_fn;
use tokio::time::{Instant, timeout};
use tokio_postgres::{AsyncMessage, Client};

use super::cancel::Canceller;
use super::conninfo::Settings;
use super::open::{Connection, Endpoint};
use super::parameter::Parameter;
use super::sqlstate::Error;

const LIMITS: &str = include_str!("../../sql/session/limits.sql");

/// How long a connection that rested may take to show that it lives.
const PING: Duration = Duration::from_secs(1);

/// One connection, whoever holds it.
pub(super) struct Wire {
    pub(super) client: Client,
    endpoint: Endpoint,
    encrypted: bool,
    last_notice: Arc<Mutex<Option<String>>>,
    canceller: Canceller,
    backend: Arc<AtomicI32>,
    /// What the server said when it was asked which cluster it is; `None` where it does not tell.
    pub(super) cluster: OnceLock<Option<String>>,
    /// Transactions whose beginning was sent, and whose end nobody has heard of.
    open: AtomicUsize,
    /// Whether one of them may be at its COMMIT.
    committing: AtomicBool,
    /// Whether nobody else may have it, whatever comes: a cancel that was sent may still be on its
    /// way, or it leads to the wrong server.
    spoilt: AtomicBool,
    /// Since when nobody has held it.
    rests_since: Option<Instant>,
}

impl Wire {
    /// Takes over a fresh connection and drives it until it ends.
    pub(super) fn start(client: Client, mut connection: Connection, settings: &Settings) -> Self {
        let endpoint = connection.endpoint().clone();
        let encrypted = connection.is_encrypted();
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
            canceller: Canceller::new(client.cancel_token(), settings, &endpoint),
            client,
            endpoint,
            encrypted,
            last_notice,
            backend: Arc::default(),
            cluster: OnceLock::new(),
            open: AtomicUsize::new(0),
            committing: AtomicBool::new(false),
            spoilt: AtomicBool::new(false),
            rests_since: None,
        }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// The backend that ran the latest transaction.
    pub(super) fn backend(&self) -> Arc<AtomicI32> {
        Arc::clone(&self.backend)
    }

    /// The last thing that the server said unasked.
    pub(super) fn last_notice(&self) -> Option<String> {
        let heard = self.last_notice.lock();
        heard.unwrap_or_else(PoisonError::into_inner).clone()
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

    /// Asks the server to stop the statement that runs, if any.
    pub(super) async fn cancel(&self) {
        self.spoil();
        let _sent = self.canceller.cancel().await;
    }

    /// Keeps it from whoever comes next.
    pub(super) fn spoil(&self) {
        self.spoilt.store(true, Ordering::Relaxed);
    }

    /// Notes that a BEGIN is about to be sent. Whoever goes away before [`Wire::ended`] leaves it
    /// noted.
    pub(super) fn begun(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that the COMMIT of the transaction is about to be sent.
    pub(super) fn commits(&self) {
        self.committing.store(true, Ordering::Relaxed);
    }

    /// Notes that the server has answered the end of a transaction.
    pub(super) fn ended(&self) {
        self.committing.store(false, Ordering::Relaxed);
        let one_less = |open: usize| open.checked_sub(1);
        let _before = self
            .open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok();
    }

    /// Whether somebody else may have it: nothing of whoever held it is open, unanswered or on its
    /// way.
    pub(super) fn is_clean(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
            && !self.spoilt.load(Ordering::Relaxed)
            && !self.client.is_closed()
    }

    /// Whether it may run something that nobody waits for, and that may be stopped. A COMMIT may
    /// not: one that waits for a standby would be done here and not there.
    pub(super) fn runs_for_nobody(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
            && !self.committing.load(Ordering::Relaxed)
            && !self.client.is_closed()
    }

    /// Notes that nobody holds it from now on.
    pub(super) fn rest(&mut self) {
        self.rests_since = Some(Instant::now());
    }

    /// Since when nobody has held it; `None` for one that is new.
    pub(super) fn rests_since(&self) -> Option<Instant> {
        self.rests_since
    }

    /// Whether the server answers.
    pub(super) async fn answers(&self) -> bool {
        let answered = timeout(PING, self.client.check_connection()).await;
        matches!(answered, Ok(Ok(())))
    }

    /// What the driver says, with what the server said unasked.
    pub(super) fn error(&self, error: &tokio_postgres::Error) -> Error {
        Error::from_driver(error, self.last_notice())
    }
}
