//! The one transaction that can write, and the one place that sends COMMIT.
//!
//! [`Change::commit`] takes a [`Recorded`], and a [`Recorded`] exists only where the statement
//! itself reported that its record was written. An unrecorded change does not compile.

use tokio_postgres::Row;

use super::database::Database;
use super::parameter::Parameter;
use super::session::Session;
use super::sqlstate::{Error, Kind};
use super::tls;

const BEGIN: &str = include_str!("../../sql/session/begin.sql");
const LIMITS: &str = include_str!("../../sql/session/limits.sql");
const COMMIT: &str = include_str!("../../sql/session/commit.sql");
const ROLLBACK: &str = include_str!("../../sql/session/rollback.sql");

/// A transaction whose statement has run and whose COMMIT has not been sent.
#[derive(Debug)]
#[must_use = "a change that is neither committed nor rolled back is lost with its connection"]
pub struct Change<'a> {
    session: &'a Session,
    row: Row,
}

/// Proof that a statement wrote its record.
#[derive(Debug)]
pub struct Recorded(());

/// The statement ran, but its record is not whole: something swallowed rows of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {found} of {expected} rows were written")]
pub struct Unrecorded {
    /// Which part of the record.
    pub what: &'static str,
    /// How many rows it should have.
    pub expected: i32,
    /// How many it has.
    pub found: i32,
}

/// Why a COMMIT did not answer with success.
#[derive(Debug)]
pub enum CommitError {
    /// The server refused: nothing changed.
    Aborted(Error),
    /// Whether it happened is not known.
    Unknown(Error),
}

impl<'a> Change<'a> {
    /// Opens the transaction, sets its limits and runs the statement: one round trip, and no
    /// COMMIT. Ctrl-C cancels the statement on the server.
    ///
    /// # Errors
    ///
    /// When the server refuses any of the three, does not answer in time, or the operator
    /// interrupts. The transaction is gone then.
    pub async fn apply(
        database: &Database,
        session: &'a Session,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Self, Error> {
        let rows = match run(database, session, statement, parameters).await {
            Ok(rows) => rows,
            Err(error) => {
                // The session goes on to find out why, so the failed transaction must end. Where
                // that fails too the connection is of no use, and says so at its next statement.
                let ended = session.client.execute_typed(ROLLBACK, &[]);
                let _ended = session
                    .within(session.limits.deadline(), ended)
                    .await
                    .is_ok();
                return Err(error);
            }
        };
        let mut rows = rows.into_iter();
        match (rows.next(), rows.next()) {
            (Some(row), None) => Ok(Self { session, row }),
            (_, _) => Err(Error::Answer("a change answers with one row".to_owned())),
        }
    }

    /// The statement's own account: its counts and what it recorded.
    #[must_use]
    pub fn row(&self) -> &Row {
        &self.row
    }

    /// Proves that a change of tokens recorded itself: one operation, one row a changed row and,
    /// where the application's audit log takes part, one a changed token.
    ///
    /// # Errors
    ///
    /// When rows of the record are missing.
    pub fn recorded(&self, application_audit: bool) -> Result<Result<Recorded, Unrecorded>, Error> {
        let count = |name: &str| self.row.try_get::<_, i32>(name);
        let changed = count("changed")?;
        let rows = changed + count("companions_changed")?;
        let application = if application_audit { changed } else { 0 };
        let parts = [
            ("the operation was not recorded", 1, count("operations")?),
            ("the changes were not recorded", rows, count("recorded")?),
            (
                "the application's audit log was not written",
                application,
                count("application_recorded")?,
            ),
        ];
        Ok(proof(parts))
    }

    /// Proves that an operation without effect recorded itself.
    ///
    /// # Errors
    ///
    /// When it is missing.
    pub fn recorded_alone(&self) -> Result<Result<Recorded, Unrecorded>, Error> {
        Ok(proof([(
            "the operation was not recorded",
            1,
            self.row.try_get("operations")?,
        )]))
    }

    /// Proves that observations recorded themselves.
    ///
    /// # Errors
    ///
    /// When some are missing.
    pub fn recorded_observations(
        &self,
        expected: i32,
    ) -> Result<Result<Recorded, Unrecorded>, Error> {
        Ok(proof([(
            "the observations were not recorded",
            expected,
            self.row.try_get("observations")?,
        )]))
    }

    /// Makes it permanent.
    ///
    /// # Errors
    ///
    /// [`CommitError::Aborted`] when the server refused, [`CommitError::Unknown`] when its answer
    /// was lost.
    pub async fn commit(self, proof: Recorded) -> Result<(), CommitError> {
        let Recorded(()) = proof;
        let committed = self.session.client.execute_typed(COMMIT, &[]);
        match self
            .session
            .within(self.session.limits.deadline(), committed)
            .await
        {
            Ok(_count) => Ok(()),
            Err(error) if is_definite(&error) => Err(CommitError::Aborted(error)),
            Err(error) => Err(CommitError::Unknown(error)),
        }
    }

    /// Undoes it.
    ///
    /// # Errors
    ///
    /// When the server does not answer; the transaction is gone with its connection then.
    pub async fn roll_back(self) -> Result<(), Error> {
        let rolled_back = self.session.client.execute_typed(ROLLBACK, &[]);
        self.session
            .within(self.session.limits.deadline(), rolled_back)
            .await
            .map(|_count| ())
    }
}

/// BEGIN, limits and statement in one round trip.
async fn run(
    database: &Database,
    session: &Session,
    statement: &str,
    parameters: &[Parameter<'_>],
) -> Result<Vec<Row>, Error> {
    let settings = session.limits.settings(database.schema());
    let limits = settings.parameters();
    let answer = async {
        let (begun, limited, rows) = tokio::join!(
            session.client.execute_typed(BEGIN, &[]),
            session.client.query_typed(LIMITS, &limits),
            session.client.query_typed(statement, parameters),
        );
        // A transaction that did not begin must not count, whatever ran after it.
        begun?;
        limited?;
        rows
    };
    let answer = session.within(session.limits.deadline(), answer);
    tokio::pin!(answer);
    tokio::select! {
        rows = &mut answer => rows,
        () = database.interrupt().raised() => {
            cancel(database, session).await;
            // Whatever it answers now, the connection goes, and the transaction with it.
            let _answer = answer.await;
            Err(Error::Interrupted)
        }
    }
}

fn proof<const N: usize>(parts: [(&'static str, i32, i32); N]) -> Result<Recorded, Unrecorded> {
    parts.into_iter().try_for_each(|(what, expected, found)| {
        if expected == found {
            Ok(())
        } else {
            Err(Unrecorded {
                what,
                expected,
                found,
            })
        }
    })?;
    Ok(Recorded(()))
}

/// An ordinary ERROR in answer to COMMIT means aborted; a server that goes away does not.
fn is_definite(error: &Error) -> bool {
    matches!(error, Error::Server(server) if server.kind != Kind::Shutdown)
}

/// Asks the server to stop the statement; whether it did is seen from the statement's answer.
async fn cancel(database: &Database, session: &Session) {
    let token = session.cancel_token();
    // The lock and statement limits end it in any case.
    let _asked = match tls::connector(database.settings()) {
        Ok(Some(connector)) => token.cancel_query(connector).await.is_ok(),
        Ok(None) | Err(_) => token.cancel_query(tokio_postgres::NoTls).await.is_ok(),
    };
}
