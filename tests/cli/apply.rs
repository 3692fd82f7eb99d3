//! `apply` that does what the plan says: the rows, the record, the receipt, whoever planned it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use serde_json::{Value, json};

use super::adapters::INHOUSE;
use super::plan_file::Plan;
use super::remove::{Before, REASON, coder, column, operator};
use crate::support::config::File;
use crate::support::{Invocation, Template, TestDatabase, seed};

/// What is on record of the plan of [`another_operator_applies_what_one_planned`].
#[track_caller]
fn is_recorded_as_planned(operation: &Value, plan: &Plan, role: &str) {
    let planned = plan.json();
    let of = |name: &str| planned[name].as_str().unwrap();
    let by = |name: &str| planned["planned_by"][name].as_str().unwrap();
    let expected = [
        ("action", json!("expire")),
        ("outcome", json!("applied")),
        ("db_user", json!(role)),
        ("reason", json!(REASON)),
        ("ticket", json!("INC-42")),
        (
            "selector",
            json!(format!(
                "plan {} by {} on {}: build-cache",
                of("operation"),
                by("os_user"),
                by("host")
            )),
        ),
        ("plan_digest", json!(of("digest"))),
        ("parent_id", Value::Null),
        ("application_audit", json!("written")),
        ("secret_verified", Value::Null),
        ("planned", json!(1)),
        ("matched", json!(1)),
        ("changed", json!(1)),
        ("unchanged", json!(0)),
    ];
    for (field, value) in expected {
        assert_eq!(operation[field], value, "{field}");
    }
}

#[test]
fn another_operator_applies_what_one_planned() {
    let database = coder();
    let role = operator(&database, &[]);
    let plan = Plan::nowhere();
    let words = ["build-cache", "--reason", REASON, "--ticket", "INC-42"];
    plan.make(&database, &words).run().success();
    let planned = plan.json();
    let of = |name: &str| planned[name].as_str().unwrap().to_owned();
    let rest = "to_jsonb(api_keys) - 'expires_at'";
    let rest_before = column(&database, seed::HOT, rest);
    let others = "select md5(string_agg(to_jsonb(k)::text, '' order by id)) from api_keys as k \
                  where id <> 'd4o6FQe5QT'";
    let untouched = database.value(others);

    let output = plan.apply(&database, &["--yes"]).as_role(&role).run();
    let operation = database.operation();
    let id = operation["id"].as_str().unwrap();
    assert_ne!(id, of("operation"), "a request of its own");
    let by = &planned["planned_by"];
    let (user, host) = (
        by["os_user"].as_str().unwrap(),
        by["host"].as_str().unwrap(),
    );
    output
        .success()
        .says(&format!(
            "operation {id}\nplanned by {user} on {host} as role postgres, 20"
        ))
        .says(&format!(
            "), as operation {}\nvalid until 20",
            of("operation")
        ))
        .says(&format!(
            "its reason: {REASON}\nits ticket: INC-42\ntokens named by: build-cache\ndigest {}\n",
            of("digest")
        ))
        .says("will expire 1 token (expires_at = now - 1 s)")
        .says("breaks d4o6FQe5QT: last used ");
    let said: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(
        said[..2],
        [
            "expired token d4o6FQe5QT `build-cache` of ci-runner: active -> expired",
            "read back on a fresh connection: dead",
        ]
    );
    assert!(
        said[2].starts_with(&format!("recorded as {id} at ")),
        "{output}"
    );

    is_recorded_as_planned(&operation, &plan, &role);
    let second = "expires_at = (select occurred_at - interval '1 s' from breakglass.operation)";
    assert_eq!(column(&database, seed::HOT, second), "t");
    assert_eq!(column(&database, seed::HOT, rest), rest_before);
    assert_eq!(database.value(others), untouched);
    let changes = database.changes();
    assert_eq!(changes.len(), 1);
    let set = json!({ "expires_at": planned["tokens"][0]["vital"]["expires_at"] });
    assert_eq!(changes[0]["before"], set);
    assert_eq!(changes[0]["owner_login"], "ci-runner");
    assert_eq!(
        [database.observations().len(), database.audit_logs().len()],
        [1, 1]
    );
    assert_eq!(database.observations()[0]["verdict"], "dead");
}

