//! `init`: breakglass's own schema, once and whole.

use std::thread;

use super::show::installed;
use crate::support::run::{Output, Running};
use crate::support::{Template, TestDatabase, seed};

pub(super) fn init(database: &TestDatabase, arguments: &[&str]) -> Output {
    let invocation = database.breakglass().arg("init");
    invocation.args(arguments.iter().copied()).run()
}

const APPLIED: &str = "applied migration V1__audit_log\n\
                       applied migration V2__cancel_blocker\n\
                       applied migration V3__restore_batch_schedule\n\
                       applied migration V4__http\n\
                       the application is one that adapter `coder` knows\n";
pub(super) const UP_TO_DATE: &str = "schema breakglass is up to date\n\
                          the application is one that adapter `coder` knows\n";

#[test]
fn from_nothing_the_schema_is_installed_and_the_application_left_alone() {
    let database = TestDatabase::new(Template::Coder);
    let before = database.application_rows();
    let output = init(&database, &[]);
    output.success();
    assert_eq!(output.stdout, APPLIED);
    assert_eq!(output.stderr, "");
    let tables = database
        .query("select tablename::text from pg_tables where schemaname = 'breakglass' order by 1");
    let tables: Vec<String> = tables.into_iter().flatten().flatten().collect();
    assert_eq!(
        tables,
        [
            "batch",
            "change",
            "observation",
            "operation",
            "plan",
            "schema_history",
            "signal",
            "signal_result"
        ]
    );
    let history = database.query("select version, name from breakglass.schema_history");
    assert_eq!(
        history,
        [
            [Some("1".to_owned()), Some("audit_log".to_owned())],
            [Some("2".to_owned()), Some("cancel_blocker".to_owned())],
            [
                Some("3".to_owned()),
                Some("restore_batch_schedule".to_owned())
            ],
            [Some("4".to_owned()), Some("http".to_owned())]
        ]
    );
    assert_eq!(database.application_rows(), before);
    assert!(database.operations().is_empty());
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let database = installed();
    let state = "select string_agg(to_json(h)::text, '') || (select string_agg(xmin::text, '') from pg_class \
                 where relnamespace = 'breakglass'::regnamespace) from breakglass.schema_history as h";
    let before = database.value(state);
    let output = init(&database, &[]);
    output.success();
    assert_eq!(output.stdout, UP_TO_DATE);
    assert_eq!(database.value(state), before);
}

#[test]
fn a_second_run_keeps_what_is_recorded() {
    let database = installed();
    let rm = ["tokens", "rm", "build-cache", "--yes", "--reason", "why"];
    database.breakglass().args(rm).run().success();
    let before = (
        database.operations(),
        database.changes(),
        database.observations(),
    );
    init(&database, &[]).success();
    assert_eq!(
        (
            database.operations(),
            database.changes(),
            database.observations()
        ),
        before
    );
}

/// Starts six at once, while a lock keeps all of them from the first step that matters.
fn six_at_once(database: &TestDatabase, arguments: &[&str]) -> Vec<Output> {
    let lock = database.session();
    lock.execute("begin; select pg_advisory_xact_lock(7093020905441950835)");
    let start = || -> Running {
        let init = database
            .breakglass()
            .arg("init")
            .args(arguments.iter().copied());
        init.start()
    };
    let running: Vec<Running> = (0..6).map(|_| start()).collect();
    database
        .wait_for("select count(*) = 6 from pg_locks where locktype = 'advisory' and not granted");
    lock.execute("commit");
    running.into_iter().map(Running::wait).collect()
}

#[test]
fn six_at_once_install_once() {
    let database = TestDatabase::new(Template::Coder);
    let outputs = six_at_once(&database, &[]);
    for output in &outputs {
        output.success();
    }
    let mut said: Vec<&str> = outputs
        .iter()
        .map(|output| output.stdout.as_str())
        .collect();
    said.sort_unstable();
    assert_eq!(
        said,
        [
            APPLIED, UP_TO_DATE, UP_TO_DATE, UP_TO_DATE, UP_TO_DATE, UP_TO_DATE
        ]
    );
    assert_eq!(
        database.value("select count(*) from breakglass.schema_history"),
        "4"
    );
}

