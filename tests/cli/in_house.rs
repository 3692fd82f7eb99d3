//! A table of nobody's with an adapter file: nothing is shaped after Coder by accident.
#![expect(
    clippy::expect_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use breakglass::model::hex;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::adapters::INHOUSE;
use crate::support::run::Output;
use crate::support::{Template, TestDatabase};

/// Beyond what a double can count.
const HUGE: &str = "9007199254740993";

fn installed() -> TestDatabase {
    TestDatabase::prepared("cli_inhouse_installed", Template::Inhouse, |database| {
        run(database, "postgres", &["init"]).success();
    })
}

fn run(database: &TestDatabase, role: &str, arguments: &[&str]) -> Output {
    let invocation = database.breakglass().as_role(role);
    let arguments = arguments.iter().copied().chain(["--adapter-file", INHOUSE]);
    invocation.args(arguments).run()
}

fn rm(database: &TestDatabase, arguments: &[&str]) -> Output {
    let rm = ["tokens", "rm", "--yes", "--reason", "why"];
    run(database, "postgres", &[&rm[..], arguments].concat())
}

fn secret_of(token: &str) -> String {
    let hex = hex(&Sha256::digest(format!("secret of {token}")));
    format!("svc_{hex:.32}")
}

fn keys_of(output: &Output) -> Vec<Value> {
    let tokens = output.json_lines().into_iter();
    tokens
        .filter_map(|token| token.get("key").cloned())
        .collect()
}

fn row(database: &TestDatabase, token: &str) -> Value {
    let sql = format!(
        "select to_json(t) from \"Internal Tools\".\"ServiceTokens\" as t where \"tokenId\" = {token}"
    );
    serde_json::from_str(&database.value(&sql)).expect("JSON")
}

