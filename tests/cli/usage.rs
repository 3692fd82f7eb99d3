//! Exit codes, one test each, and what errors look like for people and for programs.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a helper that cannot go on fails the test that called it"
)]

use std::fs;
use std::net::TcpListener;

use serde_json::Value;

use super::show::installed;
use crate::support::run::Output;
use crate::support::{Template, TestDatabase, breakglass, private_cluster, seed};

fn run(database: &TestDatabase, arguments: &[&str]) -> Output {
    let invocation = database.breakglass();
    invocation.args(arguments.iter().copied()).run()
}

#[test]
fn code_0_is_done_or_already_so() {
    let database = installed();
    run(&database, &["tokens", "ls"]).success();
    let rm = ["tokens", "rm", seed::EXPIRED, "--yes", "--reason", "why"];
    run(&database, &rm).code(0);
}

#[test]
fn code_1_is_refused_and_nothing_changed() {
    let database = installed();
    let before = database.application_rows();
    run(
        &database,
        &["tokens", "rm", "nope", "--yes", "--reason", "why"],
    )
    .code(1);
    run(&database, &["tokens", "show", "nope"]).code(1);
    assert_eq!(database.application_rows(), before);
}

#[test]
fn code_2_is_usage_and_nothing_is_connected_to() {
    for arguments in [
        &["tokens", "ls", "--no-such-flag"][..],
        &["tokens"],
        &["tokens", "list-all"],
        &["frobnicate"],
        &[],
        &["tokens", "ls", "--limit", "many"],
        &["tokens", "ls", "--limit", "-1"],
        &["tokens", "ls", "--sort", "colour"],
        &["tokens", "ls", "-o", "xml"],
        &["tokens", "ls", "--unused-for", "long"],
        &["tokens", "show"],
        &["tokens", "show", "a", "b"],
        &["tokens", "rm", "x", "--confirm", "x"],
        &["tokens", "rm", "x", "--app-actor", "a", "--no-app-audit"],
        &["tokens", "rm", "x"],
        &["audit", "show"],
        &["completions", "tcsh"],
        &["init", "--allow-delete"],
    ] {
        // Nobody listens there: a connection would end with 3.
        let invocation = breakglass().env("BREAKGLASS_DATABASE_URL", "postgres://u@127.0.0.1:1/x");
        let output = invocation.args(arguments.iter().copied()).run();
        output.code(2);
        assert_eq!(output.stdout, "", "{arguments:?}");
        assert_ne!(output.stderr, "", "{arguments:?}");
    }
}

#[test]
fn code_3_is_nobody_listens() {
    // A port of ours that nobody listens on any more.
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a port")
        .port();
    let url = format!("postgres://alice@127.0.0.1:{port}/coder");
    for arguments in [
        &["tokens", "ls"][..],
        &["tokens", "show", "x"],
        &["audit", "ls"],
        &["init"],
        &["init", "--print"],
        &["adapters", "ls"],
        &["adapters", "show", "coder", "--sql"],
    ] {
        let output = breakglass()
            .args(["-d", &url])
            .args(arguments.iter().copied())
            .run();
        output.code(3).says(&format!(
            "error: cannot reach the server: host 127.0.0.1 port {port}, database coder, user alice: Connection refused"
        ));
        assert_eq!(output.stdout, "");
    }
    let rm = ["tokens", "rm", "x", "--yes", "--reason", "why", "-d", &url];
    breakglass()
        .args(rm)
        .run()
        .code(3)
        .says("nothing was recorded");
    let output = breakglass()
        .args(["-d", "host=/nowhere/at/all", "tokens", "ls"])
        .run();
    output.code(3).says("/nowhere/at/all");
}

#[test]
fn code_3_is_the_wrong_database() {
    let database = TestDatabase::new(Template::Empty);
    let url = database
        .conninfo("postgres")
        .replace(database.name(), "no_such_database");
    let output = breakglass().args(["-d", &url, "tokens", "ls"]).run();
    output
        .code(3)
        .says("error: the database does not exist: ")
        .says("database no_such_database");
    let url = database.conninfo("no_such_role");
    let output = breakglass().args(["-d", &url, "tokens", "ls"]).run();
    output
        .code(3)
        .says("the server does not accept the login")
        .says("no_such_role");
}