#[test]
fn six_at_once_make_one_operator_role() {
    let database = TestDatabase::new(Template::Coder);
    let role = database.role_name("six");
    let outputs = six_at_once(&database, &["--operator-role", &role]);
    for output in &outputs {
        output.success();
    }
    let made = outputs
        .iter()
        .filter(|output| output.stdout.contains("created role"));
    assert_eq!(made.count(), 1);
}

#[test]
fn many_that_meet_by_chance_are_safe_too() {
    let database = TestDatabase::new(Template::Coder);
    let role = database.role_name("chance");
    let outputs = thread::scope(|scope| {
        let run = || init(&database, &["--operator-role", &role]);
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("it ends"))
            .collect::<Vec<_>>()
    });
    for output in &outputs {
        output.success();
    }
    assert_eq!(
        database.value("select count(*) from breakglass.schema_history"),
        "4"
    );
}

/// What is refused, whatever is asked of it; the schema stays as it was.
#[track_caller]
fn assert_refused(database: &TestDatabase, message: &str) {
    let role = database.role_name("late");
    let history = "select string_agg(to_json(h)::text, '') from breakglass.schema_history as h";
    let before = (database.value(history), database.token_row(seed::RELEASE));
    for arguments in [&["init"][..], &["init", "--operator-role", &role]] {
        let output = database.breakglass().args(arguments.iter().copied()).run();
        output.code(1).says(message);
        assert_eq!(output.stdout, "", "{arguments:?}");
    }
    let rm = ["tokens", "rm", "release", "--yes", "--reason", "why"];
    database
        .breakglass()
        .args(rm)
        .run()
        .code(1)
        .says(message)
        .says("nothing was recorded");
    assert_eq!(
        (database.value(history), database.token_row(seed::RELEASE)),
        before
    );
    assert_eq!(
        database.value(&format!(
            "select count(*) from pg_roles where rolname = '{role}'"
        )),
        "0"
    );
    let ls = ["tokens", "ls", "--name", "release", "-o", "jsonl"];
    let output = database.breakglass().args(ls).run();
    output.success();
    assert_eq!(output.json_lines().len(), 1, "reading goes on");
}

#[test]
fn a_divergent_migration_is_refused() {
    let database = installed();
    database.execute("update breakglass.schema_history set checksum = '1' where version = 1");
    assert_refused(
        &database,
        "has another migration V1__audit_log than this build",
    );
}

#[test]
fn a_newer_schema_is_refused() {
    let database = installed();
    database.execute(
        "insert into breakglass.schema_history (version, name, applied_on, checksum) \
         select 99, 'later', applied_on, '1' from breakglass.schema_history where version = 1",
    );
    assert_refused(&database, "is version 99, newer than this build's 4");
}

#[test]
fn a_role_without_rights_is_told_what_to_ask_for() {
    let database = TestDatabase::new(Template::Coder);
    let role = database.login_role("junior");
    let output = database.breakglass().as_role(&role).arg("init").run();
    let (name, owner) = (database.name(), "postgres");
    output.code(1).says(&format!(
        "error: role `{role}` may not create a schema in database `{name}`: ask its owner `{owner}` to run \
         `breakglass init`, or for `grant create on database {name} to {role}`"
    ));
    assert_eq!(output.stdout, "");
    // What it asks for is enough.
    database.execute(&format!("grant create on database {name} to {role}"));
    let output = database.breakglass().as_role(&role).arg("init").run();
    output.success();
    assert!(output.stdout.starts_with("applied migration"), "{output}");
    database.execute("drop schema breakglass cascade");
    database.execute(&format!("revoke create on database {name} from {role}"));
}

