//! `tokens rm` that has to wait, or whose receipt nobody waits for: locks, Ctrl-C, a closed pipe.
#![expect(
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use std::time::{Duration, Instant};

use serde_json::Value;

use super::remove::{Before, REASON, coder, operator, remove};
use crate::support::run::Output;
use crate::support::{Invocation, TestDatabase, seed};

/// Whether a backend of this database waits for a lock.
const WAITS: &str = "select count(*) > 0 from pg_locks as l join pg_stat_activity as a using (pid) \
                     where not l.granted and a.datname = current_database()";

/// Locks, and runs into it as the superuser and as a role that may not look into other sessions.
fn run_into(lock: &str) {
    let database = coder();
    let role = operator(&database, &[]);
    let rows = database.application_rows();
    let holder = database.session();
    let pid = holder.value("select pg_backend_pid()");
    holder.execute(&format!("begin; {lock}"));
    let start = Instant::now();
    let all_seeing = remove(&database, &["build-cache", "--lock-timeout", "500ms"]).run();
    let took = start.elapsed();
    let half_blind = remove(&database, &["build-cache", "--lock-timeout", "500ms"]);
    let half_blind = half_blind.as_role(&role).run();
    holder.execute("rollback");
    let limits = Duration::from_millis(500)..Duration::from_millis(1500);
    assert!(limits.contains(&took), "{took:?}");
    let named = format!(
        "error: the rows are locked by somebody else, and the lock did not come within 500 ms: \
         held by pid {pid} (postgres, application `breakglass tests`, client "
    );
    let end = format!(
        "hint: wait and run the command again, or end it with `select pg_terminate_backend(pid) \
         from pg_stat_activity where pid = {pid} and backend_start = '20"
    );
    let seen = format!("{named}local, idle in transaction for ");
    let chain = format!("\n  {pid} (idle in transaction, breakglass tests) blocks us\n");
    all_seeing
        .code(1)
        .says(&seen)
        .says(" s)\n")
        .says(&chain)
        .says(", waits for Client: ClientRead, latest query ")
        .says(&end)
        .says("Z';`, or add --cancel-blocker to `tokens rm`\n");
    half_blind
        .code(1)
        .says(&format!("{named}?, state hidden)\n"))
        .says(&format!(
            "\n  {pid} (state hidden, breakglass tests) blocks us\n"
        ))
        .says("this role may not look into it\n")
        .says("hint: wait and run the command again; `grant pg_read_all_stats` to this role would")
        .never_says("pg_terminate_backend");
    assert_eq!(database.application_rows(), rows);
    for operation in database.operations() {
        assert_eq!(operation["outcome"], "failed");
        let error = operation["error"].as_str().unwrap_or_default();
        assert!(named.contains(&error[..60]), "{error}");
        all_seeing.says("recorded as ");
    }
    assert_eq!(database.operations().len(), 2);
    assert!(database.is_alive(seed::HOT) && database.changes().is_empty());
}

#[test]
fn a_lock_that_does_not_come_is_told_with_its_holder() {
    run_into("select from api_keys where id = 'd4o6FQe5QT' for update");
    run_into("lock table api_keys in exclusive mode");
}

#[test]
fn a_lock_that_stops_even_reading_is_told_with_its_holder() {
    run_into("lock table api_keys in access exclusive mode");
}

#[test]
fn a_lock_that_comes_in_time_is_waited_for() {
    let database = coder();
    let holder = database.session();
    holder.execute("begin; update api_keys set last_used = now() where id = 'd4o6FQe5QT'");
    let running = remove(&database, &["build-cache", "--lock-timeout", "20s"]).start();
    database.wait_for(WAITS);
    holder.execute("commit");
    running.wait().success();
    assert!(!database.is_alive(seed::HOT));
}

/// Upstream's `UpdateAPIKeyByID` writes three columns from the copy that it read, wherever the row
/// is by then.
#[test]
fn a_request_of_the_token_that_was_first_decides_what_is_found() {
    let write = |set: &str| format!("begin; update api_keys set {set} where id = 'd4o6FQe5QT'");
    let stale = write("last_used = now(), expires_at = expires_at, ip_address = '10.1.1.1'");
    let slid = write("last_used = now(), expires_at = now() + lifetime_seconds * interval '1 s'");
    let deleted = "begin; delete from api_keys where id = 'd4o6FQe5QT'";
    let expired = write("expires_at = '2026-01-01'");
    let cases = [
        (stale.as_str(), 0, "applied", ""),
        (
            &slid,
            1,
            "refused",
            "token `d4o6FQe5QT` was changed after it was shown (expires_at: 20",
        ),
        (deleted, 1, "refused", "token `d4o6FQe5QT` is gone"),
        (&expired, 0, "unchanged", ""),
    ];
    for (first, code, outcome, error) in cases {
        let database = coder();
        let holder = database.session();
        holder.execute(first);
        let running = remove(&database, &["build-cache", "--lock-timeout", "20s"]).start();
        database.wait_for(WAITS);
        holder.execute("commit");
        running.wait().code(code).says(error);
        let operation = database.operation();
        assert_eq!(operation["outcome"], outcome);
        assert!(
            operation["error"]
                .as_str()
                .unwrap_or_default()
                .contains(error)
        );
        let changes = usize::from(outcome == "applied");
        assert_eq!(
            [database.changes().len(), database.audit_logs().len()],
            [changes; 2]
        );
        assert_eq!(database.is_alive(seed::HOT), first == slid);
    }
}

