//! The one transaction that can write, and the one place that sends COMMIT.
//!
//! [`Change::commit`] takes a [`Recorded`], and a [`Recorded`] exists only where the statement
//! itself reported that its record was written. An unrecorded change does not compile. What a
//! statement has to report is said in `recorded`.

use tokio_postgres::Row;

use super::identity::Identity;
use super::parameter::Parameter;
use super::recorded::Recorded;
use super::session::Session;
use super::sqlstate::{Error, Kind};

const BEGIN: &str = include_str!("../../sql/session/begin.sql");
const CLUSTER: &str = include_str!("../../sql/session/cluster.sql");
const PLACE: &str = include_str!("../../sql/session/place.sql");
const CLOSED_PATH: &str = include_str!("../../sql/session/closed_path.sql");
const BEGIN_DELETE: &str = include_str!("../../sql/session/begin_delete.sql");
const COMMIT: &str = include_str!("../../sql/session/commit.sql");
const ROLLBACK: &str = include_str!("../../sql/session/rollback.sql");

/// A transaction whose statement has run and whose COMMIT has not been sent.
#[derive(Debug)]
#[must_use = "a change that is neither committed nor rolled back is lost with its connection"]
pub struct Change<'a> {
    session: &'a Session,
    pub(super) row: Row,
}

/// What a statement of a change may see of those that run beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// A row that was changed meanwhile is looked at again (READ COMMITTED).
    Latest,
    /// What came meanwhile fails it (REPEATABLE READ): for deletes, which take rows along.
    Snapshot,
}

impl Isolation {
    fn begin(self) -> &'static str {
        match self {
            Self::Latest => BEGIN,
            Self::Snapshot => BEGIN_DELETE,
        }
    }
}

/// Why a COMMIT did not answer with success.
#[derive(Debug)]
pub enum CommitError {
    /// The server refused: nothing changed.
    Aborted(Error),
    /// Whether it happened is not known.
    Unknown(Error),
}

/// For who cannot settle what is not known: it failed.
impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Aborted(error) | CommitError::Unknown(error) => error,
        }
    }
}

