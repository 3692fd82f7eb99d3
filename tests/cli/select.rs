//! How tokens are named: key, name, owner, secret; and what a secret must never leave behind.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::remove::{Before, coder, column, operator, remove};
use crate::support::cluster::shared_cluster;
use crate::support::{TestDatabase, seed};

/// A key of mira's whose secret no other test sends anywhere.
pub(super) const KEY: &str = "onlyHere01";
pub(super) const SECRET: &str = "Zq7NobodyElseHasThis3x";

/// The demo's database with that key in it.
pub(super) fn with_secret() -> TestDatabase {
    let database = coder();
    database.execute(&format!(
        "insert into api_keys \
         select '{KEY}', '\\x{}', user_id, last_used, now() + interval '9 days', created_at, \
                updated_at, 'token', 86400, ip_address, 'only here', scopes, allow_list \
           from api_keys where id = '{}'",
        hex(SECRET),
        seed::CLI_AUTH,
    ));
    database
}

pub(super) fn hex(text: &str) -> String {
    breakglass::model::hex(&Sha256::digest(text))
}

/// Every row that breakglass wrote, and Coder's own audit log.
pub(super) fn written(database: &TestDatabase) -> String {
    let records = [
        database.operations(),
        database.changes(),
        database.observations(),
        database.audit_logs(),
    ];
    format!("{records:?}")
}

/// What the server logged of a database: statements with their parameters.
pub(super) fn logged(database: &TestDatabase) -> String {
    let log = std::fs::read(shared_cluster().log_file()).unwrap_or_default();
    let (mut ours, mut is_ours) = (String::new(), false);
    for line in String::from_utf8_lossy(&log).lines() {
        // What goes on from the line before is indented; the others begin with the time.
        if line.starts_with("20") {
            is_ours = line.contains(&format!(" {} ", database.name()));
        }
        if is_ours {
            ours.push_str(line);
            ours.push('\n');
        }
    }
    assert!(ours.contains("DETAIL:  parameters: $1 = "), "it logs them");
    ours
}

/// What must hold however a secret was given and whatever became of it.
#[track_caller]
pub(super) fn stays_secret(database: &TestDatabase, output: &crate::support::run::Output) {
    output.never_says(SECRET);
    let (written, logged) = (written(database), logged(database));
    assert!(!written.contains(SECRET), "{written}");
    assert!(!logged.contains(SECRET), "the server's log has the secret");
    let hash = hex(SECRET);
    assert!(!output.to_string().contains(&hash) && !written.contains(&hash));
}

pub(super) fn token() -> String {
    format!("{KEY}-{SECRET}")
}

pub(super) fn described() -> String {
    format!("secret of 33 characters, sha256 {}", hex(&token()))
}

#[test]
fn a_key_in_any_spelling_names_one_token_of_any_kind() {
    let kinds = [
        (seed::HOT, "token"),
        (seed::SESSION, "session"),
        (seed::OAUTH, "oauth"),
        (seed::CLI_AUTH, "cli-auth"),
        (seed::APP_CONNECT, "app-connect"),
        (seed::WORKSPACE, "workspace"),
        (seed::CHAT_GATEWAY, "chat-gateway"),
    ];
    let database = coder();
    for (place, (key, kind)) in kinds.into_iter().enumerate() {
        let word = if place % 2 == 0 {
            key.to_owned()
        } else {
            format!("id:{key}")
        };
        assert!(database.is_alive(key), "{key}");
        remove(&database, &[&word]).run().success();
        assert!(!database.is_alive(key), "{key}");
        let operation = database.operations().pop().unwrap();
        assert_eq!(
            [&operation["selector"], &operation["outcome"]],
            [word.as_str(), "applied"]
        );
        let id = operation["id"].clone();
        let is_ours = |c: &Value| c["operation_id"] == id && c["relation"] == "public.api_keys";
        let changes: Vec<Value> = database.changes().into_iter().filter(is_ours).collect();
        assert_eq!(changes.len(), 1);
        assert_eq!([&changes[0]["key"], &changes[0]["kind"]], [key, kind]);
    }
}

#[test]
fn a_pasted_secret_names_its_token_and_is_seen_nowhere() {
    let database = with_secret();
    let output = remove(&database, &["-"])
        .stdin(format!("{}\n", token()))
        .run();
    output
        .success()
        .says("onlyHere01: the secret is its own (verified)");
    assert!(!database.is_alive(KEY));
    let operation = database.operation();
    assert_eq!(operation["outcome"], "applied");
    assert_eq!(operation["secret_verified"], true);
    assert_eq!(operation["selector"], described());
    stays_secret(&database, &output);
}

