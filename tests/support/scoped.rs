//! The library itself, called as a server calls it: no process, no terminal.

use breakglass::adapter::{Adapter, Choice, builtin};
use breakglass::db::conninfo::{Parameters, Settings, Surroundings};
use breakglass::db::{Database, Interrupt, Limits};
use breakglass::model::{Action, Receipt};
use breakglass::ops::{
    Context, Desk, MAX_ROWS, Planned, Policy, Refusal, Request, Restore, Scope, Selector,
};
use std::time::Duration;
use uuid::Uuid;

use super::TestDatabase;
use super::cluster::runtime;

/// What a caller works with, who may see everything.
pub(crate) fn context(database: &TestDatabase) -> Context {
    with_adapters(database, builtin().expect("they load"))
}

/// The same, with other adapters.
pub(crate) fn with_adapters(database: &TestDatabase, adapters: Vec<Adapter>) -> Context {
    let parameters = Parameters::parse(&database.conninfo(breakglass::cluster::SUPERUSER));
    let around = Surroundings {
        variable: &|_| None,
        exists: &|_| false,
        read: &|_| Err(std::io::ErrorKind::NotFound.into()),
        os_user: None,
        home: None,
        socket_directories: &[],
    };
    let settings = Settings::resolve(parameters.expect("it is a connection string"), &around);
    let settings = settings.expect("it is whole");
    Context {
        database: Database::new(settings, Limits::default(), Interrupt::default()),
        adapters,
        choice: Choice::default(),
        policy: Policy::default(),
        detected: None,
        scope: Scope::default(),
    }
}

/// Connects.
pub(crate) fn open(context: &Context) -> Desk {
    wait(context.open()).expect("there is a connection, and an adapter that fits")
}

/// A request to expire or delete, which looks once whether that holds.
pub(crate) fn request(action: Action, selectors: Vec<Selector>) -> Request {
    Request {
        id: Uuid::now_v7(),
        parent: None,
        batch: None,
        action,
        restore: None,
        ends_at: None,
        selectors,
        owner: None,
        expect: None,
        max_rows: MAX_ROWS,
        leave_companions: false,
        reason: "a test".to_owned(),
        ticket: None,
        settle: Some(Duration::ZERO),
        dry_run: false,
        application_audit: false,
        app_actor: None,
        os_user: None,
        host: None,
        caller: None,
    }
}

/// A request to take back an operation, or the latest one of what is selected.
pub(crate) fn restore(operation: Option<&str>, selectors: Vec<Selector>) -> Request {
    Request {
        restore: Some(Restore {
            operation: operation.map(str::to_owned),
            force: false,
        }),
        ..request(Action::Restore, selectors)
    }
}

/// Makes a plan.
pub(crate) fn plan(context: &Context, request: Request) -> Result<Planned, Box<Refusal>> {
    wait(Box::pin(request.plan(context)))
}

/// Makes a plan and carries it out.
pub(crate) fn carry_out(context: &Context, request: Request) -> Result<Receipt, Box<Refusal>> {
    // On the heap: in a debug build the two are too large for the stack of a test.
    let planned = plan(context, request)?;
    wait(Box::pin(planned.carry_out()))
}

/// Runs a future to its end on the thread of the test.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}
