//! Ctrl-C ends the running statement on the server, in every command, and says what happened.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::remove::{Before, REASON, coder, remove};
use crate::support::run::Output;
use crate::support::{Invocation, Login, PgBouncer, Template, TestDatabase, private_cluster, seed};

const SLEEPS: &str = "select exists (select from pg_stat_activity \
                      where datname = current_database() and wait_event = 'PgSleep')";

pub(super) const CANCELLED: &str = "error: interrupted: the running statement was cancelled on the server; \
                         nothing was changed\n";

/// Puts a view that sleeps in the place of a table.
pub(super) fn slow(database: &TestDatabase, table: &str) {
    let (schema, name) = table.split_once('.').unwrap_or(("public", table));
    database.execute(&format!(
        "alter table {table} rename to {name}_behind; \
         create view {schema}.{name} as \
           select b.* from {schema}.{name}_behind as b, (select pg_sleep(60)) as s"
    ));
}

/// Presses Ctrl-C as soon as the statement sleeps, and sees it end within a second.
pub(super) fn interrupt(database: &TestDatabase, invocation: Invocation<'_>) -> Output {
    let running = invocation.start();
    database.wait_for(SLEEPS);
    let pressed = Instant::now();
    running.signal("INT");
    database.wait_for(&SLEEPS.replace("select exists", "select not exists"));
    assert!(
        pressed.elapsed() < Duration::from_secs(1),
        "{:?}",
        pressed.elapsed()
    );
    running.wait()
}

#[test]
fn reading_tokens_is_cancelled_on_the_server() {
    let database = coder();
    slow(&database, "users");
    for words in [
        vec!["tokens", "ls"],
        vec!["tokens", "ls", "-o", "csv"],
        vec!["tokens", "show", "build-cache"],
    ] {
        let output = interrupt(&database, database.breakglass().args(words));
        output.code(130);
        assert_eq!(output.stderr, CANCELLED);
        assert_eq!(output.stdout, "");
    }
    let json = database.breakglass().args(["tokens", "ls", "-o", "json"]);
    let output = interrupt(&database, json);
    let error: Value = serde_json::from_str(&output.code(130).stderr).unwrap();
    assert_eq!(error["error"]["code"], "interrupted");
    assert!(CANCELLED.contains(error["error"]["message"].as_str().unwrap()));
    assert!(database.operations().is_empty());
}

#[test]
fn reading_the_record_is_cancelled_on_the_server() {
    let database = coder();
    remove(&database, &["build-cache"]).run().success();
    slow(&database, "breakglass.operation");
    for words in [["audit", "ls"], ["audit", "show"]] {
        let id = (words[1] == "show").then_some("01");
        let output = interrupt(&database, database.breakglass().args(words).args(id));
        assert_eq!(output.code(130).stderr, CANCELLED);
    }
}

#[test]
fn planning_is_cancelled_on_the_server_and_is_on_record() {
    let database = coder();
    slow(&database, "users");
    let running = remove(&database, &["build-cache"]).start();
    database.wait_for(SLEEPS);
    running.signal("INT");
    database.wait_for(&SLEEPS.replace("select exists", "select not exists"));
    let output = running.wait();
    output.code(130).says(CANCELLED).says("recorded as ");
    assert_eq!(database.operation()["outcome"], "failed");
    assert_eq!(
        database.operation()["error"],
        "interrupted: the running statement was cancelled on the server"
    );
    assert!(database.changes().is_empty());
}

#[test]
fn a_change_is_cancelled_on_the_server_and_is_on_record() {
    let database = coder();
    sleepy_trigger(&database);
    for flags in [&["build-cache"][..], &["build-cache", "-o", "json"]] {
        let before = Before::of(&database);
        let output = interrupt(&database, remove(&database, flags));
        output
            .code(130)
            .says(CANCELLED.trim_start_matches("error: ").trim_end());
        before.plus(
            &database,
            "failed",
            "interrupted: the running statement was cancelled",
        );
    }
    assert!(database.is_alive(seed::HOT));
}

