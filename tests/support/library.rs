//! The library as a server uses it: a context, and requests with nothing particular about them.

use std::time::Duration;

use breakglass::adapter::{Choice, builtin};
use breakglass::db::conninfo::{Parameters, Settings, Surroundings};
use breakglass::db::{Database, Interrupt, Limits};
use breakglass::model::Action;
use breakglass::ops::{Context, MAX_ROWS, Policy, Request, Scope, Selector};
use uuid::Uuid;

/// The database at a connection string, in an environment of nothing.
pub(crate) fn database(conninfo: &str, limits: Limits) -> Database {
    let around = Surroundings {
        variable: &|_| None,
        exists: &|_| false,
        read: &|_| Err(std::io::ErrorKind::NotFound.into()),
        os_user: None,
        home: None,
        socket_directories: &[],
    };
    let parameters = Parameters::parse(conninfo).expect("it is a connection string");
    let settings = Settings::resolve(parameters, &around).expect("it is whole");
    Database::new(settings, limits, Interrupt::default())
}

/// What an operation is given.
pub(crate) fn context(database: Database) -> Context {
    Context {
        database,
        adapters: builtin().expect("they load"),
        choice: Choice::default(),
        policy: Policy::default(),
        scope: Scope::default(),
        detected: None,
    }
}

/// A request to expire one token, with one look afterwards.
pub(crate) fn expire(key: &str) -> Request {
    Request {
        id: Uuid::now_v7(),
        parent: None,
        batch: None,
        action: Action::Expire,
        restore: None,
        ends_at: None,
        selectors: vec![Selector::Id(key.to_owned())],
        owner: None,
        expect: None,
        max_rows: MAX_ROWS,
        leave_companions: false,
        reason: "the tests ask".to_owned(),
        ticket: None,
        settle: Some(Duration::ZERO),
        dry_run: false,
        application_audit: true,
        app_actor: None,
        os_user: None,
        host: None,
        caller: None,
    }
}
