//! What SQL cannot reach: every word for it in an adapter file, in the plan, the receipt and JSON.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that finds no value fails its test"
)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::adapters::INHOUSE;
use super::remove::{REASON, coder, remove};
use crate::support::http::{App, Reply};
use crate::support::run::Output;
use crate::support::{Template, TestDatabase, breakglass, seed};

const WORDS: &str = r#"
[[kind]]
name = "robot"
title = "of nobody"

[[survivor]]
on = ["expire"]
what = "jwt"
kinds = ["service"]
lasts = "15m"
text = "JWTs that were made from it work until their exp, 15 min at most"

[[survivor]]
on = ["delete"]
what = "ticket"
text = "not of an expire"

[[survivor]]
on = ["expire"]
what = "session"
kinds = ["robot"]
text = "not of this kind"

[[survivor]]
on = ["expire"]
what = "connection"
text = "open streams go on"

[[cache]]
where = "redis"
lasts = "5m"
sliding = true
flush = "redis_del"
redis_key = "session:{{svc}}:{owner}:{label}:{key}"

[[cache]]
where = "memory"
lasts = "2s"
flush = "wait"

[[cache]]
where = "remote"
flush = "restart"
on = ["expire"]
kinds = ["service"]
text = "the gateway's copy stays for ever"

[[cache]]
where = "memory"
kinds = ["robot"]
lasts = "1h"
flush = "restart"

[probe]
header = "X-Service-Token: {}"
path = "/whoami"
"#;

const JWT: &str = "JWTs that were made from it work until their exp, 15 min at most";
const REDIS: &str = "the cache in Redis may still let it in, and 5m longer from every use; deleting \
                     its key from Redis makes it forget";
const MEMORY: &str = "the cache in the application's memory may still let it in for up to 2s";
const REMOTE: &str =
    "the gateway's copy stays for ever; a restart of what keeps it makes it forget";

/// The in-house adapter with more in it.
pub(super) fn adapter(more: &str) -> (TempDir, PathBuf) {
    let text = fs::read_to_string(INHOUSE).unwrap();
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("adapter.toml");
    fs::write(&path, format!("{text}\n{more}")).unwrap();
    (directory, path)
}

fn inhouse() -> TestDatabase {
    TestDatabase::prepared("unreached_inhouse", Template::Inhouse, |database| {
        let init = ["init", "--adapter-file", INHOUSE];
        database.breakglass().args(init).run().success();
    })
}

fn rm(database: &TestDatabase, words: &[&str]) -> Output {
    let (_directory, path) = adapter(WORDS);
    let invocation = remove(database, words).arg("--adapter-file");
    invocation.arg(path.display().to_string()).run()
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn the_plan_has_what_is_not_killed_in_short() {
    let database = inhouse();
    let output = rm(&database, &["id:1", "--dry-run"]);
    output.success();
    let told: Vec<&str> = output
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("does not kill: "))
        .collect();
    assert_eq!(told, [JWT, "open streams go on", REDIS, MEMORY, REMOTE]);
    output.never_says("redis-cli").never_says("not of ");
}

#[test]
fn the_receipt_has_until_when_and_what_to_type() {
    let database = inhouse();
    let output = rm(&database, &["id:1", "-o", "json"]);
    output.success();
    let receipt = output.json();
    assert_eq!(
        receipt["still_works"],
        json!([JWT, "open streams go on", REDIS, MEMORY, REMOTE])
    );
    let left = receipt["unreached"].as_array().unwrap();
    let [jwt, streams, redis, memory, remote] = left.as_slice() else {
        unreachable!("{left:#?}")
    };
    assert_eq!(
        *jwt,
        json!({
            "what": "jwt", "text": JWT, "lasts_seconds": 900, "sliding": false,
            "until": jwt["until"], "where": null, "flush": null, "commands": [],
            "without_command": [],
        })
    );
    let occurred = time(&receipt["operation"]["occurred_at"]);
    let until = time(&jwt["until"]) - occurred;
    assert!(until >= TimeDelta::minutes(15), "{until}");
    assert!(
        until < TimeDelta::minutes(15) + TimeDelta::seconds(30),
        "{until}"
    );
    assert_eq!(
        jwt["until"].as_str().unwrap().len(),
        "2026-01-01T00:00:00Z".len(),
        "whole seconds"
    );
    assert_eq!(
        (&streams["what"], &streams["until"]),
        (&json!("connection"), &Value::Null)
    );
    let team =
        "select \"teamId\"::text from \"Internal Tools\".\"Teams\" where \"Slug\" = 'payments'";
    let command = format!(
        "redis-cli DEL 'session:{{svc}}:{}:ledger:1'",
        database.value(team)
    );
    assert_eq!(
        *redis,
        json!({
            "what": "cache", "text": REDIS, "lasts_seconds": 300, "sliding": true, "until": null,
            "where": "redis", "flush": "redis_del", "commands": [command], "without_command": [],
        })
    );
    assert_eq!(
        (&memory["where"], &memory["flush"]),
        (&json!("memory"), &json!("wait"))
    );
    assert_ne!(memory["until"], Value::Null);
    assert_eq!(
        *remote,
        json!({
            "what": "cache", "text": REMOTE, "lasts_seconds": null, "sliding": false, "until": null,
            "where": "remote", "flush": "restart", "commands": [], "without_command": [],
        })
    );
}

