//! `tokens sweep` that is refused: what a target demands, what would be recorded, locks in the way.

use super::remove::{Before, REASON, coder};
use super::sweep::sweep;
use super::target_rules::{NOWHERE, TICKETS};
use crate::support::config::{File, prod};
use crate::support::run::Output;
use crate::support::{TestDatabase, seed};

/// Two live secrets.
fn leak() -> String {
    format!(
        "{} {}",
        seed::token_of(seed::HOT),
        seed::token_of(seed::RELEASE)
    )
}

fn in_prod(file: &File, words: &[&str]) -> Output {
    let sweep = file
        .breakglass()
        .args(["tokens", "sweep", "--target", "prod"]);
    sweep.args(words.to_vec()).stdin(leak()).run()
}

const EXPIRE: [&str; 4] = ["--expire", "--yes", "--reason", REASON];

fn and<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&EXPIRE, more].concat()
}

#[test]
fn a_target_s_rules_are_checked_before_anything_is_connected_to() {
    let file = File::with(&prod(NOWHERE, TICKETS));
    in_prod(&file, &EXPIRE)
        .code(2)
        .says("error: --ticket is required by target `prod`\nhint: add `--ticket TICKET`\n");
    in_prod(&file, &and(&["--ticket", "42"]))
        .code(2)
        .says("error: --ticket does not match `^INC-[0-9]+$`");
    // With it, and where nothing is changed, somebody tries to connect.
    in_prod(&file, &and(&["--ticket", "INC-42"])).code(3);
    in_prod(&file, &["--expire", "--dry-run"]).code(3);
    in_prod(&file, &[]).code(3).never_says("ticket");
}

#[test]
fn what_a_target_demands_is_on_record_and_more_rows_than_it_allows_are_refused() {
    let database = coder();
    let file = File::on(&database, &format!("{TICKETS}\nmax_rows = 1"));
    let before = Before::of(&database);
    let words = and(&["--ticket", "INC-42"]);
    in_prod(&file, &words).code(1).says("allows 1");
    before.plus(&database, "refused", "allows 1");
    let file = File::on(&database, &format!("{TICKETS}\nmax_rows = 2"));
    in_prod(&file, &words).success();
    assert!(!database.is_alive(seed::HOT) && !database.is_alive(seed::RELEASE));
    let operations = database.operations();
    let applied = operations.iter().find(|o| o["outcome"] == "applied");
    let applied = applied.map(|o| [&o["reason"], &o["ticket"], &o["selector"]]);
    let expected = [REASON, "INC-42", "sweep of 2 candidates"];
    assert_eq!(
        applied.map(|told| told.map(|v| v.as_str().unwrap_or_default())),
        Some(expected)
    );
}

#[test]
fn a_secret_in_what_would_be_recorded_is_refused() {
    let database = coder();
    let before = Before::of(&database);
    let token = seed::token_of(seed::HOT);
    for flag in ["--reason", "--ticket", "--app-actor"] {
        let mut words = vec!["--expire", "--yes", flag, &token];
        if flag != "--reason" {
            words.extend(["--reason", REASON]);
        }
        let output = sweep(&database, &leak(), &words);
        output
            .code(2)
            .says(&format!("{flag} holds something of the shape of a secret"));
        output.never_says(&seed::secret_of(seed::HOT));
    }
    before.is_all(&database);
}

/// A session that holds what the statement locks, and its pid.
fn holder(database: &TestDatabase, lock: &str) -> (crate::support::database::Session, String) {
    let holder = database.session();
    let pid = holder.value("select pg_backend_pid()");
    holder.execute(&format!("begin; {lock}"));
    (holder, pid)
}

#[test]
fn who_holds_a_lock_that_stops_the_judging_is_named() {
    let database = coder();
    let before = Before::of(&database);
    let (holder, pid) = holder(&database, "lock table api_keys in access exclusive mode");
    let output = sweep(&database, &leak(), &["--lock-timeout", "500ms"]);
    holder.execute("rollback");
    output
        .code(1)
        .says("the lock did not come within 500 ms: held by pid ")
        .says(&format!(
            "\n  {pid} (idle in transaction, breakglass tests) blocks us\n"
        ));
    before.is_all(&database);
}

#[test]
fn who_holds_a_row_may_be_ended() {
    let database = coder();
    let row = format!("select from api_keys where id = '{}' for update", seed::HOT);
    let (holder, pid) = holder(&database, &row);
    let flag = format!("--cancel-blocker={pid}");
    let words = and(&["--lock-timeout", "300ms", &flag]);
    let output = sweep(&database, &leak(), &words);
    output
        .success()
        .says(&format!("terminate sent to pid {pid}; recorded as "));
    assert!(holder.try_execute("select 1").is_err());
    assert!(!database.is_alive(seed::HOT) && !database.is_alive(seed::RELEASE));
    let actions: Vec<String> = database
        .operations()
        .iter()
        .map(|o| o["action"].to_string())
        .collect();
    assert_eq!(actions.len(), 2, "{actions:?}");
    assert!(actions.contains(&"\"cancel_blocker\"".to_owned()));
    let unasked = sweep(&database, &leak(), &[&flag]);
    unasked.code(2);
}
