//! What an adapter file may set a column to, and compare one with: constants of every type, null,
//! numbers.
#![expect(
    clippy::expect_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::run::Output;
use crate::support::{Template, TestDatabase, breakglass};

/// A file for the table `"Odd"."api tokens"`, whose column `state` this sets and that judges.
fn file(set: &str, dead: &str) -> (TempDir, String) {
    let text = format!(
        r#"
name = "odd"
title = "a table of any type"
verified_against = "2026-11"

[detect]
all_of = ["api tokens.state"]

[token]
table = "api tokens"
key = "id"
default_kind = "token"

[[kind]]
name = "token"
title = "token"

[[dead]]
state = "revoked"
column = "state"
{dead}

[expire.set]
state = {set}
"#
    );
    let directory = TempDir::new().expect("/tmp is writable");
    let path = directory.path().join("adapter.toml");
    fs::write(&path, text).expect("it can be written");
    (directory, path.display().to_string())
}

fn installed() -> TestDatabase {
    TestDatabase::prepared("cli_adapter_constants", Template::Empty, |database| {
        database.execute(
            "create schema \"Odd\"; \
             create type \"Odd\".\"Moo d\" as enum ('live', 'o''brien \\ \"gone\"'); \
             create domain \"Odd\".word as varchar(8) check (value <> 'never'); \
             create table \"Odd\".\"api tokens\" (id int primary key)",
        );
        database.breakglass().arg("init").run().success();
    })
}

/// Gives the table a column `state` of this type, and a row with this value in it.
fn with(database: &TestDatabase, column: &str, value: &str) {
    database.execute(&format!(
        "alter table \"Odd\".\"api tokens\" drop column if exists state; \
         delete from \"Odd\".\"api tokens\"; \
         alter table \"Odd\".\"api tokens\" add column state {column}; \
         insert into \"Odd\".\"api tokens\" (id, state) values (7, {value})"
    ));
}

fn run(database: &TestDatabase, path: &str, arguments: &[&str]) -> Output {
    let invocation = database.breakglass().args(arguments.iter().copied());
    invocation.arg("--adapter-file").arg(path).run()
}

const RM: [&str; 8] = [
    "tokens", "rm", "id:7", "--yes", "--reason", "why", "-o", "json",
];

fn state(database: &TestDatabase) -> Value {
    let sql = "select to_json(state::text) from \"Odd\".\"api tokens\"";
    let rows = database.query(sql);
    match rows.first().and_then(|row| row.first()?.clone()) {
        Some(text) => serde_json::from_str(&text).expect("JSON"),
        None => Value::Null,
    }
}

/// Types of a column, a live value, a constant, the rule by which it is dead, and what is stored.
const TAKEN: [(&str, &str, &str, &str, &str); 27] = [
    ("text", "'live'", "revoked", "eq", "revoked"),
    ("text", "null", "", "eq", ""),
    (
        "text",
        "'live'",
        "o'brien \\ \"; drop table x; --\n{{ 7 }} ü",
        "eq",
        "o'brien \\ \"; drop table x; --\n{{ 7 }} ü",
    ),
    (
        "\"Odd\".\"Moo d\" not null",
        "'live'",
        "o'brien \\ \"gone\"",
        "eq",
        "o'brien \\ \"gone\"",
    ),
    ("\"Odd\".word", "'live'", "revoked", "eq", "revoked"),
    ("int", "1", "-7", "eq", "-7"),
    ("int", "1", " 0042 ", "eq", "42"),
    ("numeric(5,2)", "1", "2", "eq", "2.00"),
    (
        "bigint",
        "0",
        "9007199254740993",
        "gt_zero",
        "9007199254740993",
    ),
    ("smallint", "-1", "1", "gt_zero", "1"),
    ("double precision", "0", "0.5", "gt_zero", "0.5"),
    ("varchar(7)", "'live'", "revoked", "eq", "revoked"),
    ("char(9)", "'live'", "revoked", "eq", "revoked"),
    ("char", "'1'", "0", "eq", "0"),
    ("bpchar", "'live'", "revoked", "eq", "revoked"),
    ("\"char\"", "'l'", "r", "eq", "r"),
    ("bit(3)", "'000'", "101", "eq", "101"),
    ("boolean", "true", "off", "eq", "false"),
    (
        "uuid",
        "gen_random_uuid()",
        "00000000-0000-0000-0000-000000000000",
        "eq",
        "00000000-0000-0000-0000-000000000000",
    ),
    ("bytea", "'x'", "\\xDEAD", "eq", "\\xdead"),
    ("jsonb", "'1'", "{\"b\":[1,  2]}", "eq", "{\"b\": [1, 2]}"),
    ("text[]", "'{live}'", "{a,\"b c\"}", "eq", "{a,\"b c\"}"),
    ("point", "'(0,0)'", "(1,2)", "eq", "(1,2)"),
    ("inet", "'::1'", "127.0.0.1", "eq", "127.0.0.1/32"),
    ("interval", "'1 day'", "90 minutes", "eq", "01:30:00"),
    ("date", "'2030-01-01'", "1999-12-31", "eq", "1999-12-31"),
    ("text", "'active'", "revoked", "not_eq", "revoked"),
];

