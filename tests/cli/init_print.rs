//! `init --print`: the same, as a script for a DBA to read and run.

use super::init::init;
use super::show::installed;
use crate::support::{Invocation, Template, TestDatabase};

/// Runs a script as a DBA would, if psql is there, and else through the driver.
fn run_script(database: &TestDatabase, script: &str) {
    const PSQL: &str = "/usr/bin/psql";
    if std::path::Path::new(PSQL).exists() {
        let psql =
            Invocation::new(PSQL).args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", "-d"]);
        let output = psql.arg(database.conninfo("postgres")).stdin(script).run();
        output.success();
        assert_eq!(output.stderr, "");
    } else {
        database.execute(script);
    }
}

/// Everything that the catalogue says about the schema and about who may what.
fn described(database: &TestDatabase) -> Vec<String> {
    let queries = [
        "select attrelid::regclass || ' ' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull \
             || ' ' || coalesce(pg_get_expr(adbin, adrelid), '') || ' ' || coalesce(col_description(attrelid, attnum), '') \
             || ' ' || coalesce(attacl::text, '') \
           from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum \
           join pg_class as c on c.oid = attrelid \
          where relnamespace in ('breakglass'::regnamespace, 'public'::regnamespace) and attnum > 0",
        "select conname || ' ' || pg_get_constraintdef(oid) from pg_constraint where connamespace = 'breakglass'::regnamespace",
        "select indexdef from pg_indexes where schemaname = 'breakglass'",
        "select pg_get_triggerdef(oid) || tgenabled::text from pg_trigger where not tgisinternal and tgrelid::regclass::text like 'breakglass%'",
        "select pg_get_functiondef(oid) || coalesce(proacl::text, '') from pg_proc where pronamespace = 'breakglass'::regnamespace",
        "select relname || ' ' || coalesce(relacl::text, '') || ' ' || coalesce(obj_description(oid, 'pg_class'), '') \
           from pg_class where relnamespace in ('breakglass'::regnamespace, 'public'::regnamespace)",
        "select nspname || ' ' || coalesce(nspacl::text, '') from pg_namespace",
        "select concat_ws(' ', version, name, checksum) from breakglass.schema_history",
    ];
    let rows = queries
        .into_iter()
        .flat_map(|query| database.query(&format!("{query} order by 1")));
    rows.flatten().flatten().collect()
}

#[track_caller]
fn assert_same(one: &[String], other: &[String]) {
    let only = |a: &[String], b: &[String]| -> Vec<String> {
        a.iter().filter(|line| !b.contains(line)).cloned().collect()
    };
    assert_eq!(only(one, other), only(other, one));
    assert_eq!(one.len(), other.len());
}

#[test]
fn what_is_printed_is_what_is_run() {
    // Roles belong to the server: the first database is there until the last has let go of it.
    let first = TestDatabase::new(Template::Coder);
    let second = TestDatabase::new(Template::Coder);
    let role = first.role_name("printed");
    let arguments = [
        "--operator-role",
        &role,
        "--allow-delete",
        "--allow-secret-check",
    ];
    let before = described_before(&first);
    let output = init(&first, &[&["--print"], &arguments[..]].concat());
    output.success();
    assert_eq!(output.stderr, "");
    assert!(
        output.stdout.starts_with("begin;\n") && output.stdout.ends_with("\ncommit;\n"),
        "{output}"
    );
    assert_eq!(described_before(&first), before, "--print runs nothing");
    run_script(&first, &output.stdout);
    init(&second, &arguments).success();
    assert_same(&described(&first), &described(&second));
    let output = init(&first, &arguments);
    output.success();
    assert!(
        output
            .stdout
            .starts_with("schema breakglass is up to date\n"),
        "{output}"
    );
    assert!(
        output
            .stdout
            .contains(&format!("\nrole {role} has exactly what it needs\n")),
        "{output}"
    );
    let rm = ["tokens", "rm", "build-cache", "--yes", "--reason", "why"];
    first.breakglass().args(rm).run().success();
    // Once more, on what is there: rights only.
    let again = init(&first, &[&["--print"], &arguments[..]].concat());
    assert!(
        !again.stdout.contains("create table") && !again.stdout.contains("create role"),
        "{again}"
    );
    run_script(&first, &again.stdout);
    assert_same(&described(&first), &described(&second));
}

fn described_before(database: &TestDatabase) -> String {
    database.value(
        "select concat_ws(' ', (select count(*) from pg_namespace), (select string_agg(rolname, ',' order by 1) from pg_roles \
                where rolname like 'printed%'), \
                (select string_agg(coalesce(relacl::text, '-'), ',' order by oid) from pg_class where relname = 'api_keys'))",
    )
}

#[test]
fn what_is_printed_without_a_role_is_the_schema() {
    let database = TestDatabase::new(Template::Django);
    let output = init(&database, &["--print"]);
    output
        .success()
        .never_says("grant ")
        .never_says("create role");
    run_script(&database, &output.stdout);
    let output = init(&database, &[]);
    output.success();
    assert!(
        output
            .stdout
            .starts_with("schema breakglass is up to date\n"),
        "{output}"
    );
    let print = init(&database, &["--print"]);
    print.success();
    assert_eq!(print.stdout, "begin;\n\ncommit;\n");
}

/// A script that would be refused, or would end half-way, is not printed.
#[test]
fn print_refuses_a_schema_that_a_run_would_refuse() {
    let database = installed();
    database.execute("update breakglass.schema_history set checksum = '1' where version = 1");
    let output = init(&database, &["--print"]);
    output
        .code(1)
        .says("has another migration V1__audit_log than this build");
    database.execute("delete from breakglass.schema_history where version = 1; update breakglass.schema_history set version = version + 95");
    let output = init(&database, &["--print"]);
    output
        .code(1)
        .says("is version 99, newer than this build's 4");
}
