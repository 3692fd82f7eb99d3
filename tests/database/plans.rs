//! Plans that wait to be applied: who finds them, until when, and who may do what to their table.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use std::time::Duration;

use breakglass::model::Action;
use breakglass::ops::{ClearPlans, Desk, Error, FindPlan, HoldPlan, ReleasePlan, WaitingPlan};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::asked::{block_on, request, with_room};
use crate::support::{Template, TestDatabase};

fn coder() -> TestDatabase {
    TestDatabase::prepared("coder_for_plans", Template::Coder, |database| {
        database.breakglass().arg("init").run().success();
    })
}

/// A plan of somebody's, to wait for so long.
fn plan(principal: &str, lifetime: Duration) -> HoldPlan {
    HoldPlan {
        operation: Uuid::now_v7(),
        digest: "cd".repeat(32),
        principal: principal.to_owned(),
        lifetime,
        content: json!({ "tokens": [1, 2.5, null], "größer": "ja" }),
    }
}

const AN_HOUR: Duration = Duration::from_hours(1);

fn hold(desk: &Desk, plan: HoldPlan) -> Result<WaitingPlan, Error> {
    block_on(plan.run(&desk.session, &desk.identity))
}

fn find(desk: &Desk, principal: &str, digest: &str) -> Option<WaitingPlan> {
    let find = FindPlan {
        principal: principal.to_owned(),
        digest: Some(digest.to_owned()),
        operation: None,
    };
    block_on(find.run(&desk.session)).unwrap()
}

fn waiting(database: &TestDatabase) -> String {
    database.value("select count(*) from breakglass.plan")
}

#[test]
fn a_plan_waits_as_it_was_written_down_for_whoever_had_it_made() {
    let database = coder();
    let desk = database.desk();
    let digest = "cd".repeat(32);
    assert_eq!(find(&desk, "scanner", &digest), None);
    let first = hold(&desk, plan("scanner", AN_HOUR)).unwrap();
    assert_eq!(
        first.expires_at - first.created_at,
        chrono::TimeDelta::hours(1)
    );
    assert_eq!(find(&desk, "scanner", &digest), Some(first.clone()));
    // The same rows were planned once more: it is the newest that is applied.
    let second = hold(&desk, plan("scanner", AN_HOUR)).unwrap();
    assert_eq!(find(&desk, "scanner", &digest), Some(second.clone()));
    for (principal, digest) in [("somebody", digest.as_str()), ("scanner", "ce")] {
        assert_eq!(find(&desk, principal, digest), None);
    }
    let by_operation = |principal: &str| {
        let find = FindPlan {
            principal: principal.to_owned(),
            digest: None,
            operation: Some(first.operation),
        };
        block_on(find.run(&desk.session)).unwrap()
    };
    assert_eq!(by_operation("scanner"), Some(first.clone()));
    assert_eq!(by_operation("somebody"), None);
    // Nothing of it is an operation before it is applied.
    assert!(database.operations().is_empty());
}

#[test]
fn a_plan_goes_when_it_is_applied_and_is_gone_once() {
    let database = coder();
    let desk = database.desk();
    let waits = hold(&desk, plan("scanner", AN_HOUR)).unwrap();
    let other = hold(&desk, plan("somebody", AN_HOUR)).unwrap();
    let release = |operation| {
        let release = ReleasePlan { operation };
        block_on(release.run(&desk.session, &desk.identity)).unwrap()
    };
    assert!(release(waits.operation));
    assert!(!release(waits.operation));
    assert!(!release(Uuid::now_v7()));
    assert_eq!(find(&desk, "scanner", &waits.digest), None);
    assert_eq!(find(&desk, "somebody", &other.digest), Some(other));
}

