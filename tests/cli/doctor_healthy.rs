//! `doctor` on set-ups where all is well: nothing is found, not even a note.

use super::adapters::INHOUSE;
use super::doctor::{as_role, findings};
use super::operator::with_operator;
use crate::support::{Template, TestDatabase};

#[track_caller]
fn nothing(database: &TestDatabase, role: &str, flags: &[&str]) {
    let found = findings(
        database
            .breakglass()
            .as_role(role)
            .args(flags.iter().copied()),
    );
    assert!(found.is_empty(), "{found:#?}");
}

/// 1 to 6: each shape of Coder, with and without deletes.
#[test]
fn every_shape_of_coder_with_and_without_deletes() {
    for template in [Template::CoderV0_23, Template::CoderV2_27, Template::Coder] {
        for flags in [&[][..], &["--allow-delete", "--allow-secret-check"]] {
            let (database, alice) = with_operator(template, flags);
            nothing(&database, &alice, &[]);
            if !flags.is_empty() {
                let found = findings(
                    database
                        .breakglass()
                        .as_role(&alice)
                        .args(["--lock-timeout", "1s"]),
                );
                assert!(found.is_empty(), "{found:#?}");
                let output = database
                    .breakglass()
                    .as_role(&alice)
                    .args(["doctor", "--delete"])
                    .run();
                output.success();
            }
        }
    }
}

/// 7: only a delete kills there, so the role must have that right.
#[test]
fn django_where_deletes_were_allowed() {
    let (database, alice) = with_operator(Template::Django, &["--allow-delete"]);
    nothing(&database, &alice, &[]);
}

/// 8: names that need quotes, times as numbers, and a foreign key that only deletes would follow.
#[test]
fn an_in_house_table_and_its_adapter() {
    let (database, alice) = with_operator(Template::Inhouse, &["--adapter-file", INHOUSE]);
    nothing(&database, &alice, &["--adapter-file", INHOUSE]);
}

/// 9: the tables in a schema of another name.
#[test]
fn coder_in_another_schema() {
    let database = TestDatabase::new(Template::Coder);
    database.execute("alter schema public rename to coder; create schema public");
    let (role, alice) = (
        database.role_name("operators"),
        database.login_role("alice"),
    );
    let init = database
        .breakglass()
        .args(["init", "--operator-role", &role]);
    init.run().success();
    database.execute(&format!("grant {role} to {alice}"));
    nothing(&database, &alice, &[]);
}

/// 10: two applications in one database, the one that is meant named.
#[test]
fn one_of_two_applications_that_was_named() {
    let (database, alice) = with_operator(Template::Coder, &[]);
    database.execute("create schema other; set search_path = other");
    database.execute(&format!(
        "set search_path = other; {}",
        std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/django.sql"
        ))
        .unwrap()
    ));
    nothing(&database, &alice, &["--adapter", "coder"]);
}

/// 11: a role that is the operator role itself, with every setting of its own that is usual.
#[test]
fn an_operator_with_the_usual_settings_of_its_own() {
    let (database, alice) = with_operator(Template::Coder, &[]);
    database.execute(&format!(
        "alter role {alice} set synchronous_commit = remote_apply; \
         alter role {alice} set timezone = 'Asia/Tokyo'; \
         alter role {alice} set search_path = 'nowhere'; \
         alter role {alice} set statement_timeout = '10s'; \
         alter role {alice} connection limit 20"
    ));
    nothing(&database, &alice, &[]);
}

/// 12: the application owns its tables, a DBA the log; row security that concerns others.
#[test]
fn tables_of_an_application_role_and_a_log_of_a_dba() {
    let database = TestDatabase::new(Template::Coder);
    let (role, alice) = (
        database.role_name("operators"),
        database.login_role("alice"),
    );
    let (coder, dba) = (database.login_role("coder"), database.login_role("dba"));
    database.execute(&format!(
        "do $$ declare t record; begin for t in select tablename from pg_tables where schemaname = 'public' loop \
           execute format('alter table %I owner to {coder}', t.tablename); end loop; end $$; \
         grant create on database {} to {dba}; grant {coder} to {dba}; create role {role}",
        database.name()
    ));
    let init = ["init", "--operator-role", &role, "--yes"];
    database
        .breakglass()
        .as_role(&dba)
        .args(init)
        .run()
        .success();
    database.execute(&format!("grant {role} to {alice}"));
    nothing(&database, &alice, &[]);
}

/// 13: other triggers, which do not fire on what is written.
#[test]
fn triggers_that_do_not_concern_a_write() {
    let (database, alice) = with_operator(Template::Coder, &[]);
    database.execute(
        "create function passing() returns trigger language plpgsql as 'begin return new; end'; \
         create trigger a before insert on api_keys for each row execute function passing(); \
         create trigger b before update of token_name on api_keys for each row execute function passing(); \
         create trigger c before update on users for each row execute function passing(); \
         create trigger d before update on api_keys for each row execute function passing(); \
         alter table api_keys disable trigger d",
    );
    assert!(as_role(&database, &alice).is_empty());
}
