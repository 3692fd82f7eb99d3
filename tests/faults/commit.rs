//! A connection that is lost while COMMIT is under way ends in a definite answer.

use super::proxy::{Cut, Proxy};
use crate::support::seed::HOT;
use crate::support::{Template, TestDatabase, breakglass};

fn installed() -> TestDatabase {
    TestDatabase::prepared("coder_installed_for_faults", Template::Coder, |database| {
        database.breakglass().arg("init").run().success();
    })
}

fn expire(database: &TestDatabase, proxy: &Proxy) -> crate::support::run::Output {
    breakglass()
        .env(
            "BREAKGLASS_DATABASE_URL",
            proxy.conninfo(database, "postgres"),
        )
        .args([
            "tokens",
            "rm",
            &format!("id:{HOT}"),
            "--yes",
            "--reason",
            "cut",
        ])
        .args([
            "--statement-timeout",
            "1s",
            "--lock-timeout",
            "1s",
            "--resolve-timeout",
            "2s",
        ])
        .run()
}

#[test]
fn a_commit_that_never_arrived_is_told_as_not_committed_and_fenced() {
    let database = installed();
    let before = database.token_row(HOT);
    let proxy = Proxy::start(&database, Cut::BeforeCommit);
    let output = expire(&database, &proxy);
    output
        .code(1)
        .says("the transaction was not committed, nothing changed");
    assert_eq!(database.token_row(HOT), before);
    let operation = database.operation();
    assert_eq!(operation["outcome"], "failed");
    assert!(operation["error"].as_str().unwrap().contains("fenced"));
    assert_eq!(operation["error_code"], "not_committed");
    assert!(database.changes().is_empty());
    assert!(database.audit_logs().is_empty());
    assert!(proxy.commits() >= 1);
}

#[test]
fn a_commit_whose_answer_was_lost_is_told_as_done() {
    let database = installed();
    let proxy = Proxy::start(&database, Cut::AfterCommit);
    let output = expire(&database, &proxy);
    assert!(
        output
            .success()
            .stdout
            .contains("read back on a fresh connection: dead")
    );
    assert!(!database.is_alive(HOT));
    let operation = database.operation();
    assert_eq!(operation["outcome"], "applied");
    assert_eq!(database.changes().len(), 1);
    assert_eq!(database.audit_logs().len(), 1);
    assert_eq!(database.observations().len(), 1);
}

#[test]
fn a_commit_into_a_black_hole_is_told_as_done_within_the_deadline() {
    let database = installed();
    let proxy = Proxy::start(&database, Cut::BlackHole);
    let started = std::time::Instant::now();
    let output = expire(&database, &proxy);
    output.success();
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    assert!(!database.is_alive(HOT));
    assert_eq!(database.operation()["outcome"], "applied");
}

#[test]
fn an_outcome_that_nobody_can_be_asked_about_is_exit_4_with_the_command_that_finds_out() {
    let database = installed();
    let proxy = Proxy::start(&database, Cut::AfterCommitForGood);
    let output = expire(&database, &proxy);
    let operation = database.operation();
    let id = operation["id"].as_str().unwrap();
    output
        .code(4)
        .says("the outcome of operation")
        .says(&format!("breakglass audit show {id}"))
        .says("whether it is on record is not known");
    // This one had arrived; the command that was told says so.
    assert!(!database.is_alive(HOT));
    let told = database.breakglass().args(["audit", "show", id]).run();
    assert!(told.success().stdout.contains("applied"));
}

/// Puts an expire back over a wire that is cut.
fn restore(database: &TestDatabase, proxy: &Proxy) -> crate::support::run::Output {
    let operation = database.operation()["id"].as_str().unwrap().to_owned();
    breakglass()
        .env(
            "BREAKGLASS_DATABASE_URL",
            proxy.conninfo(database, "postgres"),
        )
        .args(["restore", &operation, "--yes", "--reason", "cut"])
        .args([
            "--statement-timeout",
            "1s",
            "--lock-timeout",
            "1s",
            "--resolve-timeout",
            "2s",
        ])
        .run()
}

#[test]
fn a_restore_whose_commit_is_cut_ends_in_a_definite_answer_too() {
    for (cut, done) in [(Cut::BeforeCommit, false), (Cut::AfterCommit, true)] {
        let database = installed();
        let before = database.token_row(HOT);
        let rm = [
            "tokens",
            "rm",
            &format!("id:{HOT}"),
            "--yes",
            "--reason",
            "why",
        ];
        database.breakglass().args(rm).run().success();
        let dead = database.token_row(HOT);
        let proxy = Proxy::start(&database, cut);
        let output = restore(&database, &proxy);
        let operation = database.operations().pop().unwrap();
        assert_eq!(operation["cause"], "restore");
        if done {
            output.success();
            assert_eq!(database.token_row(HOT), before);
            assert_eq!(operation["outcome"], "applied");
            assert_eq!(database.changes().len(), 2);
        } else {
            output
                .code(1)
                .says("the transaction was not committed, nothing changed");
            assert_eq!(database.token_row(HOT), dead);
            assert_eq!(operation["outcome"], "failed");
            assert!(operation["error"].as_str().unwrap().contains("fenced"));
            assert_eq!(database.changes().len(), 1);
        }
    }
}