impl<'a> Change<'a> {
    /// Opens the transaction, sets its limits, makes sure that it is in the database that was
    /// shown, and runs the statement: two round trips, and no COMMIT. Ctrl-C cancels the statement
    /// on the server.
    ///
    /// # Errors
    ///
    /// When the server refuses any of it, does not answer in time, it is another database, or the
    /// operator interrupts. The transaction is gone then.
    pub async fn apply(
        session: &'a Session,
        shown: &Identity,
        isolation: Isolation,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Self, Error> {
        session.may_write()?;
        let ran = run(session, shown, isolation, statement, parameters).await;
        let rows = match session.noticed(ran) {
            Ok(rows) => rows,
            Err(error) if error.is_unanswered() => return Err(error),
            Err(error) => {
                end_failed(session, &error).await;
                return Err(error);
            }
        };
        let row = only(rows)?;
        Ok(Self { session, row })
    }

    /// Runs one more statement of the same transaction; its answer takes the place of the last one's.
    ///
    /// # Errors
    ///
    /// As [`Change::apply`].
    pub async fn and(self, statement: &str, parameters: &[Parameter<'_>]) -> Result<Self, Error> {
        let session = self.session;
        let deadline = session.limits.deadline();
        let client = &session.wire()?.client;
        let answer = session.within(deadline, client.query_typed(statement, parameters));
        match session.noticed(session.interruptible(answer).await) {
            Ok(rows) => Ok(Self {
                session,
                row: only(rows)?,
            }),
            Err(error) => {
                if !error.is_unanswered() {
                    end_failed(session, &error).await;
                }
                Err(error)
            }
        }
    }

    /// The statement's own account: its counts and what it recorded.
    #[must_use]
    pub fn row(&self) -> &Row {
        &self.row
    }

    /// Makes it permanent.
    ///
    /// # Errors
    ///
    /// [`CommitError::Aborted`] when the server refused, [`CommitError::Unknown`] when its answer
    /// was lost.
    pub async fn commit(self, proof: Recorded) -> Result<(), CommitError> {
        // It was made of this statement's answer, and is spent.
        let Recorded { .. } = proof;
        let session = self.session;
        // Held by the session that ran the statement, so it was sent nothing yet.
        let wire = session.wire().map_err(CommitError::Aborted)?;
        wire.commits();
        let committed = wire.client.execute_typed(COMMIT, &[]);
        match session.within(session.limits.deadline(), committed).await {
            Ok(_count) => {
                wire.ended();
                Ok(())
            }
            Err(error) if is_definite(&error) => {
                wire.ended();
                Err(CommitError::Aborted(error))
            }
            Err(error) => Err(CommitError::Unknown(error)),
        }
    }

    /// Undoes it.
    ///
    /// # Errors
    ///
    /// When the server does not answer; the transaction is gone with its connection then.
    pub async fn roll_back(self) -> Result<(), Error> {
        roll_back(self.session).await
    }
}

/// Ends a transaction that failed: the session goes on to find out why. Where that fails too the
/// connection is of no use, and says so at its next statement. Where nothing answered in time nothing
/// would answer this.
async fn end_failed(session: &Session, error: &Error) {
    if matches!(error, Error::Lost(_) | Error::Deadline(_)) {
        return;
    }
    let _ended = roll_back(session).await.is_ok();
}

/// Ends a transaction that must leave nothing behind.
pub(super) async fn roll_back(session: &Session) -> Result<(), Error> {
    let wire = session.wire()?;
    let ended = wire.client.execute_typed(ROLLBACK, &[]);
    session.within(session.limits.deadline(), ended).await?;
    wire.ended();
    Ok(())
}

/// The one row of an answer.
fn only(rows: Vec<Row>) -> Result<Row, Error> {
    let mut rows = rows.into_iter();
    match (rows.next(), rows.next()) {
        (Some(row), None) => Ok(row),
        (_, _) => Err(Error::Answer("a change answers with one row".to_owned())),
    }
}

/// Opens the transaction and sets its limits in one round trip, and runs the statement in another.
///
/// Not in the same one: where BEGIN fails, a statement that was sent behind it commits by itself.
///
/// Where it is is asked in this very transaction. A pooler may lead each one to another server, and
/// its clients notice nothing.
async fn run(
    session: &Session,
    shown: &Identity,
    isolation: Isolation,
    statement: &str,
    parameters: &[Parameter<'_>],
) -> Result<Vec<Row>, Error> {
    let wire = session.wire()?;
    let settings = session.limits.settings();
    let limits = settings.parameters();
    let deadline = session.limits.deadline();
    let database = &shown.database;
    let opened = async {
        wire.begun();
        let (begun, closed, limited, place, cluster) = tokio::join!(
            wire.client.execute_typed(isolation.begin(), &[]),
            wire.client.execute_typed(CLOSED_PATH, &[]),
            wire.limited(&limits),
            wire.client.query_typed(PLACE, &[]),
            async {
                // A role that may not ask would be refused, and the transaction with it.
                match database.system_identifier {
                    Some(_) => wire.client.query_typed(CLUSTER, &[]).await,
                    None => Ok(Vec::new()),
                }
            },
        );
        begun?;
        closed?;
        limited?;
        Ok((place?, cluster?))
    };
    // On the heap: it is large, and part of whatever awaits it.
    let opened = session.within(deadline, Box::pin(opened));
    let (place, cluster) = session.interruptible(opened).await?;
    let text = |rows: &[Row], column: &str| -> Result<Option<String>, Error> {
        let value = rows.first().map(|row| row.try_get(column)).transpose();
        value.map_err(|error| session.error(&error))
    };
    let (name, role) = (text(&place, "name")?, text(&place, "role")?);
    let found = text(&cluster, "system_identifier")?;
    if found != database.system_identifier
        || name.as_ref() != Some(&database.name)
        || role.as_ref() != Some(&shown.role)
    {
        let unknown = || "?".to_owned();
        return Err(Error::OtherDatabase {
            name: name.unwrap_or_else(unknown),
            role: role.unwrap_or_else(unknown),
            system_identifier: found.unwrap_or_else(unknown),
        });
    }
    let answer = session.within(deadline, wire.client.query_typed(statement, parameters));
    session.interruptible(answer).await
}

/// An ordinary ERROR in answer to COMMIT means aborted. A server that goes away does not say so,
/// and neither does a pooler that has lost it: PgBouncer then answers FATAL (08P01).
fn is_definite(error: &Error) -> bool {
    let Error::Server(server) = error else {
        return false;
    };
    !server.fatal && server.kind != Kind::Shutdown && !server.code.starts_with("08")
}
