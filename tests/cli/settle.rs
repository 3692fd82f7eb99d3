//! The settle window: for how long it is watched, what it finds, and how it is told.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use std::time::{Duration, Instant};

use serde_json::Value;

use super::remove::{REASON, coder, remove};
use crate::support::run::Running;
use crate::support::{Coderd, Template, TestDatabase, seed};

/// A change that is watched is committed by now.
pub(super) const COMMITTED: &str =
    "select exists (select from breakglass.operation where outcome = 'applied')";

/// Starts an expire of the hot token in JSON, and waits until it has committed.
pub(super) fn expiring(database: &TestDatabase, flags: &[&str]) -> Running {
    let words = [&["build-cache", "-o", "json"], flags].concat();
    let running = remove(database, &words).start();
    database.wait_for(COMMITTED);
    running
}

/// The verdicts and details that are recorded for an operation.
pub(super) fn seen_of(database: &TestDatabase, operation: &Value) -> Vec<[String; 3]> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let seen = database.observations();
    seen.iter()
        .filter(|seen| seen["operation_id"] == operation["id"])
        .map(|seen| ["key", "verdict", "detail"].map(|name| text(&seen[name])))
        .collect()
}

#[test]
fn coders_window_is_three_seconds_by_default() {
    let database = coder();
    let started = Instant::now();
    let output = remove(&database, &["build-cache", "-o", "json"])
        .settling()
        .run();
    assert!(started.elapsed() >= Duration::from_secs(3));
    let receipt = output.success().json();
    let watched = receipt["watched_for_ms"].as_u64().unwrap();
    assert!((3_000..10_000).contains(&watched), "{receipt}");
    assert!(receipt["looks"].as_u64().unwrap() >= 4, "{receipt}");
    assert_eq!(receipt["verdict"], "dead");
    let over =
        "select extract(epoch from '{}'::timestamptz - occurred_at) >= 3 from breakglass.operation";
    let over = over.replace("{}", receipt["watched_until"].as_str().unwrap());
    assert_eq!(database.value(&over), "t");
    let [seen] = seen_of(&database, &database.operation())
        .try_into()
        .unwrap();
    let detail = format!("expired at each of {} looks over 3.", receipt["looks"]);
    assert!(seen[2].starts_with(&detail), "{seen:?}");
    // For people too, and of a token that was dead before.
    let output = remove(&database, &["build-cache", "--settle", "200ms"]).run();
    let told = &output.success().stdout;
    assert!(
        told.contains("\nread back on a fresh connection: dead, at each of "),
        "{told}"
    );
    assert!(told.contains(" looks over 0."), "{told}");
}

#[test]
fn no_window_is_one_look() {
    let database = coder();
    let receipt = remove(&database, &["build-cache", "-o", "json", "--settle", "0"])
        .run()
        .json();
    assert_eq!(
        (&receipt["looks"], &receipt["watched_for_ms"]),
        (&1.into(), &0.into())
    );
    assert_eq!(
        seen_of(&database, &database.operation()),
        [[seed::HOT, "dead", "expired"]]
    );
}

/// Nothing writes a row of Django's back, so its adapter asks for no window.
#[test]
fn an_adapter_that_asks_for_no_window_has_none() {
    let database = TestDatabase::new(Template::Django);
    database.breakglass().arg("init").run().success();
    let key = database.value("select encode(sha256(convert_to(key, 'UTF8')), 'hex') from authtoken_token order by 1 limit 1");
    let words = [
        "tokens",
        "rm",
        &format!("id:{key}"),
        "--delete",
        "--confirm",
        &key,
    ];
    let change = database
        .breakglass()
        .args(words)
        .args(["--reason", REASON, "-o", "json"]);
    let receipt = change.settling().run().json();
    assert_eq!(
        (&receipt["verdict"], &receipt["looks"]),
        (&"dead".into(), &1.into())
    );
    let watched = database.breakglass().args(words).args(["--reason", REASON]);
    watched.args(["--settle", "1s"]).run().code(1);
}