#[test]
fn the_receipt_for_people_has_it_below_the_record() {
    let database = inhouse();
    // Number 6 has no label.
    let output = rm(&database, &["id:1", "id:6"]);
    output.success();
    let (_, left) = output.stdout.split_once("\nrecorded as ").unwrap();
    let lines: Vec<&str> = left.lines().skip(1).collect();
    let [jwt, streams, redis, command, without, memory, remote] = lines.as_slice() else {
        unreachable!("{output}")
    };
    assert!(
        jwt.starts_with(&format!("not killed: {JWT} (until 20")),
        "{jwt}"
    );
    assert!(jwt.ends_with(" +00:00)"), "{jwt}");
    assert_eq!(*streams, "not killed: open streams go on");
    assert_eq!(*redis, format!("not killed: {REDIS}"));
    assert!(
        command.starts_with("  redis-cli DEL 'session:{svc}:"),
        "{command}"
    );
    assert!(command.ends_with(":ledger:1'"), "{command}");
    assert_eq!(
        *without,
        "  no command for 6: no owner or label to make the cache's key from"
    );
    assert!(
        memory.starts_with(&format!("not killed: {MEMORY} (until 20")),
        "{memory}"
    );
    assert_eq!(*remote, format!("not killed: {REMOTE}"));
    // Dead before: since when is not known here, so there is no time at which it is over.
    let again = rm(&database, &["id:1"]);
    again.success();
    assert!(again.stdout.contains("not killed: JWTs"), "{again}");
    assert!(!again.stdout.contains("(until"), "{again}");
}

#[test]
fn a_hostile_label_is_one_word_for_the_shell_and_harmless_on_a_terminal() {
    let labels = [
        "'; touch /tmp/breakglass-was-here; '",
        "$(touch /tmp/breakglass-was-here) `id` \"$HOME\" \\",
        "two\nlines\r and \u{1b}[2Jclear \u{202e}turned",
        "Zoë – 日本",
    ];
    for label in labels {
        let database = inhouse();
        let quoted = label.replace('\'', "''");
        database.execute(&format!(
            "update \"Internal Tools\".\"ServiceTokens\" set \"display Name\" = '{quoted}' where \"tokenId\" = 1"
        ));
        let told = rm(&database, &["id:1"]);
        told.success();
        assert!(
            !told.stdout.contains(['\u{1b}', '\u{202e}', '\r']),
            "{told}"
        );
        let output = rm(&database, &["id:1", "-o", "json"]);
        output.success();
        let command = output.json()["unreached"][2]["commands"][0]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            told.stdout.contains(&format!("\n  {command}\n")),
            "{command}\n{told}"
        );
        let words = command.strip_prefix("redis-cli DEL ").unwrap();
        let shell = Command::new("bash")
            .args(["-c", &format!("printf '%s|' {words}")])
            .output()
            .expect("bash is there");
        let read = String::from_utf8(shell.stdout).unwrap();
        let (_, rest) = read.split_once("session:{svc}:").unwrap();
        let (_, rest) = rest.split_once(':').unwrap();
        assert_eq!(rest, format!("{label}:1|"), "{command}");
        assert_eq!(shell.stderr, b"");
    }
    assert!(!std::path::Path::new("/tmp/breakglass-was-here").exists());
}

