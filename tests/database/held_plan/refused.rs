//! What refuses a plan that was held, and that nothing is touched then.
#![expect(
    clippy::expect_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use std::time::Duration;

use breakglass::model::Action;
use breakglass::ops::{
    Ends, Error, HeldPlan, PlanError, ProbeWanted, Recording, Refusal, Request, Restore, Teller,
    Unrestorable,
};
use breakglass::probe::{Secret, Target};

use super::same_record::record;
use super::{
    PASSED, apply, carry_out, coder, context, expire, hold, id, plan, refused, request, take_up,
};
use crate::support::cluster::runtime;
use crate::support::{TestDatabase, seed};

/// Holds a plan, lets something happen, and tells how it is refused then: on record, and without
/// touching the token.
#[track_caller]
fn refused_after(request: Request, meanwhile: impl Fn(&TestDatabase)) -> Refusal {
    let database = coder();
    let held = hold(&database, plan(&database, request));
    meanwhile(&database);
    let before = database.application_rows();
    let operations = database.operations().len();
    let refusal = refused(apply(held.clone(), &database));
    assert_eq!(database.application_rows(), before);
    assert_eq!(refusal.recording, Recording::Recorded, "{refusal:?}");
    assert_eq!(refusal.operation, held.operation());
    let recorded = database.operations();
    assert_eq!(recorded.len(), operations + 1);
    let recorded = recorded.last().expect("there is one");
    assert_eq!(recorded["id"], held.operation().to_string());
    assert_eq!(recorded["outcome"], "refused", "{recorded:#}");
    refusal
}

#[test]
fn what_changed_meanwhile_is_found_by_the_statement() {
    let update = |set: &str| format!("update api_keys set {set} where id = '{}'", seed::HOT);
    for (action, set) in [
        (Action::Expire, "token_name = 'other'"),
        (Action::Expire, "expires_at = now() + interval '1 year'"),
        (Action::Delete, "expires_at = now() + interval '1 year'"),
    ] {
        let refusal = refused_after(request(action, vec![id(seed::HOT)]), |database| {
            database.execute(&update(set));
        });
        let Error::ChangedSinceShown(differences) = &refusal.error else {
            panic!("{set}: {refusal:?}");
        };
        assert_eq!(differences.len(), 1, "{differences:?}");
    }
    let refusal = refused_after(expire(id(seed::HOT)), |database| {
        database.execute(&format!("delete from api_keys where id = '{}'", seed::HOT));
    });
    assert!(
        matches!(refusal.error, Error::ChangedSinceShown(_)),
        "{refusal:?}"
    );
}

#[test]
fn a_restore_is_refused_where_its_rows_changed_meanwhile() {
    let database = coder();
    let done = carry_out(plan(&database, expire(id(seed::HOT)))).expect("it is carried out");
    let restored = Request {
        restore: Some(Restore {
            operation: Some(done.operation.id.to_string()),
            force: false,
        }),
        ..request(Action::Restore, Vec::new())
    };
    let held = hold(&database, plan(&database, restored));
    database.execute(&format!(
        "update api_keys set expires_at = now() - interval '1 day' where id = '{}'",
        seed::HOT
    ));
    let before = database.application_rows();
    let refusal = refused(apply(held, &database));
    assert!(
        matches!(
            refusal.error,
            Error::ChangedSinceShown(_) | Error::Unrestorable(Unrestorable::ChangedSince { .. })
        ),
        "{refusal:?}"
    );
    assert_eq!(database.application_rows(), before);
}

