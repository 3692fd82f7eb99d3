//! The database that an operation works on: settings to connect with, and the limits of every
//! session.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::conninfo::{Settings, SslMode};
use super::interrupt::Interrupt;
use super::limits::Limits;
use super::opener::Opener;
use super::password::PasswordCommand;
use super::pool::{Pool, PoolError, PoolStatus};
use super::session::Session;
use super::sqlstate::Error;
use super::warnings::Warnings;

/// Where to connect, and within which limits.
///
/// Every session is a connection of its own, so none is held while a person thinks, and a read-back
/// cannot see the session that wrote. For a server that answers many requests they come from a pool
/// instead, see [`Database::pooled`].
#[derive(Clone, Debug)]
pub struct Database {
    opener: Arc<Opener>,
    limits: Limits,
    interrupt: Interrupt,
    pinned: Option<String>,
    pool: Option<Pool>,
    /// See [`Database::surprises`].
    surprises: Arc<AtomicUsize>,
}

impl Database {
    /// The database at these settings.
    #[must_use]
    pub fn new(settings: Settings, limits: Limits, interrupt: Interrupt) -> Self {
        Self {
            opener: Arc::new(Opener {
                settings,
                warnings: Warnings::default(),
                password_command: None,
                pinned: None,
            }),
            limits,
            interrupt,
            pinned: None,
            pool: None,
            surprises: Arc::default(),
        }
    }

    /// The same, with the password that a command prints; it has more say than any other.
    #[must_use]
    pub fn with_password_command(mut self, password_command: Option<PasswordCommand>) -> Self {
        Arc::make_mut(&mut self.opener).password_command = password_command;
        self
    }

    /// The same, for sessions on the cluster of this `system_identifier` only; `None` takes any.
    #[must_use]
    pub fn pinned_to(mut self, system_identifier: Option<String>) -> Self {
        Arc::make_mut(&mut self.opener)
            .pinned
            .clone_from(&system_identifier);
        self.pinned = system_identifier;
        self
    }

    /// The same, with somebody to tell what the operator should know of its connections.
    #[must_use]
    pub fn with_warnings(mut self, warnings: Warnings) -> Self {
        Arc::make_mut(&mut self.opener).warnings = warnings;
        self
    }

    /// The same, with its connections from a pool of so many: for a server that answers many
    /// requests. What was said of connecting until now is the pool's for good.
    ///
    /// # Errors
    ///
    /// When it is too small.
    pub fn pooled(mut self, size: usize) -> Result<Self, PoolError> {
        self.pool = Some(Pool::new(Arc::clone(&self.opener), size)?);
        Ok(self)
    }

    /// The same, with sessions that obey another interrupt: each request of a server has its own.
    #[must_use]
    pub fn with_interrupt(&self, interrupt: Interrupt) -> Self {
        Self {
            interrupt,
            ..self.clone()
        }
    }

    /// The limits of its sessions.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What interrupts its sessions.
    #[must_use]
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Whether and how TLS was asked for.
    #[must_use]
    pub fn ssl_mode(&self) -> SslMode {
        self.opener.settings.ssl_mode()
    }

    /// How its pool is doing; `None` where there is none.
    #[must_use]
    pub fn pool_status(&self) -> Option<PoolStatus> {
        self.pool.as_ref().map(Pool::status)
    }

    /// How often the server has said of something that a statement took for granted that it is not
    /// there, or may not be done. What was learnt of the catalogue before that may be over.
    #[must_use]
    pub fn surprises(&self) -> usize {
        self.surprises.load(Ordering::Relaxed)
    }

    /// Where its sessions count them.
    pub(super) fn count_surprises(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.surprises)
    }

    /// A session: on a new connection or, where there is a pool, one of those, for who holds none
    /// yet. Where the cluster is pinned, the session is asked before anything else whether it is
    /// that one.
    ///
    /// # Errors
    ///
    /// When there is no password, no server takes the connection in time, none of the pool comes
    /// free in time, or another cluster answers.
    pub async fn session(&self) -> Result<Session, Error> {
        self.unless_interrupted(async {
            match &self.pool {
                None => self.open().await,
                Some(pool) => {
                    self.hold(Session::on_lease(pool.first().await?, self))
                        .await
                }
            }
        })
        .await
    }

    /// A session for who may hold one already, and waits for no third one while he holds this one.
    /// Without that promise requests could wait for each other for ever.
    ///
    /// # Errors
    ///
    /// As [`Database::session`].
    pub async fn another_session(&self) -> Result<Session, Error> {
        self.unless_interrupted(async {
            match &self.pool {
                None => self.open().await,
                Some(pool) => {
                    let lease = pool.another().await?;
                    self.hold(Session::on_lease(lease, self)).await
                }
            }
        })
        .await
    }

    async fn unless_interrupted(
        &self,
        session: impl Future<Output = Result<Session, Error>>,
    ) -> Result<Session, Error> {
        tokio::select! {
            session = session => session,
            () = self.interrupt.raised() => Err(Error::Interrupted),
        }
    }

    async fn open(&self) -> Result<Session, Error> {
        let wire = self.opener.open().await?;
        self.hold(Session::on_wire(wire, self)).await
    }

    /// Holds a session against the cluster that is pinned.
    async fn hold(&self, mut session: Session) -> Result<Session, Error> {
        if let Some(pinned) = &self.pinned {
            session.hold_against(pinned).await?;
        }
        Ok(session)
    }

    /// The same database whatever cluster answers: for who looks at that, and writes nothing.
    #[must_use]
    pub fn of_any_cluster(&self) -> Self {
        Self {
            pinned: None,
            ..self.clone()
        }
    }

    /// The same database for what must be done even when the operator has pressed Ctrl-C: to record
    /// that, and to find out what became of a COMMIT.
    #[must_use]
    pub fn uninterrupted(&self) -> Self {
        Self {
            interrupt: self.interrupt.deaf(),
            ..self.clone()
        }
    }
}
