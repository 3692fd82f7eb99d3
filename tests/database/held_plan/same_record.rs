//! What is carried out later leaves the record that it would have left at once.
#![expect(
    clippy::expect_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use std::time::Duration;

use breakglass::model::{Action, Outcome, Receipt, TakenBack};
use breakglass::ops::{Ends, Filter, Kinds, Request, Restore, Selector};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::{apply, carry_out, coder, context, expire, hold, id, plan, request, take_up};
use crate::support::{TestDatabase, seed};

/// Everything that an operation leaves behind.
pub(super) fn record(database: &TestDatabase) -> [Vec<Value>; 4] {
    let mut logs = database.audit_logs();
    // Written at one time, their ids at random.
    logs.sort_by_key(|row| row["additional_fields"].to_string());
    [
        database.operations(),
        database.changes(),
        database.observations(),
        logs,
    ]
}

/// Whether two records differ in nothing but what cannot be the same: the database's name, the
/// backend, ids that the database makes, times of now, and the digest of a plan that has such times.
fn is_same(one: &Value, other: &Value) -> bool {
    const OF_THE_DATABASE: [&str; 5] = ["database_name", "backend_pid", "request_id", "xid", "db"];
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| {
                    OF_THE_DATABASE.contains(&name.as_str())
                        || other.get(name).is_some_and(|other| is_same(value, other))
                })
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| is_same(one, other))
        }
        (Value::String(one), Value::String(other)) => {
            let is_time = |text: &str| text.starts_with("20") && text.contains(':');
            let is_id = |text: &str| Uuid::parse_str(text).is_ok();
            let is_digest = |text: &str| text.len() == 64;
            let both = |is: &dyn Fn(&str) -> bool| is(one) && is(other);
            one == other || both(&is_time) || both(&is_id) || both(&is_digest)
        }
        (one, other) => one == other,
    }
}

#[track_caller]
fn assert_same_records(direct: &TestDatabase, held: &TestDatabase) {
    let (direct, held) = (record(direct), record(held));
    for (direct, held) in direct.iter().zip(&held) {
        let (direct, held) = (Value::from(direct.clone()), Value::from(held.clone()));
        assert!(is_same(&direct, &held), "{direct:#}\n{held:#}");
    }
    assert!(!direct[0].is_empty());
}

/// Plans the same in two databases alike, and carries it out at once in one of them. Both receipts.
#[track_caller]
fn both_ways(
    [direct, kept]: &[TestDatabase; 2],
    request: impl Fn(&TestDatabase) -> Request,
) -> [Receipt; 2] {
    let id = Uuid::now_v7();
    let request = |database| Request {
        id,
        ..request(database)
    };
    let done = carry_out(plan(direct, request(direct))).expect("it is carried out");
    let planned = plan(kept, request(kept));
    let shown = planned.proposal();
    let held = hold(kept, planned);
    assert_eq!(held.operation(), id);
    let again = take_up(held, &context(kept)).expect("nothing is in the way");
    let mut proposal = again.proposal();
    proposal.as_of = shown.as_of;
    assert_eq!(proposal, shown, "it is what was shown");
    let receipt = carry_out(again).expect("it is carried out");
    let digest = receipt.operation.plan_digest.as_deref();
    assert_eq!(digest, Some(shown.digest()));
    assert_same_records(direct, kept);
    [done, receipt]
}

#[track_caller]
fn assert_same_way(request: impl Fn(&TestDatabase) -> Request) {
    let databases = [coder(), coder()];
    let [done, receipt] = both_ways(&databases, request);
    assert_eq!(receipt.operation.outcome, done.operation.outcome);
    assert_eq!(receipt.verdict, done.verdict);
    assert_eq!(receipt.still_works, done.still_works);
    let keys = |receipt: &Receipt| -> Vec<String> {
        let changes = receipt.changes.iter();
        changes.map(|change| change.key.clone()).collect()
    };
    assert_eq!(keys(&receipt), keys(&done));
}

#[test]
fn an_expire_leaves_the_same_record() {
    assert_same_way(|_| expire(id(seed::HOT)));
}

#[test]
fn one_whose_tokens_are_dead_already_leaves_the_same_record() {
    assert_same_way(|_| expire(id(seed::EXPIRED)));
}

#[test]
fn a_pasted_secret_leaves_the_same_record() {
    assert_same_way(|_| expire(Selector::Pasted(seed::token_of(seed::HOT).into())));
}

