//! `adapters ls` and `adapters show`, which adapter fits a database, and files of one's own.
#![expect(
    clippy::expect_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use super::operator::with_operator;
use crate::support::run::Output;
use crate::support::{Template, TestDatabase, breakglass};

/// The adapter file of the in-house table.
pub(super) const INHOUSE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/inhouse.toml");

pub(super) fn run(database: &TestDatabase, arguments: &[&str]) -> Output {
    let invocation = database.breakglass();
    invocation.args(arguments.iter().copied()).run()
}

#[test]
fn the_adapters_are_listed_and_the_one_that_fits_is_marked() {
    for (template, marked) in [
        (Template::Coder, "coder "),
        (Template::CoderV0_23, "coder "),
        (Template::Django, "django-rest-framework "),
        (Template::Inhouse, ""),
    ] {
        let database = TestDatabase::new(template);
        let output = run(&database, &["adapters", "ls"]);
        output.success();
        let lines: Vec<&str> = output.stdout.lines().collect();
        assert!(
            lines[0].starts_with("ADAPTER ") && lines[0].ends_with(" HERE"),
            "{output}"
        );
        assert!(lines[1].starts_with("coder ") && lines[1].contains(" v0.23.0 to v2.36.0"));
        assert!(
            lines[2].starts_with("django-rest-framework ")
                && lines[2].contains(" authtoken_token ")
        );
        assert_eq!(lines.len(), 3);
        let here: Vec<&&str> = lines[1..]
            .iter()
            .filter(|line| line.ends_with(" yes"))
            .collect();
        assert_eq!(here.len(), usize::from(!marked.is_empty()), "{output}");
        assert!(here.iter().all(|line| line.starts_with(marked)), "{output}");
        if marked.is_empty() {
            output.says("note: no adapter matches this database");
        } else {
            output.says(&format!("database {} on ", database.name()));
        }
    }
}

#[test]
fn without_a_database_the_adapters_are_listed_all_the_same() {
    let output = breakglass().args(["adapters", "list"]).run();
    output.success();
    assert_eq!(output.stdout.lines().count(), 3);
    assert!(!output.stdout.contains(" yes"));
    assert_eq!(output.stderr, "");
}

#[test]
fn an_adapter_is_shown_without_a_database() {
    let output = breakglass().args(["adapters", "show", "coder"]).run();
    output.success();
    for line in [
        "adapter          coder\n",
        "\nrecognised by    api_keys.hashed_secret:bytea, ",
        "\nrefuses          migration_cursor: it is a Coder v1 database",
        "\nkey              id\n",
        "\nkind             token: API token, made with `coder tokens create` or in the UI (what a name means, and what `ls` shows)\n",
        "\nexpire sets      expires_at = now - 1 s\n",
        "\ncompanion        oauth refresh token in oauth2_provider_app_tokens\n",
        "\nsecret           10 letters or digits, `-`, 22 letters or digits\n",
        "\napplication log  audit_logs\n",
        "\ndoes not kill    app tickets already issued",
    ] {
        assert!(
            output.stdout.contains(line),
            "{line:?} is missing\n{output}"
        );
    }
    let output = breakglass()
        .args(["adapters", "show", "django-rest-framework"])
        .run();
    output.success();
    for line in [
        "\nkey              sha256 of key, which is the secret itself\n",
        "\nexpire           not possible: the table has no expiry and no flag",
    ] {
        assert!(
            output.stdout.contains(line),
            "{line:?} is missing\n{output}"
        );
    }
    let output = breakglass()
        .args(["adapters", "show", "inhouse", "--adapter-file", INHOUSE])
        .run();
    output.success();
    assert!(
        output
            .stdout
            .contains("\nexpire sets      isEnabled = false\n"),
        "{output}"
    );
}

#[test]
fn an_unknown_adapter_is_a_usage_error() {
    let output = breakglass().args(["adapters", "show", "mailman"]).run();
    output
        .code(2)
        .says("error: there is no adapter `mailman`")
        .says("hint: see `breakglass adapters ls`");
    let database = TestDatabase::new(Template::Coder);
    let output = run(
        &database,
        &["tokens", "ls", "--adapter", "mailman", "-o", "json"],
    );
    output.code(2);
    assert_eq!(output.json_error()["error"]["code"], "unknown_adapter");
}

