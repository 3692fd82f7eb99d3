//! `doctor` on the application's tables: which they are, what kind, what hides and rewrites rows.

use serde_json::Value;

use super::doctor::{as_role, coder, findings, only, tells};
use super::operator::with_operator;
use crate::support::{Template, TestDatabase};

/// The findings as the superuser, but for that it is one.
fn as_superuser(database: &TestDatabase, flags: &[&str]) -> Vec<Value> {
    let mut found = findings(database.breakglass().args(flags.iter().copied()));
    found.retain(|finding| finding["code"] != "superuser");
    found
}

fn installed(template: Template) -> TestDatabase {
    let database = TestDatabase::new(template);
    database.breakglass().arg("init").run().success();
    database
}

#[test]
fn no_adapter_two_and_one_that_refuses() {
    let database = installed(Template::Empty);
    only(
        &as_superuser(&database, &[]),
        "no_adapter",
        "blocks",
        "the database",
    );
    let database = installed(Template::Coder);
    database.execute(&format!(
        "create schema second; set search_path = second; {}",
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/demo/coder.sql"))
            .unwrap()
    ));
    let finding = only(
        &as_superuser(&database, &[]),
        "several_adapters",
        "blocks",
        "the database",
    );
    tells(
        &finding,
        "what",
        "coder in schema public, coder in schema second",
    );
    let database = installed(Template::Coder);
    database.execute("create table migration_cursor (id integer)");
    let finding = only(
        &as_superuser(&database, &[]),
        "refused_by_adapter",
        "blocks",
        "coder",
    );
    tells(&finding, "what", "Coder v1");
}

/// Whatever cannot be classified, the rest is told.
#[test]
fn without_an_adapter_the_other_findings_are_given() {
    let database = TestDatabase::new(Template::Empty);
    let found = findings(database.breakglass());
    let codes: Vec<&str> = found
        .iter()
        .filter_map(|finding| finding["code"].as_str())
        .collect();
    assert_eq!(codes, ["no_adapter", "not_installed", "superuser"]);
}

#[test]
fn an_adapter_whose_columns_are_not_there() {
    let database = installed(Template::Coder);
    database.execute("alter table api_keys rename last_used to used");
    let finding = only(
        &as_superuser(&database, &[]),
        "adapter_misfit",
        "blocks",
        "coder",
    );
    tells(&finding, "what", "has no column last_used");
}

#[test]
fn a_view_in_the_place_of_the_tokens() {
    let database = installed(Template::Coder);
    database
        .execute("alter table api_keys rename to kept; create view api_keys as select * from kept");
    let finding = only(
        &as_superuser(&database, &[]),
        "view",
        "blocks",
        "public.api_keys",
    );
    tells(&finding, "what", "public.api_keys is a view");
    database.execute("drop view api_keys; create materialized view api_keys as select * from kept");
    only(
        &as_superuser(&database, &[]),
        "view",
        "blocks",
        "public.api_keys",
    );
}

#[test]
fn a_foreign_table_in_the_place_of_the_tokens() {
    let database = installed(Template::Coder);
    database.execute(
        "alter table api_keys rename to kept; create foreign data wrapper nothing; \
         create server elsewhere foreign data wrapper nothing; \
         do $$ begin execute (select format('create foreign table api_keys (%s) server elsewhere', \
           string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ')) \
           from pg_attribute where attrelid = 'kept'::regclass and attnum > 0 and not attisdropped); end $$",
    );
    only(
        &as_superuser(&database, &[]),
        "foreign_table",
        "blocks",
        "public.api_keys",
    );
}

#[test]
fn partitioned_tokens() {
    let database = TestDatabase::new(Template::Coder);
    database.execute(
        "alter table oauth2_provider_app_tokens drop constraint oauth2_provider_app_tokens_api_key_id_fkey; \
         alter table api_keys rename to kept; \
         create table api_keys (like kept) partition by hash (id); \
         create table api_keys_0 partition of api_keys for values with (modulus 2, remainder 0); \
         create table api_keys_1 partition of api_keys for values with (modulus 2, remainder 1); \
         insert into api_keys select * from kept; drop table kept",
    );
    let role = database.role_name("operators");
    let alice = database.login_role("alice");
    database
        .breakglass()
        .args(["init", "--operator-role", &role])
        .run()
        .success();
    database.execute(&format!("grant {role} to {alice}"));
    let finding = only(
        &as_role(&database, &alice),
        "partitioned",
        "warns",
        "public.api_keys",
    );
    tells(&finding, "what", "public.api_keys is partitioned");
    // A trigger of one partition is one of the tokens'.
    database.execute(
        "create function passing() returns trigger language plpgsql as 'begin return new; end'; \
         create trigger part before update on api_keys_1 for each row execute function passing()",
    );
    let found = as_role(&database, &alice);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found.iter().any(|finding| finding["code"] == "trigger"),
        "{found:#?}"
    );
}

#[test]
fn tables_that_inherit_from_the_tokens() {
    let (database, alice) = coder();
    database.execute("create table archived () inherits (api_keys)");
    let finding = only(
        &as_role(&database, &alice),
        "inherited",
        "warns",
        "public.api_keys",
    );
    tells(
        &finding,
        "what",
        "1 other tables inherit from public.api_keys",
    );
}

#[test]
fn row_security_that_hides_rows() {
    for table in ["api_keys", "users", "oauth2_provider_app_tokens"] {
        let (database, alice) = coder();
        database.execute(&format!(
            "alter table {table} enable row level security; create policy nobody on {table} using (false)"
        ));
        let subject = format!("public.{table}");
        let finding = only(
            &as_role(&database, &alice),
            "row_security",
            "blocks",
            &subject,
        );
        tells(&finding, "what", &format!("hides rows from role `{alice}`"));
        // It does not concern a role that passes it by.
        database.execute(&format!("alter role {alice} bypassrls"));
        assert!(as_role(&database, &alice).is_empty());
        let list = database
            .breakglass()
            .as_role(&alice)
            .args(["tokens", "ls"])
            .run();
        list.success();
    }
}