#[test]
fn what_dies_with_a_token_and_what_is_left_leave_the_same_record() {
    assert_same_way(|_| expire(id(seed::OAUTH)));
    assert_same_way(|_| Request {
        leave_companions: true,
        ..expire(id(seed::OAUTH))
    });
}

#[test]
fn a_filter_and_an_owner_leave_the_same_record() {
    assert_same_way(|_| {
        expire(Selector::Filtered(Filter {
            owner: Some("ci-runner".to_owned()),
            kinds: Kinds::All,
            ..Filter::default()
        }))
    });
    assert_same_way(|_| expire(Selector::Owner("alina".to_owned())));
}

#[test]
fn an_actor_of_the_application_leaves_the_same_record() {
    assert_same_way(|_| Request {
        app_actor: Some("mira".to_owned()),
        ..expire(id(seed::HOT))
    });
    assert_same_way(|_| Request {
        application_audit: false,
        ..expire(id(seed::HOT))
    });
}

#[test]
fn a_delete_leaves_the_same_record() {
    assert_same_way(|_| request(Action::Delete, vec![id(seed::HOT)]));
    assert_same_way(|_| request(Action::Delete, vec![id(seed::OAUTH), id(seed::WORKSPACE)]));
}

#[test]
fn an_end_in_the_future_leaves_the_same_record() {
    let later = "select to_char((now() + interval '3 hours') at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
    let end: DateTime<Utc> = coder().value(later).parse().expect("it is a time");
    assert_same_way(|_| Request {
        ends_at: Some(Ends::At(end)),
        ..expire(id(seed::HOT))
    });
    // Fixed when it was planned, however long it waits.
    let database = coder();
    let planned = plan(
        &database,
        Request {
            ends_at: Some(Ends::In(Duration::from_hours(1))),
            ..expire(id(seed::HOT))
        },
    );
    let end = planned.plan().ends_at;
    let receipt = apply(hold(&database, planned), &database).expect("it is carried out");
    assert_eq!(receipt.operation.ends_at, end);
}

/// What was taken back, without when that was done.
fn taken_back(receipt: &Receipt) -> Option<TakenBack> {
    receipt.taken_back.clone().map(|taken_back| TakenBack {
        occurred_at: None,
        ..taken_back
    })
}

#[test]
fn a_restore_leaves_the_same_record() {
    let databases = [coder(), coder()];
    let operation = Uuid::now_v7();
    for database in &databases {
        let expired = Request {
            id: operation,
            ..request(Action::Expire, vec![id(seed::HOT), id(seed::OAUTH)])
        };
        carry_out(plan(database, expired)).expect("it is carried out");
    }
    let [done, receipt] = both_ways(&databases, |_| Request {
        restore: Some(Restore {
            operation: Some(operation.to_string()),
            force: false,
        }),
        ..request(Action::Restore, Vec::new())
    });
    assert_eq!(taken_back(&receipt), taken_back(&done));
    assert!(
        databases
            .iter()
            .all(|database| database.is_alive(seed::HOT))
    );
}

#[test]
fn a_restore_of_one_token_with_what_is_gone_leaves_the_same_record() {
    let databases = [coder(), coder()];
    let operation = Uuid::now_v7();
    for database in &databases {
        let expired = Request {
            id: operation,
            ..request(Action::Expire, vec![id(seed::HOT), id(seed::RELEASE)])
        };
        carry_out(plan(database, expired)).expect("it is carried out");
        database.execute(&format!(
            "delete from api_keys where id = '{}'",
            seed::RELEASE
        ));
    }
    let [done, receipt] = both_ways(&databases, |_| Request {
        restore: Some(Restore {
            operation: Some(operation.to_string()),
            force: true,
        }),
        ..request(Action::Restore, Vec::new())
    });
    assert_eq!(taken_back(&receipt), taken_back(&done));
    // The latest operation on one token, by the token.
    let operation = Uuid::now_v7();
    let [done, _] = both_ways(&[coder(), coder()], |database| {
        let expired = Request {
            id: operation,
            ..expire(id(seed::HOT))
        };
        carry_out(plan(database, expired)).expect("it is carried out");
        Request {
            restore: Some(Restore {
                operation: None,
                force: false,
            }),
            ..request(Action::Restore, vec![id(seed::HOT)])
        }
    });
    assert_eq!(done.operation.outcome, Outcome::Applied);
}
