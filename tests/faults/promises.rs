//! What a hostile reviewer broke once, each as a test.

use super::proxy::{Cut, Proxy};
use crate::support::run::Output;
use crate::support::seed::HOT;
use crate::support::{Template, TestDatabase, breakglass};

fn installed() -> TestDatabase {
    TestDatabase::prepared(
        "coder_installed_for_promises",
        Template::Coder,
        |database| {
            database.breakglass().arg("init").run().success();
        },
    )
}

fn remove(database: &TestDatabase, flags: &[&str]) -> Output {
    let arguments = [
        "tokens",
        "rm",
        &format!("id:{HOT}"),
        "--yes",
        "--reason",
        "why",
    ];
    database
        .breakglass()
        .args(arguments)
        .args(flags.iter().copied())
        .run()
}

/// Sent behind a BEGIN that fails, a statement commits by itself.
#[test]
fn a_begin_that_fails_changes_nothing() {
    for flags in [&[][..], &["--dry-run"]] {
        let database = installed();
        let before = database.application_rows();
        let proxy = Proxy::start(&database, Cut::GarbledBegin);
        let output = breakglass()
            .env(
                "BREAKGLASS_DATABASE_URL",
                proxy.conninfo(&database, "postgres"),
            )
            .args([
                "tokens",
                "rm",
                &format!("id:{HOT}"),
                "--yes",
                "--reason",
                "why",
            ])
            .args(flags.iter().copied())
            .run();
        output
            .code(1)
            .says("syntax error")
            .says("nothing was changed");
        assert_eq!(database.application_rows(), before);
        assert!(database.changes().is_empty());
    }
}

/// An exact match beats the variadic function of the system's own catalogue.
#[test]
fn functions_of_others_on_the_path_are_not_called() {
    let database = installed();
    let mallory = "create table public.called (by text); \
         create function public.concat_ws(text, text, text, text) returns text language sql as \
           'insert into public.called values ($$concat_ws$$); select $2'; \
         create function public.concat_ws(text, text, text) returns text language sql as \
           'insert into public.called values ($$concat_ws$$); select $2'; \
         create function public.jsonb_build_object(text, text) returns jsonb language sql as \
           'insert into public.called values ($$jsonb_build_object$$); select ''{}''::jsonb'; \
         create schema evil; \
         create function evil.set_config(text, text, boolean) returns text language sql as \
           'insert into public.called values ($$set_config$$); select $2';";
    database.execute(mallory);
    let role = database.login_role("alice");
    database.execute(&format!(
        "alter role {role} superuser; alter role {role} set search_path = evil, pg_catalog, public"
    ));
    let output = database
        .breakglass()
        .as_role(&role)
        .args([
            "tokens",
            "rm",
            &format!("id:{HOT}"),
            "--yes",
            "--reason",
            "why",
        ])
        .run();
    output.success();
    let deleted = database
        .breakglass()
        .as_role(&role)
        .args([
            "tokens",
            "rm",
            "--delete",
            "--confirm",
            HOT,
            HOT,
            "--reason",
            "why",
        ])
        .run();
    deleted.success();
    assert_eq!(database.value("select count(*) from public.called"), "0");
    assert_eq!(
        database.changes()[0]["before"].as_object().unwrap().len(),
        1
    );
}

#[test]
fn nobody_adds_a_change_to_an_operation_of_another_transaction() {
    let database = installed();
    remove(&database, &[]).success();
    let session = database.session();
    let forged = session.refusal(
        "insert into breakglass.change (operation_id, relation, key, kind, state_before, state_after, before, after) \
         select id, 'public.api_keys', 'FORGED', 'token', 'active', 'expired', '{}', '{}' from breakglass.operation",
    );
    assert_eq!(forged, "23503");
    assert_eq!(database.changes().len(), 1);
}

/// Rows that point at a key can come between the plan and the delete, and would go with it unseen.
#[test]
fn a_delete_takes_no_row_that_came_while_it_waited() {
    let database = installed();
    database.execute(
        "create table public.usage (api_key_id text references api_keys on delete cascade, n int)",
    );
    let writer = database.session();
    writer.execute(&format!(
        "begin; insert into public.usage select '{HOT}', n from generate_series(1, 1000) as n"
    ));
    let running = database
        .breakglass()
        .args([
            "tokens",
            "rm",
            HOT,
            "--delete",
            "--confirm",
            HOT,
            "--reason",
            "why",
        ])
        .start();
    database
        .wait_for("select exists (select from pg_stat_activity where wait_event_type = 'Lock')");
    writer.execute("commit");
    running.wait().code(1).says("nothing was changed");
    assert!(database.has_token(HOT));
    assert_eq!(database.value("select count(*) from public.usage"), "1000");
    assert!(database.changes().is_empty());
}

