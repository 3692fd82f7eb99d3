//! `tokens rm` that refuses: what it says, how it ends, what it records, and that it touches
//! nothing.

use serde_json::{Value, json};

use super::remove::{Before, coder, remove};
use super::select::{SECRET, hex, logged, stays_secret, token, with_secret, written};
use crate::support::{Invocation, Template, TestDatabase, breakglass, seed};

/// `tokens rm WORDS` with nothing added, on a database that nobody listens for: whoever connects
/// ends with 3.
fn nowhere(words: &[&str]) -> Invocation<'static> {
    let url = "host=/nonexistent port=1 user=nobody dbname=nowhere";
    let invocation = breakglass().env("BREAKGLASS_DATABASE_URL", url);
    invocation.args(["tokens", "rm"]).args(words.to_vec())
}

/// Wrong command lines, what is said of each, and how its hint begins.
const WRONG: [(&[&str], &str, &str); 12] = [
    (
        &["x", "--reason", "y"],
        "there is no terminal to ask on",
        "add `--yes`, or look first with `--dry-run`",
    ),
    (
        &["x", "--yes"],
        "--reason is required without a terminal",
        "add `--reason 'why'`",
    ),
    (
        &["x", "--yes", "--reason", ""],
        "--reason is empty",
        "say why: ",
    ),
    (
        &["x", "--yes", "--reason", " \t"],
        "--reason is empty",
        "say why: ",
    ),
    (
        &["x", "--dry-run", "--reason", ""],
        "--reason is empty",
        "say why: ",
    ),
    (
        &["x", "--yes", "--reason", "y", "--delete"],
        "--delete needs --confirm KEY without a terminal",
        "add `--confirm KEY`",
    ),
    (
        &["owner:mira", "--yes", "--reason", "y"],
        "owner: needs --name",
        "add `--name NAME`",
    ),
    (
        &[
            "owner:a", "owner:b", "--name", "x", "--yes", "--reason", "y",
        ],
        "more than one owner: selector",
        "run the command once",
    ),
    (
        &["", "--yes", "--reason", "y"],
        "an empty selector",
        "give a key, a name",
    ),
    (
        &["-", "--yes", "--reason", "y"],
        "`-` was given, but standard input is empty",
        "pipe the secret in",
    ),
    (
        &["-", "-", "--yes", "--reason", "y"],
        "standard input is empty",
        "pipe the secret in",
    ),
    (
        &["x", "--adapter-file", "/no/such", "--yes", "--reason", "y"],
        "/no/such",
        "",
    ),
];

#[test]
fn a_wrong_command_line_is_told_before_anything_is_connected_to() {
    for (words, error, hint) in WRONG {
        let output = nowhere(words).run();
        output.code(2).says("error: ").says(error);
        assert_eq!(output.stdout, "");
        let json = nowhere(words).args(["-o", "json"]).run();
        json.code(2);
        assert_eq!(
            [
                json.stdout.as_str(),
                &json.stderr.lines().count().to_string()
            ],
            ["", "1"],
            "{json}"
        );
        let told = &json.json_error();
        assert_eq!(told["schema"], 1);
        assert!(
            told["error"]["message"].as_str().unwrap().contains(error),
            "{told}"
        );
        assert!(told["error"].get("operation").is_none(), "{told}");
        if !hint.is_empty() {
            output.says(&format!("\nhint: {hint}"));
            assert_eq!(told["error"]["code"], "usage");
            assert!(
                told["error"]["hint"].as_str().unwrap().starts_with(hint),
                "{told}"
            );
        }
    }
    nowhere(&["x", "--yes", "--reason", "y"])
        .run()
        .code(3)
        .says("nothing was recorded: there is no connection");
}

#[test]
fn what_clap_refuses_is_usage_too_and_one_json_object_when_that_was_asked_for() {
    let cases: [&[&str]; 5] = [
        &[],
        &["x", "--expect", "-1"],
        &["x", "--confirm", "x"],
        &["x", "--app-actor", "mira", "--no-app-audit"],
        &["x", "--no-such-flag"],
    ];
    for words in cases {
        let output = nowhere(words).run();
        output.code(2).says("error: ");
        assert_eq!(output.stdout, "");
        let json = nowhere(words).args(["--output=json"]).run();
        json.code(2);
        assert_eq!(
            [
                json.stdout.as_str(),
                &json.stderr.lines().count().to_string()
            ],
            ["", "1"],
            "{json}"
        );
        let told = json.json_error();
        assert_eq!(
            [&told["schema"], &told["error"]["code"]],
            [&json!(1), &json!("usage")]
        );
        assert!(told["error"]["message"].is_string());
    }
}

