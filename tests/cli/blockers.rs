//! Who holds a lock that does not come: the roots, the chains, what ends them; within the limit.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use std::time::{Duration, Instant};

use serde_json::Value;

use super::remove::{coder, remove};
use crate::support::run::Output;
use crate::support::{Login, PgBouncer, Template, TestDatabase, breakglass, private_cluster, seed};

/// Whether so many backends of this database wait for a lock.
fn waiting(count: usize) -> String {
    format!(
        "select count(distinct pid) = {count} from pg_locks join pg_stat_activity using (pid) \
          where not granted and datname = current_database()"
    )
}

/// Runs into a lock and gets the errors's data.
fn locked(database: &TestDatabase, flags: &[&str]) -> (Output, Vec<Value>) {
    let words = ["build-cache", "--lock-timeout", "500ms", "-o", "json"];
    let output = remove(database, &words).args(flags.to_vec()).run();
    let error: Value = serde_json::from_str(&output.code(1).stderr).unwrap();
    assert_eq!(error["error"]["code"], "locked", "{output}");
    let blockers = error["error"]["blockers"].as_array().unwrap().clone();
    (output, blockers)
}

/// The holder is idle, a migration waits for it, and we wait for the migration.
#[test]
fn a_chain_of_three_is_followed_to_its_root() {
    let database = coder();
    let rows = database.application_rows();
    let holder = database.session();
    let root = holder.value("select pg_backend_pid()");
    holder.execute(
        "set application_name = 'coderd'; begin; select from api_keys where id = 'xzJ3bFPG9s'",
    );
    let middle = database.meanwhile(
        "set application_name = 'migrate'; lock table api_keys in access exclusive mode",
    );
    database.wait_for(&waiting(1));
    let between =
        database.value("select pid from pg_stat_activity where application_name = 'migrate'");
    let output = remove(&database, &["build-cache", "--lock-timeout", "500ms"]).run();
    output
        .code(1)
        .says(&format!("held by pid {root} (postgres, application `coderd`, client local, idle in transaction for "))
        .says(&format!(
            "\n  {root} (idle in transaction, coderd) blocks {between} (active, migrate) blocks us\n"
        ))
        .says(&format!("`select pg_terminate_backend(pid) from pg_stat_activity where pid = {root} and"))
        .says("recorded as ");
    let (_, blockers) = locked(&database, &[]);
    let [first, second] = blockers.as_slice() else {
        panic!("{blockers:#?}")
    };
    assert_eq!(first["pid"].to_string(), root);
    assert_eq!(first["root"], true);
    for (field, value) in [
        ("role", "postgres"),
        ("application", "coderd"),
        ("state", "idle in transaction"),
        ("wait_event", "Client: ClientRead"),
        ("backend_type", "client backend"),
        ("database", database.name()),
    ] {
        assert_eq!(first[field], value);
    }
    for age in ["query_seconds", "transaction_seconds"] {
        assert!((0.0..60.0).contains(&first[age].as_f64().unwrap()));
    }
    assert_eq!(second["pid"].to_string(), between);
    assert_eq!(second["root"], false);
    assert_eq!(second["waits_for"][0], first["pid"]);
    // What is printed can be pasted, and ends the root and nobody else.
    let command = first["command"].as_str().unwrap();
    assert_eq!(database.value(command), "t");
    assert_eq!(middle.wait(), None);
    assert!(database.is_alive(seed::HOT));
    assert_eq!(database.application_rows(), rows);
    for operation in database.operations() {
        assert_eq!(operation["outcome"], "failed");
        let error = operation["error"].as_str().unwrap();
        assert!(error.contains(&format!("held by pid {root} ")), "{error}");
    }
}

/// A pid that somebody else has by now is not hit.
#[test]
fn the_command_misses_a_backend_that_started_at_another_time() {
    let database = coder();
    let holder = database.session();
    holder.execute("begin; select from api_keys where id = 'd4o6FQe5QT' for update");
    let (_, blockers) = locked(&database, &[]);
    let command = blockers[0]["command"].as_str().unwrap();
    let other = command.replace("backend_start = '20", "backend_start = '19");
    assert_ne!(command, other);
    assert!(database.query(&other).is_empty());
    assert_eq!(holder.value("select 1"), "1");
}

#[test]
fn an_active_one_is_to_be_cancelled() {
    let database = coder();
    let holder = database.meanwhile(
        "begin; select from api_keys where id = 'd4o6FQe5QT' for update; select pg_sleep(60)",
    );
    database.wait_for(
        "select exists (select from pg_stat_activity where datname = current_database() \
          and wait_event = 'PgSleep')",
    );
    let (_, blockers) = locked(&database, &[]);
    let command = blockers[0]["command"].as_str().unwrap();
    assert!(
        command.starts_with("select pg_cancel_backend(pid) from "),
        "{command}"
    );
    assert_eq!(blockers[0]["state"], "active");
    assert_eq!(database.value(command), "t");
    assert_eq!(holder.wait().as_deref(), Some("57014"));
}