#[test]
fn many_commands_are_counted_and_json_has_all() {
    let database = inhouse();
    database.execute(
        "insert into \"Internal Tools\".\"ServiceTokens\" (\"tokenId\", \"teamId\", \"display Name\", \"tokenHash\") \
         select n, 1, 'many', lpad(n::text, 64, '0') from generate_series(101, 125) as n",
    );
    let words: Vec<String> = (101..=125).map(|id| format!("id:{id}")).collect();
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = rm(&database, &words);
    output.success();
    assert_eq!(output.stdout.matches("\n  redis-cli DEL ").count(), 20);
    assert!(output.stdout.contains("\n  … and 5 more: "), "{output}");
    words.extend(["--dry-run", "-o", "json"]);
    let output = rm(&database, &words);
    let commands = output.json()["unreached"][2]["commands"].clone();
    assert_eq!(commands.as_array().unwrap().len(), 25);
}

#[test]
fn only_what_the_kind_concerns_is_told() {
    let database = coder();
    let output = remove(&database, &[seed::CHAT_GATEWAY, "-o", "json"]).run();
    output.success();
    assert_eq!(output.json()["still_works"], json!([]));
    assert_eq!(output.json()["unreached"], json!([]));
    let output = remove(&database, &[seed::SESSION]).run();
    output.success();
    let tickets = "not killed: app tickets already issued work for up to 60 s, through workspace \
                   proxies too (until 20";
    assert!(output.stdout.contains(tickets), "{output}");
}

#[test]
fn adapters_show_has_the_caches_and_how_to_ask() {
    let (_directory, path) = adapter(WORDS);
    let show = ["adapters", "show", "inhouse", "--adapter-file"];
    let output = breakglass()
        .args(show)
        .arg(path.display().to_string())
        .run();
    output.success();
    for line in [
        format!("\ndoes not kill    {JWT}\n"),
        format!("\ndoes not kill    {REDIS}\n"),
        "\nprobe            X-Service-Token: {} /whoami\n".to_owned(),
    ] {
        assert!(output.stdout.contains(&line), "{line}\n{output}");
    }
}

/// The secret of token 1 of the in-house table.
fn secret() -> String {
    use sha2::{Digest as _, Sha256};
    let hex = breakglass::model::hex(&Sha256::digest("secret of 1"));
    format!("svc_{hex:.32}")
}

fn probing(database: &TestDatabase, url: &str, words: &[&str]) -> Output {
    let (_directory, path) = adapter(WORDS);
    let invocation = remove(database, &["-", "--probe", url]).arg("--adapter-file");
    let invocation = invocation
        .arg(path.display().to_string())
        .args(words.to_vec());
    let output = invocation.stdin(secret()).run();
    output.never_says(&secret());
    output
}

#[test]
fn the_cache_that_was_in_the_way_is_named() {
    // Refused at last: after so short a time either cache can have been it.
    let database = inhouse();
    let app = App::start(|number, _| Reply::Status(if number < 3 { 200 } else { 401 }));
    let output = probing(&database, &app.url(), &["-o", "json"]);
    output.success();
    let probe = output.json()["probe"].clone();
    assert_eq!(probe["in_the_way"], json!([REDIS, MEMORY, REMOTE]));
    assert!(
        app.asked()[0].starts_with("GET /whoami "),
        "{:?}",
        app.asked()
    );
    let header = format!("x-service-token: {}\r\n", secret());
    assert!(app.asked()[0].contains(&header));

    // Still taken after more than two seconds: not the one in memory.
    let database = inhouse();
    let app = App::saying(200);
    let output = probing(&database, &app.url(), &["--probe-timeout", "4s"]);
    output.code(5).says(&format!(
        "\n  may be in the way: {REDIS}\n  redis-cli DEL 'session:{{svc}}:"
    ));
    for line in [
        "probe: THE APPLICATION STILL TAKES IT: still 200, given up after ".to_owned(),
        format!("\n  in the way: {REDIS}\n  in the way: {REMOTE}\n"),
        "\n  redis-cli DEL 'session:{svc}:".to_owned(),
    ] {
        assert!(output.stdout.contains(&line), "{line}\n{output}");
    }
    let reason = database.operation()["reason"].clone();
    assert_eq!(reason, REASON);
}
