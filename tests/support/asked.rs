//! Calling the library itself, as a server does that acts for others.

use std::thread;
use std::time::Duration;

use breakglass::cluster::SUPERUSER;
use breakglass::model::{Action, Caller, Receipt};
use breakglass::ops::{Desk, MAX_ROWS, Refusal, Request, Selector};
use uuid::Uuid;

use super::TestDatabase;
use super::cluster::runtime;

/// The stack of a thread that carries out an operation, in bytes: unoptimized, the futures of one are
/// moved through more than a test's thread has.
const STACK: usize = 16 << 20;

/// Runs something on a thread with room for the futures of an operation.
pub(crate) fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(STACK);
        let thread = builder.spawn_scoped(scope, work).expect("threads start");
        match thread.join() {
            Ok(done) => done,
            Err(panicked) => std::panic::resume_unwind(panicked),
        }
    })
}

/// Runs a future of the library to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

impl TestDatabase {
    /// The same with a session and the adapter that fits.
    pub(crate) fn desk(&self) -> Desk {
        block_on(self.context(SUPERUSER).open()).expect("an adapter fits")
    }

    /// Plans a request and carries it out.
    pub(crate) fn done(&self, request: Request) -> Result<Receipt, Box<Refusal>> {
        let context = self.context(SUPERUSER);
        with_room(|| block_on(async { request.plan(&context).await?.carry_out().await }))
    }
}

/// A request to do something to the tokens of these words, by nobody in particular.
pub(crate) fn request(action: Action, words: &[&str]) -> Request {
    let words = words.iter().map(|word| Selector::Word((*word).to_owned()));
    Request {
        id: Uuid::now_v7(),
        parent: None,
        batch: None,
        action,
        restore: None,
        ends_at: None,
        selectors: words.collect(),
        owner: None,
        expect: None,
        max_rows: MAX_ROWS,
        leave_companions: false,
        reason: "found by a scanner".to_owned(),
        ticket: None,
        settle: Some(Duration::ZERO),
        dry_run: false,
        application_audit: true,
        app_actor: None,
        os_user: Some("breakglass".to_owned()),
        host: Some("db1".to_owned()),
        caller: None,
    }
}

/// Somebody who asks over HTTP.
pub(crate) fn caller() -> Caller {
    Caller {
        principal: "scanner".to_owned(),
        credential: "3f1c9a".to_owned(),
        peer: Some("127.0.0.1:50123".to_owned()),
        request_id: "01990000-0000-7000-8000-00000000000a".to_owned(),
        request_digest: "ab".repeat(32),
    }
}