#[test]
fn code_3_is_the_wrong_password_which_is_not_repeated() {
    let cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    database.execute("create role guarded login password 'right password'; grant select on api_keys, users to guarded");
    let file = database.value("show hba_file");
    let rules = fs::read_to_string(&file).expect("it can be read");
    fs::write(&file, format!("local all guarded scram-sha-256\n{rules}"))
        .expect("it can be written");
    database.execute("select pg_reload_conf()");
    database
        .wait_for("select exists (select from pg_hba_file_rules where user_name = '{guarded}')");
    let conninfo = database.conninfo("guarded");
    let ls = |conninfo: &str| breakglass().args(["-d", conninfo, "tokens", "ls"]);
    // The postmaster reads its rules a moment later than those who ask for them.
    let mut output = ls(&conninfo).run();
    for _ in 0..100 {
        if output.status.code() == Some(3) {
            break;
        }
        output = ls(&conninfo).run();
    }
    output
        .code(3)
        .says("the server asks for a password, and none was given");
    let output = ls(&format!("{conninfo} password='wrong pass'")).run();
    output
        .code(3)
        .says("the server does not accept the login")
        .says("user guarded")
        .never_says("wrong pass");
    let output = ls(&conninfo).env("PGPASSWORD", "also wrong").run();
    output.code(3).never_says("also wrong");
    let output = ls(&conninfo).env("PGPASSWORD", "right password").run();
    output.success().never_says("right password");
}

#[test]
fn code_130_is_interrupted_and_nothing_changed() {
    let database = installed();
    let before = database.application_rows();
    let rm = ["tokens", "rm", "build-cache", "--reason", "why"];
    let mut terminal = database.breakglass().args(rm).on_terminal(120);
    terminal.expect("expire?");
    terminal.interrupt();
    terminal
        .finish()
        .code(130)
        .says("error: interrupted; nothing was changed");
    assert_eq!(database.application_rows(), before);
    // Also while it waits for a list.
    let lock = database.session();
    lock.execute("begin; lock table api_keys");
    let running = database.breakglass().args(["tokens", "ls"]).start();
    database.wait_for("select exists (select from pg_locks where not granted and relation = 'api_keys'::regclass)");
    running.signal("INT");
    let output = running.wait();
    output.code(130).says("error: interrupted");
    assert_eq!(output.stdout, "");
}

/// The one object that standard error has to be.
#[track_caller]
fn error_of(output: &Output, code: i32) -> Value {
    output.code(code);
    assert_eq!(output.stdout, "", "{output}");
    assert_eq!(output.stderr.lines().count(), 1, "{output}");
    let document = output.json_error();
    let names = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(names(&document), ["schema", "error"]);
    assert_eq!(document["schema"], 1);
    let error = document["error"].clone();
    assert_eq!(names(&error)[..3], ["code", "message", "hint"]);
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|message| !message.is_empty() && !message.starts_with("error"))
    );
    error
}