#[test]
fn a_window_is_a_duration_of_an_hour_at_most() {
    let database = coder();
    let before = super::remove::Before::of(&database);
    for (window, why) in [
        (
            "soon",
            "give a duration such as `3s` or `500ms`, or `0` to look once",
        ),
        (
            "3",
            "give a duration such as `3s` or `500ms`, or `0` to look once",
        ),
        ("61m", "give at most 1h: the command waits for so long"),
    ] {
        remove(&database, &["build-cache", "--settle", window])
            .run()
            .code(2)
            .says(why);
    }
    let sweep = database
        .breakglass()
        .args(["tokens", "sweep", "--settle", "1s"]);
    sweep.run().code(2).says("--expire|--delete");
    before.is_all(&database);
}

#[test]
fn an_adapters_window_is_checked_when_it_is_loaded() {
    let file = |settle: &str| {
        let text = std::fs::read_to_string("tests/fixtures/inhouse.toml").unwrap();
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("inhouse.toml");
        std::fs::write(&path, format!("{text}\n[settle]\n{settle}\n")).unwrap();
        (directory, path.display().to_string())
    };
    let database = TestDatabase::new(Template::Inhouse);
    for (settle, why) in [
        ("window = \"2h\"", "give at most 1h"),
        ("window = \"3\"", "give a duration"),
        ("still_alive = \"pray\"", "unknown variant `pray`"),
        (
            "why = \"so\"",
            "settle.why says why settle.still_alive helps, and there is none",
        ),
        ("for = \"3s\"", "unknown field `for`"),
    ] {
        let (_directory, path) = file(settle);
        let list = database
            .breakglass()
            .args(["tokens", "ls", "--adapter-file", &path]);
        list.run().code(2).says(why);
    }
    let (_directory, path) =
        file("window = \"700ms\"\nstill_alive = \"delete\"\nwhy = \"it is so\"");
    let show = ["adapters", "show", "--adapter-file", &path];
    let name = database.value("select 'inhouse'");
    let shown = database.breakglass().args(show).arg(name).run();
    assert!(
        shown
            .stdout
            .contains("watched for      0.7 s after the commit\n"),
        "{shown}"
    );
    assert!(
        shown
            .stdout
            .contains("written back     --delete: it is so\n"),
        "{shown}"
    );
}

#[test]
fn a_write_back_within_the_window_is_found_and_killed_again_on_record() {
    for (number, moment) in [0, 100, 600].into_iter().enumerate() {
        let database = coder();
        let mut request = Coderd::read(&database, seed::HOT);
        if number == 2 {
            request = request.slides();
        }
        let running = expiring(&database, &["--settle", "1s", "--ticket", "INC-42"]);
        std::thread::sleep(Duration::from_millis(moment));
        request.write_back();
        let output = running.wait();
        let receipt = output.success().json();
        assert!(!database.is_alive(seed::HOT));
        let [first, again] = database.operations().try_into().unwrap();
        assert_eq!(receipt["operation"]["id"], first["id"]);
        assert_eq!(
            (&again["parent_id"], &again["cause"]),
            (&first["id"], &"re-apply".into())
        );
        for same in [
            "action", "reason", "ticket", "os_user", "db_user", "adapter", "outcome",
        ] {
            assert_eq!(first[same], again[same], "{same}");
        }
        // Its plan is of the row as it was then: the same where the same came back.
        let same_row = first["plan_digest"] == again["plan_digest"];
        assert_eq!(same_row, number != 2);
        assert_eq!(again["selector"], format!("id:{}", seed::HOT));
        assert_eq!(
            (database.changes().len(), database.audit_logs().len()),
            (2, 2)
        );
        assert_eq!(receipt["verdict"], "dead");
        assert_eq!(receipt["unsettled"], serde_json::json!([]));
        // The window began anew.
        assert!(
            receipt["watched_for_ms"].as_u64().unwrap() >= 1_000,
            "{receipt}"
        );
        let expected = serde_json::json!([{
            "operation": again["id"], "outcome": "applied", "keys": [seed::HOT], "changed": 1,
            "companions_changed": 0, "error": null,
        }]);
        assert_eq!(receipt["reapplied"], expected);
        let [found, last] = seen_of(&database, &first).try_into().unwrap();
        assert_eq!(found, [seed::HOT, "resurrected", "active"]);
        assert_eq!([&last[0], &last[1]], [seed::HOT, "dead"]);
        let [last] = seen_of(&database, &again).try_into().unwrap();
        assert_eq!([&last[0], &last[1]], [seed::HOT, "dead"]);
        story_is_shown(&database, &first, &again);
    }
}

