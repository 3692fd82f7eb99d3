//! `tokens show`: everything known about one token.
#![expect(
    clippy::expect_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use serde_json::{Value, json};

use crate::support::run::Output;
use crate::support::{Redactor, Template, TestDatabase, seed};

/// A copy of Coder with breakglass's schema in it.
pub(super) fn installed() -> TestDatabase {
    TestDatabase::prepared("cli_coder_installed", Template::Coder, |database| {
        database.breakglass().arg("init").run().success();
    })
}

pub(super) fn show(database: &TestDatabase, arguments: &[&str]) -> Output {
    let invocation = database.breakglass().args(["tokens", "show"]);
    invocation.args(arguments.iter().copied()).run()
}

/// The lines with one blank between words.
pub(super) fn folded(text: &str) -> String {
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n";
    text.lines().map(line).collect()
}

fn member_names(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("it is an object");
    object.keys().map(String::as_str).collect()
}

const FIELDS: &str = "\
key d4o6FQe5QT
name build-cache
kind token (API token, made with `coder tokens create` or in the UI)
state active
owner ci-runner (<uuid>)
created <time> (<age>)
last used <time> (<age>)
expires <time> (<age>)
scopes coder:all
allow list *:*
ip address <address>
login type token
owner status active
owner deleted false
lifetime seconds 31536000
survives app tickets already issued work for up to 60 s, through workspace proxies too
survives open WebSockets (SSH, terminals, log streams) are not cut
note a request of this token in flight right now can write the old expiry back (once an hour per key); --delete cannot be undone that way
note coderd removes expired keys after 7 days by default (CODER_API_KEYS_RETENTION); the record here stays
history none
";

#[test]
fn everything_that_is_known_stands_in_the_table() {
    let database = installed();
    let output = show(&database, &[seed::HOT]);
    output.success();
    let address = database.value(&format!(
        "select host(ip_address) from api_keys where id = '{}'",
        seed::HOT
    ));
    let redactor = Redactor::of(&database).also(&address, "<address>");
    let shown = folded(&redactor.redact(&output.stdout));
    assert_eq!(shown, FIELDS);
    assert_eq!(output.stderr, "");
}

#[test]
fn json_has_the_token_as_the_list_has_it_and_what_hangs_on_it() {
    let database = installed();
    let output = show(&database, &[seed::HOT, "-o", "json"]);
    output.success();
    let document = output.json();
    let fields = [
        "schema",
        "token",
        "kind_title",
        "companions",
        "secret",
        "still_works",
        "notes",
        "history",
    ];
    assert_eq!(member_names(&document), fields);
    assert_eq!(document["schema"], 1);
    assert_eq!(document["secret"], "not_given");
    assert_eq!(document["companions"], json!([]));
    assert_eq!(document["history"], json!([]));
    let list = ["tokens", "ls", "-o", "jsonl", "--name", "build-cache"];
    let listed = database.breakglass().args(list).run();
    listed.success();
    assert_eq!(document["token"], listed.json_lines()[0]);
    assert_eq!(output.stderr, "");
}

#[test]
fn a_kind_that_comes_back_is_warned_of() {
    let database = installed();
    for (key, warning) in [
        (
            seed::CHAT_GATEWAY,
            "coderd extends an expired chat gateway key by 30 days",
        ),
        (
            seed::WORKSPACE,
            "the workspace gets a new session token at its next start",
        ),
        (
            seed::SESSION,
            "the session's application_connect keys are rows of their own",
        ),
    ] {
        let output = show(&database, &[key]);
        output.success();
        assert!(
            output.stdout.contains(&format!("\nnote         {warning}")),
            "{output}"
        );
    }
}

#[test]
fn companions_are_shown_with_their_state() {
    let database = installed();
    for (key, state) in [(seed::OAUTH, "active"), (seed::OAUTH_EXPIRED, "active")] {
        let refresh = database.value(&format!(
            "select id from oauth2_provider_app_tokens where api_key_id = '{key}'"
        ));
        let output = show(&database, &[key]);
        output.success();
        let line = format!("\nwith it      oauth refresh token {refresh} ({state})\n");
        assert!(output.stdout.contains(&line), "{output}");
        let output = show(&database, &[key, "-o", "json"]);
        let companions = output.json()["companions"].clone();
        assert_eq!(companions.as_array().map(Vec::len), Some(1));
        assert_eq!(companions[0]["key"], refresh.as_str());
        assert_eq!(companions[0]["token"], key);
        assert_eq!(companions[0]["dead"], false);
    }
    database.execute("update oauth2_provider_app_tokens set expires_at = now() - interval '1 day'");
    let output = show(&database, &[seed::OAUTH]);
    assert!(output.stdout.contains(" (expired)\n"), "{output}");
}

