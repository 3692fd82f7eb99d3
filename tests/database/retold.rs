//! A receipt told once more from the log is the one that was given.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use breakglass::model::{Action, Outcome, Receipt, Settled, Verdict};
use breakglass::ops::{Ends, Policy, Request, Restore, Retell};
use uuid::Uuid;

use crate::support::asked::{block_on, request};
use crate::support::{Coderd, Template, TestDatabase, seed};

fn coder() -> TestDatabase {
    TestDatabase::prepared("coder_for_retold", Template::Coder, |database| {
        database.breakglass().arg("init").run().success();
    })
}

/// What the log tells of an operation.
fn retold(database: &TestDatabase, operation: Uuid) -> Option<Receipt> {
    let desk = database.desk();
    let find = breakglass::ops::FindOperation { id: operation };
    block_on(async {
        let operation = find.run(&desk.session).await.unwrap().unwrap();
        Retell { operation }
            .run(&desk, &Policy::default())
            .await
            .unwrap()
    })
}

/// Asserts that the log tells the same as the receipt, but for how it was watched.
#[track_caller]
fn is_told_again(database: &TestDatabase, receipt: Receipt) {
    let again = retold(database, receipt.operation.id).unwrap();
    assert_eq!(again.settled.unsettled, receipt.settled.unsettled);
    assert_eq!(again.settled.reapplied, receipt.settled.reapplied);
    assert_eq!(again.settled.advice, receipt.settled.advice);
    assert!(again.settled.watched_until >= receipt.settled.watched_until);
    // Told a little later than it was, never sooner.
    let ends = |receipt: &Receipt| -> Vec<_> {
        receipt.unreached.iter().map(|thing| thing.until).collect()
    };
    for (again, first) in ends(&again).iter().zip(ends(&receipt)) {
        assert!(*again >= first, "{again:?} {first:?}");
    }
    let settled = Settled::default();
    let untimed = |receipt: Receipt| {
        let mut receipt = Receipt {
            settled: settled.clone(),
            ..receipt
        };
        for thing in &mut receipt.unreached {
            thing.until = None;
        }
        receipt
    };
    assert_eq!(untimed(again), untimed(receipt));
}

fn restore_of(operation: Uuid) -> Request {
    Request {
        restore: Some(Restore {
            operation: Some(operation.to_string()),
            force: false,
        }),
        ..request(Action::Restore, &[])
    }
}

#[test]
fn an_expire_of_live_and_dead_tokens_is_told_again() {
    let database = coder();
    let words = [
        "build-cache",
        seed::OAUTH,
        seed::OAUTH_EXPIRED,
        seed::EXPIRED,
    ];
    let receipt = database.done(request(Action::Expire, &words)).unwrap();
    assert_eq!(receipt.verdict, Some(Verdict::Dead));
    // One was dead with a live companion, one dead altogether.
    assert_eq!((receipt.changes.len(), receipt.unchanged.len()), (4, 2));
    is_told_again(&database, receipt);
}

#[test]
fn one_that_found_everything_dead_is_told_again() {
    let database = coder();
    let receipt = database
        .done(request(Action::Expire, &[seed::EXPIRED]))
        .unwrap();
    assert_eq!(receipt.operation.outcome, Outcome::Unchanged);
    is_told_again(&database, receipt);
}

#[test]
fn a_delete_is_told_again_although_the_rows_are_gone() {
    let database = coder();
    let words = ["build-cache", seed::OAUTH, seed::EXPIRED];
    let receipt = database.done(request(Action::Delete, &words)).unwrap();
    assert_eq!(receipt.unchanged, []);
    is_told_again(&database, receipt);
}

#[test]
fn an_end_in_the_future_is_told_again() {
    let database = coder();
    let later = Request {
        ends_at: Some(Ends::In(std::time::Duration::from_hours(1))),
        ..request(Action::Expire, &["build-cache", seed::EXPIRED])
    };
    let receipt = database.done(later).unwrap();
    assert_eq!(receipt.verdict, Some(Verdict::Scheduled));
    is_told_again(&database, receipt);
}