/// `audit show` leads from an operation to those that it caused, and back.
fn story_is_shown(database: &TestDatabase, first: &Value, again: &Value) {
    let id = |operation: &Value| operation["id"].as_str().unwrap().to_owned();
    let show = |operation: &Value, flags: &[&str]| {
        let words = ["audit", "show", &id(operation)];
        database.breakglass().args(words).args(flags.to_vec()).run()
    };
    let shown = show(first, &[]);
    let line = format!("\ncaused           re-apply {}, applied at ", id(again));
    assert!(shown.success().stdout.contains(&line), "{shown}");
    let json = show(first, &["-o", "json"]).json();
    assert_eq!(json["caused"][0]["id"], again["id"]);
    assert_eq!(json["caused"][0]["cause"], "re-apply");
    let shown = show(again, &[]);
    let line = format!("\ncaused by        {} (re-apply)\n", id(first));
    assert!(shown.success().stdout.contains(&line), "{shown}");
    assert_eq!(
        show(again, &["-o", "json"]).json()["caused"],
        serde_json::json!([])
    );
}

/// It waits for our row lock, and lands as soon as that is gone.
#[test]
fn a_write_back_that_waits_for_the_commit_is_found() {
    let database = coder();
    database.execute(
        "create function public.sleepy() returns trigger language plpgsql as
           $$ begin if new.expires_at < now() then perform pg_sleep(0.5); end if; return null; end $$;
         create constraint trigger sleepy after update on public.api_keys
            deferrable initially deferred for each row execute function public.sleepy()",
    );
    let request = Coderd::read(&database, seed::HOT);
    let running = remove(&database, &["build-cache", "-o", "json", "--settle", "1s"]).start();
    database.wait_for("select exists (select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep')");
    request.write_back();
    let receipt = running.wait().success().json();
    assert_eq!(
        (
            &receipt["verdict"],
            receipt["reapplied"].as_array().unwrap().len()
        ),
        (&"dead".into(), 1)
    );
    assert!(!database.is_alive(seed::HOT));
}

/// Before the first look, so that even one look finds it.
#[test]
fn a_write_back_before_the_first_look_is_found() {
    let database = coder();
    database.execute(
        "create table public.once (expires_at timestamptz);
         insert into public.once select expires_at from api_keys where id = 'd4o6FQe5QT';
         create function public.back() returns trigger language plpgsql as
           $$ declare kept timestamptz; begin
             delete from public.once returning expires_at into kept;
             if found then update public.api_keys set expires_at = kept where id = new.id; end if;
             return null; end $$;
         create constraint trigger back after update on public.api_keys
            deferrable initially deferred for each row execute function public.back()",
    );
    let output = remove(&database, &["build-cache"]).run();
    let again = &database.operations()[1]["id"];
    let line = format!(
        "\ncame back to life, so killed again: {} by {} (applied)\nread back on a fresh connection: dead\n",
        seed::HOT,
        again.as_str().unwrap()
    );
    assert!(output.success().stdout.contains(&line), "{output}");
    output.never_says("hint:");
    assert!(!database.is_alive(seed::HOT));
    assert_eq!(database.operations().len(), 2);
}