/// Every update of a key sleeps.
fn sleepy_trigger(database: &TestDatabase) {
    database.execute(
        "create function public.sleepy() returns trigger language plpgsql as
           $$ begin perform pg_sleep(60); return new; end $$;
         create trigger sleepy before update on public.api_keys
            for each row execute function public.sleepy()",
    );
}

#[test]
fn an_installation_is_cancelled_on_the_server_and_leaves_nothing() {
    let database = TestDatabase::new(Template::Coder);
    database.execute(
        "create function public.sleepy() returns event_trigger language plpgsql as
           $$ begin perform pg_sleep(60); end $$;
         create event trigger sleepy on ddl_command_start when tag in ('CREATE TABLE')
            execute function public.sleepy()",
    );
    let output = interrupt(&database, database.breakglass().arg("init"));
    assert_eq!(output.code(130).stderr, CANCELLED);
    let schemas = "select count(*) from pg_namespace where nspname = 'breakglass'";
    assert_eq!(database.value(schemas), "0");
}

/// A server that answers nothing any more cannot confirm; the command ends all the same.
#[test]
fn a_server_that_does_not_confirm_is_told_so() {
    let database = coder();
    let rows = database.application_rows();
    // Nothing interrupts a backend that is stopped.
    database.execute(
        "create function public.sleepy() returns trigger language plpgsql as
           $$ begin loop begin perform pg_sleep(60); exception when query_canceled then null; end; end loop; end $$;
         create trigger sleepy before update on public.api_keys
            for each row execute function public.sleepy()",
    );
    let running = remove(&database, &["build-cache"]).start();
    database.wait_for(SLEEPS);
    let pressed = Instant::now();
    running.signal("INT");
    let output = running.wait();
    output
        .code(130)
        .says(
            "error: interrupted: the server did not confirm that it cancelled the running \
             statement; nothing was changed, but it may still run there until its limit\n",
        )
        .says("nothing was recorded: the server did not answer\n");
    assert!(
        pressed.elapsed() < Duration::from_secs(5),
        "{:?}",
        pressed.elapsed()
    );
    end_sleepers(&database);
    assert_eq!(database.application_rows(), rows);
    assert!(database.operations().is_empty());
}

fn end_sleepers(database: &TestDatabase) {
    database.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity \
          where datname = current_database() and wait_event = 'PgSleep'",
    );
    database.wait_for(&SLEEPS.replace("select exists", "select not exists"));
}

#[test]
fn a_second_ctrl_c_ends_at_once_and_says_what_may_still_run() {
    let database = coder();
    database.execute(
        "create function public.sleepy() returns trigger language plpgsql as
           $$ begin loop begin perform pg_sleep(60); exception when query_canceled then null; end; end loop; end $$;
         create trigger sleepy before update on public.api_keys
            for each row execute function public.sleepy()",
    );
    let running = remove(&database, &["build-cache"]).start();
    database.wait_for(SLEEPS);
    running.signal("INT");
    std::thread::sleep(Duration::from_millis(100));
    let pressed = Instant::now();
    running.signal("INT");
    let output = running.wait();
    assert!(
        pressed.elapsed() < Duration::from_millis(500),
        "{:?}",
        pressed.elapsed()
    );
    output.code(130);
    assert!(output.stderr.ends_with(
        "error: interrupted again, so ended at once: nothing was changed; a statement may still \
         run on the server until its limit, and cannot commit\n"
    ), "{output}");
    end_sleepers(&database);
    assert!(database.is_alive(seed::HOT) && database.changes().is_empty());
}

