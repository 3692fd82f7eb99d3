//! The operator role at work, as a login that is a member of it and nothing else: every command,
//! and nothing beyond.

use crate::support::run::Output;
use crate::support::{Template, TestDatabase, seed};

/// A database where `init --operator-role` has run, and a member of the role.
pub(super) fn with_operator(template: Template, flags: &[&str]) -> (TestDatabase, String) {
    let database = TestDatabase::new(template);
    let (role, alice) = (
        database.role_name("operators"),
        database.login_role("alice"),
    );
    let init = database
        .breakglass()
        .args(["init", "--operator-role", &role]);
    init.args(flags.iter().copied()).run().success();
    database.execute(&format!("grant {role} to {alice}"));
    (database, alice)
}

fn run(database: &TestDatabase, role: &str, arguments: &[&str]) -> Output {
    let invocation = database.breakglass().as_role(role);
    invocation.args(arguments.iter().copied()).run()
}

#[test]
fn the_operator_reads_everything_that_there_is_to_read() {
    let (database, alice) = with_operator(Template::Coder, &[]);
    for arguments in [
        &[
            "tokens",
            "ls",
            "--kind",
            "all",
            "--include-expired",
            "-o",
            "json",
        ][..],
        &["tokens", "show", seed::OAUTH],
        &["tokens", "show", "owner:mira", "--name", "ci"],
        &["audit", "ls"],
        &["adapters", "ls"],
        &["adapters", "show", "coder"],
    ] {
        let mine = run(&database, &alice, arguments);
        mine.success();
        let theirs = run(&database, "postgres", arguments);
        assert_eq!(mine.stdout, theirs.stdout, "{arguments:?}");
    }
    let output = run(&database, &alice, &["adapters", "show", "coder", "--sql"]);
    output.success();
    assert!(
        output.stdout.contains("-- sql/tokens/expire.sql\n"),
        "{output}"
    );
    let output = run(&database, &alice, &["init"]);
    output.success();
    assert!(
        output
            .stdout
            .starts_with("schema breakglass is up to date\n"),
        "{output}"
    );
}

#[test]
fn the_operator_expires_by_name_key_and_secret_and_both_logs_have_it() {
    let (database, alice) = with_operator(Template::Coder, &["--allow-secret-check"]);
    let rm = |selector: &str, stdin: &str| {
        let rm = [
            "tokens", "rm", selector, "--yes", "--reason", "why", "-o", "json",
        ];
        let output = database
            .breakglass()
            .as_role(&alice)
            .args(rm)
            .stdin(stdin)
            .run();
        output.success();
        output.json()
    };
    for (selector, stdin, key, verified) in [
        ("build-cache", "", seed::HOT, serde_json::Value::Null),
        (seed::OAUTH, "", seed::OAUTH, serde_json::Value::Null),
        (
            "-",
            &seed::token_of(seed::RELEASE),
            seed::RELEASE,
            true.into(),
        ),
    ] {
        assert!(database.is_alive(key));
        let receipt = rm(selector, stdin);
        assert!(!database.is_alive(key), "{key}");
        assert_eq!(receipt["verdict"], "dead");
        assert_eq!(receipt["operation"]["actor"]["db_user"], alice.as_str());
        assert_eq!(receipt["operation"]["secret_verified"], verified);
        assert_eq!(receipt["operation"]["application_audit"], "written");
    }
    let refresh = "select count(*) from oauth2_provider_app_tokens where api_key_id = 'z8vWfGZaE2' and expires_at > now()";
    assert_eq!(database.value(refresh), "0");
    assert_eq!(database.audit_logs().len(), 3);
    assert_eq!(database.observations().len(), 3);
    let recorded = database.operations();
    assert!(
        recorded
            .iter()
            .all(|operation| operation["db_user"] == alice.as_str())
    );
    let id = recorded[0]["id"].as_str().expect("an id");
    let output = run(&database, &alice, &["audit", "show", id]);
    output.success();
    assert!(
        output
            .stdout
            .contains("\nchange           public.api_keys d4o6FQe5QT build-cache"),
        "{output}"
    );
    let output = run(
        &database,
        &alice,
        &["audit", "ls", "--actor", &alice, "-o", "jsonl"],
    );
    assert_eq!(output.json_lines().len(), 3);
}

