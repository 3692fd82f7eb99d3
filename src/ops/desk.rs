//! Where an operation works: the database it found, and the adapter that fits it.

use std::sync::Arc;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::adapter::{Adapter, Bound, Choice, SecretShape, Statements, detect};
use crate::db::{self, Database, Identity, Session, catalogue};

use super::constants::taken;
use super::detected::Detected;
use super::doctor::hidden;
use super::error::{Error, Refusal};
use super::policy::Policy;
use super::record::refuse;
use super::request::{Known, Request};
use super::scope::Scope;

/// What every operation is given.
#[derive(Clone, Debug)]
pub struct Context {
    /// The database.
    pub database: Database,
    /// The adapters to choose from.
    pub adapters: Vec<Adapter>,
    /// What the operator said about the choice.
    pub choice: Choice,
    /// What the target demands.
    pub policy: Policy,
    /// Which tokens there are for the caller.
    pub scope: Scope,
    /// The adapter that was found to fit, for a server; a command looks for itself.
    pub detected: Option<Detected>,
}

/// A session on a database that is known, with the adapter that fits it.
#[derive(Debug)]
pub struct Desk {
    /// The database, for further sessions.
    pub database: Database,
    /// The session.
    pub session: Session,
    /// Which database it is.
    pub identity: Identity,
    /// The adapter.
    pub bound: Arc<Bound>,
    /// Which tokens there are for the caller.
    pub scope: Scope,
}

impl Context {
    /// Connects, asks which database it is, and chooses the adapter that fits.
    ///
    /// # Errors
    ///
    /// When there is no connection, or not exactly one adapter fits.
    pub async fn open(&self) -> Result<Desk, Error> {
        let (session, identity) = self.connect().await?;
        let bound = self.detect(&session, &identity).await?;
        Ok(self.desk(session, identity, bound))
    }

    /// Puts together what was found.
    pub(super) fn desk(&self, session: Session, identity: Identity, bound: Arc<Bound>) -> Desk {
        let database = self.database.clone();
        Desk {
            database,
            session,
            identity,
            bound,
            scope: self.scope.clone(),
        }
    }

    /// Connects and asks which database it is.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn connect(&self) -> Result<(Session, Identity), Error> {
        loop {
            let session = self.database.session().await?;
            match Identity::read(&session).await {
                // One of a pool that ended unnoticed, as others of it may have. A new one says why.
                Err(error) if error.ends_connection() && session.was_used() => {}
                identity => return Ok((session, identity?)),
            }
        }
    }

    /// The same for who may hold a session already: see [`Database::another_session`].
    ///
    /// # Errors
    ///
    /// As [`Context::connect`].
    pub(super) async fn connect_beside(&self) -> Result<(Session, Identity), Error> {
        let session = self.database.another_session().await?;
        let identity = Identity::read(&session).await?;
        Ok((session, identity))
    }

    /// Whether a text holds something of the shape of a secret, of any adapter that may be chosen.
    #[must_use]
    pub fn holds_secret(&self, text: &str) -> bool {
        let chosen = self.choice.adapter.as_ref();
        let mut adapters = self
            .adapters
            .iter()
            .filter(|adapter| chosen.is_none_or(|name| *name == adapter.name));
        adapters.any(|adapter| SecretShape::of(adapter).is_some_and(|shape| shape.is_in(text)))
    }

    /// Chooses the adapter that fits the database of a session, or knows which one did just now.
    ///
    /// # Errors
    ///
    /// When not exactly one does.
    pub async fn detect(
        &self,
        session: &Session,
        identity: &Identity,
    ) -> Result<Arc<Bound>, Error> {
        let Some(detected) = &self.detected else {
            return Ok(Arc::new(self.detect_anew(session).await?));
        };
        let surprises = self.database.surprises();
        if let Some(bound) = detected.get(identity, surprises) {
            return Ok(bound);
        }
        let bound = Arc::new(self.detect_anew(session).await?);
        detected.put(identity, surprises, &bound);
        Ok(bound)
    }

    /// Chooses the adapter that fits the database of a session.
    ///
    /// # Errors
    ///
    /// When not exactly one does.
    pub(super) async fn detect_anew(&self, session: &Session) -> Result<Bound, Error> {
        let catalogue = catalogue(session, &detect::tables(&self.adapters)).await?;
        let bound = detect::choose(&self.adapters, &catalogue, &self.choice)?;
        Ok(taken(session, bound).await??)
    }
}

impl Desk {
    /// The statements of its adapter.
    #[must_use]
    pub fn statements(&self) -> Statements<'_> {
        Statements::new(&self.bound)
    }

    /// How the application's secrets look, if the adapter says so.
    #[must_use]
    pub fn secret_shape(&self) -> Option<SecretShape<'_>> {
        SecretShape::of(&self.bound.adapter)
    }

    /// Runs a statement whose one parameter are keys of tokens, where the adapter has it.
    ///
    /// # Errors
    ///
    /// When the database refuses, or a row is not what the statement promises.
    pub(super) async fn read_by_keys<T>(
        &self,
        statement: Option<String>,
        keys: &[String],
        read: impl Fn(&Row) -> Result<T, db::Error>,
    ) -> Result<Vec<T>, Error> {
        let Some(statement) = statement else {
            return Ok(Vec::new());
        };
        let rows = self
            .session
            .read(&statement, &[(&keys, Type::TEXT_ARRAY)])
            .await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Records a refusal or failure; the record is made on another session than this one's.
    pub(super) async fn refuse(
        mut self,
        request: &Request,
        known: &Known,
        error: Error,
    ) -> Box<Refusal> {
        self.session.give_back();
        refuse(request, known, Some(&self.identity), &self.database, error).await
    }

    /// Refuses another database than this one, and a standby of it.
    ///
    /// # Errors
    ///
    /// When it is one.
    pub(super) fn check_same(&self, found: &Identity) -> Result<(), Error> {
        if !found.is_of(&self.identity) {
            return Err(Error::OtherDatabase(found.line()));
        }
        if found.in_recovery {
            return Err(Error::Standby);
        }
        Ok(())
    }

    /// Refuses before a write what would make the write fail or lie.
    ///
    /// # Errors
    ///
    /// On a standby, or where row security would hide rows.
    pub fn check_writable(&self) -> Result<(), Error> {
        if self.identity.in_recovery {
            return Err(Error::Standby);
        }
        self.check_visible()
    }

    /// Refuses what would make a list or a plan lie.
    ///
    /// # Errors
    ///
    /// Where row security would hide rows from the role.
    pub fn check_visible(&self) -> Result<(), Error> {
        match hidden(&self.bound).next() {
            Some(relation) => Err(Error::RowSecurity {
                relation: relation.display_name(),
                role: self.identity.role.clone(),
            }),
            None => Ok(()),
        }
    }
}