#[test]
fn a_writer_that_never_stops_is_told_with_the_command_that_ends_it() {
    let database = coder();
    database.execute(
        "create function public.back() returns trigger language plpgsql as
           $$ begin if new.id = 'd4o6FQe5QT' and new.expires_at < now() then
             update public.api_keys set expires_at = old.expires_at where id = new.id; end if;
             return null; end $$;
         create trigger back after update on public.api_keys for each row execute function public.back()",
    );
    let words = [
        "build-cache",
        "r1zx5DiipR",
        "--settle",
        "300ms",
        "--ticket",
        "it's INC-42",
        "-o",
        "json",
    ];
    let output = remove(&database, &words).run();
    let receipt = output.code(5).json();
    assert_eq!(receipt["verdict"], "resurrected");
    let operations = database.operations();
    let first = &operations[0];
    assert_eq!(operations.len(), 4);
    for again in &operations[1..] {
        assert_eq!(
            (&again["parent_id"], &again["cause"]),
            (&first["id"], &"re-apply".into())
        );
        assert_eq!(
            (&again["outcome"], &again["planned"]),
            (&"applied".into(), &1.into())
        );
    }
    let told: Vec<&Value> = receipt["reapplied"]
        .as_array()
        .unwrap()
        .iter()
        .map(|told| &told["operation"])
        .collect();
    assert_eq!(
        told,
        operations[1..]
            .iter()
            .map(|again| &again["id"])
            .collect::<Vec<_>>()
    );
    one_of_two_is_alive(&database, first, &receipt);
    let command = format!(
        "breakglass tokens rm id:{HOT} --delete --confirm {HOT} --reason '{REASON}' --ticket 'it'\\''s INC-42'",
        HOT = seed::HOT
    );
    let advice = receipt["advice"].as_str().unwrap();
    assert!(
        advice.starts_with(&format!("run `{command}`; ")),
        "{advice}"
    );
    // What it says works.
    let typed = crate::support::Invocation::new("/bin/sh").on(&database);
    let command = command.replacen("breakglass", env!("CARGO_BIN_EXE_breakglass"), 1);
    typed.args(["-c", &command]).run().success();
    assert!(!database.has_token(seed::HOT));
}

/// The other one was watched to its end.
fn one_of_two_is_alive(database: &TestDatabase, first: &Value, receipt: &Value) {
    let expected = serde_json::json!([{
        "key": seed::HOT, "verdict": "resurrected",
        "detail": "active, after it was killed again 3 times",
    }]);
    assert_eq!(receipt["unsettled"], expected);
    let seen = seen_of(database, first);
    assert!(
        seen.iter()
            .any(|seen| seen[0] == seed::RELEASE && seen[1] == "dead"),
        "{seen:?}"
    );
    assert_eq!(seen.len(), 5);
}

#[test]
fn ctrl_c_ends_the_watch_and_leaves_the_change() {
    for signals in [1, 2] {
        let database = coder();
        let running = expiring(&database, &["--settle", "30s"]);
        // Some looks later.
        std::thread::sleep(Duration::from_millis(400));
        let pressed = Instant::now();
        running.signal("INT");
        if signals == 2 {
            running.signal("INT");
        }
        let output = running.wait();
        assert!(
            pressed.elapsed() < Duration::from_secs(3),
            "{:?}",
            pressed.elapsed()
        );
        output.code(5);
        assert!(!database.is_alive(seed::HOT));
        assert_eq!(database.operation()["outcome"], "applied");
        let id = database.operation()["id"].as_str().unwrap().to_owned();
        if output.stdout.is_empty() {
            output.says("was carried out and recorded, but not read back");
            continue;
        }
        let receipt = output.json();
        assert_eq!(receipt["verdict"], "unknown");
        let advice = format!(
            "the change stands, see `breakglass audit show {id}`; look whether it is dead with `breakglass tokens show id:{}`",
            seed::HOT
        );
        assert_eq!(receipt["advice"], advice);
        let [seen] = seen_of(&database, &database.operation())
            .try_into()
            .unwrap();
        assert_eq!(seen[1], "unknown");
        assert!(
            seen[2].starts_with("not watched to the end: interrupted; dead at each of "),
            "{seen:?}"
        );
    }
}