#[test]
fn the_receipt_in_json_has_the_digest_of_the_file() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache", seed::EXPIRED]);
    let digest = plan.digest().to_uppercase();
    let output = plan
        .apply(&database, &["--yes", "--digest", &digest, "-o", "json"])
        .run();
    output.success();
    assert_eq!(output.stderr, "");
    let receipt = output.json();
    assert_eq!(receipt["operation"]["plan_digest"], plan.digest());
    assert_eq!(receipt["operation"]["outcome"], "applied");
    assert_eq!(receipt["changes"][0]["key"], seed::HOT);
    assert_eq!(receipt["unchanged"][0]["key"], seed::EXPIRED);
    assert_eq!(receipt["verdict"], "dead");
}

#[test]
fn a_plan_that_was_applied_finds_everything_so_already() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache", seed::OAUTH]);
    plan.apply(&database, &["--yes"])
        .run()
        .success()
        .says("with it: oauth refresh token ");
    let rows = database.application_rows();
    let digest = plan.digest();
    // Nobody is asked about nothing.
    let again = plan
        .apply(&database, &["--digest", &digest])
        .on_terminal(160)
        .finish();
    again
        .code(0)
        .says("nothing to expire")
        .says("2 tokens already dead, left as it is");
    again
        .never_says("expire?")
        .never_says("with it: oauth refresh token");
    again.says("already expired since ");
    assert_eq!(database.application_rows(), rows);
    let operations = database.operations();
    let outcomes: Vec<&Value> = operations.iter().map(|o| &o["outcome"]).collect();
    assert_eq!(outcomes, ["applied", "unchanged"]);
    let second = &operations[1];
    assert_eq!(second["plan_digest"], digest);
    let counts = [
        "planned",
        "matched",
        "changed",
        "unchanged",
        "companions_planned",
        "companions_dead",
        "companions_changed",
    ];
    assert_eq!(counts.map(|name| &second[name]), [2, 2, 0, 2, 1, 1, 0]);
    assert_eq!(database.changes().len(), 3);
    assert_eq!(database.audit_logs().len(), 2);
}

#[test]
fn columns_that_move_by_themselves_do_not_count() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache"]);
    database.execute(
        "update api_keys set last_used = now() - interval '7 s', ip_address = '192.0.2.77' where id = 'd4o6FQe5QT'",
    );
    plan.apply(&database, &["--yes"])
        .run()
        .success()
        .says("breaks d4o6FQe5QT: last used ")
        .says("ip address: 192.0.2.77");
    assert!(!database.is_alive(seed::HOT));
    assert_eq!(database.operation()["outcome"], "applied");
}

#[test]
fn what_died_since_is_left_to_the_byte_and_the_rest_is_done() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache", "release"]);
    database
        .execute("update api_keys set expires_at = now() - interval '1 h' where id = 'd4o6FQe5QT'");
    let row = database.token_row(seed::HOT);
    let output = plan.apply(&database, &["--yes"]).run();
    output
        .success()
        .says("will expire 1 token (")
        .says("1 token already dead, left as it is")
        .says("d4o6FQe5QT: already expired ");
    assert_eq!(database.token_row(seed::HOT), row);
    assert!(!database.is_alive(seed::RELEASE));
    let operation = database.operation();
    let counts = ["planned", "matched", "changed", "unchanged"].map(|name| &operation[name]);
    assert_eq!(counts, [2, 2, 1, 1]);
}

