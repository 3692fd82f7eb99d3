//! Waiting for a lock with open eyes: who holds it is asked on a second connection meanwhile,
//! since afterwards nobody waits any more and nothing can be asked.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::error::{Error, Locked};
use crate::db::{self, Database, Kind, Session};

/// A wait that is shorter is nobody's business: the second connection is opened after it, or after
/// a quarter of the lock's limit.
const PATIENCE: Duration = Duration::from_millis(50);

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
    let seen = RefCell::new(Seen::default());
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
    if !seen.borrow().has_looked {
        let _in_time = tokio::time::timeout(GRACE, looking).await.is_err();
    }
    let mut locked = std::mem::take(&mut seen.borrow_mut().locked);
    locked.waited_ms = database.limits().lock.as_millis();
    Err(Error::Locked(Box::new(locked)))
}

/// Looks until it is dropped. What cannot be seen is said, and never fails the work.
async fn look(database: &Database, session: &Session, seen: &RefCell<Seen>) -> Infallible {
    tokio::time::sleep(PATIENCE.min(database.limits().lock / 4)).await;
    let second = match database.session().await {
        Ok(second) => second,
        Err(error) => return give_up(seen, &error).await,
    };
    let backend = session.backend();
    loop {
        match second.blockers(backend.load(Ordering::Relaxed)).await {
            Ok(blockers) if blockers.is_empty() => {}
            Ok(blockers) => seen.borrow_mut().locked.blockers = blockers,
            Err(error) => return give_up(seen, &error).await,
        }
        seen.borrow_mut().has_looked = true;
        tokio::time::sleep(POLL).await;
    }
}

async fn give_up(seen: &RefCell<Seen>, error: &db::Error) -> Infallible {
    {
        let mut seen = seen.borrow_mut();
        seen.has_looked = true;
        seen.locked.unseen = Some(error.to_string());
    }
    pending().await
}