#[test]
fn a_prepared_transaction_is_named_with_what_ends_it() {
    for lock in [
        "select from api_keys where id = 'd4o6FQe5QT' for update",
        "lock table api_keys in access exclusive mode",
    ] {
        let cluster = private_cluster();
        let database = TestDatabase::on(&cluster, Template::Coder);
        database.breakglass().arg("init").run().success();
        database.execute(&format!(
            "begin; {lock}; prepare transaction 'it''s half done'"
        ));
        // Somebody else's, which holds nothing that we want.
        database.execute("begin; lock table users in share mode; prepare transaction 'another'");
        let (output, blockers) = locked(&database, &[]);
        let [blocker] = blockers.as_slice() else {
            panic!("{blockers:#?}")
        };
        assert_eq!(blocker["gid"], "it's half done");
        assert_eq!(blocker["role"], "postgres");
        assert_eq!(blocker["pid"], Value::Null);
        assert!(blocker["transaction_seconds"].as_f64().unwrap() < 60.0);
        assert_eq!(blocker["command"], "rollback prepared 'it''s half done'");
        assert_eq!(blocker["chain"], "prepared `it's half done` blocks us");
        let message = "held by prepared transaction `it's half done` (postgres for ";
        output.says(message).never_says("--cancel-blocker");
        database.execute(blocker["command"].as_str().unwrap());
        remove(&database, &["build-cache"]).run().success();
    }
}

/// Who waits for a prepared transaction is no root, although it waits for no session.
#[test]
fn a_prepared_transaction_at_the_root_of_a_chain_is_found() {
    let cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    database.breakglass().arg("init").run().success();
    database.execute("begin; select from api_keys limit 1; prepare transaction 'half'");
    let middle = database.meanwhile("begin; lock table api_keys in access exclusive mode");
    database.wait_for(&waiting(1));
    let (_, blockers) = locked(&database, &[]);
    assert_eq!(blockers.len(), 2, "{blockers:#?}");
    assert_eq!(blockers[0]["gid"], "half");
    let chain = format!(
        "prepared `half` blocks {} (active, breakglass tests) blocks us",
        blockers[1]["pid"]
    );
    assert_eq!(blockers[0]["chain"], chain.as_str());
    assert_eq!([&blockers[0]["root"], &blockers[1]["root"]], [true, false]);
    database.execute("rollback prepared 'half'");
    assert_eq!(middle.wait(), None);
}

/// Ages, state and start are for those who may see them; the chain is for everybody.
#[test]
fn a_role_that_may_not_look_is_told_which_grant_it_lacks() {
    let database = coder();
    let role = super::remove::operator(&database, &[]);
    let holder = database.session();
    holder.execute("begin; select from api_keys where id = 'd4o6FQe5QT' for update");
    let run = || {
        remove(&database, &["build-cache", "--lock-timeout", "500ms"])
            .as_role(&role)
            .run()
    };
    run()
        .code(1)
        .says("`grant pg_read_all_stats` to this role")
        .says("(state hidden, breakglass tests) blocks us\n");
    database.execute(&format!("grant pg_read_all_stats to {role}"));
    run()
        .code(1)
        .says("pg_terminate_backend(pid)")
        .never_says("hidden");
}

#[test]
fn reading_that_waits_is_told_who_is_in_the_way() {
    let database = coder();
    let holder = database.session();
    let pid = holder.value("select pg_backend_pid()");
    holder.execute("begin; lock table api_keys, breakglass.operation in access exclusive mode");
    for words in [
        &["tokens", "ls"][..],
        &["tokens", "show", "build-cache"],
        &["audit", "ls"],
        &["audit", "show", "01"],
        &["tokens", "rm", "build-cache", "--yes", "--reason", "why"],
    ] {
        let output = database
            .breakglass()
            .args(words.to_vec())
            .args(["--lock-timeout", "300ms"])
            .run();
        output
            .code(1)
            .says(&format!("held by pid {pid} "))
            .says(&format!(
                "\n  {pid} (idle in transaction, breakglass tests) blocks us\n"
            ));
    }
}

/// Behind a pooler every transaction may run in another backend.
#[test]
fn blockers_are_named_behind_pgbouncer_too() {
    let cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    database.breakglass().arg("init").run().success();
    let bouncer = PgBouncer::start(&cluster, Login::Trust);
    let conninfo = bouncer.conninfo("postgres", database.name());
    let holder = database.session();
    let pid = holder.value("select pg_backend_pid()");
    holder.execute("begin; select from api_keys where id = 'd4o6FQe5QT' for update");
    for _round in 0..5 {
        let output = breakglass()
            .env("BREAKGLASS_DATABASE_URL", conninfo.clone())
            .args(["tokens", "rm", "build-cache", "--yes", "--reason", "why"])
            .args(["--lock-timeout", "500ms"])
            .run();
        output.code(1).says(&format!("held by pid {pid} "));
    }
}

/// The lock's limit and 200 ms, for everything: start, plan, wait, ask, record, end.
#[test]
fn it_returns_within_the_limit_and_200_ms() {
    let database = coder();
    let holder = database.session();
    holder.execute("begin; select from api_keys where id = 'd4o6FQe5QT' for update");
    let mut took: Vec<Duration> = (0..7)
        .map(|_| {
            let start = Instant::now();
            let output = remove(&database, &["build-cache", "--lock-timeout", "500ms"]).run();
            output.code(1).says("held by pid ");
            start.elapsed()
        })
        .collect();
    took.sort();
    println!("--lock-timeout 500ms returned after {took:?}");
    // A machine under load may be late; most of the time it must not be.
    assert!(took[3] < Duration::from_millis(700), "{took:?}");
}
