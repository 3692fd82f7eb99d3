//! `init --operator-role`: which roles are fit to be one, and what may stand in a name.

use super::operator_role::{CODER, OWN, grant, rights};
use super::show::installed;
use crate::support::{Template, TestDatabase};

#[test]
fn a_superuser_is_no_operator_role() {
    let database = TestDatabase::new(Template::Coder);
    let output = grant(&database, "postgres", &["--yes"]);
    output
        .code(1)
        .says("error: role `postgres` is a superuser, whom no grant restrains: name another");
    assert_eq!(
        database.value("select count(*) from pg_namespace where nspname = 'breakglass'"),
        "0"
    );
}

#[test]
fn the_owner_of_the_table_is_no_operator_role() {
    let database = TestDatabase::new(Template::Coder);
    let owner = database.login_role("application");
    database.execute(&format!("alter table api_keys owner to {owner}"));
    let output = grant(&database, &owner, &["--yes"]);
    output.code(1).says(&format!(
        "role `{owner}` owns public.api_keys, so no grant restrains it: name another"
    ));
    assert_eq!(
        database.value("select count(*) from pg_namespace where nspname = 'breakglass'"),
        "0"
    );
}

#[test]
fn an_applications_role_is_not_stripped_without_yes() {
    let database = TestDatabase::new(Template::Coder);
    let role = database.login_role("application");
    database.execute(&format!(
        "grant select, insert, update, delete on api_keys to {role}"
    ));
    let before = rights(&database, &role);
    let output = grant(&database, &role, &[]);
    output
        .code(1)
        .says(&format!(
            "role `{role}` exists, breakglass has never granted it anything, and it would lose "
        ))
        .says("delete on public.api_keys")
        .says("insert on public.api_keys")
        .says("it looks like an application's role; name another, or add --yes");
    assert_eq!(rights(&database, &role), before);
    assert_eq!(
        database.value("select count(*) from pg_namespace where nspname = 'breakglass'"),
        "0"
    );
    let output = grant(&database, &role, &["--yes"]);
    output.success().never_says("created role");
    assert!(
        output
            .stdout
            .contains("\nrevoked delete on public.api_keys\n"),
        "{output}"
    );
    assert_eq!(rights(&database, &role), format!("{OWN}{CODER}"));
}

#[test]
fn an_existing_role_with_nothing_to_lose_is_taken_as_it_is() {
    let database = installed();
    let role = database.login_role("alice");
    let output = grant(&database, &role, &[]);
    output.success().never_says("created role");
    assert_eq!(rights(&database, &role), format!("{OWN}{CODER}"));
    assert_eq!(
        database.value(&format!(
            "select rolcanlogin from pg_roles where rolname = '{role}'"
        )),
        "t"
    );
}

#[test]
fn a_role_is_a_name_whatever_stands_in_it() {
    let database = TestDatabase::new(Template::Coder);
    let suffix = database.name();
    for stem in [
        "MixedCase",
        "with blank",
        "quote\"inside",
        "dash-ed",
        "select",
        "größe",
        "x; drop table api_keys; --",
        "x\"; drop table api_keys; --",
        "$(id)",
    ] {
        let role = format!("{stem} {suffix}");
        let output = grant(&database, &role, &[]);
        output.success();
        assert!(
            output
                .stdout
                .contains(&format!("\ncreated role {role} (nologin)\n")),
            "{output}"
        );
        let quoted = format!("\"{}\"", role.replace('"', "\"\""));
        let exists = format!("select count(*) from pg_roles where rolname = '{role}'");
        assert_eq!(database.value(&exists), "1", "{role}");
        assert_eq!(rights(&database, &role), format!("{OWN}{CODER}"), "{role}");
        database.execute(&format!("drop owned by {quoted}; drop role {quoted}"));
    }
    assert_eq!(database.value("select count(*) from api_keys"), "203");
}

#[test]
fn a_name_that_postgres_refuses_leaves_nothing() {
    let database = TestDatabase::new(Template::Coder);
    for role in ["", "pg_operators", "public", "none"] {
        let output = grant(&database, role, &[]);
        assert!(
            matches!(output.status.code(), Some(1 | 2)),
            "{role:?}: {output}"
        );
        assert_eq!(
            database.value("select count(*) from pg_namespace where nspname = 'breakglass'"),
            "0"
        );
    }
}

#[test]
fn what_the_note_says_to_type_works_for_any_name() {
    let database = TestDatabase::new(Template::Coder);
    let member = database.login_role("member");
    for stem in ["plain", "MixedCase", "dash-ed", "select"] {
        let role = format!("{stem}_{}", database.name());
        let output = grant(&database, &role, &[]);
        output.success();
        let note = output
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix("note: make an operator a member: `"));
        let statement = note.and_then(|note| note.strip_suffix(" to alice`"));
        let statement = statement.expect("the note is there");
        let typed = database
            .session()
            .try_execute(&format!("{statement} to {member}"));
        database.execute(&format!("drop owned by \"{role}\"; drop role \"{role}\""));
        assert!(typed.is_ok(), "{statement}: {typed:?}");
    }
}

#[test]
fn print_refuses_a_role_that_a_run_would_refuse() {
    let database = TestDatabase::new(Template::Coder);
    let owner = database.login_role("application");
    database.execute(&format!("alter table api_keys owner to {owner}"));
    for (role, why) in [
        ("postgres", "is a superuser"),
        (&owner, "owns public.api_keys"),
    ] {
        grant(&database, role, &["--print"]).code(1).says(why);
    }
}