#[test]
fn a_plan_that_deletes_deletes_with_what_the_database_takes_along() {
    let database = coder();
    database.load("tests/fixtures/coder/chat.sql");
    let plan = Plan::of(&database, &["chat00Used", seed::OAUTH, "--delete"]);
    let cascades = plan.json()["cascades"].clone();
    let keys = ["--confirm", "chat00Used", "--confirm", seed::OAUTH];
    plan.apply(&database, &keys)
        .run()
        .success()
        .says("will delete 2 tokens: the row is removed for good and cannot be restored")
        .says("takes along: 3 rows of public.chat_messages (on delete set null)");
    assert!(!database.has_token("chat00Used") && !database.has_token(seed::OAUTH));
    let operation = database.operation();
    assert_eq!(
        [&operation["action"], &operation["outcome"]],
        ["delete", "applied"]
    );
    assert_eq!(operation["cascades"], cascades);
    assert_eq!(operation["plan_digest"], plan.digest());
    assert_eq!(database.changes().len(), 2);
    // There is nothing left to be so already.
    let before = Before::of(&database);
    plan.apply(&database, &keys)
        .run()
        .code(1)
        .says("error: token `chat00Used` is gone; token `z8vWfGZaE2` is gone");
    before.plus(
        &database,
        "refused",
        "token `chat00Used` is gone; token `z8vWfGZaE2` is gone",
    );
}

#[test]
fn a_dry_run_of_a_plan_leaves_nothing() {
    let database = coder();
    let before = Before::of(&database);
    let plan = Plan::nowhere();
    plan.make(&database, &["build-cache", "--delete"])
        .run()
        .success();
    let output = plan.apply(&database, &["--dry-run"]).run();
    output
        .success()
        .says("would delete 1 token")
        .says(&format!("digest {}", plan.digest()));
    assert!(
        output
            .stdout
            .ends_with("dry run: rolled back, nothing was changed or recorded\n")
    );
    before.is_all(&database);
    database.execute("update api_keys set token_name = 'other' where id = 'd4o6FQe5QT'");
    let before = Before::of(&database);
    let output = plan.apply(&database, &["--dry-run"]).run();
    output
        .code(1)
        .says("(token_name: build-cache -> other)")
        .never_says("recorded as");
    before.is_all(&database);
}

#[test]
fn reason_and_ticket_are_the_planners_unless_others_are_given() {
    let database = coder();
    let plan = Plan::nowhere();
    let words = ["build-cache", "--reason", "planned", "--ticket", "INC-1"];
    plan.make(&database, &words).run().success();
    plan.apply(&database, &["--yes", "--dry-run"])
        .run()
        .success();
    plan.apply(&database, &["--yes", "--reason", "applied"])
        .run()
        .success();
    plan.apply(&database, &["--yes", "--ticket", "INC-2"])
        .run()
        .success();
    let recorded: Vec<Value> = database.operations();
    let told: Vec<[&Value; 2]> = recorded
        .iter()
        .map(|o| [&o["reason"], &o["ticket"]])
        .collect();
    assert_eq!(
        told,
        [
            [&json!("applied"), &json!("INC-1")],
            [&json!("planned"), &json!("INC-2")]
        ]
    );
}

#[test]
fn the_applications_log_is_treated_as_planned() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache", "--no-app-audit"]);
    let output = plan.apply(&database, &["--yes"]).run();
    output
        .success()
        .says("the application's own audit log is not written: --no-app-audit");
    assert_eq!(database.operation()["application_audit"], "off");
    assert!(database.audit_logs().is_empty());
    let plan = Plan::of(&database, &["release", "--app-actor", "mira"]);
    assert_eq!(plan.json()["app_actor"], "mira");
    plan.apply(&database, &["--yes"]).run().success();
    assert_eq!(database.operations()[1]["app_actor"], "mira");
    let mira = database.value("select id from users where username = 'mira'");
    assert_eq!(database.audit_logs()[0]["user_id"], mira);
    // Whoever applies it may say otherwise.
    let plan = Plan::of(&database, &[seed::OAUTH, "--app-actor", "mira"]);
    plan.apply(&database, &["--yes", "--no-app-audit"])
        .run()
        .success();
    assert_eq!(database.audit_logs().len(), 1);
}