#[test]
fn without_the_hash_a_pasted_secret_is_not_verified_and_that_is_on_record() {
    let (database, alice) = with_operator(Template::Coder, &[]);
    let rm = ["tokens", "rm", "-", "--yes", "--reason", "why"];
    let rm = database.breakglass().as_role(&alice).args(rm);
    let output = rm.stdin(seed::token_of(seed::HOT)).run();
    output
        .success()
        .says("secret not verified: this role may not read the stored hash");
    assert!(!database.is_alive(seed::HOT));
    assert_eq!(database.operation()["secret_verified"], false);
}

#[test]
fn the_operator_deletes_only_where_that_was_allowed() {
    let delete = [
        "tokens",
        "rm",
        seed::OAUTH,
        "--delete",
        "--confirm",
        seed::OAUTH,
        "--reason",
        "why",
    ];
    let (database, alice) = with_operator(Template::Coder, &[]);
    let before = database.application_rows();
    let output = run(&database, &alice, &delete);
    output
        .code(1)
        .says("lacks delete on public.api_keys")
        .says("--allow-delete");
    assert_eq!(database.application_rows(), before);
    let (database, alice) = with_operator(Template::Coder, &["--allow-delete"]);
    database.load("tests/fixtures/coder/chat.sql");
    let output = run(&database, &alice, &delete);
    output
        .success()
        .says("takes along: 1 row of public.oauth2_provider_app_tokens (on delete cascade)");
    assert!(!database.has_token(seed::OAUTH));
    assert_eq!(database.operation()["outcome"], "applied");
}

#[test]
fn the_operators_dry_run_leaves_nothing() {
    let (database, alice) = with_operator(Template::Coder, &["--allow-delete"]);
    let before = database.application_rows();
    for flags in [&[][..], &["--delete"]] {
        let rm = ["tokens", "rm", "build-cache", "--dry-run"];
        let output = run(&database, &alice, &[&rm[..], flags].concat());
        output.success();
        assert!(
            output
                .stdout
                .contains("dry run: rolled back, nothing was changed or recorded"),
            "{output}"
        );
    }
    assert_eq!(database.application_rows(), before);
    assert!(database.operations().is_empty());
}