/// A deferred trigger sleeps in COMMIT: it is waited for, unless somebody insists.
#[test]
fn a_commit_under_way_is_waited_for_unless_ctrl_c_comes_twice() {
    let slow_commit = |seconds: u32| {
        let database = coder();
        database.execute(&format!(
            "create function public.sleepy() returns trigger language plpgsql as
               $$ begin perform pg_sleep({seconds}); return null; end $$;
             create constraint trigger sleepy after update on public.api_keys
                deferrable initially deferred for each row execute function public.sleepy()"
        ));
        database
    };
    let database = slow_commit(1);
    let running = remove(&database, &["build-cache"]).start();
    database.wait_for(SLEEPS);
    running.signal("INT");
    running.wait().success();
    assert!(!database.is_alive(seed::HOT));
    assert_eq!(database.operation()["outcome"], "applied");
    assert_eq!(database.operation()["reason"], REASON);

    let database = slow_commit(2);
    let running = remove(&database, &["build-cache"]).start();
    database.wait_for(SLEEPS);
    running.signal("INT");
    std::thread::sleep(Duration::from_millis(50));
    running.signal("INT");
    let output = running.wait();
    output
        .code(4)
        .says("error: interrupted again, so ended at once: the outcome of operation ")
        .says(" is unknown: its COMMIT may still run on the server\nhint: run `breakglass audit show ");
}

/// What was asked ends with whoever asked, also where the server has nothing to write just then.
#[test]
fn a_closed_pipe_leaves_no_running_statement() {
    let database = coder();
    // Enough rows for the first write, and then one whose owner's login never comes.
    database.execute(
        "insert into api_keys
           select (jsonb_populate_record(k, jsonb_build_object('id', 'A' || lpad(n::text, 9, '0'), 'token_name', n::text))).*
             from api_keys as k, generate_series(1, 200) as n where k.id = 'd4o6FQe5QT';
         create function never(login text) returns text language plpgsql stable as
           $$ begin if login = 'mira' then perform pg_sleep(60); end if; return login; end $$;
         alter table users rename to behind;
         create view users as select id, never(username) as username, email, status, deleted from behind",
    );
    // One after the other, as they come from the index.
    for method in ["hashjoin", "mergejoin", "material", "sort", "seqscan"] {
        let name = database.name();
        database.execute(&format!("alter database {name} set enable_{method} = off"));
    }
    let words = "tokens ls --kind all --include-expired --limit 0 -o jsonl --sort key";
    // Whoever reads on comes to the row that sleeps.
    let reading = database.breakglass().args(words.split(' '));
    interrupt(&database, reading).code(130);
    let script = "{ sleep 0.3; \"$@\"; } | true; echo \"ended\" >&2";
    let shell = Invocation::new("/bin/sh")
        .on(&database)
        .args(["-c", script, "sh"]);
    let shell = shell.arg(env!("CARGO_BIN_EXE_breakglass"));
    let output = shell.args(words.split(' ')).run();
    output.says("ended").never_says("error");
    let idle = SLEEPS.replace("select exists", "select not exists");
    let ended = Instant::now();
    database.wait_for(&idle);
    assert!(
        ended.elapsed() < Duration::from_secs(1),
        "{:?}",
        ended.elapsed()
    );
}

/// A pooler forgets a cancel whose sender has gone before it was passed on.
#[test]
fn a_statement_behind_pgbouncer_is_cancelled_on_the_server() {
    let cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    database.breakglass().arg("init").run().success();
    sleepy_trigger(&database);
    let bouncer = PgBouncer::start(&cluster, Login::Trust);
    let conninfo = bouncer.conninfo("postgres", database.name());
    for _round in 0..5 {
        let before = Before::of(&database);
        let change = remove(&database, &["build-cache"]);
        let change = change.env("BREAKGLASS_DATABASE_URL", conninfo.clone());
        interrupt(&database, change).code(130).says(CANCELLED);
        before.plus(&database, "failed", "interrupted: the running statement");
    }
    slow(&database, "users");
    let list = database.breakglass().args(["tokens", "ls"]);
    let list = list.env("BREAKGLASS_DATABASE_URL", conninfo);
    assert_eq!(interrupt(&database, list).code(130).stderr, CANCELLED);
}