#[test]
fn it_comes_from_standard_input_a_pipe_or_through_a_link() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache"]);
    let apply = |words: &[&str]| database.breakglass().arg("apply").args(words.to_vec());
    apply(&["-", "--dry-run"])
        .stdin(plan.text())
        .run()
        .success()
        .says("would expire 1 token");
    let link = Plan::nowhere();
    std::os::unix::fs::symlink(plan.file(), link.file()).unwrap();
    apply(&[&link.path(), "--dry-run"]).run().success();
    let shell = format!(
        "mkfifo pipe && (cat {} > pipe &) && {} apply pipe --yes",
        plan.path(),
        env!("CARGO_BIN_EXE_breakglass")
    );
    Invocation::new("sh")
        .on(&database)
        .args(["-c", &shell])
        .run()
        .success();
    assert!(!database.is_alive(seed::HOT));
    // Nobody writes into this one: Ctrl-C ends the wait.
    let shell = format!(
        "mkfifo pipe && exec {} apply pipe --yes",
        env!("CARGO_BIN_EXE_breakglass")
    );
    let waiting = Invocation::new("sh")
        .on(&database)
        .args(["-c", &shell])
        .start();
    std::thread::sleep(std::time::Duration::from_millis(500));
    waiting.signal("INT");
    waiting
        .wait()
        .code(130)
        .says("interrupted; nothing was changed");
    assert_eq!(database.operations().len(), 1);
}

/// However a tool writes it, it is the same plan; the record says so.
#[test]
fn a_file_that_was_only_written_otherwise_is_the_same_plan() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache"]);
    let mut document = plan.json();
    document.sort_all_objects();
    let pretty = serde_json::to_string_pretty(&document).unwrap();
    let escaped: String = pretty
        .chars()
        .map(|c| match c {
            'a'..='c' => format!("\\u{:04X}", u32::from(c)),
            c => c.to_string(),
        })
        .collect();
    // Escapes stand in strings only, and the three words of JSON have these letters.
    let escaped = escaped
        .replace("f\\u0061lse", "false")
        .replace("nu\\u006cl", "null");
    for text in [
        pretty,
        document.to_string(),
        escaped,
        plan.text().replace('\n', "\r\n\t"),
    ] {
        let other = Plan::with(&text);
        let output = other
            .apply(&database, &["--dry-run", "--digest", &plan.digest()])
            .run();
        output
            .success()
            .says(&format!("digest {}\n", plan.digest()));
    }
}

#[test]
fn a_lock_in_the_way_is_ended_as_in_rm() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache"]);
    let holder = database.session();
    let pid = holder.value("select pg_backend_pid()");
    holder.execute("begin; select from api_keys where id = 'd4o6FQe5QT' for update");
    let before = Before::of(&database);
    let words = ["--yes", "--lock-timeout", "300ms"];
    let output = plan.apply(&database, &words).run();
    output
        .code(1)
        .says("error: the rows are locked by somebody else")
        .says(&format!("held by pid {pid}"));
    before.plus(&database, "failed", "the rows are locked by somebody else");
    let cancel = format!("--cancel-blocker={pid}");
    plan.apply(&database, &words).arg(cancel).run().success();
    assert!(!database.is_alive(seed::HOT));
    let operations = database.operations();
    let last = operations
        .iter()
        .find(|o| o["outcome"] == "applied")
        .unwrap();
    let signal = operations
        .iter()
        .find(|o| o["action"] == "cancel_blocker")
        .unwrap();
    assert_eq!(signal["parent_id"], last["id"]);
    assert_eq!(last["plan_digest"], plan.digest());
}

