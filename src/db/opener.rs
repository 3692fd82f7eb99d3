//! How connections come about: where to, with whose password, and who is told of what.

use std::borrow::Cow;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::conninfo::Settings;
use super::open::{DEFAULT_TIMEOUT, open};
use super::password::PasswordCommand;
use super::sqlstate::Error;
use super::warnings::Warnings;
use super::wire::Wire;

/// What every connection to a database needs.
#[derive(Clone, Debug)]
pub(super) struct Opener {
    pub(super) settings: Settings,
    pub(super) warnings: Warnings,
    pub(super) password_command: Option<PasswordCommand>,
    /// The `system_identifier` of the one cluster that is meant.
    pub(super) pinned: Option<String>,
}

impl Opener {
    /// Opens a connection, always a new one. On the heap: it is large, and part of whatever awaits a
    /// session.
    pub(super) fn open(&self) -> BoxFuture<'_, Result<Wire, Error>> {
        self.connect().boxed()
    }

    /// Where a command gives the password it is run for each connection: what it printed before may
    /// have ended since.
    async fn connect(&self) -> Result<Wire, Error> {
        let mut settings = Cow::Borrowed(&self.settings);
        if let Some(command) = &self.password_command {
            let password = command.run(self.limit()).await?;
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
        Ok(Wire::start(client, connection, &self.settings))
    }

    /// How long one server may take, and so the command that gives the password.
    pub(super) fn limit(&self) -> Duration {
        let said = self.settings.connect_timeout;
        said.filter(|limit| !limit.is_zero())
            .unwrap_or(DEFAULT_TIMEOUT)
    }
}