#[test]
fn two_operators_at_once_are_one_change() {
    let database = coder();
    let holder = database.session();
    holder.execute("begin; select from api_keys where id = 'd4o6FQe5QT' for update");
    let both =
        [(); 2].map(|()| remove(&database, &["build-cache", "--lock-timeout", "20s"]).start());
    database.wait_for(&WAITS.replace("> 0", "= 2"));
    holder.execute("rollback");
    for running in both {
        running.wait().success();
    }
    let mut outcomes = database
        .operations()
        .iter()
        .map(|o| o["outcome"].to_string())
        .collect::<Vec<_>>();
    outcomes.sort();
    assert_eq!(outcomes, ["\"applied\"", "\"unchanged\""]);
    assert_eq!(
        [database.changes().len(), database.audit_logs().len()],
        [1, 1]
    );
    assert!(!database.is_alive(seed::HOT));
}

#[test]
fn ctrl_c_while_it_waits_for_a_lock_changes_nothing_and_is_on_record() {
    let database = coder();
    let before = Before::of(&database);
    let holder = database.session();
    holder.execute("begin; select from api_keys where id = 'd4o6FQe5QT' for update");
    let running = remove(&database, &["build-cache", "--lock-timeout", "20s"]).start();
    database.wait_for(WAITS);
    let start = Instant::now();
    running.signal("INT");
    let output = running.wait();
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    output
        .code(130)
        .says("error: interrupted: the running statement was cancelled on the server; nothing was changed\n")
        .says("recorded as ");
    let idle = WAITS.replace("> 0", "= 0");
    database.wait_for(&idle);
    holder.execute("rollback");
    before.plus(&database, "failed", "interrupted");
}

#[test]
fn a_role_whose_transactions_are_read_only_by_default_can_work() {
    let database = coder();
    let role = operator(&database, &["--allow-delete"]);
    for default in [
        "default_transaction_read_only = on",
        "default_transaction_isolation = 'serializable'",
        "search_path = ''",
    ] {
        database.execute(&format!("alter role {role} set {default}"));
    }
    remove(&database, &["build-cache"])
        .as_role(&role)
        .run()
        .success();
    assert!(!database.is_alive(seed::HOT));
    let words = [seed::OAUTH, "--delete", "--confirm", seed::OAUTH];
    remove(&database, &words).as_role(&role).run().success();
    remove(&database, &["nothing"])
        .as_role(&role)
        .run()
        .code(1)
        .says("recorded as ");
    let outcomes: Vec<Value> = database
        .operations()
        .into_iter()
        .map(|o| o["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["applied", "applied", "refused"]);
}

/// Runs it in a shell with its standard output led elsewhere; the shell tells how it ended.
fn with_output(database: &TestDatabase, format: &str, elsewhere: &str) -> Output {
    let script = format!("{{ \"$@\"; echo \"ended with $?\" >&2; }} {elsewhere}");
    let shell = Invocation::new("/bin/sh")
        .on(database)
        .args(["-c", &script, "sh"]);
    let shell = shell.args([
        env!("CARGO_BIN_EXE_breakglass"),
        "tokens",
        "rm",
        "build-cache",
    ]);
    shell
        .args(["--yes", "--reason", REASON, "-o", format])
        .run()
}

#[track_caller]
fn stands(database: &TestDatabase) {
    assert!(!database.is_alive(seed::HOT));
    assert_eq!(database.operation()["outcome"], "applied");
    assert_eq!(
        [database.changes().len(), database.observations().len()],
        [1, 1]
    );
}

#[test]
fn a_receipt_into_a_closed_pipe_is_no_failure() {
    for (format, elsewhere) in [("table", "| true"), ("json", "| true"), ("table", ">&-")] {
        let database = coder();
        let output = with_output(&database, format, elsewhere);
        output.says("ended with 0").never_says("error");
        stands(&database);
    }
}

/// Exit code 1 is documented as: nothing changed.
#[test]
fn a_receipt_on_a_full_disk_is_not_told_as_if_nothing_had_changed() {
    let database = coder();
    let output = with_output(&database, "json", ">/dev/full");
    output
        .says("cannot write the output")
        .never_says("nothing was changed");
    stands(&database);
    output.never_says("ended with 1");
}