#[test]
fn another_number_of_tokens_than_expected_is_refused() {
    let cases: [(&[&str], &str); 3] = [
        (
            &["build-cache", "--expect", "2"],
            "--expect says 2, but the number of tokens that match is 1",
        ),
        (
            &["build-cache", "release", "--expect", "1"],
            "--expect says 1, but the number of tokens that match is 2",
        ),
        (
            &["build-cache", "d4o6FQe5QT", "--expect", "0"],
            "--expect says 0, but the number of tokens that match is 1",
        ),
    ];
    for (words, error) in cases {
        let database = coder();
        let before = Before::of(&database);
        let output = remove(&database, words).run();
        output.code(1).says(&format!("error: {error}\n"));
        let operation = before.plus(&database, "refused", error);
        let id = operation["id"].as_str().unwrap();
        output.says(&format!("recorded as {id}"));
        assert_eq!(output.stdout, "");
        let json = remove(&database, words).args(["-o", "json"]).run();
        let told = json.code(1).json_error();
        assert_eq!(told["error"]["code"], "unexpected_count");
        assert_eq!(told["error"]["message"], error);
        assert_eq!(told["error"]["operation"], database.operations()[1]["id"]);
        assert_eq!(told["error"]["recorded"], true);
        assert_eq!(
            [
                json.stdout.as_str(),
                &json.stderr.lines().count().to_string()
            ],
            ["", "1"]
        );
    }
    let database = coder();
    remove(&database, &["build-cache", "--expect", "1"])
        .run()
        .success();
    assert!(!database.is_alive(seed::HOT));
}

#[test]
fn a_dry_run_does_the_work_and_leaves_nothing() {
    let database = coder();
    let sequences = "select string_agg(schemaname || sequencename || coalesce(last_value, 0), ' ') \
                     from pg_sequences";
    remove(&database, &["release"]).run().success();
    let (before, numbers) = (Before::of(&database), database.value(sequences));
    let dry = |words: &[&str]| {
        let invocation = database.breakglass().args(["tokens", "rm", "--dry-run"]);
        invocation.args(words.to_vec()).run()
    };
    let output = dry(&["build-cache", seed::OAUTH]);
    output
        .success()
        .says("would expire 2 tokens")
        .never_says("will expire");
    let said: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(
        said[0],
        "would expire token d4o6FQe5QT `build-cache` of ci-runner: active -> expired"
    );
    assert_eq!(said.len(), 4, "{output}");
    assert_eq!(
        said[3],
        "dry run: rolled back, nothing was changed or recorded"
    );
    output.never_says("read back").never_says("recorded as");

    let json = dry(&["build-cache", "-o", "json", "--ticket", "T-1"]).json();
    assert_eq!(json["operation"]["outcome"], "planned");
    assert_eq!(
        [&json["operation"]["planned"], &json["operation"]["changed"]],
        [1, 1]
    );
    assert_eq!(json["operation"]["ticket"], "T-1");
    assert_eq!(json["verdict"], Value::Null);
    assert_eq!(json["changes"][0]["key"], seed::HOT);
    assert_eq!(json["changes"][0]["state_after"], "expired");
    let deleted = dry(&["build-cache", "-o", "json", "--delete"]);
    let json = deleted.success().json();
    assert_eq!(
        [&json["operation"]["action"], &json["operation"]["outcome"]],
        ["delete", "planned"]
    );
    assert_eq!(json["changes"][0]["after"], Value::Null);
    dry(&["build-cache", "--delete"])
        .success()
        .says("would delete 1 token");

    let refused = dry(&["nothing-is-called-so"]);
    refused
        .code(1)
        .says("no token matches")
        .never_says("recorded");
    let json = dry(&["nothing-is-called-so", "-o", "json"]);
    assert_eq!(json.code(1).json_error()["error"]["recorded"], false);
    before.is_all(&database);
    assert_eq!(database.value(sequences), numbers);
}

