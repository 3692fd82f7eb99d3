//! A schema that an earlier build installed is brought up, with everything that it recorded.

use serde_json::Value;

use super::init::{UP_TO_DATE, init};
use super::show::installed;
use crate::support::{Template, TestDatabase};

/// The migrations before the latest.
const MIGRATIONS: [&str; 3] = [
    "migrations/V1__audit_log.sql",
    "migrations/V2__cancel_blocker.sql",
    "migrations/V3__restore_batch_schedule.sql",
];

/// A schema of an earlier version, as the build that had only that made it.
fn of_version(version: usize) -> TestDatabase {
    let (newer, database) = (installed(), TestDatabase::new(Template::Coder));
    database.execute(
        "create schema breakglass; \
         create table breakglass.schema_history (version int4 primary key, name varchar(255), \
             applied_on varchar(255), checksum varchar(255))",
    );
    for (number, migration) in (1..=version).zip(MIGRATIONS) {
        let of = |column: &str| {
            newer.value(&format!(
                "select {column} from breakglass.schema_history where version = {number}"
            ))
        };
        let (name, applied_on, checksum) = (of("name"), of("applied_on"), of("checksum"));
        database.load(migration);
        database.execute(&format!(
            "insert into breakglass.schema_history values ({number}, '{name}', '{applied_on}', '{checksum}')"
        ));
    }
    database
}

/// The first one, with what it recorded.
fn first_version() -> TestDatabase {
    let database = of_version(1);
    database.execute(
        "insert into breakglass.operation (id, action, outcome, adapter, reason, selector, plan_digest, \
             planned, matched, changed, unchanged, still_alive, companions_planned, companions_dead, \
             companions_changed, application_audit, tool_version) \
           values ('01990000-0000-7000-8000-000000000001', 'expire', 'applied', 'coder', 'why', 'x', 'd', \
             1, 1, 1, 0, 0, 0, 0, 0, 'none', '0'); \
         insert into breakglass.operation (id, action, outcome, selector, error, tool_version) \
           values (gen_random_uuid(), 'delete', 'refused', 'y', 'no', '0')",
    );
    database
}

#[test]
fn a_schema_of_the_first_version_is_brought_up_with_what_it_recorded() {
    let database = first_version();
    let before = database.operations();
    assert_eq!(before.len(), 2);
    let rm = ["tokens", "rm", "build-cache", "--yes", "--reason", "why"];
    let refused = database.breakglass().args(rm).run();
    refused
        .code(1)
        .says("is version 1, older than this build's 4")
        .says("hint: run `breakglass init`");
    let output = init(&database, &[]);
    assert_eq!(
        output.success().stdout,
        "applied migration V2__cancel_blocker\n\
         applied migration V3__restore_batch_schedule\n\
         applied migration V4__http\n\
         the application is one that adapter `coder` knows\n"
    );
    let mut after = database.operations();
    for operation in &mut after {
        let operation = operation.as_object_mut().expect("a row is an object");
        // What came later says nothing about what was before.
        for later in ["ends_at", "batch"].iter().chain(&SINCE_VERSION_4) {
            assert_eq!(operation.remove(*later), Some(Value::Null));
        }
    }
    assert_eq!(after, before);
    assert_eq!(init(&database, &[]).success().stdout, UP_TO_DATE);
    database.breakglass().args(rm).run().success();
    assert_eq!(database.operations().len(), 3);
    // What guards the log is what a new one has.
    let guards = "select string_agg(c.conname || pg_get_constraintdef(c.oid), ' ' order by c.conname) \
                    from pg_constraint as c \
                   where connamespace = 'breakglass'::regnamespace and contype in ('c', 'f')";
    assert_eq!(database.value(guards), installed().value(guards));
}

/// The columns that the fourth version brought.
pub(super) const SINCE_VERSION_4: [&str; 6] = [
    "http_principal",
    "http_credential",
    "http_peer",
    "http_request_id",
    "http_request_digest",
    "error_code",
];

/// One with a run of batches, a refusal and an operator role.
fn third_version() -> (TestDatabase, String) {
    let database = of_version(3);
    let alice = database.login_role("alice");
    database.execute(&format!(
        "grant usage on schema breakglass to {alice}; \
         grant select on all tables in schema breakglass to {alice}; \
         grant insert (id, action, outcome, selector, error, tool_version) on breakglass.operation to {alice}; \
         insert into breakglass.operation (id, action, outcome, adapter, reason, selector, plan_digest, \
             planned, tool_version) \
           values ('01990000-0000-7000-8000-000000000001', 'expire', 'begun', 'coder', 'why', 'x', 'd', 2, '0'); \
         insert into breakglass.operation (id, action, outcome, selector, error, tool_version) \
           values (gen_random_uuid(), 'delete', 'refused', 'y', 'no', '0')"
    ));
    (database, alice)
}

#[test]
fn a_schema_of_the_third_version_is_brought_up_and_asks_for_the_grants_of_the_fourth() {
    let (database, alice) = third_version();
    let before = database.operations();
    let doctor = || {
        database
            .breakglass()
            .as_role(&alice)
            .args(["doctor", "-o", "json"])
            .run()
    };
    let codes = |findings: &Value| -> Vec<String> {
        let findings = findings["findings"].as_array().cloned().unwrap_or_default();
        let codes = findings.iter().filter(|it| it["severity"] == "blocks");
        codes
            .map(|it| format!("{} {}", it["code"], it["what"]))
            .collect()
    };
    let output = doctor();
    assert!(
        codes(&output.code(1).json())
            .iter()
            .any(|it| it.contains("schema_older"))
    );
    let output = init(&database, &[]);
    let stdout = &output.success().stdout;
    assert!(
        stdout.starts_with("applied migration V4__http\n"),
        "{output}"
    );
    let mut after = database.operations();
    for operation in &mut after {
        let operation = operation.as_object_mut().expect("a row is an object");
        for later in SINCE_VERSION_4 {
            assert_eq!(operation.remove(later), Some(Value::Null));
        }
    }
    assert_eq!(after, before);
    let output = database
        .breakglass()
        .args(["audit", "ls", "-o", "jsonl"])
        .run();
    assert_eq!(output.success().json_lines().len(), 2);
    // Nobody gave the role the new columns.
    let output = doctor();
    let blocks = codes(&output.code(1).json());
    let is_missing =
        |it: &String| it.contains("missing_privilege") && it.contains("http_principal");
    assert!(blocks.iter().any(is_missing), "{blocks:#?}");
    let output = init(&database, &["--operator-role", &alice]);
    let granted = &output.success().stdout;
    for line in [
        "\ngranted delete on breakglass.plan\n",
        "\ngranted select on breakglass.plan\n",
    ] {
        assert!(granted.contains(line), "{line:?} is missing\n{output}");
    }
    doctor().success();
    let rm = ["tokens", "rm", "build-cache", "--yes", "--reason", "why"];
    database
        .breakglass()
        .as_role(&alice)
        .args(rm)
        .run()
        .success();
}

#[test]
fn print_brings_up_a_schema_of_the_first_version() {
    let database = first_version();
    let printed = init(&database, &["--print"]);
    let script = &printed.success().stdout;
    assert!(
        !script.contains("create table breakglass.operation ("),
        "{script}"
    );
    database.execute(script);
    assert_eq!(init(&database, &[]).success().stdout, UP_TO_DATE);
}
