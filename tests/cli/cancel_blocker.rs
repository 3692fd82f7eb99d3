//! `--cancel-blocker`: nothing is ended unasked, nothing unrecorded, and nobody else is hit.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use serde_json::Value;

use super::remove::{REASON, coder, operator, remove};
use crate::support::database::Session;
use crate::support::run::Output;
use crate::support::terminal::Terminal;
use crate::support::{Login, PgBouncer, Template, TestDatabase, private_cluster, seed};

const LOCK: &str = "begin; select from api_keys where id = 'd4o6FQe5QT' for update";
const SLEEPS: &str = "select exists (select from pg_stat_activity \
                      where datname = current_database() and wait_event = 'PgSleep')";

/// A session that holds the row, and its pid.
fn holder(database: &TestDatabase) -> (Session, String) {
    let holder = database.session();
    let pid = holder.value("select pg_backend_pid()");
    holder.execute(LOCK);
    (holder, pid)
}

fn cancel(database: &TestDatabase, pid: &str) -> Output {
    let flag = format!("--cancel-blocker={pid}");
    remove(database, &["build-cache", "--lock-timeout", "300ms", &flag]).run()
}

/// The rows of a table of the log, joined to their operation.
fn recorded(database: &TestDatabase, table: &str) -> Vec<Value> {
    let rows = database.query(&format!(
        "select to_json(t) from breakglass.{table} as t join breakglass.operation as o \
             on o.id = t.operation_id order by o.occurred_at"
    ));
    let parse = |text: String| serde_json::from_str(&text).unwrap();
    rows.into_iter().flatten().flatten().map(parse).collect()
}

fn of_action<'a>(operations: &'a [Value], action: &str) -> Vec<&'a Value> {
    operations
        .iter()
        .filter(|o| o["action"] == action)
        .collect()
}

/// One signal was announced and sent for the one operation that then went on to its outcome.
#[track_caller]
fn is_on_record(database: &TestDatabase, pid: &str, signal: &str, outcome: &str) {
    let operations = database.operations();
    let signals = of_action(&operations, "cancel_blocker");
    let [announced] = signals.as_slice() else {
        panic!("{operations:#?}")
    };
    let expires = of_action(&operations, "expire");
    let [expire] = expires.as_slice() else {
        panic!("{operations:#?}")
    };
    assert_eq!(expire["outcome"], outcome, "{operations:#?}");
    assert_eq!(announced["outcome"], "announced");
    assert_eq!(announced["cause"], "blocked");
    assert_eq!(announced["parent_id"], expire["id"]);
    assert_eq!(announced["reason"], REASON);
    assert_eq!(announced["selector"], format!("pid {pid}").as_str());
    for count in [
        "planned",
        "matched",
        "changed",
        "unchanged",
        "plan_digest",
        "error",
    ] {
        assert_eq!(announced[count], Value::Null);
    }
    let target = recorded(database, "signal");
    assert_eq!(target.len(), 1);
    assert_eq!(target[0]["operation_id"], announced["id"]);
    assert_eq!(target[0]["pid"].to_string(), pid);
    assert_eq!(target[0]["signal"], signal);
    assert_eq!(target[0]["role"], "postgres");
    assert_eq!(target[0]["application"], "breakglass tests");
    assert_eq!(target[0]["backend_type"], "client backend");
    assert!(target[0]["backend_start"].is_string() && target[0]["transaction_start"].is_string());
    let result = recorded(database, "signal_result");
    assert_eq!(result.len(), 1);
    assert_eq!(result[0]["result"], "sent");
    assert_eq!(result[0]["detail"], Value::Null);
}