#[test]
fn where_nothing_is_installed_nothing_is_changed_and_nothing_recorded() {
    let database = TestDatabase::new(Template::Coder);
    let rows = database.application_rows();
    let output = remove(&database, &["build-cache"]).run();
    output
        .code(1)
        .says("error: breakglass is not installed in this database")
        .says("hint: run `breakglass init` as a role that may create a schema")
        .says("nothing was recorded: breakglass is not installed there");
    let json = remove(&database, &["build-cache", "-o", "json"]).run();
    let error = &json.code(1).json_error()["error"];
    assert_eq!(
        [&error["code"], &error["recorded"]],
        [&json!("not_installed"), &json!(false)]
    );
    assert_eq!(database.application_rows(), rows);
    assert_eq!(database.value("select to_regnamespace('breakglass')"), "");
}

#[test]
fn a_role_without_any_right_changes_nothing() {
    let database = coder();
    let role = database.login_role("stranger");
    let before = Before::of(&database);
    let output = remove(&database, &["build-cache"]).as_role(&role).run();
    output
        .code(1)
        .says("error: ")
        .says("nothing was recorded: ");
    before.is_all(&database);
}

#[test]
fn a_database_of_no_application_or_of_coder_v1_is_refused_on_record() {
    let database = TestDatabase::new(Template::Empty);
    database.breakglass().arg("init").run().success();
    let before = Before::of(&database);
    let output = remove(&database, &["build-cache"]).run();
    output
        .code(1)
        .says("hint: name the table with `--adapter-file FILE`");
    let operation = before.plus(&database, "refused", "");
    assert_eq!(operation["adapter"], Value::Null);
    assert!(
        !operation["selector"]
            .as_str()
            .unwrap()
            .contains("build-cache")
    );

    let database = coder();
    database.execute("create table migration_cursor (id text)");
    let before = Before::of(&database);
    let output = remove(&database, &["build-cache"]).run();
    output
        .code(1)
        .says("it is a Coder v1 database (table migration_cursor)");
    before.plus(&database, "refused", "migration_cursor");
}

#[test]
fn a_wrong_secret_for_a_right_key_is_refused_by_the_keys_name() {
    let database = with_secret();
    let before = Before::of(&database);
    let wrong = format!("{}-{SECRET}", seed::HOT);
    let output = remove(&database, &["-"]).stdin(&wrong).run();
    let error = "the secret is not the one of token `d4o6FQe5QT`: the stored hash differs";
    output
        .code(1)
        .says(&format!("error: {error}\n"))
        .says("recorded as ");
    let operation = before.plus(&database, "refused", error);
    assert_eq!(
        operation["selector"],
        format!("secret of 33 characters, sha256 {}", hex(&wrong))
    );
    stays_secret(&database, &output);
}

#[test]
fn a_secret_of_no_token_is_refused_without_a_word_of_it() {
    let database = with_secret();
    let before = Before::of(&database);
    let unknown = format!("nobodyHas1-{SECRET}");
    let output = remove(&database, &["-"]).stdin(&unknown).run();
    let error = format!(
        "no token matches secret of 33 characters, sha256 {}",
        hex(&unknown)
    );
    output.code(1).says(&error).never_says("nobodyHas1");
    before.plus(&database, "refused", &error);
    stays_secret(&database, &output);
}

#[test]
fn a_damaged_secret_is_refused_and_not_even_sent() {
    let cut: String = token().chars().take(29).collect();
    let part = &cut[11..];
    let error = "a selector of 29 characters looks like a damaged secret; a whole one is 10 letters \
                 or digits, `-`, 22 letters or digits";
    let pasted = "what was read (29 characters) is not a secret of this application, which is 10 \
                  letters or digits, `-`, 22 letters or digits";
    for (word, stdin, error) in [(cut.as_str(), "", error), ("-", cut.as_str(), pasted)] {
        let database = with_secret();
        let before = Before::of(&database);
        let output = remove(&database, &[word]).stdin(stdin).run();
        output.code(1).says(error).says("hint: ").never_says(part);
        let operation = before.plus(&database, "refused", error);
        let selector = operation["selector"].as_str().unwrap();
        assert!(selector.ends_with(&format!("of 29 characters, sha256 {}", hex(&cut))));
        assert!(!written(&database).contains(part));
        assert!(!logged(&database).contains(part));
    }
}

#[test]
fn a_damaged_secret_behind_id_is_not_echoed_or_sent_either() {
    let cut: String = token().chars().take(31).collect();
    let database = with_secret();
    let before = Before::of(&database);
    let output = remove(&database, &[&format!("id:{cut}")]).run();
    let _operation = before.plus(&database, "refused", "");
    output.code(1).never_says(&cut[11..]);
    assert!(!written(&database).contains(&cut[11..]));
    assert!(!logged(&database).contains(&cut[11..]));
}