#[test]
fn a_constant_is_set_in_the_type_of_its_column_and_judged_there() {
    let database = installed();
    for (column, live, set, dead, after) in TAKEN {
        with(&database, column, live);
        let before = state(&database);
        let set = Value::from(set).to_string();
        let dead = match dead {
            "not_eq" => "when = \"not_eq\"\ntext = \"active\"".to_owned(),
            "gt_zero" => "when = \"gt_zero\"".to_owned(),
            _ => format!("when = \"eq\"\ntext = {set}"),
        };
        let (_directory, path) = file(&format!("{{ text = {set} }}"), &dead);
        let output = run(&database, &path, &["tokens", "ls", "-o", "jsonl"]);
        output.success();
        assert_eq!(output.json_lines().len(), 1, "{column}: it is alive");
        let output = run(&database, &path, &RM);
        output.success();
        let receipt = output.json();
        assert_eq!(
            (&receipt["verdict"], &receipt["operation"]["outcome"]),
            (&json!("dead"), &json!("applied")),
            "{column}"
        );
        let change = database.changes().pop().expect("it is recorded");
        assert_eq!(
            (&change["before"], &change["after"], &change["state_after"]),
            (
                &json!({ "state": before }),
                &json!({ "state": after }),
                &json!("revoked")
            ),
            "{column}"
        );
        assert_eq!(state(&database), after, "{column}");
        let again = run(&database, &path, &RM);
        again.success();
        assert_eq!(
            again.json()["operation"]["outcome"],
            "unchanged",
            "{column}"
        );
    }
}

#[test]
fn null_is_set_and_judged() {
    let database = installed();
    with(&database, "uuid", "gen_random_uuid()");
    let before = state(&database);
    let (_directory, path) = file("{ null = true }", "when = \"null\"");
    run(&database, &path, &["adapters", "show", "odd"]).success();
    let output = run(&database, &path, &RM);
    output.success();
    assert_eq!(output.json()["verdict"], "dead");
    let change = database.changes().pop().expect("it is recorded");
    assert_eq!(
        (&change["before"], &change["after"]),
        (&json!({ "state": before }), &json!({ "state": null }))
    );
    assert_eq!(state(&database), Value::Null);
}

/// Where the rule does not hold of what is set, nothing is: the record's own CHECK says so.
#[test]
fn a_constant_that_leaves_the_token_alive_changes_nothing() {
    let database = installed();
    with(&database, "text", "'live'");
    let (_directory, path) = file(
        "{ text = \"Revoked\" }",
        "when = \"eq\"\ntext = \"revoked\"",
    );
    run(&database, &path, &RM).code(1);
    assert_eq!(state(&database), "live");
    assert!(database.changes().is_empty());
    assert_eq!(database.operation()["outcome"], "failed");
}

const NOT_NULL: &str = "when = \"not_null\"";