#[test]
fn an_idle_one_is_ended_and_the_change_is_made() {
    let database = coder();
    let (holder, pid) = holder(&database);
    let output = cancel(&database, &pid);
    output
        .success()
        .says("\nthe lock did not come:\n")
        .says(&format!(
            "  {pid} (idle in transaction, breakglass tests) blocks us\n"
        ))
        .says(&format!(
            "about to end the session of pid {pid}; its transaction is rolled back\n"
        ))
        .says(&format!("terminate sent to pid {pid}; recorded as "));
    assert!(!database.is_alive(seed::HOT));
    assert!(holder.try_execute("select 1").is_err());
    is_on_record(&database, &pid, "terminate", "applied");
    let operations = database.operations();
    let id = of_action(&operations, "cancel_blocker")[0]["id"]
        .as_str()
        .unwrap();
    let shown = database.breakglass().args(["audit", "show", id]).run();
    let text = &shown.success().stdout;
    for line in [
        "action           cancel_blocker\n".to_owned(),
        "outcome          announced\n".to_owned(),
        format!("signal           terminate pid {pid}, backend started 20"),
        ": role postgres, application breakglass tests, client -, client backend, idle in transaction\n".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    assert!(
        text.contains(" (blocked)\n") && text.contains(" sent\n"),
        "{text}"
    );
    let json = database
        .breakglass()
        .args(["audit", "show", id, "-o", "json"])
        .run();
    let json: Value = serde_json::from_str(&json.success().stdout).unwrap();
    assert_eq!(json["operation"]["action"], "cancel_blocker");
    assert_eq!(json["signal"]["result"], "sent");
    assert_eq!(json["signal"]["pid"].to_string(), pid);
    let listed = database
        .breakglass()
        .args([
            "audit",
            "ls",
            "--action",
            "cancel_blocker",
            "--outcome",
            "announced",
        ])
        .run();
    assert!(listed.success().stdout.contains(&format!("pid {pid}")));
}

#[test]
fn an_active_one_is_cancelled_and_keeps_its_session() {
    let database = coder();
    let active = database.meanwhile(&format!("{LOCK}; select pg_sleep(60)"));
    database.wait_for(SLEEPS);
    let pid = database.value(
        "select pid from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'",
    );
    cancel(&database, &pid)
        .success()
        .says(&format!("cancel sent to pid {pid}; recorded as "));
    assert_eq!(active.wait().as_deref(), Some("57014"));
    is_on_record(&database, &pid, "cancel", "applied");
    assert!(!database.is_alive(seed::HOT));
}

/// The named pid must be a root blocker: not who waits in between, not a bystander, not ourselves.
#[test]
fn nobody_but_a_root_blocker_is_ended() {
    let database = coder();
    let (holder, pid) = holder(&database);
    let (bystander, other) = (database.session(), database.session());
    let bystanders = bystander.value("select pg_backend_pid()");
    other.execute("begin");
    let rows = database.application_rows();
    let output = cancel(&database, &bystanders);
    output
        .code(1)
        .says(&format!(
            "error: --cancel-blocker={bystanders} is not who is in the way: that is pid {pid}\n"
        ))
        .says("nothing was changed\nrecorded as ");
    assert_eq!(bystander.value("select 1"), "1");
    assert_eq!(holder.value("select 1"), "1");
    assert_eq!(database.application_rows(), rows);
    let operation = database.operation();
    assert_eq!(operation["action"], "expire");
    assert_eq!(operation["outcome"], "refused");
    assert!(recorded(&database, "signal").is_empty());
}

#[test]
fn without_a_terminal_the_pid_must_be_named() {
    let database = coder();
    let (holder, _pid) = holder(&database);
    remove(&database, &["build-cache", "--cancel-blocker"])
        .run()
        .code(2)
        .says("--cancel-blocker asks, and there is no terminal to ask on")
        .says("--cancel-blocker=PID");
    for wrong in ["0", "-1", "all", "4711x", ""] {
        cancel(&database, wrong).code(2);
    }
    let dry = ["build-cache", "--cancel-blocker=1", "--dry-run"];
    remove(&database, &dry).run().code(2);
    assert_eq!(holder.value("select 1"), "1");
    assert!(database.operations().is_empty());
}

/// Nothing is ever ended for somebody who did not ask for it.
#[test]
fn nothing_is_ended_without_the_flag() {
    let database = coder();
    let (holder, _pid) = holder(&database);
    remove(&database, &["build-cache", "--lock-timeout", "300ms"])
        .run()
        .code(1);
    assert_eq!(holder.value("select 1"), "1");
    assert!(recorded(&database, "signal").is_empty());
}

fn asked(database: &TestDatabase) -> Terminal {
    remove(
        database,
        &["build-cache", "--lock-timeout", "300ms", "--cancel-blocker"],
    )
    .on_terminal(400)
}

#[test]
fn on_a_terminal_it_asks_and_no_is_the_default() {
    let database = coder();
    let (holder, pid) = holder(&database);
    let rows = database.application_rows();
    let mut terminal = asked(&database);
    let question = format!("end the session of pid {pid}; its transaction is rolled back? [y/N]");
    let before = terminal.expect(&question);
    assert!(
        before.contains(&format!(
            "pid {pid}: role postgres, application `breakglass tests`, client local, database {}, \
             state idle in transaction, waits for Client: ClientRead, latest query ",
            database.name()
        )),
        "{before}"
    );
    assert!(
        before.contains("(idle in transaction, breakglass tests) blocks us"),
        "{before}"
    );
    terminal.send_line("");
    terminal
        .finish()
        .code(1)
        .says("declined; recorded as ")
        .says("the lock did not come within 300 ms")
        .says("nothing was changed");
    assert_eq!(holder.value("select 1"), "1");
    assert_eq!(database.application_rows(), rows);
    let operations = database.operations();
    let declined = of_action(&operations, "cancel_blocker");
    assert_eq!(declined.len(), 1);
    assert_eq!(declined[0]["outcome"], "refused");
    assert_eq!(declined[0]["error_code"], "declined");
    assert_eq!(declined[0]["error"], "declined");
    let expire = of_action(&operations, "expire");
    assert_eq!(expire[0]["outcome"], "failed");
    assert_eq!(declined[0]["parent_id"], expire[0]["id"]);
    assert!(recorded(&database, "signal").is_empty());

    let mut terminal = asked(&database);
    terminal.expect("[y/N]");
    terminal.interrupt();
    terminal
        .finish()
        .code(130)
        .says("interrupted; nothing was changed");
    assert_eq!(holder.value("select 1"), "1");
}

#[test]
fn on_a_terminal_yes_ends_it() {
    let database = coder();
    let (holder, pid) = holder(&database);
    let mut terminal = asked(&database);
    terminal.expect("[y/N]");
    terminal.send_line("y");
    terminal.finish().code(0).says("terminate sent to pid ");
    assert!(holder.try_execute("select 1").is_err());
    is_on_record(&database, &pid, "terminate", "applied");
}

/// The server decides who may; what it says is told and on record.
#[test]
fn a_refusal_by_the_server_is_explained_and_on_record() {
    let database = coder();
    let role = operator(&database, &[]);
    database.execute(&format!("grant pg_read_all_stats to {role}"));
    let (holder, pid) = holder(&database);
    let flag = format!("--cancel-blocker={pid}");
    let run = || {
        remove(
            &database,
            &["build-cache", "--lock-timeout", "300ms", &flag],
        )
        .as_role(&role)
        .run()
    };
    run()
        .code(1)
        .says(&format!("error: pid {pid} was not terminated: "))
        .says("SQLSTATE 42501")
        .says("hint: it needs `grant pg_signal_backend` to this role");
    assert_eq!(holder.value("select 1"), "1");
    assert!(database.is_alive(seed::HOT));
    let result = recorded(&database, "signal_result");
    assert_eq!(result[0]["result"], "refused");
    assert!(result[0]["detail"].as_str().unwrap().contains("42501"));
    let operations = database.operations();
    assert_eq!(of_action(&operations, "cancel_blocker").len(), 1);
    assert_eq!(of_action(&operations, "expire")[0]["outcome"], "failed");
    drop(holder);

    // With the right, and somebody who is no superuser in the way.
    let app = database.login_role("app");
    database.execute(&format!(
        "grant pg_signal_backend to {role}; grant select, update on api_keys to {app}"
    ));
    let holder = database.session_as(&app);
    let pid = holder.value("select pg_backend_pid()");
    holder.execute(LOCK);
    let flag = format!("--cancel-blocker={pid}");
    remove(
        &database,
        &["build-cache", "--lock-timeout", "300ms", &flag],
    )
    .as_role(&role)
    .run()
    .success();
    assert!(!database.is_alive(seed::HOT));
}

/// A role that may not see when a backend started cannot aim at it.
#[test]
fn who_cannot_be_looked_into_is_not_ended() {
    let database = coder();
    let role = operator(&database, &[]);
    database.execute(&format!("grant pg_signal_backend to {role}"));
    let (holder, pid) = holder(&database);
    let flag = format!("--cancel-blocker={pid}");
    remove(
        &database,
        &["build-cache", "--lock-timeout", "300ms", &flag],
    )
    .as_role(&role)
    .run()
    .code(1)
    .says("this role may not look into it, so it cannot be aimed at");
    assert_eq!(holder.value("select 1"), "1");
    assert!(recorded(&database, "signal").is_empty());
}

/// Whoever took over the pid, or opened another transaction meanwhile, is not hit.
#[test]
fn a_session_that_moved_on_meanwhile_is_not_ended() {
    let database = coder();
    let (holder, pid) = holder(&database);
    let mut terminal = asked(&database);
    terminal.expect("[y/N]");
    // The same session, in a transaction that has nothing to do with us.
    holder.execute("commit; begin; select 1");
    terminal.send_line("y");
    terminal.finish().code(0).says(&format!(
        "pid {pid} or its transaction had ended by itself, so nothing was sent"
    ));
    assert_eq!(holder.value("select 1"), "1");
    assert_eq!(recorded(&database, "signal_result")[0]["result"], "gone");
    assert!(!database.is_alive(seed::HOT));
}

/// The migration in the way of even reading: the first attempt failed, the second one is made.
#[test]
fn a_lock_that_stops_planning_is_unblocked_too() {
    let database = coder();
    let holder = database.session();
    let pid = holder.value("select pg_backend_pid()");
    holder.execute("begin; lock table api_keys in access exclusive mode");
    cancel(&database, &pid).success();
    assert!(!database.is_alive(seed::HOT));
    let operations = database.operations();
    let outcomes: Vec<_> = of_action(&operations, "expire")
        .iter()
        .map(|operation| operation["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["failed", "applied"]);
    let signal = of_action(&operations, "cancel_blocker");
    assert_eq!(
        signal[0]["parent_id"],
        of_action(&operations, "expire")[0]["id"]
    );
}

#[test]
fn a_prepared_transaction_is_not_ended_by_a_signal() {
    let cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    database.breakglass().arg("init").run().success();
    database.execute(&format!("{LOCK}; prepare transaction 'half'"));
    let terminal = asked(&database);
    terminal
        .finish()
        .code(1)
        .says("--cancel-blocker cannot end prepared transaction `half`: it has no session");
    assert!(recorded(&database, "signal").is_empty());
    database.execute("rollback prepared 'half'");
}

#[test]
fn behind_pgbouncer_the_blocker_is_ended_too() {
    let cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    database.breakglass().arg("init").run().success();
    let bouncer = PgBouncer::start(&cluster, Login::Trust);
    let (_holder, pid) = holder(&database);
    let flag = format!("--cancel-blocker={pid}");
    remove(
        &database,
        &["build-cache", "--lock-timeout", "300ms", &flag],
    )
    .env(
        "BREAKGLASS_DATABASE_URL",
        bouncer.conninfo("postgres", database.name()),
    )
    .run()
    .success();
    is_on_record(&database, &pid, "terminate", "applied");
}

/// The record comes first: where it cannot be written nothing is sent.
#[test]
fn nothing_is_sent_that_is_not_on_record() {
    let database = coder();
    database.execute(
        "create function breakglass.swallow() returns trigger language plpgsql as
           $$ begin return null; end $$;
         create trigger swallow before insert on breakglass.signal
            for each row execute function breakglass.swallow()",
    );
    let (holder, pid) = holder(&database);
    cancel(&database, &pid)
        .code(1)
        .says("the signal was not recorded");
    assert_eq!(holder.value("select 1"), "1");
    let operations = database.operations();
    assert!(of_action(&operations, "cancel_blocker").is_empty());
    assert_eq!(of_action(&operations, "expire").len(), 1);
}
