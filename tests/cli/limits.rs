//! How long anything may take: each limit from flag, target, default in this order, each really
//! acting, on every session.
#![expect(
    clippy::expect_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::remove::{Before, REASON, coder, remove};
use crate::support::config::{File, prod};
use crate::support::run::Output;
use crate::support::{Invocation, Template, TestDatabase, breakglass, seed};

/// Runs it, and asserts that it took from `least` to `most` milliseconds. The upper end is wide:
/// machines are slow, and what it is held against is for ever.
#[track_caller]
fn takes(invocation: Invocation<'_>, least: u64, most: u64) -> Output {
    let start = Instant::now();
    let output = invocation.run();
    let took = start.elapsed();
    let limits = Duration::from_millis(least)..Duration::from_millis(most);
    assert!(limits.contains(&took), "{took:?}\n{output}");
    output
}

/// A socket that takes connections and never answers; it ends with the listener.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let port = listener.local_addr().expect("it is bound").port();
    (
        listener,
        format!("host=127.0.0.1 port={port} user=x dbname=x"),
    )
}

#[test]
fn connecting_has_its_limit_from_flag_then_target_then_string() {
    let (_listener, conninfo) = silent();
    let told = "the server did not answer within 0.3 s";
    let list = || breakglass().args(["tokens", "ls"]);
    let flag = ["--connect-timeout", "300ms"];
    // The flag beats the string and the variable.
    let string = format!("{conninfo} connect_timeout=60");
    let output = takes(list().args(["-d", &string]).args(flag), 300, 5_000);
    output.code(3).says(told);
    let by_variable = list().env("PGCONNECT_TIMEOUT", "60");
    let output = takes(by_variable.args(["-d", &conninfo]).args(flag), 300, 5_000);
    output.code(3).says(told);
    // So does the target, and the flag beats the target.
    let file = File::with(&prod(&string, "connect_timeout = \"300ms\""));
    let list = || file.breakglass().args(["tokens", "ls", "--target", "prod"]);
    takes(list(), 300, 5_000).code(3).says(told);
    let file = File::with(&prod(&conninfo, "connect_timeout = \"60s\""));
    let list = || file.breakglass().args(["tokens", "ls", "--target", "prod"]);
    takes(list().args(flag), 300, 5_000).code(3).says(told);
    // What only the string says counts.
    let string = format!("{conninfo} connect_timeout=1");
    let output = takes(
        breakglass().args(["tokens", "ls", "-d", &string]),
        900,
        6_000,
    );
    output.code(3).says("did not answer within ");
    // A change too.
    let rm = breakglass().args(["tokens", "rm", "x", "--yes", "--reason", REASON]);
    let output = takes(rm.args(["-d", &conninfo]).args(flag), 300, 5_000);
    output
        .code(3)
        .says(told)
        .says("nothing was recorded: there is no connection");
}

/// For libpq zero is for ever.
#[test]
fn a_connect_timeout_of_zero_is_not_for_ever() {
    let (_listener, conninfo) = silent();
    let string = format!("{conninfo} connect_timeout=0");
    let output = takes(
        breakglass().args(["tokens", "ls", "-d", &string]),
        9_000,
        20_000,
    );
    output.code(3).says("the server did not answer within 10 s");
}

/// Lets every update of a key take longer than a test has patience.
const SLOW: &str = "create function slow() returns trigger language plpgsql as
    $$ begin perform pg_sleep(20); return new; end $$;
    create trigger slow before update on api_keys for each row execute function slow()";