/// The statements of `--sql`, each under its name.
fn statements(output: &Output) -> Vec<(String, String)> {
    let sections = output.stdout.split("-- sql/").skip(1);
    sections
        .map(|section| {
            let (name, statement) = section
                .split_once('\n')
                .expect("a name, then the statement");
            let statement = statement
                .trim_end()
                .strip_suffix(';')
                .expect("it ends with a semicolon");
            (name.to_owned(), statement.to_owned())
        })
        .collect()
}

const EVERYWHERE: [&str; 12] = [
    "session/begin.sql",
    "session/limits.sql",
    "tokens/list.sql",
    "tokens/find.sql",
    "tokens/verify.sql",
    "tokens/sweep.sql",
    "tokens/companions.sql",
    "tokens/actor.sql",
    "owners/find.sql",
    "owners/closure.sql",
    "tokens/expire.sql",
    "tokens/delete.sql",
];

#[test]
fn every_statement_is_printed_and_prepares_on_the_server() {
    for (template, adapter, more, lacking) in [
        (Template::Coder, "coder", &[][..], &[][..]),
        (Template::CoderV2_27, "coder", &[], &[]),
        (
            Template::CoderV0_23,
            "coder",
            &[],
            &["tokens/companions.sql"][..],
        ),
        (
            Template::Django,
            "django-rest-framework",
            &[],
            &[
                "tokens/verify.sql",
                "tokens/companions.sql",
                "tokens/actor.sql",
                "tokens/expire.sql",
            ],
        ),
        (
            Template::Inhouse,
            "inhouse",
            &["--adapter-file", INHOUSE],
            &["tokens/companions.sql", "tokens/actor.sql"],
        ),
    ] {
        let database = TestDatabase::new(template);
        database.breakglass().arg("init").run().success();
        let output = run(
            &database,
            &[&["adapters", "show", adapter, "--sql"], more].concat(),
        );
        output
            .success()
            .says(&format!("database {} on ", database.name()));
        let statements = statements(&output);
        let names: Vec<&str> = statements.iter().map(|(name, _)| name.as_str()).collect();
        for name in EVERYWHERE.iter().chain(&[
            "audit/record.sql",
            "audit/observe.sql",
            "session/commit.sql",
            "tokens/keys.sql",
            "audit/begin_run.sql",
            "audit/batch.sql",
        ]) {
            assert_eq!(
                names.contains(name),
                !lacking.contains(name),
                "{name} for {adapter}"
            );
        }
        let session = database.session();
        for (place, (name, statement)) in statements.iter().enumerate() {
            // What begins and ends a transaction is no statement to prepare.
            if name.starts_with("session/") && name != "session/limits.sql" {
                continue;
            }
            let prepared = session.try_execute(&format!("prepare s{place} as {statement}"));
            assert!(
                prepared.is_ok(),
                "{name} for {adapter} on {template:?}: {prepared:?}\n{statement}"
            );
        }
        assert!(
            !output.stdout.contains("{{") && !output.stdout.contains("{%"),
            "{adapter}"
        );
    }
}

#[test]
fn the_operator_may_prepare_every_statement_but_those_of_the_hash() {
    let (database, alice) = with_operator(Template::Coder, &["--allow-delete"]);
    let output = run(&database, &["adapters", "show", "coder", "--sql"]);
    let session = database.session_as(&alice);
    for (name, statement) in statements(&output) {
        if name.starts_with("session/") {
            continue;
        }
        let reads_hash = ["verify", "lookup", "sweep"]
            .iter()
            .any(|stem| name == format!("tokens/{stem}.sql"));
        // Rights are looked at when a plan is made, not when it is parsed.
        let nulls = ["null"; 16].join(", ");
        let count = (1..=16)
            .rev()
            .find(|n| statement.contains(&format!("${n}")))
            .unwrap_or(0);
        session.execute(&format!("prepare s as {statement}"));
        let arguments = nulls.split(", ").take(count).collect::<Vec<_>>().join(", ");
        let arguments = if count == 0 {
            String::new()
        } else {
            format!("({arguments})")
        };
        let explained = session.try_execute(&format!("explain execute s{arguments}"));
        assert_eq!(explained.is_ok(), !reads_hash, "{name}: {explained:?}");
        session.execute("deallocate s");
    }
}