#[test]
fn a_plan_that_is_over_by_the_databases_clock_is_not_there_and_is_cleared() {
    let database = coder();
    let desk = database.desk();
    let short = hold(&desk, plan("scanner", Duration::from_millis(300))).unwrap();
    let lasting = hold(&desk, plan("somebody", AN_HOUR)).unwrap();
    database.wait_for(&format!(
        "select now() > '{}'",
        short.expires_at.to_rfc3339()
    ));
    assert_eq!(find(&desk, "scanner", &short.digest), None);
    assert_eq!(waiting(&database), "2");
    let clear = || block_on(ClearPlans.run(&desk.session, &desk.identity)).unwrap();
    assert_eq!((clear(), clear()), (1, 0));
    assert_eq!(find(&desk, "somebody", &lasting.digest), Some(lasting));
}

#[test]
fn a_plan_that_is_not_whole_is_refused() {
    let database = coder();
    let desk = database.desk();
    let whole = || plan("scanner", AN_HOUR);
    let waits = hold(&desk, whole()).unwrap();
    for (plan, constraint) in [
        (
            HoldPlan {
                operation: waits.operation,
                ..whole()
            },
            "plan_pkey",
        ),
        (
            HoldPlan {
                digest: "CD".repeat(32),
                ..whole()
            },
            "plan_digest_is_sha256",
        ),
        (
            HoldPlan {
                lifetime: Duration::ZERO,
                ..whole()
            },
            "plan_expires_later",
        ),
        (
            HoldPlan {
                content: Value::Null,
                ..whole()
            },
            "plan_content_is_object",
        ),
    ] {
        let error = hold(&desk, plan).unwrap_err();
        assert!(error.to_string().contains(constraint), "{error}");
    }
    assert_eq!(waiting(&database), "1");
    // The session is of use afterwards.
    hold(&desk, whole()).unwrap();
}

#[test]
fn a_plan_that_something_swallows_does_not_wait() {
    let database = coder();
    database.execute("create rule quiet as on insert to breakglass.plan do instead nothing");
    let desk = database.desk();
    let error = hold(&desk, plan("scanner", AN_HOUR)).unwrap_err();
    assert!(
        matches!(error, Error::Unrecorded(_) | Error::Database(_)),
        "{error:?}"
    );
    assert_eq!(waiting(&database), "0");
}

#[test]
fn the_operator_role_adds_plans_and_takes_them_away_and_nothing_more() {
    let database = TestDatabase::new(Template::Coder);
    let (role, alice) = (
        database.role_name("operators"),
        database.login_role("alice"),
    );
    let init = ["init", "--operator-role", &role];
    database.breakglass().args(init).run().success();
    database.execute(&format!("grant {role} to {alice}"));
    let context = database.context(&alice);
    let desk = block_on(context.open()).unwrap();
    let waits = hold(&desk, plan("scanner", AN_HOUR)).unwrap();
    assert_eq!(find(&desk, "scanner", &waits.digest), Some(waits.clone()));
    let session = database.session_as(&alice);
    for statement in [
        "update breakglass.plan set content = '{}'",
        "update breakglass.plan set expires_at = 'infinity'",
        "truncate breakglass.plan",
        "insert into breakglass.plan values (gen_random_uuid(), repeat('ab', 32), 'x', now(), 'infinity', '{}')",
        "select from breakglass.plan for update",
        "alter table breakglass.plan drop constraint plan_expires_later",
    ] {
        assert_eq!(session.refusal(statement), "42501", "{statement}");
    }
    let release = ReleasePlan {
        operation: waits.operation,
    };
    assert!(block_on(release.run(&desk.session, &desk.identity)).unwrap());
    assert_eq!(
        block_on(ClearPlans.run(&desk.session, &desk.identity)).unwrap(),
        0
    );
    // The columns of whoever asks are open to it as well.
    let mut expire = request(Action::Expire, &["build-cache"]);
    expire.caller = Some(crate::support::asked::caller());
    let done = with_room(|| block_on(async { expire.plan(&context).await?.carry_out().await }));
    assert_eq!(done.unwrap().operation.actor.db_user, Some(alice));
}
