//! The database that an operation works on: settings to connect with, and the limits of every
//! session.

use tokio::sync::watch;

use super::conninfo::{Settings, SslMode};
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

/// Tells whether the operator pressed Ctrl-C.
#[derive(Clone, Debug)]
pub struct Interrupt {
    sender: watch::Sender<bool>,
}

impl Default for Interrupt {
    fn default() -> Self {
        Self {
            sender: watch::Sender::new(false),
        }
    }
}

impl Interrupt {
    /// Interrupts what can be interrupted.
    pub fn raise(&self) {
        self.sender.send_replace(true);
    }

    /// Waits until it is raised.
    pub async fn raised(&self) {
        let mut receiver = self.sender.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _raised = receiver.wait_for(|raised| *raised).await.is_ok();
    }
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

    /// Whether and how TLS was asked for.
    #[must_use]
    pub fn ssl_mode(&self) -> SslMode {
        self.settings.ssl_mode()
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
        Ok(Session::start(client, connection, self.limits))
    }

    /// The same database for what must be done even when the operator has pressed Ctrl-C: to record
    /// that, and to find out what became of a COMMIT.
    #[must_use]
    pub fn uninterrupted(&self) -> Self {
        Self {
            interrupt: Interrupt::default(),
            ..self.clone()
        }
    }
}