#[test]
fn times_beyond_every_calendar_can_be_listed_and_killed() {
    for time in ["294276-12-31", "infinity"] {
        let database = installed();
        database.execute(&format!(
            "update api_keys set expires_at = '{time}' where id = '{HOT}'"
        ));
        database.breakglass().args(["tokens", "ls"]).run().success();
        remove(&database, &[]).success();
        assert!(!database.is_alive(HOT), "{time}");
    }
}

/// The client looks at the counts itself, whatever became of the record's own constraints.
#[test]
fn counts_are_looked_at_without_the_constraint_too() {
    let database = installed();
    // At the prompt: a log without the constraint would be refused before the plan.
    let rm = ["tokens", "rm", HOT, "--reason", "why"];
    let mut terminal = database.breakglass().args(rm).on_terminal(200);
    terminal.expect("expire? [y/N]");
    database.execute(
        "alter table breakglass.operation drop constraint operation_did_what_was_planned; \
         create function public.swallow() returns trigger language plpgsql as 'begin return null; end'; \
         create trigger swallow before update on public.api_keys for each row execute function public.swallow()",
    );
    let before = database.application_rows();
    terminal.send_line("y");
    terminal
        .finish()
        .code(1)
        .says("not every token was changed: 0 instead of 1");
    assert_eq!(database.application_rows(), before);
    assert_eq!(database.operation()["outcome"], "failed");
    remove(&database, &[])
        .code(1)
        .says("error: constraint operation_did_what_was_planned is gone");
}

#[test]
fn a_row_that_went_to_another_key_is_not_called_dead() {
    let database = installed();
    database.execute(
        "create function public.move() returns trigger language plpgsql as $$ begin \
           update public.api_keys set id = 'moved00001', expires_at = now() + interval '1 day' where id = new.id; \
           return null; end $$; \
         create trigger move after update on public.api_keys for each row \
           when (pg_trigger_depth() = 0) execute function public.move()",
    );
    remove(&database, &[]).code(5);
    assert_eq!(database.observations()[0]["verdict"], "unknown");
}

/// A secret with rubbish around it is a secret all the same.
#[test]
fn a_secret_inside_of_a_word_is_not_sent_printed_or_recorded() {
    let database = installed();
    let token = crate::support::seed::token_of(HOT);
    let secret = &token[11..];
    let mut words = Vec::new();
    for word in [
        "{}.",
        "({})",
        "name:{}.",
        "id:<{}>",
        "https://c/{}",
        "https://c/?session={}&x=1",
    ] {
        words.push(vec!["tokens", "rm", word, "--yes", "--reason", "why"]);
        words.push(vec!["tokens", "show", word]);
    }
    words.push(vec![
        "tokens",
        "rm",
        HOT,
        "--yes",
        "--reason",
        "why",
        "--app-actor",
        "{}",
    ]);
    words.push(vec![
        "tokens", "rm", "owner:{}", "--name", "x", "--yes", "--reason", "why",
    ]);
    words.push(vec!["tokens", "ls", "--name", "{}"]);
    words.push(vec!["tokens", "ls", "--owner", "{}"]);
    words.push(vec!["audit", "ls", "--token", "{}"]);
    words.push(vec!["audit", "show", "{}"]);
    let before = database.application_rows();
    for arguments in words {
        let typed = arguments.iter().map(|word| word.replace("{}", &token));
        let output = database.breakglass().args(typed).run();
        assert!(!output.status.success(), "{arguments:?}");
        output.never_says(secret);
    }
    assert_eq!(database.application_rows(), before);
    assert!(!format!("{:?}", database.operations()).contains(secret));
}

/// Whoever owns the log, or the tokens, is restrained by no grant.
#[test]
fn those_who_could_rewrite_the_log_are_no_operators() {
    let database = TestDatabase::new(Template::Coder);
    let (application, member, dba) = (
        database.login_role("application"),
        database.login_role("member"),
        database.login_role("dba"),
    );
    database.execute(&format!(
        "alter table api_keys owner to {application}; grant {application} to {member}"
    ));
    let init = |role: &str| {
        database
            .breakglass()
            .args(["init", "--operator-role", role])
            .run()
    };
    init(&member).code(1).says("owns public.api_keys");
    database.execute(&format!(
        "create schema breakglass authorization {application}"
    ));
    init("operators")
        .code(1)
        .says("belongs to the application's own role");
    database.execute(&format!("alter schema breakglass owner to {dba}"));
    init(&dba).code(1).says("the owner of schema breakglass");
    assert_eq!(
        database.value("select to_regclass('breakglass.operation') is null"),
        "t"
    );
}