#[test]
fn a_usage_error_in_json_is_one_object() {
    for arguments in [
        &["tokens", "ls", "--no-such-flag", "-o", "json"][..],
        &["tokens", "ls", "-ojson", "--limit", "many"],
        &["tokens", "show", "--output=json"],
        &["tokens", "ls", "--output", "jsonl", "--sort", "colour"],
        &["audit", "ls", "-o", "json", "--action", "forget"],
        &["tokens", "rm", "x", "-o", "json"],
    ] {
        let output = breakglass().args(arguments.iter().copied()).run();
        let error = error_of(&output, 2);
        assert_eq!(error["code"], "usage", "{arguments:?}");
        assert_eq!(error.as_object().map(serde_json::Map::len), Some(3));
    }
    let output = breakglass()
        .args(["tokens", "ls", "--includ-expired", "-o", "json"])
        .run();
    let error = error_of(&output, 2);
    assert_eq!(
        error["message"],
        "unexpected argument '--includ-expired' found"
    );
    assert!(
        error["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("--include-expired")),
        "{error}"
    );
}

#[test]
fn a_connection_error_in_json_is_one_object() {
    for arguments in [
        &["tokens", "ls", "-o", "json"][..],
        &["tokens", "ls", "-o", "jsonl"],
        &["tokens", "show", "x", "-o", "json"],
        &["audit", "ls", "-o", "json"],
        &["audit", "show", "x", "-o", "json"],
        &[
            "tokens", "rm", "x", "--yes", "--reason", "why", "-o", "json",
        ],
    ] {
        let invocation = breakglass().env("DATABASE_URL", "postgres://u:pass%20word@127.0.0.1:1/x");
        let output = invocation.args(arguments.iter().copied()).run();
        output.never_says("pass%20word").never_says("pass word");
        let error = error_of(&output, 3);
        assert_eq!(error["code"], "no_connection", "{arguments:?}");
    }
}

#[test]
fn a_refusal_in_json_is_one_object_and_names_its_record() {
    let database = installed();
    let output = run(&database, &["tokens", "show", "nope", "-o", "json"]);
    assert_eq!(error_of(&output, 1)["code"], "no_such_token");
    let rm = [
        "tokens", "rm", "nope", "--yes", "--reason", "why", "-o", "json",
    ];
    let error = error_of(&run(&database, &rm), 1);
    assert_eq!(error["code"], "no_such_token");
    assert_eq!(error["recorded"], true);
    assert_eq!(error["operation"], database.operation()["id"]);
}

const PASSWORD: &str = "hunter2-and-more";

/// Whatever goes wrong, and wherever the password stands.
#[test]
fn the_password_of_a_url_is_never_printed() {
    let strings = [
        format!("postgres://alice:{PASSWORD}@127.0.0.1:1/coder"),
        format!("postgres://127.0.0.1:1/coder?user=alice&password={PASSWORD}"),
        format!("host=127.0.0.1 port=1 user=alice dbname=coder password={PASSWORD}"),
        format!("postgres://alice:{PASSWORD}@127.0.0.1:port/coder"),
        format!("postgres://alice:{PASSWORD}@127.0.0.1:1/coder?sslmode=perhaps"),
        format!("postgres://alice:{PASSWORD}/x@127.0.0.1:1/coder"),
        format!("postgres://alice:{PASSWORD}%zz@127.0.0.1:1/coder"),
        format!("host=127.0.0.1 password={PASSWORD} {PASSWORD}"),
        format!("host=127.0.0.1 port=1 password='{PASSWORD}"),
        format!("postgres://alice:{PASSWORD}@[::1/coder"),
    ];
    for string in &strings {
        for arguments in [
            &["tokens", "ls"][..],
            &["tokens", "ls", "-o", "json"],
            &["init"],
            &["adapters", "ls"],
            &["tokens", "rm", "x", "--yes", "--reason", "why"],
        ] {
            for by_flag in [true, false] {
                let invocation = breakglass().args(arguments.iter().copied());
                let invocation = if by_flag {
                    invocation.args(["-d", string])
                } else {
                    invocation.env("BREAKGLASS_DATABASE_URL", string)
                };
                let output = invocation.run();
                assert!(matches!(output.status.code(), Some(2 | 3)), "{output}");
                output.never_says(PASSWORD).never_says("hunter2");
            }
        }
    }
}

#[test]
fn a_connection_parameter_that_is_wrong_is_named() {
    let ls = |string: &str| breakglass().args(["-d", string, "tokens", "ls"]).run();
    ls("host=x conect_timeout=3")
        .code(2)
        .says("error: unknown connection parameter `conect_timeout`");
    ls("postgres://h/x?aplication_name=me")
        .code(2)
        .says("unknown connection parameter `aplication_name`");
    ls("host=x sslmode=perhaps")
        .code(2)
        .says("connection parameter `sslmode` must be ");
    ls("host=x port=many")
        .code(2)
        .says("connection parameter `port` must be ");
    ls("host=x connect_timeout=soon")
        .code(2)
        .says("connection parameter `connect_timeout` must be ");
    ls("host=x,y port=1,2,3")
        .code(2)
        .says("3 port numbers do not go with 2 hosts");
    for (name, value) in [
        ("PGSSLMODE", "perhaps"),
        ("PGPORT", "many"),
        ("PGCONNECT_TIMEOUT", "soon"),
    ] {
        let invocation = breakglass().env("PGHOST", "127.0.0.1").env(name, value);
        let output = invocation.args(["tokens", "ls"]).run();
        output
            .code(2)
            .says(&format!("environment variable `{name}` must be "));
    }
    let output = breakglass()
        .args(["-d", "host=x sslmode=perhaps", "tokens", "ls", "-o", "json"])
        .run();
    let error = error_of(&output, 2);
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|message| message.contains("`sslmode`"))
    );
    assert_eq!(error["code"], "usage");
}

#[test]
fn a_name_without_an_owner_does_not_choose_a_further_token() {
    let database = TestDatabase::new(Template::Coder);
    database.breakglass().arg("init").run().success();
    let before = database.application_rows();
    for command in ["rm", "show"] {
        let mut arguments = vec!["tokens", command, "id:d4o6FQe5QT", "--name", "release"];
        if command == "rm" {
            arguments.extend(["--yes", "--reason", "why"]);
        }
        let output = database.breakglass().args(arguments).run();
        output.code(2).says("--name goes with owner:LOGIN");
    }
    assert_eq!(database.application_rows(), before);
    assert!(database.operations().is_empty());
}

#[test]
fn an_empty_connection_string_is_refused_and_not_taken_for_the_defaults() {
    let output = breakglass().args(["tokens", "ls", "-d", ""]).run();
    output.code(2).says("--database-url is empty");
}

#[test]
fn a_reason_with_a_secret_in_it_is_not_recorded() {
    let database = TestDatabase::new(Template::Coder);
    database.breakglass().arg("init").run().success();
    let token = seed::token_of("d4o6FQe5QT");
    let before = database.application_rows();
    for flag in ["--reason", "--ticket"] {
        let text = format!("leaked: {token}");
        let mut arguments = vec!["tokens", "rm", "id:d4o6FQe5QT", "--yes", flag, &text];
        if flag == "--ticket" {
            arguments.extend(["--reason", "why"]);
        }
        let output = database.breakglass().args(arguments).run();
        output
            .code(2)
            .says("of the shape of a secret")
            .never_says(&token[11..]);
    }
    assert_eq!(database.application_rows(), before);
    assert!(database.operations().is_empty());
}