#[test]
fn where_nothing_fits_what_is_nearest_is_named() {
    let database = TestDatabase::new(Template::Empty);
    database.execute("create table api_keys (id text primary key, hashed_secret text)");
    let output = run(&database, &["tokens", "ls"]);
    output
        .code(1)
        .says("error: no adapter matches this database (coder: public.api_keys.hashed_secret is text, not bytea)")
        .says("hint: name the table with `--adapter-file FILE`, see `breakglass adapters ls`");
    let empty = TestDatabase::new(Template::Empty);
    let output = run(&empty, &["tokens", "ls", "-o", "json"]);
    output.code(1);
    assert_eq!(output.json_error()["error"]["code"], "no_adapter");
    assert_eq!(
        output.json_error()["error"]["message"],
        "no adapter matches this database"
    );
}

#[test]
fn a_table_from_before_names_is_not_coders() {
    let database = TestDatabase::new(Template::CoderV0_23);
    database.execute("alter table api_keys drop column token_name");
    let output = run(&database, &["tokens", "ls"]);
    output
        .code(1)
        .says("(coder: public.api_keys has no column token_name)");
}

#[test]
fn two_schemas_that_fit_are_refused_until_one_is_named() {
    let database = TestDatabase::new(Template::Coder);
    let copy =
        |table: &str| format!("create table staging.{table} (like public.{table} including all)");
    database.execute(&format!(
        "create schema staging; {}; {}; {}",
        copy("api_keys"),
        copy("users"),
        copy("audit_logs")
    ));
    let output = run(&database, &["tokens", "ls"]);
    output
        .code(1)
        .says("error: more than one adapter matches this database: coder in schema public, coder in schema staging")
        .says("hint: say which with `--adapter NAME` or `--schema NAME`");
    database.breakglass().arg("init").run().success();
    let rm = ["tokens", "rm", "build-cache", "--yes", "--reason", "why"];
    let before = database.application_rows();
    run(&database, &rm)
        .code(1)
        .says("more than one adapter matches");
    assert_eq!(database.application_rows(), before);
    let output = run(
        &database,
        &["tokens", "ls", "--schema", "public", "-o", "jsonl"],
    );
    output.success();
    assert_eq!(output.json_lines().len(), 94);
    let output = run(
        &database,
        &["tokens", "ls", "--schema", "staging", "-o", "jsonl"],
    );
    output.success();
    assert_eq!(output.stdout, "");
    run(&database, &["tokens", "ls", "--schema", "nowhere"])
        .code(1)
        .says("no adapter matches");
}

#[test]
fn two_applications_in_one_database_are_told_apart_by_name() {
    let database = TestDatabase::new(Template::Coder);
    database.load("tests/fixtures/django.sql");
    let output = run(&database, &["tokens", "ls"]);
    output
        .code(1)
        .says("coder in schema public, django-rest-framework in schema public");
    for (adapter, count) in [("coder", 94), ("django-rest-framework", 4)] {
        let output = run(
            &database,
            &["tokens", "ls", "--adapter", adapter, "-o", "jsonl"],
        );
        output.success();
        assert_eq!(output.json_lines().len(), count);
    }
}

#[test]
fn a_coder_v1_database_is_refused_by_name() {
    let database = TestDatabase::new(Template::Coder);
    database.execute("create table migration_cursor (id int)");
    let refused =
        "adapter `coder` refuses this database: it is a Coder v1 database (table migration_cursor)";
    let before = database.application_rows();
    for arguments in [
        &["tokens", "ls"][..],
        &["tokens", "show", "build-cache"],
        &["tokens", "rm", "build-cache", "--yes", "--reason", "why"],
        &["init", "--operator-role", "nobody_at_all"],
    ] {
        let output = run(&database, arguments);
        output.code(1).says(refused);
        assert_eq!(output.stdout, "");
    }
    assert_eq!(database.application_rows(), before);
    // Without any of v2's tables it is still called what it is.
    let database = TestDatabase::new(Template::Empty);
    database.execute("create table migration_cursor (id int)");
    run(&database, &["tokens", "ls"])
        .code(1)
        .says("it is a Coder v1 database (table migration_cursor)");
}
