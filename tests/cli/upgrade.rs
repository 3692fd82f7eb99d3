//! A schema that an earlier build installed is brought up, with everything that it recorded.

use serde_json::Value;

use super::init::{UP_TO_DATE, init};
use super::show::installed;
use crate::support::{Template, TestDatabase};

/// A schema of the first version, as the build that had only that made it, with what it recorded.
fn first_version() -> TestDatabase {
    let (newer, database) = (installed(), TestDatabase::new(Template::Coder));
    let of = |column: &str| {
        newer.value(&format!(
            "select {column} from breakglass.schema_history where version = 1"
        ))
    };
    let (name, applied_on, checksum) = (of("name"), of("applied_on"), of("checksum"));
    database.execute("create schema breakglass");
    database.load("migrations/V1__audit_log.sql");
    database.execute(&format!(
        "create table breakglass.schema_history (version int4 primary key, name varchar(255), \
             applied_on varchar(255), checksum varchar(255)); \
         insert into breakglass.schema_history values (1, '{name}', '{applied_on}', '{checksum}'); \
         insert into breakglass.operation (id, action, outcome, adapter, reason, selector, plan_digest, \
             planned, matched, changed, unchanged, still_alive, companions_planned, companions_dead, \
             companions_changed, application_audit, tool_version) \
           values ('01990000-0000-7000-8000-000000000001', 'expire', 'applied', 'coder', 'why', 'x', 'd', \
             1, 1, 1, 0, 0, 0, 0, 0, 'none', '0'); \
         insert into breakglass.operation (id, action, outcome, selector, error, tool_version) \
           values (gen_random_uuid(), 'delete', 'refused', 'y', 'no', '0')"
    ));
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
        .says("is version 1, older than this build's 3")
        .says("hint: run `breakglass init`");
    let output = init(&database, &[]);
    assert_eq!(
        output.success().stdout,
        "applied migration V2__cancel_blocker\n\
         applied migration V3__restore_batch_schedule\n\
         the application is one that adapter `coder` knows\n"
    );
    let mut after = database.operations();
    for operation in &mut after {
        let operation = operation.as_object_mut().expect("a row is an object");
        // What came later says nothing about what was before.
        for later in ["ends_at", "batch"] {
            assert_eq!(operation.remove(later), Some(Value::Null));
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