#[test]
fn an_adapter_of_ones_own_is_held_to_its_content() {
    let database = TestDatabase::new(Template::Inhouse);
    let inhouse = ["--adapter-file", INHOUSE];
    database
        .breakglass()
        .arg("init")
        .args(inhouse)
        .run()
        .success();
    let plan = Plan::nowhere();
    plan.make(&database, &["id:1", "--reason", REASON])
        .args(inhouse)
        .run()
        .success();
    assert_eq!(plan.json()["adapter"]["schema"], "Internal Tools");
    let before = Before::of(&database);
    // The same name, and another file.
    let text = std::fs::read_to_string(INHOUSE).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let other = folder.path().join("inhouse.toml");
    std::fs::write(
        &other,
        text.replace(
            "label = \"display Name\"",
            "label = \"display Name\"\nkey_is_secret = false",
        ),
    )
    .unwrap();
    let output = plan
        .apply(
            &database,
            &["--yes", "--adapter-file", &other.display().to_string()],
        )
        .run();
    let error = format!(
        "the plan was made with an adapter `inhouse` whose data has sha256 {}",
        plan.json()["adapter"]["sha256"].as_str().unwrap()
    );
    output
        .code(1)
        .says(&format!("error: {error}, and here is one whose data has "))
        .says("hint: use the same breakglass, `--adapter-file`");
    let refused = before.plus(&database, "refused", &error);
    assert_eq!(refused["plan_digest"], plan.digest());
    // None at all.
    let before = Before::of(&database);
    let output = plan.apply(&database, &["--yes"]).run();
    output
        .code(1)
        .says("error: the plan was made with adapter `inhouse`, and here is none of this name");
    before.plus(&database, "refused", "here is none of this name");
    plan.apply(&database, &["--yes"])
        .args(inhouse)
        .run()
        .success();
    let enabled =
        "select \"isEnabled\" from \"Internal Tools\".\"ServiceTokens\" where \"tokenId\" = 1";
    assert_eq!(database.value(enabled), "f");
}

/// Where the planner had to say which schema, nobody has to say it again, and another one is refused.
#[test]
fn the_schema_is_the_planners() {
    let database = coder();
    database.execute(
        "create schema twin; create table twin.users (like public.users including all); \
         create table twin.api_keys (like public.api_keys including all); \
         insert into twin.users select * from public.users; \
         insert into twin.api_keys select * from public.api_keys",
    );
    let plan = Plan::of(&database, &["build-cache", "--schema", "twin"]);
    let before = Before::of(&database);
    let output = plan
        .apply(&database, &["--yes", "--schema", "public"])
        .run();
    let error = "the plan was made with the tables of schema `twin`, and here is schema `public`";
    output.code(1).says(&format!("error: {error}"));
    before.plus(&database, "refused", error);
    plan.apply(&database, &["--yes"]).run().success();
    assert!(database.is_alive(seed::HOT));
    assert_eq!(
        database.value("select expires_at < now() from twin.api_keys where id = 'd4o6FQe5QT'"),
        "t"
    );
}

#[test]
fn the_rules_of_the_target_hold_for_whoever_applies() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache", "release"]);
    let before = Before::of(&database);
    let file = File::on(
        &database,
        "require_ticket = true\nticket_pattern = \"^INC-[0-9]+$\"",
    );
    let apply = |file: &File, words: &[&str]| {
        let invocation = file
            .breakglass()
            .args(["apply", "--target", "prod", "--yes"]);
        invocation.arg(plan.path()).args(words.to_vec()).run()
    };
    apply(&file, &[])
        .code(2)
        .says("error: --ticket is required by target `prod`");
    apply(&file, &["--ticket", "42"])
        .code(2)
        .says("error: --ticket does not match");
    before.is_all(&database);
    let few = File::on(&database, "max_rows = 1");
    apply(&few, &[])
        .code(1)
        .says("error: the plan has 2 tokens, and target `prod` allows 1 in one operation");
    before.plus(&database, "refused", "the plan has 2 tokens");
    let long = File::on(&database, "min_reason_length = 40");
    apply(&long, &[])
        .code(2)
        .says("error: the reason has 16 characters");
    let output = apply(&file, &["--ticket", "INC-42"]);
    output
        .success()
        .says("target prod")
        .says("will expire 2 tokens");
    assert_eq!(database.operations()[1]["ticket"], "INC-42");
}
