//! The database that an operation works on: settings to connect with, and the limits of every
//! session.

use std::borrow::Cow;
use std::time::Duration;

use super::conninfo::{Settings, SslMode};
use super::interrupt::Interrupt;
use super::limits::Limits;
use super::open::{DEFAULT_TIMEOUT, open};
use super::password::PasswordCommand;
use super::session::Session;
use super::sqlstate::Error;
use super::warnings::Warnings;

/// Where to connect, and within which limits. Every session is a connection of its own, so none
/// is held while a person thinks, and a read-back cannot see the session that wrote.
#[derive(Clone, Debug)]
pub struct Database {
    settings: Settings,
    limits: Limits,
    interrupt: Interrupt,
    warnings: Warnings,
    password_command: Option<PasswordCommand>,
    pinned: Option<String>,
}

impl Database {
    /// The database at these settings.
    #[must_use]
    pub fn new(settings: Settings, limits: Limits, interrupt: Interrupt) -> Self {
        Self {
            settings,
            limits,
            interrupt,
            warnings: Warnings::default(),
            password_command: None,
            pinned: None,
        }
    }

    /// The same, with the password that a command prints; it has more say than any other.
    #[must_use]
    pub fn with_password_command(self, password_command: Option<PasswordCommand>) -> Self {
        Self {
            password_command,
            ..self
        }
    }

    /// The same, for sessions on the cluster of this `system_identifier` only; `None` takes any.
    #[must_use]
    pub fn pinned_to(self, system_identifier: Option<String>) -> Self {
        Self {
            pinned: system_identifier,
            ..self
        }
    }

    /// The same, with somebody to tell what the operator should know of its connections.
    #[must_use]
    pub fn with_warnings(mut self, warnings: Warnings) -> Self {
        self.warnings = warnings;
        self
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
        self.settings.ssl_mode()
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Opens a connection, always a new one. Where a command gives the password it is run for each:
    /// what it printed before may have ended since. Where the cluster is pinned, the session is
    /// asked before anything else whether it is that one.
    ///
    /// # Errors
    ///
    /// When there is no password, no server takes the connection in time, or another cluster
    /// answers.
    pub async fn session(&self) -> Result<Session, Error> {
        tokio::select! {
            opened = self.open() => opened,
            () = self.interrupt.raised() => Err(Error::Interrupted),
        }
    }

    async fn open(&self) -> Result<Session, Error> {
        let mut settings = Cow::Borrowed(&self.settings);
        if let Some(command) = &self.password_command {
            let password = command.run(self.connect_limit()).await?;
            settings = Cow::Owned(self.settings.clone().with_password(password));
        }
        // Before it fails for want of what they tell of.
        for warning in settings.warnings() {
            self.warnings.add(warning);
        }
        let (client, connection) = open(&settings).await?;
        for warning in connection.warnings() {
            self.warnings.add(warning);
        }
        let mut session = Session::start(client, connection, self);
        if let Some(pinned) = &self.pinned {
            session.hold_against(pinned).await?;
        }
        Ok(session)
    }

    /// How long one server may take, and so the command that gives the password.
    fn connect_limit(&self) -> Duration {
        let said = self.settings.connect_timeout;
        said.filter(|limit| !limit.is_zero())
            .unwrap_or(DEFAULT_TIMEOUT)
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
