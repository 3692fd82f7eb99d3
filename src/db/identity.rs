//! Which database this is, and who we are in it.

use chrono::{DateTime, Utc};

use super::conninfo::Place;
use super::session::Session;
use super::sqlstate::Error;
use crate::model::DatabaseIdentity;

const IDENTITY: &str = include_str!("../../sql/session/identity.sql");

/// Which database this is, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Host, port, name, version, cluster.
    pub database: DatabaseIdentity,
    /// The role that logged in.
    pub role: String,
    /// Whether it is a superuser, whom no grant restrains.
    pub superuser: bool,
    /// Whether the server is a standby.
    pub in_recovery: bool,
    /// The server's version as a number, such as 150018.
    pub version_number: i32,
    /// Process id of the backend; another one at the next transaction behind a pooler.
    pub pid: i32,
    /// The database's clock.
    pub as_of: DateTime<Utc>,
}

impl Identity {
    /// Asks the database.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn read(session: &Session) -> Result<Self, Error> {
        // One round trip for both.
        let (rows, system_identifier) =
            tokio::join!(session.read(IDENTITY, &[]), session.system_identifier());
        let (rows, system_identifier) = (rows?, system_identifier?);
        let row = rows
            .first()
            .ok_or_else(|| Error::Answer("no identity".to_owned()))?;
        let server = session.wire()?.endpoint().server();
        let host = match &server.place {
            Place::Socket { directory, .. } => directory.clone(),
            Place::Network { host, .. } => host.clone(),
        };
        let in_recovery = row.try_get("in_recovery")?;
        if in_recovery {
            // Or it is one for good: then nothing else is found either.
            session.may_have_moved();
        }
        Ok(Self {
            database: DatabaseIdentity {
                host: Some(host),
                port: Some(server.port),
                name: row.try_get("name")?,
                server_version: row.try_get("server_version")?,
                system_identifier,
            },
            role: row.try_get("role")?,
            superuser: row
                .try_get::<_, Option<bool>>("superuser")?
                .unwrap_or(false),
            in_recovery,
            version_number: row.try_get("server_version_num")?,
            pid: row.try_get("pid")?,
            as_of: row.try_get("as_of")?,
        })
    }

    /// Whether it is the same database of the same cluster, for the same role: also at another
    /// address and on another timeline, as after a failover.
    #[must_use]
    pub fn is_of(&self, shown: &Self) -> bool {
        self.is_at(&shown.database, &shown.role)
    }

    /// The same of what was kept of one.
    #[must_use]
    pub fn is_at(&self, database: &DatabaseIdentity, role: &str) -> bool {
        self.database.system_identifier == database.system_identifier
            && self.database.name == database.name
            && self.role == role
    }

    /// One line that a tired person can check: role, place, kind of server, version.
    #[must_use]
    pub fn line(&self) -> String {
        let database = &self.database;
        let place = match (&database.host, database.port) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.clone(),
            (None, _) => "?".to_owned(),
        };
        let kind = if self.in_recovery {
            "standby"
        } else {
            "primary"
        };
        format!(
            "database {} on {place} as {}, {kind}, PostgreSQL {}",
            database.name, self.role, database.server_version
        )
    }
}