#[test]
fn the_list_reads_switches_unix_seconds_and_quoted_names() {
    let database = TestDatabase::new(Template::Inhouse);
    let output = run(&database, "postgres", &["tokens", "ls", "-o", "jsonl"]);
    output.success();
    let keys = keys_of(&output);
    assert_eq!(keys, ["1", "2", "3", "6", HUGE], "in the order of numbers");
    let output = run(
        &database,
        "postgres",
        &["tokens", "ls", "-o", "jsonl", "--include-expired"],
    );
    let tokens = output.json_lines();
    let of = |key: &str| {
        tokens
            .iter()
            .find(|token| token["key"] == key)
            .expect("it is listed")
    };
    assert_eq!(tokens.len(), 7);
    assert_eq!(
        (&of("4")["state"], &of("5")["state"]),
        (&json!("disabled"), &json!("expired"))
    );
    assert_eq!(of("1")["expires_at"], Value::Null, "0 is never");
    assert_eq!(of("3")["last_used_at"], Value::Null, "0 is never");
    assert_eq!(of("6")["label"], Value::Null);
    assert_eq!(
        of("1")["owner"],
        json!({"id": "1", "login": "payments", "email": "payments@example.com"})
    );
    assert_eq!(of("3")["owner"]["email"], Value::Null);
    assert_eq!(of("6")["owner"]["login"], "o'brien \"ops\"");
    assert_eq!(
        of("4")["details"],
        json!({"select": "from", "rate/min": 600, "isEnabled": false, "owner_isArchived": false})
    );
    assert_eq!(
        (&of("2")["adapter"], &of("2")["kind"]),
        (&json!("inhouse"), &json!("service"))
    );
    let expires = "select to_char(to_timestamp(\"expiresUnix\") at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') \
                     from \"Internal Tools\".\"ServiceTokens\" where \"tokenId\" = 2";
    assert_eq!(of("2")["expires_at"], database.value(expires));
    let created = "select (\"Created\" at time zone 'UTC')::text from \"Internal Tools\".\"ServiceTokens\" where \"tokenId\" = 2";
    let shown: chrono::DateTime<chrono::Utc> = of("2")["created_at"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .expect("a time");
    assert_eq!(
        database.value(&format!(
            "select '{shown}'::timestamptz = ({created})::timestamptz"
        )),
        "t"
    );
    for token in ["1", "2", "3", "4", "5", "6", HUGE] {
        output.never_says(&secret_of(token));
        output.never_says(row(&database, token)["tokenHash"].as_str().expect("a hash"));
    }
}

#[test]
fn the_list_is_filtered_and_sorted_as_any_other() {
    let database = TestDatabase::new(Template::Inhouse);
    for (arguments, wanted) in [
        (&["--owner", "Search & Co"][..], &["3"][..]),
        (&["--owner", "2"], &["3"]),
        (&["--owner", "PAYMENTS@example.com"], &["1", "2", HUGE]),
        (&["--name", "l?dger"], &["1", "3"]),
        (&["--unused-for", "1d"], &["2", "3", "6"]),
        (&["--expires-within", "60d"], &["2"]),
        (
            &["--created-before", "1d", "--kind", "all"],
            &["1", "2", "3", "6", HUGE],
        ),
        (&["--sort", "name"], &[HUGE, "1", "3", "2", "6"]),
        (&["--sort", "last-used"], &["1", HUGE, "2", "3", "6"]),
        (&["--sort", "expires"], &["2", "3", "1", "6", HUGE]),
        (&["--reverse"], &[HUGE, "6", "3", "2", "1"]),
        (&["--limit", "2"], &["1", "2"]),
    ] {
        let output = run(
            &database,
            "postgres",
            &[&["tokens", "ls", "-o", "jsonl"], arguments].concat(),
        );
        output.success();
        let keys = keys_of(&output);
        assert_eq!(keys, wanted, "{arguments:?}");
    }
    let output = run(
        &database,
        "postgres",
        &[
            "tokens",
            "ls",
            "-c",
            "key,rate/min,isenabled,owner_isArchived",
            "-o",
            "csv",
            "--limit",
            "1",
        ],
    );
    output.success();
    assert_eq!(
        output.stdout,
        "key,rate/min,isEnabled,owner_isArchived\n1,60,true,false\n"
    );
}

#[test]
fn a_token_is_shown_by_key_name_and_secret() {
    let database = installed();
    for selector in ["id:2", "2", "reporting", "name:reporting", &secret_of("2")] {
        let output = run(
            &database,
            "postgres",
            &["tokens", "show", selector, "-o", "json"],
        );
        output.success();
        assert_eq!(output.json()["token"]["key"], "2", "{selector}");
        output.never_says(&secret_of("2"));
    }
    let output = run(&database, "postgres", &["tokens", "show", "5"]);
    output.success();
    assert!(
        output.stdout.contains("\nstate        expired\n"),
        "{output}"
    );
    assert!(
        output
            .stdout
            .contains("\nnote         anybody of the team can enable it again"),
        "{output}"
    );
    let output = run(&database, "postgres", &["tokens", "show", "1"]);
    output.code(1).says(
        "1 matches 2 tokens: id:1 (service of payments), id:9007199254740993 (service of payments)",
    );
    let output = run(
        &database,
        "postgres",
        &["tokens", "show", HUGE, "-o", "json"],
    );
    assert_eq!(output.json()["token"]["key"], HUGE, "not rounded");
    run(
        &database,
        "postgres",
        &["tokens", "show", "9007199254740992"],
    )
    .code(1)
    .says("no token matches");
    run(&database, "postgres", &["tokens", "show", "id:two"])
        .code(1)
        .says("no token matches id:two");
}

#[test]
fn expiring_flips_the_switch_and_nothing_else() {
    for (selector, key) in [("id:1", "1"), ("reporting", "2"), (HUGE, HUGE)] {
        let database = installed();
        let before = row(&database, key);
        let output = rm(&database, &[selector, "-o", "json"]);
        output.success();
        let mut wanted = before.clone();
        wanted["isEnabled"] = json!(false);
        assert_eq!(row(&database, key), wanted);
        let receipt = output.json();
        assert_eq!(receipt["verdict"], "dead");
        let change = receipt["changes"][0].clone();
        assert_eq!(change["relation"], "Internal Tools.ServiceTokens");
        assert_eq!(
            (&change["key"], &change["state_after"]),
            (&json!(key), &json!("disabled"))
        );
        assert_eq!(
            (&change["before"], &change["after"]),
            (
                &json!({"isEnabled": "true"}),
                &json!({"isEnabled": "false"})
            )
        );
        let operation = database.operation();
        assert_eq!(
            (&operation["outcome"], &operation["adapter"]),
            (&json!("applied"), &json!("inhouse"))
        );
        assert_eq!(operation["application_audit"], "none");
        assert_eq!(database.changes().len(), 1);
    }
}

#[test]
fn a_pasted_secret_is_found_by_its_digest_and_verified() {
    let database = installed();
    let secret = secret_of("3");
    let rm = [
        "tokens",
        "rm",
        "-",
        "--yes",
        "--reason",
        "why",
        "--adapter-file",
        INHOUSE,
    ];
    let output = database.breakglass().args(rm).stdin(&secret).run();
    output.success().never_says(&secret);
    assert_eq!(row(&database, "3")["isEnabled"], false);
    let operation = database.operation();
    assert_eq!(operation["secret_verified"], true);
    let selector = operation["selector"].as_str().unwrap_or_default();
    assert!(
        selector.starts_with("secret of 36 characters, sha256 "),
        "{selector}"
    );
    let unknown = format!("svc_{}", "0".repeat(32));
    let output = database.breakglass().args(rm).stdin(unknown).run();
    output
        .code(1)
        .says("no token matches secret of 36 characters");
}

#[test]
fn a_role_needs_the_hash_to_find_a_secret() {
    for (flag, code) in [(None, 1), (Some("--allow-secret-check"), 0)] {
        let database = TestDatabase::new(Template::Inhouse);
        let (role, alice) = (
            database.role_name("operators"),
            database.login_role("alice"),
        );
        let init = ["init", "--operator-role", &role].into_iter().chain(flag);
        run(&database, "postgres", &init.collect::<Vec<_>>()).success();
        database.execute(&format!("grant {role} to {alice}"));
        let rm = [
            "tokens",
            "rm",
            "-",
            "--yes",
            "--reason",
            "why",
            "--adapter-file",
            INHOUSE,
        ];
        let output = database
            .breakglass()
            .as_role(&alice)
            .args(rm)
            .stdin(secret_of("3"))
            .run();
        output.code(code).never_says(&secret_of("3"));
        assert_eq!(row(&database, "3")["isEnabled"], code == 1);
        if code == 1 {
            output
                .says(&format!(
                    "role `{alice}` may not read tokenHash, which finds the row of a secret"
                ))
                .says("--allow-secret-check`, or name the token by key");
            assert_eq!(
                database
                    .session_as(&alice)
                    .refusal("select \"tokenHash\" from \"Internal Tools\".\"ServiceTokens\""),
                "42501"
            );
        }
        let rm = ["tokens", "rm", "reporting", "--yes", "--reason", "why"];
        run(&database, &alice, &rm).success();
        assert_eq!(row(&database, "2")["isEnabled"], false);
    }
}

#[test]
fn what_is_dead_already_stays_as_it_is() {
    let database = installed();
    for (key, state) in [("4", "disabled"), ("5", "expired")] {
        let before = row(&database, key);
        let output = rm(&database, &[&format!("id:{key}")]);
        output.success();
        assert!(
            output.stdout.contains(&format!("already {state}")),
            "{output}"
        );
        assert_eq!(row(&database, key), before);
    }
    let operations = database.operations();
    assert_eq!(operations.len(), 2);
    assert!(
        operations
            .iter()
            .all(|operation| operation["outcome"] == "unchanged")
    );
    assert!(database.changes().is_empty());
}

#[test]
fn an_ambiguous_name_is_refused_and_an_owner_makes_it_one() {
    let database = installed();
    rm(&database, &["ledger"])
        .code(1)
        .says("ledger matches 2 tokens: ")
        .says("recorded as ");
    rm(&database, &["owner:search & co", "--name", "ledger"]).success();
    assert_eq!(
        (
            &row(&database, "1")["isEnabled"],
            &row(&database, "3")["isEnabled"]
        ),
        (&json!(true), &json!(false))
    );
}

#[test]
fn a_delete_takes_its_usage_along_and_records_both() {
    let database = installed();
    let delete = "tokens rm id:1 --delete --confirm 1 --reason why -o json";
    let delete: Vec<&str> = delete.split(' ').collect();
    let output = run(&database, "postgres", &delete);
    output.success();
    let left = "select count(*) from \"Internal Tools\".\"ServiceTokens\" where \"tokenId\" = 1";
    assert_eq!(database.value(left), "0");
    assert_eq!(
        database.value("select count(*) from \"Internal Tools\".\"Usage\""),
        "0"
    );
    let change = database.changes().pop().expect("it is recorded");
    assert_eq!(
        (&change["key"], &change["state_after"], &change["after"]),
        (&json!("1"), &json!("deleted"), &Value::Null)
    );
    assert_eq!(change["before"]["display Name"], "ledger");
    assert!(change["before"].get("tokenHash").is_none(), "{change}");
    let cascades = database.operation()["cascades"].clone();
    assert!(
        cascades.to_string().contains("Usage") && cascades.to_string().contains('5'),
        "{cascades}"
    );
}
