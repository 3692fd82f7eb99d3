//! `tokens ls` for programs: JSON is an interface, and no format shows a secret.
#![expect(
    clippy::expect_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::list::ls;
use crate::support::{Template, TestDatabase, seed};

pub(super) fn members(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("it is an object");
    object.keys().map(String::as_str).collect()
}

#[test]
fn a_token_in_json_has_exactly_these_fields() {
    let database = TestDatabase::new(Template::Coder);
    let all = ["--kind", "all", "--include-expired"];
    let output = ls(&database, &[&["-o", "json"][..], &all].concat());
    output.success();
    let document = output.json();
    assert_eq!(members(&document), ["schema", "tokens", "truncated"]);
    assert_eq!(document["schema"], 1);
    let tokens = document["tokens"].as_array().expect("tokens is a list");
    assert_eq!(tokens.len(), 203);
    for token in tokens {
        let fields = [
            "adapter",
            "kind",
            "key",
            "label",
            "owner",
            "state",
            "created_at",
            "last_used_at",
            "expires_at",
            "details",
        ];
        assert_eq!(members(token), fields);
        assert_eq!(members(&token["owner"]), ["id", "login", "email"]);
        assert_eq!(token["adapter"], "coder");
        assert!(
            token["state"] == "active" || token["state"] == "expired",
            "{token}"
        );
    }
    let lines = ls(&database, &[&["-o", "jsonl"][..], &all].concat()).json_lines();
    assert_eq!(&lines, tokens, "a line is a member of the document");
}

#[test]
fn a_token_in_json_says_what_stands_in_the_row() {
    let database = TestDatabase::new(Template::Coder);
    let output = ls(&database, &["-o", "jsonl", "--name", "build-cache"]);
    output.success();
    let [token] = &output.json_lines()[..] else {
        panic!("{output}")
    };
    let row: Value = serde_json::from_str(&database.token_row(seed::HOT)).expect("JSON");
    for (name, column) in [
        ("created_at", "created_at"),
        ("last_used_at", "last_used"),
        ("expires_at", "expires_at"),
    ] {
        let text = token[name].as_str().expect("a time is a text");
        assert!(text.ends_with('Z') && text.contains('T'), "{name} {text}");
        let shown: DateTime<Utc> = text.parse().expect("it is RFC 3339");
        let stored: DateTime<Utc> = row[column]
            .as_str()
            .and_then(|text| text.parse().ok())
            .expect("a time");
        assert_eq!(shown, stored, "{name}");
    }
    assert_eq!(
        token["owner"],
        json!({"id": row["user_id"], "login": "ci-runner", "email": ""})
    );
    assert_eq!(
        token["details"],
        json!({
            "scopes": ["coder:all"], "allow_list": ["*:*"], "ip_address": row["ip_address"],
            "login_type": "token", "owner_status": "active", "owner_deleted": false,
            "lifetime_seconds": 31_536_000,
        })
    );
}

#[test]
fn times_are_utc_whatever_the_zones_of_client_and_server() {
    let database = TestDatabase::new(Template::Coder);
    let plain = ls(&database, &["-o", "json"]).stdout;
    let name = database.name();
    database.execute(&format!(
        "alter database {name} set timezone = 'Asia/Kathmandu'; alter database {name} set datestyle = 'SQL, DMY'"
    ));
    let invocation = database
        .breakglass()
        .env("TZ", "<-03>3")
        .env("PGTZ", "Asia/Tokyo");
    let output = invocation.args(["tokens", "ls", "-o", "json"]).run();
    output.success();
    assert_eq!(output.stdout, plain);
}

#[test]
fn never_used_is_null_whatever_the_sentinel() {
    let database = TestDatabase::new(Template::Coder);
    let output = ls(&database, &["-o", "jsonl"]);
    output.success();
    for key in [seed::UNUSED, seed::UNUSED_OLD] {
        let token = output
            .json_lines()
            .into_iter()
            .find(|token| token["key"] == key);
        assert_eq!(
            token.expect("it is listed")["last_used_at"],
            Value::Null,
            "{key}"
        );
    }
    let table = ls(
        &database,
        &[
            "-c",
            "key,last-used",
            "--owner",
            "nadia",
            "--name",
            "vscode",
        ],
    );
    table.success();
    assert_eq!(
        table.stdout,
        format!("KEY         LAST USED\n{}  never\n", seed::UNUSED)
    );
    let csv = ls(
        &database,
        &[
            "-c",
            "key,last_used_at",
            "--name",
            "vscode",
            "--owner",
            "nadia",
            "-o",
            "csv",
        ],
    );
    assert_eq!(csv.stdout, format!("key,last_used_at\n{},\n", seed::UNUSED));
}

#[test]
fn no_format_shows_a_secret_or_its_hash() {
    let database = TestDatabase::new(Template::Coder);
    let hashes = database.query(
        "select id, encode(hashed_secret, 'hex'), encode(hashed_secret, 'base64'), hashed_secret::text \
           from api_keys",
    );
    let all = ["--kind", "all", "--include-expired"];
    for format in ["table", "json", "jsonl", "csv"] {
        let output = ls(&database, &[&["-o", format][..], &all].concat());
        output
            .success()
            .never_says("hashed_secret")
            .never_says("hashed");
        for row in &hashes {
            let [Some(key), forms @ ..] = &row[..] else {
                panic!("{row:?}")
            };
            assert!(
                output.stdout.contains(key.as_str()),
                "{key} is missing in {format}"
            );
            output.never_says(&seed::secret_of(key));
            for form in forms.iter().flatten() {
                output.never_says(form);
            }
        }
    }
    let output = ls(&database, &["-c", "hashed_secret"]);
    output
        .code(2)
        .says("there is no column `hashed_secret`; there are key, ");
}