#[test]
fn a_secret_on_the_command_line_works_and_draws_a_warning() {
    let warning = "warning: the secret is now in this shell's history";
    for word in [
        token(),
        format!("id:{}", token()),
        format!("name:{}", token()),
    ] {
        let database = with_secret();
        let output = remove(&database, &[&word]).run();
        output.success().says(warning);
        assert!(!database.is_alive(KEY));
        assert_eq!(database.operation()["secret_verified"], true);
        stays_secret(&database, &output);
    }
    let database = with_secret();
    let output = remove(&database, &[&token(), "-o", "json"]).run();
    output.success().says(warning);
    assert_eq!(output.json()["operation"]["secret_verified"], true);
    assert_eq!(output.json()["operation"]["selector"], described());
    stays_secret(&database, &output);
}

#[test]
fn secrets_are_found_in_what_surrounds_them() {
    let header = format!(
        "Coder-Session-Token: {}\r\n\n \"{}\" \n",
        token(),
        seed::token_of(seed::HOT)
    );
    let database = with_secret();
    let output = remove(&database, &["-", "--expect", "2"])
        .stdin(header)
        .run();
    output.success();
    assert!(!database.is_alive(KEY) && !database.is_alive(seed::HOT));
    assert_eq!(database.operation()["changed"], 2);
    stays_secret(&database, &output);
}

#[test]
fn a_role_that_may_not_read_the_hash_is_told_that_nothing_was_verified() {
    let database = with_secret();
    let role = operator(&database, &[]);
    let output = remove(&database, &["-"])
        .as_role(&role)
        .stdin(token())
        .run();
    output
        .success()
        .says("secret not verified: this role may not read the stored hash");
    assert!(output.stdout.contains(", secret not verified"), "{output}");
    assert!(!database.is_alive(KEY));
    assert_eq!(database.operation()["secret_verified"], false);
    assert_eq!(database.operation()["db_user"], role);
    stays_secret(&database, &output);
    let allowed = operator(&with_secret(), &["--allow-secret-check"]);
    assert_ne!(allowed, role);
}

#[test]
fn a_role_that_may_read_the_hash_refuses_a_wrong_secret() {
    let database = with_secret();
    let role = operator(&database, &["--allow-secret-check"]);
    let before = Before::of(&database);
    let wrong = format!("{KEY}-{}", seed::secret_of(seed::HOT));
    let output = remove(&database, &["-"]).as_role(&role).stdin(wrong).run();
    output
        .code(1)
        .says("the secret is not the one of token `onlyHere01`");
    let operation = before.plus(&database, "refused", "the stored hash differs");
    assert_eq!(operation["db_user"], role);
    remove(&database, &["-"])
        .as_role(&role)
        .stdin(token())
        .run()
        .success();
    assert_eq!(database.operations()[1]["secret_verified"], true);
}

#[test]
fn an_owner_and_a_name_name_one_token() {
    let database = coder();
    let id = column(&database, seed::RELEASE, "user_id");
    let cases = [
        ("owner:release-bot".to_owned(), "deploy-bot", "T24qagFojq"),
        (format!("owner:{id}"), "release", seed::RELEASE),
        ("owner:NADIA@example.com".to_owned(), "vscode", seed::UNUSED),
        ("owner:Hanna".to_owned(), "laptop", seed::UNUSED_OLD),
    ];
    for (owner, name, key) in cases {
        assert!(database.is_alive(key));
        remove(&database, &[&owner, "--name", name]).run().success();
        assert!(!database.is_alive(key));
        let operation = database.operations().pop().unwrap();
        assert_eq!(operation["selector"], format!("{owner} name:{name}"));
        assert_eq!([&operation["planned"], &operation["changed"]], [1, 1]);
    }
    assert!(database.is_alive(seed::DUPLICATE), "another deploy-bot");
    let before = Before::of(&database);
    let output = remove(&database, &["owner:nadia", "--name", "release"]).run();
    output.code(1).says("no token matches name:release");
    let operation = before.plus(&database, "refused", "no token matches name:release");
    assert_eq!(operation["selector"], "owner:nadia name:release");
}

#[test]
fn one_name_of_two_owners_is_refused_with_both_listed() {
    let database = coder();
    database.load("tests/fixtures/coder/hostile.sql");
    let before = Before::of(&database);
    let output = remove(&database, &["same name"]).run();
    let error = "same name matches 2 tokens: id:hostile023 (token of hostile), id:hostile024 (token \
                 of hostile2)";
    output.code(1).says(&format!("error: {error}\nKEY "));
    output.says("\nhint: name one by `id:KEY`, or say whose with `owner:LOGIN --name NAME`\n");
    for row in [
        "\nhostile023  same name  hostile ",
        "\nhostile024  same name  hostile2 ",
    ] {
        output.says(row);
    }
    output.never_says("hostile025");
    before.plus(&database, "refused", error);
    // Of three of that name one is a session: a name means the default kind.
    remove(&database, &["owner:hostile", "--name", "same name"])
        .run()
        .success();
    let alive = ["hostile023", "hostile024", "hostile025"].map(|key| database.is_alive(key));
    assert_eq!(alive, [false, true, true]);
    remove(&database, &["hostile025"]).run().success();
    assert!(!database.is_alive("hostile025"));
}

