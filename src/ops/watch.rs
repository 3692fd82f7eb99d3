//! Waiting for a lock with open eyes: who holds it is asked on a second connection meanwhile,
//! since afterwards nobody waits any more and nothing can be asked.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::{Error, Locked};
use crate::db::{self, Database, Kind, Session};
use crate::model::Blocker;

/// A wait that is shorter is nobody's business: the second connection is opened after it, or after
/// a quarter of the lock's limit. On a server that is busy everything takes some time, and looking
/// then would make it busier.
const PATIENCE: Duration = Duration::from_millis(400);

/// How often the look is repeated: chains change while they are waited for.
const POLL: Duration = Duration::from_millis(200);

/// How long a first look that is on its way is waited for when the lock's time is over.
const GRACE: Duration = Duration::from_millis(100);

/// What is known of those in the way.
#[derive(Default)]
struct Seen {
    locked: Locked,
    has_looked: bool,
}

/// Awaits work that a session does, and names who held the lock when it did not come.
///
/// # Errors
///
/// Those of the work; a lock that did not come in time as [`Error::Locked`].
pub async fn watched<T, E: Into<Error>>(
    database: &Database,
    session: &Session,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Error> {
    let seen = Mutex::new(Seen::default());
    let looking = look(database, session, &seen);
    tokio::pin!(work, looking);
    let done = tokio::select! {
        biased;
        done = &mut work => done,
        never = &mut looking => match never {},
    };
    let done = done.map_err(Into::into);
    match &done {
        Err(Error::Database(error)) if error.kind() == Some(Kind::LockTimeout) => {}
        _ => return done,
    }
    if !of(&seen).has_looked {
        let _in_time = tokio::time::timeout(GRACE, looking).await.is_err();
    }
    let mut locked = std::mem::take(&mut of(&seen).locked);
    locked.waited_ms = database.limits().lock.as_millis();
    Err(Error::Locked(Box::new(locked)))
}

/// Looks until it is dropped. What cannot be seen is said, and never fails the work.
async fn look(database: &Database, session: &Session, seen: &Mutex<Seen>) -> Infallible {
    tokio::time::sleep(PATIENCE.min(database.limits().lock / 4)).await;
    let backend = session.backend();
    let mut second: Option<Session> = None;
    loop {
        match look_once(database, &mut second, backend.load(Ordering::Relaxed)).await {
            Ok(blockers) if blockers.is_empty() => {}
            Ok(blockers) => of(seen).locked.blockers = blockers,
            Err(error) => {
                give_up(seen, &error);
                return pending().await;
            }
        }
        of(seen).has_looked = true;
        tokio::time::sleep(POLL).await;
    }
}

/// One look, on a session that a pool has back afterwards: there may be many that wait.
async fn look_once(
    database: &Database,
    second: &mut Option<Session>,
    backend: i32,
) -> Result<Vec<Blocker>, db::Error> {
    let mut session = match second.take() {
        Some(session) if !session.is_given_back() => session,
        _ => database.another_session().await?,
    };
    let blockers = session.blockers(backend).await;
    session.give_back();
    *second = Some(session);
    blockers
}

fn give_up(seen: &Mutex<Seen>, error: &db::Error) {
    let mut seen = of(seen);
    seen.has_looked = true;
    seen.locked.unseen = Some(error.to_string());
}

fn of(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
