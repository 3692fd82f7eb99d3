//! `doctor` on breakglass's own schema: missing, of another version, altered in every way.

use std::path::Path;

use breakglass::db::MIGRATED_VERSION;

use super::doctor::{as_role, coder, findings, only, tells};
use super::operator::with_operator;
use crate::support::{Template, TestDatabase};

/// What `sql/doctor/installed.tsv` must hold, by the statement that `doctor` itself reads with.
fn installed(database: &TestDatabase) -> String {
    let statement = include_str!("../../sql/doctor/objects.sql")
        .replace("$1::text[]", "array[]::text[]")
        .replace("$2::text[]", "array[]::text[]")
        .replace(
            "$3::text[]",
            "array(select tablename::text from pg_tables where schemaname = 'breakglass')",
        );
    let session = database.session();
    session.execute("set search_path = pg_catalog, pg_temp");
    let mut lines: Vec<String> = session
        .query(&statement)
        .into_iter()
        .map(|row| row.into_iter().map(Option::unwrap_or_default))
        .filter_map(|mut row| {
            let (aspect, _schema, table) = (row.next()?, row.next()?, row.next()?);
            let (name, definition) = (row.next()?, row.next()?);
            let is_made = ["table", "column", "constraint", "trigger"].contains(&aspect.as_str());
            (is_made && table != "schema_history")
                .then(|| format!("{aspect}\t{table}\t{name}\t{definition}\n"))
        })
        .collect();
    lines.sort();
    lines.concat()
}

/// After a new migration: `BREAKGLASS_BLESS=1 cargo test --test suite fresh_installation`.
#[test]
fn a_fresh_installation_is_what_the_list_says() {
    let database = TestDatabase::new(Template::Empty);
    database.breakglass().arg("init").run().success();
    let found = installed(&database);
    assert!(found.lines().count() > 70, "{found}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/doctor/installed.tsv");
    if std::env::var_os("BREAKGLASS_BLESS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    for (found, written) in found.lines().zip(written.lines()) {
        assert_eq!(found, written, "BREAKGLASS_BLESS=1 writes the list anew");
    }
    assert_eq!(found, written);
}

#[test]
fn it_is_not_installed() {
    let database = TestDatabase::new(Template::Coder);
    let found = findings(database.breakglass());
    let [first, second] = found.as_slice() else {
        panic!("{found:#?}")
    };
    assert_eq!(first["code"], "not_installed");
    assert_eq!(first["severity"], "blocks");
    assert_eq!(first["subject"], "schema breakglass");
    tells(first, "remedy", "`breakglass init");
    assert_eq!(second["code"], "superuser");
}

#[test]
fn it_is_of_another_version() {
    let older = if MIGRATED_VERSION > 1 {
        "schema_older"
    } else {
        "not_installed"
    };
    let cases = [
        (
            format!("delete from breakglass.schema_history where version = {MIGRATED_VERSION}"),
            older,
        ),
        (
            "insert into breakglass.schema_history values (99, 'x', '2026-01-01T00:00:00Z', '1')"
                .to_owned(),
            "schema_newer",
        ),
        (
            "update breakglass.schema_history set checksum = '1' where version = 1".to_owned(),
            "schema_divergent",
        ),
    ];
    for (sql, code) in cases {
        let (database, alice) = coder();
        database.execute(&sql);
        only(
            &as_role(&database, &alice),
            code,
            "blocks",
            "schema breakglass",
        );
    }
}