#[test]
fn an_end_that_has_passed_meanwhile_is_refused() {
    let database = coder();
    let later = Request {
        ends_at: Some(Ends::In(Duration::from_hours(1))),
        ..expire(id(seed::HOT))
    };
    let held = hold(&database, plan(&database, later));
    let mut document = serde_json::to_value(&held).expect("it is JSON");
    document["request"]["ends_at"] = PASSED.into();
    document["plan"]["ends_at"] = PASSED.into();
    let late = serde_json::from_value(document).expect("it is a plan");
    let refusal = refused(apply(late, &database));
    assert!(
        matches!(refusal.error, Error::EndPassed { .. }),
        "{refusal:?}"
    );
    assert_eq!(refusal.recording, Recording::Recorded);
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn what_is_in_the_way_of_writing_is_looked_for_again() {
    let database = coder();
    let held = hold(&database, plan(&database, expire(id(seed::HOT))));
    database.execute("drop schema breakglass cascade");
    let refusal = refused(take_up(held, &context(&database)));
    assert!(
        matches!(refusal.error, Error::NotInstalled(_)),
        "{refusal:?}"
    );
    assert!(database.is_alive(seed::HOT));

    // What a target demands by now counts.
    let database = coder();
    let held = hold(&database, plan(&database, expire(id(seed::HOT))));
    let mut context = context(&database);
    context.policy.min_reason_length = 100;
    let refusal = refused(take_up(held.clone(), &context));
    assert!(matches!(refusal.error, Error::Unmet(_)), "{refusal:?}");
    context.policy.min_reason_length = 0;
    context.policy.max_rows = Some(0);
    let refusal = refused(take_up(held, &context));
    assert!(
        matches!(refusal.error, Error::TooManyRows { .. }),
        "{refusal:?}"
    );
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn a_log_of_the_application_that_was_shown_as_written_is_written_or_nothing_is() {
    let database = coder();
    let group = database.role_name("operators");
    let init = ["init", "--operator-role", &group];
    database.breakglass().args(init).run().success();
    let role = database.login_role("alice");
    database.execute(&format!("grant {group} to {role}"));
    let context = database.context(&role);
    let planned = runtime().block_on(expire(id(seed::HOT)).plan(&context));
    let held = hold(&database, planned.expect("it may"));
    database.execute(&format!(
        "revoke insert on audit_logs from {group}; drop owned by {group}"
    ));
    database.breakglass().args(init).run().success();
    database.execute(&format!(
        "do $$ declare c name; begin for c in select attname from pg_attribute \
         where attrelid = 'audit_logs'::regclass and attnum > 0 loop \
         execute format('revoke insert (%I) on audit_logs from {group}', c); end loop; end $$"
    ));
    let refusal = refused(take_up(held, &context));
    let Error::ChangedSinceShown(differences) = &refusal.error else {
        panic!("{refusal:?}");
    };
    assert_eq!(
        differences.as_slice(),
        ["the application's own audit log cannot be written now (not_granted)"]
    );
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn it_is_taken_up_on_its_own_database_alone() {
    let (database, other) = (coder(), coder());
    let held = hold(&database, plan(&database, expire(id(seed::HOT))));
    let refusal = refused(apply(held, &other));
    assert!(
        matches!(refusal.error, Error::OtherDatabase(_)),
        "{refusal:?}"
    );
    assert!(matches!(refusal.recording, Recording::Impossible(_)));
    assert!(other.operations().is_empty() && other.is_alive(seed::HOT));
}

#[test]
fn another_adapter_of_the_same_name_does_not_take_it_up() {
    let database = coder();
    let held = hold(&database, plan(&database, expire(id(seed::HOT))));
    let mut context = context(&database);
    for adapter in &mut context.adapters {
        adapter.sha256 = "0".repeat(64);
    }
    let refusal = refused(take_up(held.clone(), &context));
    assert!(
        matches!(refusal.error, Error::Plan(PlanError::OtherAdapter { .. })),
        "{refusal:?}"
    );
    context.adapters.clear();
    let refusal = refused(take_up(held, &context));
    assert!(
        matches!(refusal.error, Error::Plan(PlanError::OtherAdapter { .. })),
        "{refusal:?}"
    );
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn another_version_does_not_take_it_up() {
    let database = coder();
    let held = hold(&database, plan(&database, expire(id(seed::HOT))));
    let mut document = serde_json::to_value(&held).expect("it is JSON");
    document["tool_version"] = "0.0.1".into();
    let other = serde_json::from_value(document.clone()).expect("it is a plan");
    let refusal = refused(apply(other, &database));
    assert!(
        matches!(refusal.error, Error::Plan(PlanError::OtherVersion { .. })),
        "{refusal:?}"
    );
    assert_eq!(refusal.error.code(), "plan_of_other_version");
    // What it does not know may have been meant to count.
    document["tool_version"] = env!("CARGO_PKG_VERSION").into();
    assert!(serde_json::from_value::<HeldPlan>(document.clone()).is_ok());
    document["new"] = true.into();
    assert!(serde_json::from_value::<HeldPlan>(document).is_err());
}

#[test]
fn it_is_carried_out_once() {
    let database = coder();
    let held = hold(&database, plan(&database, expire(id(seed::HOT))));
    apply(held.clone(), &database).expect("it is carried out");
    let recorded = record(&database);
    let refusal = refused(apply(held, &database));
    assert!(
        matches!(refusal.error, Error::DoneAfterAll { .. }),
        "{refusal:?}"
    );
    assert_eq!(record(&database), recorded);
}

#[test]
fn a_plan_that_asks_the_application_is_not_held() {
    let database = coder();
    let mut planned = plan(&database, expire(id(seed::HOT)));
    let probe = ProbeWanted {
        target: Target::new("http://127.0.0.1:1", None, None, false).expect("it is a place"),
        secret: Secret::new(&seed::token_of(seed::HOT)),
        timeout: Some(Duration::from_millis(50)),
        teller: Teller::new(|_| {}),
    };
    runtime()
        .block_on(planned.ask_first(probe))
        .expect("no answer stops nothing");
    let error = planned.hold().expect_err("its secret cannot be kept");
    assert_eq!(error.code(), "bad_probe");
    assert_eq!(
        error.to_string(),
        "a plan that is kept cannot ask the application: the secret is not kept with it"
    );
}
