//! The database that an operation works on: settings to connect with, and the limits of every
//! session.

use super::conninfo::Settings;
use super::interrupt::Interrupt;
use super::limits::Limits;
use super::open::open;
use super::session::Session;
use super::sqlstate::Error;

/// Where to connect, and within which limits. Every session is a connection of its own, so none
/// is held while a person thinks, and a read-back cannot see the session that wrote.
#[derive(Clone, Debug)]
pub struct Database {
    settings: Settings,
    limits: Limits,
    interrupt: Interrupt,
}

impl Database {
    /// The database at these settings.
    #[must_use]
    pub fn new(settings: Settings, limits: Limits, interrupt: Interrupt) -> Self {
        Self {
            settings,
            limits,
            interrupt,
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

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Opens a connection, always a new one.
    ///
    /// # Errors
    ///
    /// When no server takes it in time.
    pub async fn session(&self) -> Result<Session, Error> {
        let (client, connection) = tokio::select! {
            opened = open(&self.settings) => opened?,
            () = self.interrupt.raised() => return Err(Error::Interrupted),
        };
        Ok(Session::start(client, connection, self))
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