/// Types of a column, a live value, what is set, the rule by which it is dead, and what is said.
const REFUSED: [(&str, &str, &str, &str, &str); 10] = [
    (
        "\"Odd\".\"Moo d\"",
        "'live'",
        "{ text = \"gone\" }",
        NOT_NULL,
        "Odd.api tokens.state is \"Odd\".\"Moo d\", which does not take `gone`: invalid input value for enum",
    ),
    (
        "int",
        "1",
        "{ text = \"one\" }",
        NOT_NULL,
        "Odd.api tokens.state is integer, which does not take `one`: invalid input syntax for type integer",
    ),
    (
        "smallint",
        "1",
        "{ text = \"70000\" }",
        NOT_NULL,
        "Odd.api tokens.state is smallint, which does not take `70000`: value \"70000\" is out of range",
    ),
    (
        "varchar(3)",
        "'a'",
        "{ text = \"four\" }",
        NOT_NULL,
        "Odd.api tokens.state is character varying(3), which does not take `four`: it is too long",
    ),
    (
        "char(3)",
        "'a'",
        "{ text = \"four\" }",
        NOT_NULL,
        "Odd.api tokens.state is character(3), which does not take `four`: it is too long",
    ),
    (
        "bit(3)",
        "'000'",
        "{ text = \"1010\" }",
        NOT_NULL,
        "Odd.api tokens.state is bit(3), which does not take `1010`: it is too long",
    ),
    (
        "\"Odd\".word",
        "'a'",
        "{ text = \"never\" }",
        NOT_NULL,
        "Odd.api tokens.state is \"Odd\".word, which does not take `never`: value for domain",
    ),
    (
        "int",
        "1",
        "{ null = true }",
        "when = \"eq\"\ntext = \"x\"",
        "Odd.api tokens.state is integer, which does not take `x`: invalid input syntax",
    ),
    (
        "int not null",
        "1",
        "{ null = true }",
        "when = \"null\"",
        "Odd.api tokens.state refuses null",
    ),
    (
        "text",
        "'a'",
        "{ null = true }",
        "when = \"gt_zero\"",
        "Odd.api tokens.state is text, not a number",
    ),
];

#[test]
fn a_constant_that_the_type_does_not_take_is_refused_before_anything() {
    let database = installed();
    for (column, live, set, dead, said) in REFUSED {
        with(&database, column, live);
        let before = state(&database);
        let (_directory, path) = file(set, dead);
        let records = database.operations().len();
        let output = run(&database, &path, &RM);
        output.code(1);
        let error = output.json_error()["error"].clone();
        assert_eq!(error["code"], "adapter_misfit");
        let message = error["message"].as_str().unwrap_or_default();
        let unfit = format!("adapter `odd` does not fit this database: {said}");
        assert!(message.starts_with(&unfit), "{message}");
        assert_eq!(state(&database), before, "{column}");
        let operations = database.operations();
        assert_eq!(operations.len(), records + 1, "{column}");
        assert!(
            operations
                .iter()
                .all(|operation| operation["outcome"] == "refused")
        );
        assert!(database.changes().is_empty());
        for arguments in [&["tokens", "ls"][..], &["tokens", "show", "id:7"]] {
            run(&database, &path, arguments).code(1).says(said);
        }
        let doctor = run(&database, &path, &["doctor"]);
        doctor.code(1);
        assert!(doctor.stdout.contains(said), "{doctor}");
    }
}

#[test]
fn a_constant_that_makes_no_sense_is_a_usage_error() {
    let expected =
        "expected true, false, \"now\", \"now_minus_1s\", { text = \"…\" } or { null = true }";
    for (set, dead, said) in [
        ("{ text = \"x\", null = true }", "when = \"null\"", expected),
        ("{ text = 7 }", "when = \"null\"", expected),
        ("{ sql = \"now()\" }", "when = \"null\"", expected),
        ("\"revoked\"", "when = \"null\"", expected),
        (
            "{ null = false }",
            "when = \"null\"",
            "`null` is true, or not there",
        ),
        (
            "{ text = \"a\\u0000b\" }",
            "when = \"null\"",
            "no text in a database holds U+0000",
        ),
        (
            "true",
            "when = \"eq\"",
            "`text` goes with `eq` and `not_eq`, and with nothing else",
        ),
        (
            "true",
            "when = \"true\"\ntext = \"x\"",
            "the [[dead]] rule of `state`: `text` goes with",
        ),
        (
            "true",
            "when = \"is\"\ntext = \"x\"",
            "unknown variant `is`",
        ),
    ] {
        let (_directory, path) = file(set, dead);
        let output = breakglass()
            .args(["adapters", "ls", "--adapter-file"])
            .arg(&path)
            .run();
        output.code(2).says("is not valid").says(said);
    }
}
