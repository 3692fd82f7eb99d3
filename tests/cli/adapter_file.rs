//! `--adapter-file`: what a file of one's own may say, and what a wrong one gets.
#![expect(
    clippy::expect_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::adapters::{INHOUSE, run};
use crate::support::{Template, TestDatabase, breakglass};

/// A file with the in-house adapter's text, changed.
fn changed(from: &str, to: &str) -> (TempDir, PathBuf) {
    let text = fs::read_to_string(INHOUSE).expect("it is there");
    assert!(text.contains(from), "{from}");
    let directory = TempDir::new().expect("/tmp is writable");
    let path = directory.path().join("adapter.toml");
    fs::write(&path, text.replacen(from, to, 1)).expect("it can be written");
    (directory, path)
}

#[test]
fn a_wrong_adapter_file_is_a_usage_error_that_names_what_is_wrong() {
    for (from, to, named) in [
        (
            "key = \"tokenId\"",
            "key = \"tokenId\"\nkolour = 1",
            "kolour",
        ),
        ("[expire.set]", "[expire.sets]", "sets"),
        ("unit = \"utc\"", "unit = \"fortnights\"", "fortnights"),
        ("when = \"false\"", "when = \"sometimes\"", "sometimes"),
        (
            "isEnabled = false\n",
            "isEnabled = \"drop table x\"\n",
            "isEnabled",
        ),
        (
            "state = \"disabled\"",
            "state = \"active\"",
            "a [[dead]] rule cannot mean `active`",
        ),
        (
            "default_kind = \"service\"",
            "default_kind = \"robot\"",
            "there is no [[kind]] named `robot`",
        ),
        ("'^svc_[0-9a-f]{32}$'", "'^svc_[0-9a-f'", "svc_[0-9a-f"),
        ("name = \"inhouse\"", "nome = \"inhouse\"", "nome"),
        ("title = \"Service", "titel = \"Service", "titel"),
    ] {
        let (_directory, path) = changed(from, to);
        let path = path.display().to_string();
        let output = breakglass()
            .args(["adapters", "ls", "--adapter-file", &path])
            .run();
        output
            .code(2)
            .says(&format!("error: adapter file `{path}` is not valid"))
            .says(named);
        assert_eq!(output.stdout, "");
    }
}

#[test]
fn an_adapter_file_that_is_not_there_is_a_usage_error() {
    let output = breakglass()
        .args([
            "tokens",
            "ls",
            "--adapter-file",
            "no/such.toml",
            "-o",
            "json",
        ])
        .run();
    output.code(2);
    let error = output.json_error()["error"].clone();
    assert_eq!(error["code"], "bad_adapter");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(
        message.starts_with("cannot read adapter file `no/such.toml`: No such file"),
        "{message}"
    );
}

/// Names of a file are names, never SQL.
#[test]
fn an_adapter_file_cannot_smuggle_a_statement() {
    let database = TestDatabase::new(Template::Inhouse);
    let before = database.application_rows();
    for (from, to) in [
        (
            "label = \"display Name\"",
            "label = '\"tokenId\"; drop table \"Internal Tools\".\"Usage\"; --'",
        ),
        ("column = \"isEnabled\"", "column = 'isEnabled or true'"),
    ] {
        let (_directory, path) = changed(from, to);
        let path = path.display().to_string();
        let output = run(&database, &["tokens", "ls", "--adapter-file", &path]);
        output
            .code(1)
            .says("adapter `inhouse` does not fit this database")
            .says("has no column");
    }
    assert_eq!(database.application_rows(), before);
}

#[test]
fn a_type_that_a_rule_cannot_work_on_is_refused() {
    let database = TestDatabase::new(Template::Inhouse);
    for (from, to, named) in [
        (
            "unit = \"utc\"",
            "unit = \"timestamptz\"",
            "Created is timestamp without time zone, not timestamp with time zone",
        ),
        (
            "column = \"lastSeenUnix\"",
            "column = \"display Name\"",
            "is text, not an integer",
        ),
    ] {
        let (_directory, path) = changed(from, to);
        let path = path.display().to_string();
        run(&database, &["tokens", "ls", "--adapter-file", &path])
            .code(1)
            .says(named);
    }
}

/// Also in a column of numbers, where `least` and `greatest` would make a time of it.
#[test]
fn null_means_never_whatever_the_unit() {
    let database = TestDatabase::new(Template::Inhouse);
    database.execute(
        "alter table \"Internal Tools\".\"ServiceTokens\" alter column \"expiresUnix\" drop not null; \
         update \"Internal Tools\".\"ServiceTokens\" set \"expiresUnix\" = null where \"tokenId\" = 2",
    );
    for unit in ["seconds", "milliseconds"] {
        let (_directory, path) = changed(
            "unit = \"seconds\"\nnever = \"zero\"\n\n[[dead]]",
            &format!("unit = \"{unit}\"\n\n[[dead]]"),
        );
        let path = path.display().to_string();
        let show = [
            "tokens",
            "show",
            "id:2",
            "-o",
            "json",
            "--adapter-file",
            &path,
        ];
        let output = run(&database, &show);
        output.success();
        let token = output.json()["token"].clone();
        assert_eq!(token["state"], "active", "{unit}");
        assert!(token["expires_at"].is_null(), "{unit}: {token}");
    }
}