#[test]
fn a_restore_is_told_again_with_what_could_not_be_put_back() {
    let database = coder();
    let words = ["build-cache", "release", seed::OAUTH, seed::OAUTH_EXPIRED];
    let expired = database.done(request(Action::Expire, &words)).unwrap();
    let expired = expired.operation.id;
    database.execute(&format!(
        "delete from api_keys where id = '{}'",
        seed::RELEASE
    ));
    let receipt = database.done(restore_of(expired)).unwrap();
    assert_eq!(receipt.verdict, Some(Verdict::Restored));
    let gone = receipt.taken_back.as_ref().unwrap().gone.len();
    assert_eq!(gone, 1);
    let first = receipt.operation.id;
    is_told_again(&database, receipt);
    // Once more there is nothing to put back.
    let receipt = database.done(restore_of(expired)).unwrap();
    assert_eq!(receipt.operation.outcome, Outcome::Unchanged);
    assert!(!receipt.unchanged.is_empty());
    is_told_again(&database, receipt);
    // Taking that back kills again.
    let receipt = database.done(restore_of(first)).unwrap();
    let dead = receipt.taken_back.as_ref().unwrap().dead.len();
    assert!(dead > 0);
    is_told_again(&database, receipt);
}

#[test]
fn what_came_back_to_life_is_told_again_with_what_was_done_about_it() {
    let database = coder();
    let stale = Coderd::read(&database, seed::HOT);
    let watched = Request {
        settle: Some(std::time::Duration::from_secs(1)),
        ..request(Action::Expire, &["build-cache", "release"])
    };
    let receipt = std::thread::scope(|scope| {
        let expiring = scope.spawn(|| database.done(watched).unwrap());
        database.wait_for("select exists (select from breakglass.operation)");
        stale.write_back();
        expiring.join().unwrap()
    });
    assert_eq!(receipt.settled.reapplied.len(), 1);
    is_told_again(&database, receipt);
}

/// Whoever committed and was killed has seen nothing, and so nothing is said to be dead.
#[test]
fn what_nobody_saw_is_not_said_to_be_dead() {
    let database = coder();
    let receipt = database
        .done(request(Action::Expire, &["build-cache"]))
        .unwrap();
    database.execute(
        "alter table breakglass.observation disable trigger observation_is_append_only; \
         delete from breakglass.observation; \
         alter table breakglass.observation enable always trigger observation_is_append_only",
    );
    let again = retold(&database, receipt.operation.id).unwrap();
    assert_eq!(again.verdict, Some(Verdict::Unknown));
    let unsettled = &again.settled.unsettled[0];
    assert_eq!(
        (unsettled.key.as_str(), unsettled.verdict),
        (seed::HOT, Verdict::Unknown)
    );
    assert_eq!(unsettled.detail, "what was seen of it is not on record");
    assert!(again.settled.advice.unwrap().contains("tokens show"));
    assert!(again.unreached.iter().all(|thing| thing.until.is_none()));
    assert_eq!(again.changes, receipt.changes);
}

#[test]
fn what_changed_nothing_has_no_receipt() {
    let database = coder();
    let refused = database.done(request(Action::Expire, &["no-such-token"]));
    assert_eq!(retold(&database, refused.unwrap_err().operation), None);
}

/// A server moves what it does from thread to thread.
#[test]
fn asking_the_log_can_be_done_on_any_thread() {
    fn moves<T: Send>(_future: T) {}
    let database = coder();
    let desk = database.desk();
    let receipt = database
        .done(request(Action::Expire, &["build-cache"]))
        .unwrap();
    moves(breakglass::ops::FindOperation { id: Uuid::nil() }.run(&desk.session));
    let operation = receipt.operation;
    moves(Retell { operation }.run(&desk, &Policy::default()));
}