const FUNCTION: &str =
    "create function passing() returns trigger language plpgsql as 'begin return new; end'";

#[test]
fn triggers_that_can_rewrite_swallow_or_undo() {
    let cases = [
        (
            "before update on api_keys for each row",
            "public.api_keys",
            "warns",
        ),
        (
            "before update of expires_at on api_keys for each row",
            "public.api_keys",
            "warns",
        ),
        (
            "after update on api_keys for each row",
            "public.api_keys",
            "notes",
        ),
        (
            "before update on api_keys for each statement",
            "public.api_keys",
            "notes",
        ),
        (
            "before update on oauth2_provider_app_tokens for each row",
            "public.oauth2_provider_app_tokens",
            "warns",
        ),
        (
            "before insert on audit_logs for each row",
            "public.audit_logs",
            "warns",
        ),
    ];
    for (when, subject, severity) in cases {
        let (database, alice) = coder();
        database.execute(&format!(
            "{FUNCTION}; create trigger meddling {when} execute function passing()"
        ));
        let finding = only(&as_role(&database, &alice), "trigger", severity, subject);
        tells(&finding, "what", &format!("trigger meddling on {subject} "));
    }
}

#[test]
fn triggers_and_rules_on_deletes_count_where_the_role_may_delete() {
    let sql = format!(
        "{FUNCTION}; create trigger meddling before delete on api_keys for each row execute function passing()"
    );
    let (database, alice) = coder();
    database.execute(&sql);
    assert!(as_role(&database, &alice).is_empty());
    let (database, alice) = with_operator(Template::Coder, &["--allow-delete"]);
    database.execute(&sql);
    only(
        &as_role(&database, &alice),
        "trigger",
        "warns",
        "public.api_keys",
    );
    let (database, alice) = with_operator(Template::Coder, &["--allow-delete"]);
    database.execute("create rule quiet as on delete to api_keys do instead nothing");
    only(
        &as_role(&database, &alice),
        "rule",
        "blocks",
        "public.api_keys",
    );
}

#[test]
fn rules_that_stand_in_for_a_write() {
    for (table, event) in [
        ("api_keys", "update"),
        ("oauth2_provider_app_tokens", "update"),
        ("audit_logs", "insert"),
    ] {
        for action in ["instead nothing", "also notify seen"] {
            let (database, alice) = coder();
            database.execute(&format!(
                "create rule quiet as on {event} to {table} do {action}"
            ));
            let finding = only(
                &as_role(&database, &alice),
                "rule",
                "blocks",
                &format!("public.{table}"),
            );
            tells(
                &finding,
                "what",
                &format!("rule quiet on public.{table} stands in for an {event}"),
            );
        }
    }
}

/// An adapter whose ends have no zone: a matter of who lives where.
#[test]
fn ends_without_a_time_zone() {
    let adapter =
        std::env::temp_dir().join(format!("breakglass-zoneless-{}.toml", std::process::id()));
    std::fs::write(
        &adapter,
        "name = 'zoneless'\ntitle = 'Zoneless'\nverified_against = 'x'\n\
         [detect]\nall_of = ['plain_tokens.ends_at']\n\
         [token]\ntable = 'plain_tokens'\nkey = 'id'\ndefault_kind = 'token'\n\
         [[kind]]\nname = 'token'\ntitle = 'token'\n\
         [times.expires]\ncolumn = 'ends_at'\nunit = 'utc'\n\
         [[dead]]\nstate = 'expired'\ncolumn = 'ends_at'\nwhen = 'past'\n\
         [expire.set]\nends_at = 'now'\n",
    )
    .unwrap();
    let file = adapter.display().to_string();
    let database = TestDatabase::new(Template::Empty);
    database.execute("create table plain_tokens (id bigint primary key, ends_at timestamp)");
    let (role, alice) = (
        database.role_name("operators"),
        database.login_role("alice"),
    );
    let owner = database.login_role("app");
    database.execute(&format!("alter table plain_tokens owner to {owner}"));
    let init = ["init", "--operator-role", &role, "--adapter-file", &file];
    database.breakglass().args(init).run().success();
    database.execute(&format!("grant {role} to {alice}"));
    let found = || {
        findings(
            database
                .breakglass()
                .as_role(&alice)
                .args(["--adapter-file", &file]),
        )
    };
    assert!(found().is_empty(), "everybody lives in UTC");
    for (set, reset, whose) in [
        (
            format!("alter role {owner} set timezone = 'Europe/Berlin'"),
            format!("alter role {owner} reset timezone"),
            format!("role {owner}"),
        ),
        (
            format!(
                "alter database {} set timezone = 'Europe/Berlin'",
                database.name()
            ),
            format!("alter database {} reset timezone", database.name()),
            "the database".to_owned(),
        ),
        (
            format!("alter role {alice} set timezone = 'Europe/Berlin'"),
            format!("alter role {alice} reset timezone"),
            "this role".to_owned(),
        ),
    ] {
        database.execute(&set);
        let finding = only(
            &found(),
            "time_without_zone",
            "warns",
            "public.plain_tokens.ends_at",
        );
        tells(&finding, "what", &format!("Europe/Berlin for {whose}"));
        database.execute(&reset);
        assert!(found().is_empty());
    }
    std::fs::remove_file(adapter).unwrap();
}