#[test]
fn the_operators_refusals_are_on_record() {
    let (database, alice) = with_operator(Template::Coder, &[]);
    let rm = |selector: &str| {
        run(
            &database,
            &alice,
            &["tokens", "rm", selector, "--yes", "--reason", "why"],
        )
    };
    rm("no-such-token").code(1).says("recorded as ");
    rm("ci").code(1).says("recorded as ");
    let outcomes: Vec<_> = database
        .operations()
        .into_iter()
        .map(|operation| operation["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["refused", "refused"]);
}

const REFUSAL: &str =
    "'01990000-0000-7000-8000-000000000001', 'expire', 'refused', 'x', 'why not', '0'";

#[test]
fn the_operator_cannot_forge_who_when_and_where() {
    let (database, alice) =
        with_operator(Template::Coder, &["--allow-delete", "--allow-secret-check"]);
    let session = database.session_as(&alice);
    for (column, value) in [
        ("occurred_at", "now() - interval '1 year'"),
        ("db_user", "'somebody'"),
        ("client_address", "'192.0.2.1'"),
        ("backend_pid", "1"),
        ("database_name", "'elsewhere'"),
        ("server_version", "'9.6'"),
    ] {
        let insert = format!(
            "insert into breakglass.operation (id, action, outcome, selector, error, tool_version, {column}) \
             values ({REFUSAL}, {value})"
        );
        assert_eq!(session.refusal(&insert), "42501", "{column}");
    }
    for insert in [
        format!("insert into breakglass.operation (id, action, outcome, selector, error, tool_version, db_user) values ({REFUSAL}, 'x')"),
        "insert into breakglass.observation (operation_id, key, verdict, detail, observed_at) values (gen_random_uuid(), 'k', 'dead', 'x', now())".to_owned(),
        "insert into breakglass.schema_history (version) values (9)".to_owned(),
        "copy breakglass.operation from program 'true'".to_owned(),
    ] {
        assert_eq!(session.refusal(&insert), "42501", "{insert}");
    }
    session.execute("set application_name = 'forger'; set timezone = 'Asia/Tokyo'");
    session.execute(&format!(
        "insert into breakglass.operation (id, action, outcome, selector, error, tool_version) values ({REFUSAL})"
    ));
    let row = database.operation();
    assert_eq!(row["db_user"], alice.as_str());
    assert_eq!(
        row["backend_pid"].to_string(),
        session.value("select pg_backend_pid()")
    );
    let fresh = "select occurred_at > now() - interval '1 minute' and client_address is null from breakglass.operation";
    assert_eq!(database.value(fresh), "t");
}

/// `session_user`, not `current_user`: a SET ROLE does not hide who logged in.
#[test]
fn a_set_role_does_not_hide_who_logged_in() {
    let (database, alice) = with_operator(Template::Coder, &[]);
    let role = format!("operators_{}", database.name());
    let session = database.session_as(&alice);
    session.execute(&format!("set role {role}"));
    session.execute(&format!(
        "insert into breakglass.operation (id, action, outcome, selector, error, tool_version) values ({REFUSAL})"
    ));
    assert_eq!(database.operation()["db_user"], alice.as_str());
}

#[test]
fn the_operator_cannot_rewrite_the_log_or_take_its_guard_off() {
    let (database, alice) =
        with_operator(Template::Coder, &["--allow-delete", "--allow-secret-check"]);
    run(
        &database,
        &alice,
        &["tokens", "rm", "build-cache", "--yes", "--reason", "why"],
    )
    .success();
    let before = (
        database.operations(),
        database.changes(),
        database.observations(),
    );
    let session = database.session_as(&alice);
    for statement in [
        "update breakglass.operation set reason = 'another'",
        "delete from breakglass.change",
        "truncate breakglass.observation",
        "alter table breakglass.operation disable trigger all",
        "drop trigger operation_is_append_only on breakglass.operation",
        "drop schema breakglass cascade",
        "create table breakglass.mine ()",
        "set session_replication_role = replica",
        "create or replace function breakglass.refuse_rewrite() returns trigger language plpgsql as 'begin return null; end'",
        "update api_keys set last_used = now()",
        "update users set status = 'suspended'",
        "select * from audit_logs",
        "delete from users",
    ] {
        assert_eq!(session.refusal(statement), "42501", "{statement}");
    }
    assert_eq!(
        (
            database.operations(),
            database.changes(),
            database.observations()
        ),
        before
    );
}

#[test]
fn the_operator_works_on_every_shape_of_coder() {
    for (template, prefix) in [(Template::CoderV0_23, "v0"), (Template::CoderV2_27, "v2")] {
        let (database, alice) = with_operator(template, &["--allow-delete"]);
        let key = format!("{prefix}Token003");
        run(&database, &alice, &["tokens", "ls"]).success();
        run(&database, &alice, &["tokens", "show", &key]).success();
        run(
            &database,
            &alice,
            &["tokens", "rm", "deploy-bot", "--yes", "--reason", "why"],
        )
        .success();
        assert!(!database.is_alive(&key));
        let delete = [
            "tokens",
            "rm",
            &key,
            "--delete",
            "--confirm",
            &key,
            "--reason",
            "why",
        ];
        run(&database, &alice, &delete).success();
        assert!(!database.has_token(&key));
        assert_eq!(database.audit_logs().len(), 2);
    }
}

/// Another schema's table points at the keys: to count its rows needs that schema as well.
#[test]
fn the_operator_counts_what_a_delete_takes_along_in_another_schema() {
    let database = TestDatabase::new(Template::Coder);
    database.execute(
        "create schema billing; create table billing.usage (api_key_id text references api_keys on delete cascade, n int); \
         insert into billing.usage select 'd4o6FQe5QT', n from generate_series(1, 3) as n",
    );
    let (role, alice) = (
        database.role_name("operators"),
        database.login_role("alice"),
    );
    let init = ["init", "--operator-role", &role, "--allow-delete"];
    run(&database, "postgres", &init).success();
    database.execute(&format!("grant {role} to {alice}"));
    let delete = [
        "tokens",
        "rm",
        seed::HOT,
        "--delete",
        "--confirm",
        seed::HOT,
        "--reason",
        "why",
    ];
    let output = run(&database, &alice, &delete);
    output
        .success()
        .says("takes along: 3 rows of billing.usage (on delete cascade)");
    assert_eq!(database.value("select count(*) from billing.usage"), "0");
    let cascades = database.operation()["cascades"].to_string();
    assert!(
        cascades.contains("billing.usage") && cascades.contains('3'),
        "{cascades}"
    );
}