#[test]
fn the_owners_status_is_part_of_it() {
    let database = installed();
    database.execute("update users set status = 'suspended' where username = 'ci-runner'");
    let output = show(&database, &[seed::HOT]);
    output.success();
    assert!(
        output.stdout.contains("\nowner status suspended\n"),
        "{output}"
    );
    // A deleted owner's keys are gone in Coder, but a restored dump may hold one.
    database.execute("alter table users disable trigger all; update users set deleted = true where username = 'ci-runner'");
    let output = show(&database, &[seed::HOT, "-o", "json"]);
    assert_eq!(output.json()["token"]["details"]["owner_deleted"], true);
    database.execute(
        "alter table api_keys drop constraint api_keys_user_id_uuid_fkey; \
         alter table users disable trigger all; delete from users where username = 'ci-runner'",
    );
    let output = show(&database, &[seed::HOT]);
    output.success();
    assert!(output.stdout.contains("(no such owner)"), "{output}");
}

#[test]
fn a_dead_token_is_shown_with_its_end() {
    let database = installed();
    let output = show(&database, &[seed::EXPIRED]);
    output.success();
    assert!(
        output.stdout.contains("\nstate        expired\n"),
        "{output}"
    );
    let line = output
        .stdout
        .lines()
        .find(|line| line.starts_with("expires "));
    assert!(line.is_some_and(|line| line.ends_with(" ago)")), "{output}");
}

#[test]
fn a_token_never_used_says_never() {
    let database = installed();
    for key in [seed::UNUSED, seed::UNUSED_OLD] {
        let output = show(&database, &[key]);
        output.success();
        assert!(output.stdout.contains("\nlast used    never\n"), "{output}");
    }
}

#[test]
fn the_past_of_a_token_is_its_operations_newest_first() {
    let database = installed();
    for (name, reason) in [
        ("release", "first of all"),
        ("build-cache", "another token's"),
    ] {
        let rm = ["tokens", "rm", name, "--yes", "--reason", reason];
        database.breakglass().args(rm).run().success();
    }
    database.execute(&format!(
        "update api_keys set expires_at = now() + interval '1 day' where id = '{}'",
        seed::RELEASE
    ));
    let rm = [
        "tokens",
        "rm",
        "release",
        "--yes",
        "--reason",
        "second of all",
    ];
    database.breakglass().args(rm).run().success();
    let output = show(&database, &["release"]);
    output.success();
    let history: Vec<&str> = output
        .stdout
        .lines()
        .filter(|line| line.starts_with("history "))
        .collect();
    assert_eq!(history.len(), 2, "{output}");
    assert!(history[0].contains(" expire applied by ") && history[0].contains(": second of all ("));
    assert!(history[1].contains(": first of all ("), "{output}");
    let document = show(&database, &["release", "-o", "json"]).json();
    assert_eq!(document["token"]["state"], "expired");
    let ids: Vec<_> = database
        .operations()
        .into_iter()
        .map(|operation| operation["id"].clone())
        .collect();
    assert_eq!(document["history"][0]["id"], ids[2]);
    assert_eq!(document["history"][1]["id"], ids[0]);
    assert_eq!(document["history"][1]["reason"], "first of all");
}

#[test]
fn without_an_audit_log_the_token_is_shown_all_the_same() {
    let database = TestDatabase::new(Template::Coder);
    let output = show(&database, &["build-cache"]);
    output.success();
    assert!(
        output
            .stdout
            .ends_with("\nhistory      no audit log of breakglass here\n"),
        "{output}"
    );
    let output = show(&database, &["build-cache", "-o", "json"]);
    assert_eq!(output.json()["history"], Value::Null);
}

#[test]
fn a_hostile_name_is_escaped_for_people_and_whole_for_programs() {
    let database = installed();
    database.load("tests/fixtures/coder/hostile.sql");
    let output = show(&database, &["hostile002"]);
    output.success().never_says("\u{1b}");
    assert!(
        output
            .stdout
            .contains("\nname         clear\\u{1b}[2J\\u{1b}[H\n"),
        "{output}"
    );
    let output = show(&database, &["hostile010", "-o", "json"]);
    output.success().never_says("\u{202e}");
    assert_eq!(output.json()["token"]["label"], "gpj.\u{202e}exe");
    let output = show(&database, &["name:two\nlines", "-o", "json"]);
    output.success();
    assert_eq!(output.json()["token"]["key"], "hostile005");
}