#[test]
fn a_statement_has_its_limit() {
    let database = coder();
    database.execute(SLOW);
    let by_flag = remove(&database, &["build-cache", "--statement-timeout", "400ms"]);
    let file = File::on(&database, "statement_timeout = \"400ms\"");
    let long = File::on(&database, "statement_timeout = \"60s\"");
    let both = long.remove(&["build-cache", "--statement-timeout", "400ms"]);
    for invocation in [by_flag, file.remove(&["build-cache"]), both] {
        let before = Before::of(&database);
        let output = takes(invocation, 400, 6_000);
        output
            .code(1)
            .says("error: canceling statement due to statement timeout (SQLSTATE 57014)")
            .says("or raise --statement-timeout\nnothing was changed\nrecorded as ");
        before.plus(&database, "failed", "statement timeout");
    }
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn a_lock_has_the_limit_of_its_target() {
    let database = coder();
    let holder = database.session();
    holder.execute("begin; select from api_keys where id = 'd4o6FQe5QT' for update");
    let file = File::on(&database, "lock_timeout = \"300ms\"");
    let before = Before::of(&database);
    let output = takes(file.remove(&["build-cache"]), 300, 5_000);
    output
        .code(1)
        .says("the lock did not come within 300 ms: held by pid ");
    before.plus(&database, "failed", "the lock did not come within 300 ms");
    // A lock that does not come is told as one, also where the statement has less time than a lock
    // has by default.
    let remove = remove(&database, &["build-cache", "--statement-timeout", "1s"]);
    let output = takes(remove, 900, 6_000);
    output
        .code(1)
        .says("the lock did not come within 900 ms: held by pid ");
    holder.execute("rollback");
}

#[test]
fn what_only_reads_has_its_limits_too() {
    let database = coder();
    let holder = database.session();
    holder.execute("begin; lock table api_keys, breakglass.operation in access exclusive mode");
    for words in [
        &["tokens", "ls"][..],
        &["tokens", "show", "build-cache"],
        &["audit", "ls"],
        &["audit", "show", "0199"],
    ] {
        let invocation = database.breakglass().args(words.to_vec());
        let output = takes(invocation.args(["--lock-timeout", "300ms"]), 300, 5_000);
        // With its holder where that was asked for, else in the server's words.
        let told = [
            "did not come within 300 ms",
            "lock timeout (SQLSTATE 55P03)",
        ];
        output.code(1);
        assert!(
            told.iter().any(|told| output.stderr.contains(told)),
            "{output}"
        );
    }
    holder.execute("rollback");
    // One row after the other, each with its time.
    database.execute(
        "alter table users rename to slow_users;
         create view users as select u.* from slow_users as u where pg_sleep(20) is not null",
    );
    for format in ["table", "jsonl"] {
        let list = database.breakglass().args(["tokens", "ls", "-o", format]);
        let output = takes(list.args(["--statement-timeout", "400ms"]), 400, 6_000);
        output.code(1);
        assert_eq!(output.stdout, "");
    }
}

#[test]
fn an_installation_has_its_limits_too() {
    let database = TestDatabase::new(Template::Coder);
    let holder = database.session();
    holder.execute("begin; create schema breakglass");
    let init = database
        .breakglass()
        .args(["init", "--lock-timeout", "300ms"]);
    let output = takes(init, 300, 5_000);
    output.code(1).says("the lock did not come within 300 ms");
    let init = database
        .breakglass()
        .args(["init", "--statement-timeout", "300ms"]);
    takes(init, 200, 5_000).code(1);
    holder.execute("rollback");
    let schema = "select to_regnamespace('breakglass') is null";
    assert_eq!(database.value(schema), "t");
    database.breakglass().arg("init").run().success();
}

/// Writes down the settings that the transaction of a change runs under.
const WITNESS: &str = "create table seen (n int generated always as identity, settings text);
    create function witness() returns trigger language plpgsql as $$ begin
      insert into public.seen (settings) values (concat_ws(' ', current_setting('lock_timeout'),
        current_setting('statement_timeout'),
        current_setting('idle_in_transaction_session_timeout')));
      return new; end $$;
    create trigger witness before update on api_keys for each row execute function witness();
    create trigger witness before insert on breakglass.operation
      for each row execute function witness();
    create trigger witness before insert on breakglass.observation
      for each row execute function witness()";

#[test]
fn every_transaction_runs_under_the_limits() {
    let database = coder();
    database.execute(WITNESS);
    let seen = || {
        let settings = database.value("select string_agg(distinct settings, ', ') from seen");
        database.execute("truncate seen");
        settings
    };
    remove(&database, &["id:Zr7nGJLxcC"]).run().success();
    assert_eq!(seen(), "5s 30s 30s");
    let fields = "lock_timeout = \"1s\"\nstatement_timeout = \"7s\"\n\
                  idle_in_transaction_timeout = \"8s\"";
    let file = File::on(&database, fields);
    file.remove(&["build-cache"]).run().success();
    assert_eq!(seen(), "1s 7s 8s");
    let flags = [
        "--lock-timeout",
        "2s",
        "--idle-in-transaction-timeout",
        "1500ms",
    ];
    file.remove(&["release"]).args(flags).run().success();
    assert_eq!(seen(), "2s 7s 1500ms");
    // What is recorded alone, too: a refusal.
    file.remove(&["nothing"]).args(flags).run().code(1);
    assert_eq!(seen(), "2s 7s 1500ms");
}

/// No transaction is open while somebody thinks.
#[test]
fn whoever_thinks_longer_than_a_transaction_may_idle_is_not_cut_off() {
    let database = coder();
    let words = ["tokens", "rm", "build-cache", "--reason", REASON];
    let rm = database.breakglass().args(words);
    let rm = rm.args(["--idle-in-transaction-timeout", "100ms"]);
    let mut terminal = rm.on_terminal(200);
    terminal.expect("expire? [y/N]");
    std::thread::sleep(Duration::from_millis(500));
    terminal.send_line("y");
    terminal
        .finish()
        .code(0)
        .says("read back on a fresh connection: dead");
    assert_eq!(database.operation()["outcome"], "applied");
}

#[test]
fn no_limit_can_be_switched_off() {
    let database = coder();
    let before = Before::of(&database);
    for flag in [
        "--connect-timeout",
        "--lock-timeout",
        "--statement-timeout",
        "--idle-in-transaction-timeout",
        "--resolve-timeout",
    ] {
        for (value, why) in [
            (
                "0",
                "from 1ms to 24h: without a limit a command could hang for ever",
            ),
            ("0s", "from 1ms to 24h"),
            ("500us", "from 1ms to 24h"),
            ("25h", "from 1ms to 24h"),
            ("900years", "from 1ms to 24h"),
            ("5", "give a duration such as `5s` or `500ms`"),
            ("soon", "give a duration such as"),
            ("", ""),
        ] {
            let output = remove(&database, &["build-cache", flag, value]).run();
            output.code(2).says(why).says(flag);
        }
        let negative = format!("{flag}=-5s");
        remove(&database, &["build-cache", &negative]).run().code(2);
    }
    before.is_all(&database);
}
