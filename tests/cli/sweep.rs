//! `tokens sweep`: what became of each secret of a leak, what is killed, and what must be seen nowhere.

use serde_json::{Value, json};

use super::remove::{Before, REASON, coder, operator};
use super::select::{KEY, SECRET, logged, token, with_secret, written};
use crate::support::run::Output;
use crate::support::{Template, TestDatabase, seed};

/// Of the key `onlyHere01`, and not its own.
const WRONG: &str = "Wr0ngWr0ngWr0ngWr0ngXy";
/// Of no key.
const UNKNOWN: &str = "noSuchKey1-Unkn0wnUnkn0wnUnkn0wQz";

/// A live, a wrong, a dead and an unknown secret; the live one three times.
fn leak() -> String {
    format!(
        "start\ntoken={live} url=%3D{live}\nwrong {KEY}-{WRONG}\ndead {dead}\n{UNKNOWN}\n{live}",
        live = token(),
        dead = seed::token_of(seed::EXPIRED),
    )
}

pub(super) fn sweep(database: &TestDatabase, leak: &str, words: &[&str]) -> Output {
    let invocation = database.breakglass().args(["tokens", "sweep"]);
    invocation.args(words.to_vec()).stdin(leak).run()
}

/// No secret of the leak is anywhere.
#[track_caller]
fn stays_secret(database: &TestDatabase, output: &Output) {
    let dead = seed::secret_of(seed::EXPIRED);
    let (written, logged) = (written(database), logged(database));
    let activity = format!("{:?}", database.query("select query from pg_stat_activity"));
    for secret in [SECRET, WRONG, "Unkn0wnUnkn0wnUnkn0wQz", &dead] {
        for part in [secret, &secret[..18]] {
            output.never_says(part);
            for text in [&written, &logged, &activity] {
                assert!(!text.contains(part), "a secret stands there");
            }
        }
    }
}

#[test]
fn every_verdict_is_told_in_every_format_and_no_secret_is() {
    let database = with_secret();
    for format in ["table", "json", "jsonl", "csv"] {
        let before = Before::of(&database);
        let output = sweep(&database, &leak(), &["-o", format]);
        output.success();
        for text in [
            "live", "dead", "unknown", "wrong", KEY, "is3x", "ngXy", "0wQz",
        ] {
            assert!(
                output.stdout.contains(text),
                "{format} lacks {text}\n{output}"
            );
        }
        stays_secret(&database, &output);
        before.is_all(&database);
    }
    let json = sweep(&database, &leak(), &["-o", "json"]).json();
    let hits = json["hits"].as_array().unwrap();
    let told = |name: &str| hits.iter().map(|hit| hit[name].clone()).collect::<Value>();
    assert_eq!(
        told("verdict"),
        json!(["live", "wrong_secret", "dead", "unknown"])
    );
    assert_eq!(told("verified"), json!([true, false, true, null]));
    assert_eq!(told("occurrences"), json!([3, 1, 1, 1]));
    let place = |line: u64, column: u64, offset: u64| json!({"path": null, "line": line, "column": column, "commit": null, "side": null, "offset": offset});
    let places = json!([
        place(2, 7, 12),
        place(2, 48, 53),
        place(6, 1, leak().len() as u64 - 33)
    ]);
    assert_eq!(hits[0]["places"], places);
    let summary = json!({
        "input": null, "format": "text", "adapter": "coder", "bytes": leak().len(),
        "occurrences": 6, "secrets": 4, "live": 1, "wrong_secret": 1, "dead": 1, "unknown": 1,
        "not_verified": 0,
    });
    assert_eq!(json["summary"], summary);
    assert_eq!(json["receipt"], Value::Null);
}

#[test]
fn expire_kills_the_live_one_and_records_it_as_one_operation() {
    for format in ["table", "json", "jsonl", "csv"] {
        let database = with_secret();
        let words = [
            "--expire", "--yes", "--reason", "leaked", "--expect", "1", "-o", format,
        ];
        let output = sweep(&database, &leak(), &words);
        output.success();
        assert!(!database.is_alive(KEY));
        let operation = database.operation();
        assert_eq!(operation["selector"], "sweep of 4 candidates");
        assert_eq!(
            [&operation["outcome"], &operation["reason"]],
            ["applied", "leaked"]
        );
        assert_eq!(operation["secret_verified"], true);
        assert_eq!(database.changes()[0]["key"], KEY);
        assert_eq!(
            [database.changes().len(), database.audit_logs().len()],
            [1, 1]
        );
        stays_secret(&database, &output);
    }
}

#[test]
fn nothing_is_killed_without_a_yes_the_expected_count_or_a_live_secret() {
    let database = with_secret();
    let before = Before::of(&database);
    let asked = sweep(&database, &leak(), &["--expire", "--reason", "x"]);
    asked.code(2).says("so nothing can be asked");
    let unasked = sweep(&database, &leak(), &["--yes"]);
    unasked.code(2);
    let dead = seed::token_of(seed::EXPIRED);
    let none = sweep(&database, &dead, &["--expire", "--yes", "--reason", "x"]);
    none.success().says("no secret is alive");
    let missing = ["--expire", "--yes", "--reason", "x", "--expect", "2"];
    let dry = ["--expire", "--dry-run", "--exit-code", "9"];
    sweep(&database, &leak(), &dry).code(9);
    sweep(&database, &leak(), &["--exit-code", "9"]).code(9);
    sweep(&database, &dead, &["--exit-code", "9"]).success();
    sweep(&database, "", &["/no/such/file"])
        .code(2)
        .says("cannot read /no/such/file");
    before.is_all(&database);
    sweep(&database, &leak(), &missing)
        .code(1)
        .says("--expect says 2");
    assert!(database.is_alive(KEY));
    assert_eq!(database.operation()["outcome"], "refused");
    // That nothing is alive is a number too.
    let before = Before::of(&database);
    let none = "--expect says 2, but the number of tokens that match is 0";
    let missing = ["--expire", "--yes", "--reason", REASON, "--expect", "2"];
    sweep(&database, &dead, &missing).code(1).says(none);
    before.plus(&database, "refused", none);
}

#[test]
fn a_role_that_may_not_read_hashes_is_told_that_nothing_was_compared() {
    let database = coder();
    let role = operator(&database, &[]);
    let invocation = database.breakglass().as_role(&role);
    let leak = seed::token_of(seed::HOT);
    let output = invocation.args(["tokens", "sweep"]).stdin(leak).run();
    output.success().says("could not be compared");
    assert!(output.stdout.contains("live, not verified"), "{output}");
}

#[test]
fn a_key_that_is_the_secret_is_found_by_its_digest_and_deleted() {
    const MIRA: &str = "29510573bc11de811f7d5293ac570a20bff42b2e";
    let database = TestDatabase::new(Template::Django);
    database.breakglass().arg("init").run().success();
    let leak = format!("Authorization: Token {MIRA}\n{}", "0".repeat(40));
    let json = sweep(&database, &leak, &["-o", "json"]).json();
    assert_eq!(json["hits"][0]["verdict"], "live");
    assert_eq!(json["hits"][1]["verdict"], "unknown");
    let expire = sweep(&database, &leak, &["--expire", "--yes", "--reason", "x"]);
    expire.code(1).says("add `--delete`").never_says(MIRA);
    let key = json["hits"][0]["key"].as_str().unwrap();
    let delete = ["--delete", "--confirm", key, "--reason", "x"];
    sweep(&database, &leak, &delete).success().never_says(MIRA);
    let left = format!("select count(*) from authtoken_token where key = '{MIRA}'");
    assert_eq!(database.value(&left), "0");
}
