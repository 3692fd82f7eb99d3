//! Waiting for a lock with open eyes: who holds it is asked on a second connection meanwhile,
//! since afterwards nobody waits any more and nothing can be asked.

use std::time::Duration;

use super::error::Error;
use crate::db::{self, Blocker, Database, Kind};

/// How long the first look waits, and how often it is repeated.
const POLL: Duration = Duration::from_millis(200);

/// Awaits work that the backend `pid` does, and names who held the lock when it did not come.
///
/// # Errors
///
/// Those of the work; a lock that did not come in time as [`Error::Locked`].
pub(super) async fn watched<T, E: Into<Error>>(
    database: &Database,
    pid: i32,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Error> {
    let (done, blockers) = watch(database, pid, work).await;
    done.map_err(|error| match error.into() {
        Error::Database(error) if error.kind() == Some(Kind::LockTimeout) => Error::Locked {
            waited_ms: database.limits().lock.as_millis(),
            blockers,
        },
        error => error,
    })
}

async fn watch<T>(
    database: &Database,
    pid: i32,
    work: impl Future<Output = T>,
) -> (T, Vec<Blocker>) {
    let mut blockers = Vec::new();
    let mut second: Option<db::Session> = None;
    tokio::pin!(work);
    loop {
        let look = async {
            tokio::time::sleep(POLL).await;
            let session = match second.take() {
                Some(session) => session,
                None => database.session().await.ok()?,
            };
            let found = session.blockers(pid).await.ok()?;
            Some((session, found))
        };
        tokio::select! {
            done = &mut work => return (done, blockers),
            found = look => if let Some((session, found)) = found {
                second = Some(session);
                if !found.is_empty() {
                    blockers = found;
                }
            },
        }
    }
}
