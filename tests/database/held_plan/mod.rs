//! A plan that waits for its yes in a table: it is carried out as it was shown, or not at all.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a helper that cannot go on fails the test that called it"
)]

mod carried_out;
mod refused;
mod same_record;

use std::time::Duration;

use breakglass::cluster::SUPERUSER;
use breakglass::model::{Action, Receipt};
use breakglass::ops::{Context, HeldPlan, MAX_ROWS, Planned, Refusal, Request, Selector};
use uuid::Uuid;

use crate::support::cluster::runtime;
use crate::support::{Template, TestDatabase};

/// What is written over a time, instead of waiting for it.
const PASSED: &str = "2000-01-01T00:00:00Z";

/// Coder's tables, and breakglass installed.
pub(super) fn coder() -> TestDatabase {
    TestDatabase::prepared("holding", Template::Coder, |database| {
        database.breakglass().arg("init").run().success();
    })
}

pub(super) fn context(database: &TestDatabase) -> Context {
    database.context(SUPERUSER)
}

pub(super) fn request(action: Action, selectors: Vec<Selector>) -> Request {
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
        reason: "hot loop, INC-42".to_owned(),
        ticket: Some("INC-42".to_owned()),
        settle: Some(Duration::ZERO),
        dry_run: false,
        application_audit: true,
        app_actor: None,
        os_user: Some("alice".to_owned()),
        host: Some("ops1".to_owned()),
        caller: None,
    }
}

pub(super) fn expire(selector: Selector) -> Request {
    request(Action::Expire, vec![selector])
}

pub(super) fn id(key: &str) -> Selector {
    Selector::Id(key.to_owned())
}

pub(super) fn plan(database: &TestDatabase, request: Request) -> Planned {
    let context = context(database);
    let planned = runtime().block_on(request.plan(&context));
    planned.unwrap_or_else(|refusal| panic!("it can be planned: {refusal:?}"))
}

/// The plan as it comes back from a table, where `jsonb` sorts its members anew.
pub(super) fn hold(database: &TestDatabase, planned: Planned) -> HeldPlan {
    let held = planned.hold().expect("it can be held");
    drop(planned);
    read(&written(database, &held))
}

pub(super) fn written(database: &TestDatabase, held: &HeldPlan) -> String {
    let text = serde_json::to_string(held).expect("it is JSON");
    database.value(&format!("select '{}'::jsonb", text.replace('\'', "''")))
}

pub(super) fn read(text: &str) -> HeldPlan {
    serde_json::from_str(text).expect("it is what was written")
}

pub(super) fn take_up(held: HeldPlan, context: &Context) -> Result<Planned, Box<Refusal>> {
    runtime().block_on(held.planned(context))
}

pub(super) fn carry_out(planned: Planned) -> Result<Receipt, Box<Refusal>> {
    runtime().block_on(planned.carry_out())
}

pub(super) fn apply(held: HeldPlan, database: &TestDatabase) -> Result<Receipt, Box<Refusal>> {
    carry_out(take_up(held, &context(database))?)
}

pub(super) fn refused<T>(ended: Result<T, Box<Refusal>>) -> Refusal {
    match ended {
        Ok(_) => panic!("it is refused"),
        Err(refusal) => *refusal,
    }
}