#[test]
fn a_role_that_may_not_make_roles_is_told_to_ask_for_one() {
    let database = TestDatabase::new(Template::Coder);
    let (role, operators) = (
        database.login_role("owner"),
        database.role_name("operators"),
    );
    database.execute(&format!(
        "alter database {} owner to {role}",
        database.name()
    ));
    let init = database
        .breakglass()
        .as_role(&role)
        .args(["init", "--operator-role", &operators]);
    init.run().code(1).says(&format!(
        "role `{role}` may not create roles: ask a superuser for `create role {operators} nologin`"
    ));
    assert_eq!(
        database.value("select count(*) from pg_namespace where nspname = 'breakglass'"),
        "0"
    );
    database.execute(&format!(
        "alter database {} owner to postgres",
        database.name()
    ));
}

/// Exit code 1 is "nothing changed", so a grant that does not come takes everything back.
#[test]
fn a_grant_that_cannot_be_given_leaves_nothing() {
    for rights in [
        "",
        "grant select on api_keys, users, audit_logs, oauth2_provider_app_tokens to",
    ] {
        let database = TestDatabase::new(Template::Coder);
        let (role, operators) = (database.login_role("dba"), database.role_name("operators"));
        database.execute(&format!(
            "grant create on database {} to {role}; alter role {role} createrole",
            database.name()
        ));
        if !rights.is_empty() {
            database.execute(&format!("{rights} {role}"));
        }
        let init =
            database
                .breakglass()
                .as_role(&role)
                .args(["init", "--operator-role", &operators]);
        let output = init.run();
        output.code(1).says("owner");
        assert_eq!(
            database.value("select count(*) from pg_namespace where nspname = 'breakglass'"),
            "0",
            "the schema stayed behind: {output}"
        );
        let made = format!("select count(*) from pg_roles where rolname = '{operators}'");
        assert_eq!(database.value(&made), "0", "the role stayed behind");
    }
}

#[test]
fn a_schema_of_another_owner_is_left_to_them() {
    let database = installed();
    let (role, operators) = (database.login_role("dba"), database.role_name("operators"));
    let name = database.name();
    database.execute(&format!("grant create on database {name} to {role}"));
    let init = database
        .breakglass()
        .as_role(&role)
        .args(["init", "--operator-role", &operators]);
    let output = init.run();
    output.code(1).says(&format!(
        "role `{role}` does not own schema breakglass: run `breakglass init` as its owner"
    ));
    database.execute("drop schema breakglass cascade; create schema breakglass");
    let output = database.breakglass().as_role(&role).arg("init").run();
    output.code(1).says("does not own schema breakglass");
    // An empty schema of one's own is where it goes.
    database.execute(&format!("alter schema breakglass owner to {role}"));
    let output = database.breakglass().as_role(&role).arg("init").run();
    output.success();
    assert_eq!(
        database.value("select tableowner from pg_tables where tablename = 'operation'"),
        role
    );
    database.execute(&format!(
        "drop schema breakglass cascade; revoke all on database {name} from {role}"
    ));
}

#[test]
fn a_database_that_no_adapter_knows_can_have_the_schema_but_no_operators() {
    let database = TestDatabase::new(Template::Empty);
    let role = database.role_name("operators");
    let output = init(&database, &["--operator-role", &role]);
    output
        .code(1)
        .says("no adapter matches this database")
        .says("--adapter-file");
    assert_eq!(
        database.value("select count(*) from pg_namespace where nspname = 'breakglass'"),
        "0"
    );
    let output = init(&database, &[]);
    output.success();
    assert!(
        output.stdout.contains("no adapter fits this database"),
        "{output}"
    );
}

#[test]
fn rights_are_only_for_an_operator_role() {
    let database = TestDatabase::new(Template::Coder);
    for flag in ["--allow-delete", "--allow-secret-check"] {
        init(&database, &[flag]).code(2).says("--operator-role");
    }
    assert_eq!(
        database.value("select count(*) from pg_namespace where nspname = 'breakglass'"),
        "0"
    );
}