#[test]
fn a_name_that_is_another_tokens_key_is_refused_with_both_listed() {
    let database = coder();
    database.load("tests/fixtures/coder/hostile.sql");
    let before = Before::of(&database);
    let output = remove(&database, &["hostile022", "-o", "json"]).run();
    output.code(1);
    let message = "hostile022 matches 2 tokens: id:hostile021 (token of hostile), id:hostile022 \
                   (token of hostile)";
    let operation = before.plus(&database, "refused", message);
    let expected = json!({ "schema": 1, "error": {
        "code": "ambiguous", "message": message,
        "hint": "name one by `id:KEY`, or say whose with `owner:LOGIN --name NAME`",
        "operation": operation["id"], "recorded": true,
    }});
    assert_eq!(output.json_error(), expected);
    assert_eq!(
        [
            output.stdout.as_str(),
            &output.stderr.lines().count().to_string()
        ],
        ["", "1"]
    );
    remove(&database, &["name:hostile022"]).run().success();
    assert!(!database.is_alive("hostile021") && database.is_alive("hostile022"));
    remove(&database, &["id:hostile022"]).run().success();
    assert!(!database.is_alive("hostile022"));
}

#[test]
fn a_token_named_like_itself_is_one_token() {
    let database = coder();
    database.execute("update api_keys set token_name = id where id = 'd4o6FQe5QT'");
    remove(&database, &[seed::HOT]).run().success();
    assert!(!database.is_alive(seed::HOT));
    assert_eq!(database.operation()["planned"], 1);
}

#[test]
fn names_that_look_like_selectors_flags_and_patterns_are_names() {
    let database = coder();
    database.load("tests/fixtures/coder/hostile.sql");
    let cases = [
        ("name:id:hostile027", "hostile026"),
        ("name:name:same name", "hostile027"),
        ("name:owner:hostile2", "hostile028"),
        ("name:-", "hostile029"),
        ("name:--delete", "hostile030"),
        ("'; drop table api_keys; --", "hostile015"),
        ("percent 100% under_score \\ backslash", "hostile016"),
        ("star * question ? [set]", "hostile017"),
        ("name:hostile041-shortsecret", "hostile041"),
        ("name: padded ", "hostile033"),
        ("CI", "hostile039"),
        ("e\u{301} combining", "hostile037"),
    ];
    for (place, (word, key)) in cases.into_iter().enumerate() {
        assert!(database.is_alive(key), "{key}");
        remove(&database, &[word]).run().success();
        assert!(!database.is_alive(key), "{word}");
        assert_eq!(database.operations().len(), place + 1);
    }
    let dead = "select count(*) from api_keys where id like 'hostile%' and expires_at < now()";
    assert_eq!(database.value(dead), cases.len().to_string());
}

#[test]
fn unknown_words_are_refused_and_a_bare_one_is_not_repeated() {
    let word = "no-such-thing";
    let bare = format!(
        "no token matches a word of 13 characters, sha256 {}",
        hex(word)
    );
    let kind = "name:chatd_";
    let cases = [
        (word, bare.as_str(), &bare["no token matches ".len()..]),
        (
            "id:no-such-thing",
            "no token matches id:no-such-thing",
            "id:no-such-thing",
        ),
        (
            "name:no-such-thing",
            "no token matches name:no-such-thing",
            "name:no-such-thing",
        ),
        (kind, "no token matches name:chatd_", kind),
        (
            "id:D4O6FQE5QT",
            "no token matches id:D4O6FQE5QT",
            "id:D4O6FQE5QT",
        ),
    ];
    for (given, error, selector) in cases {
        let database = coder();
        let before = Before::of(&database);
        let output = remove(&database, &["build-cache", given]).run();
        output
            .code(1)
            .says(&format!("error: {error}\nhint: see `breakglass tokens ls"));
        let operation = before.plus(&database, "refused", error);
        let recorded = operation["selector"].as_str().unwrap();
        assert!(recorded.ends_with(selector), "{recorded}");
        assert!(
            database.is_alive(seed::HOT),
            "one that is unknown spoils the rest"
        );
        if given == word {
            output.never_says(word);
            assert!(!written(&database).contains(word));
        }
        let id = operation["id"].as_str().unwrap();
        output.says(&format!("recorded as {id}"));
    }
}