/// Each alteration: what is done, to which table, how much it weighs, and what is said.
const ALTERATIONS: [(&str, &str, &str, &str); 19] = [
    (
        "alter table breakglass.operation drop constraint operation_did_what_was_planned",
        "operation",
        "blocks",
        "constraint operation_did_what_was_planned is gone",
    ),
    (
        "alter table breakglass.operation drop constraint operation_has_known_action; \
      alter table breakglass.operation add constraint operation_has_known_action check (true)",
        "operation",
        "blocks",
        "constraint operation_has_known_action is not as it was installed",
    ),
    (
        "alter table breakglass.change drop constraint change_belongs_to_operation",
        "change",
        "blocks",
        "constraint change_belongs_to_operation is gone",
    ),
    (
        "alter table breakglass.change drop constraint change_belongs_to_operation; \
      alter table breakglass.change add constraint change_belongs_to_operation foreign key (operation_id, xid) \
        references breakglass.operation (id, xid) not valid",
        "change",
        "blocks",
        "is not as it was installed",
    ),
    (
        "alter table breakglass.operation alter db_user drop default",
        "operation",
        "blocks",
        "column db_user is not as it was installed",
    ),
    (
        "alter table breakglass.operation alter selector drop not null",
        "operation",
        "blocks",
        "column selector is not",
    ),
    (
        "alter table breakglass.observation drop column detail",
        "observation",
        "blocks",
        "column detail is gone",
    ),
    (
        "alter table breakglass.change add mood text",
        "change",
        "warns",
        "column mood was added",
    ),
    (
        "alter table breakglass.change add mood text not null",
        "change",
        "blocks",
        "column mood was added",
    ),
    (
        "alter table breakglass.change add constraint short check (length(key) < 99)",
        "change",
        "warns",
        "constraint short was added",
    ),
    (
        "drop trigger change_is_append_only on breakglass.change",
        "change",
        "blocks",
        "trigger change_is_append_only is gone",
    ),
    (
        "alter table breakglass.change disable trigger change_is_append_only",
        "change",
        "blocks",
        "trigger change_is_append_only is not enabled always",
    ),
    (
        "alter table breakglass.change enable trigger change_is_append_only",
        "change",
        "blocks",
        "trigger change_is_append_only is not enabled always",
    ),
    (
        "create function public.f() returns trigger language plpgsql as 'begin return new; end'; \
      create trigger extra before insert on breakglass.operation for each row execute function public.f()",
        "operation",
        "warns",
        "trigger extra was added",
    ),
    (
        "create rule quiet as on insert to breakglass.observation do instead nothing",
        "observation",
        "blocks",
        "rule quiet was added",
    ),
    (
        "create rule loud as on update to breakglass.observation do also notify x",
        "observation",
        "warns",
        "rule loud was added",
    ),
    (
        "alter table breakglass.change enable row level security",
        "change",
        "blocks",
        "row security was enabled",
    ),
    (
        "alter table breakglass.observation set unlogged",
        "observation",
        "blocks",
        "the table is unlogged: a crash empties it",
    ),
    (
        "drop table breakglass.observation",
        "observation",
        "blocks",
        "the table is gone",
    ),
];

#[test]
fn it_was_altered() {
    for (sql, table, severity, what) in ALTERATIONS {
        let (database, alice) = coder();
        database.execute(sql);
        let found = as_role(&database, &alice);
        let finding = only(
            &found,
            "schema_altered",
            severity,
            &format!("breakglass.{table}"),
        );
        tells(&finding, "what", what);
    }
}

/// The function under the triggers: all three tables lose their guard.
#[test]
fn the_guards_function_was_replaced() {
    let (database, alice) = coder();
    database.execute(
        "create or replace function breakglass.refuse_rewrite() returns trigger language plpgsql \
         set search_path = pg_catalog as 'begin return null; end'",
    );
    let found = as_role(&database, &alice);
    let subjects: Vec<&str> = found
        .iter()
        .filter_map(|finding| finding["subject"].as_str())
        .collect();
    for table in ["change", "observation", "operation"] {
        let subject = format!("breakglass.{table}");
        assert!(subjects.contains(&subject.as_str()), "{subjects:?}");
    }
    assert!(
        found
            .iter()
            .all(|finding| finding["code"] == "schema_altered" && finding["severity"] == "blocks")
    );
}

/// What a remedy says is what mends it.
#[test]
fn the_remedies_mend_what_was_altered() {
    for alteration in [
        "alter table breakglass.change disable trigger change_is_append_only",
        "alter table breakglass.change add mood text",
        "alter table breakglass.change add constraint short check (length(key) < 99)",
        "alter table breakglass.operation drop constraint operation_did_what_was_planned",
        "create rule loud as on update to breakglass.observation do also notify x",
        "alter table breakglass.change enable row level security",
        "alter table breakglass.observation set unlogged",
    ] {
        let (database, alice) = coder();
        database.execute(alteration);
        let found = as_role(&database, &alice);
        assert_eq!(found.len(), 1, "{found:#?}");
        let remedy = found[0]["remedy"].as_str().unwrap_or_default();
        let statement = remedy.split('`').nth(1).unwrap_or_default();
        database.execute(statement);
        assert!(as_role(&database, &alice).is_empty(), "{statement}");
    }
}

/// An index of a DBA's does no harm.
#[test]
fn an_index_and_a_comment_are_no_alteration() {
    let (database, alice) = with_operator(Template::Coder, &[]);
    database.execute(
        "create index on breakglass.operation (db_user); comment on table breakglass.operation is 'ours'",
    );
    assert!(as_role(&database, &alice).is_empty());
}
