//! Rows that are not as they were planned: exactly the difference is told, and nothing is changed.
#![expect(
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use serde_json::Value;

use super::plan_file::Plan;
use super::remove::{Before, coder, column};
use crate::support::{TestDatabase, seed};

const HOT_CHANGED: &str = "token `d4o6FQe5QT` was changed after it was shown (";

/// Applies a plan that is refused for exactly these differences.
#[track_caller]
fn refused(database: &TestDatabase, plan: &Plan, difference: &str) -> Value {
    let before = Before::of(database);
    let approval = ["--yes", "--digest", &plan.digest()];
    let output = plan.apply(database, &approval).run();
    output
        .code(1)
        .says(&format!(
            "error: {difference}\nhint: look at it again with `breakglass tokens show`, and run the command \
             again; a plan file has to be made anew\nnothing was changed\nrecorded as "
        ))
        // Nobody is shown a plan that does not hold.
        .never_says("will ");
    assert_eq!(output.stdout, "");
    let operation = before.plus(database, "refused", difference);
    assert_eq!(operation["error"], difference);
    assert_eq!(operation["plan_digest"], plan.digest());
    let json = plan.apply(database, &approval).args(["-o", "json"]).run();
    assert_eq!(
        json.code(1).json_error()["error"]["code"],
        "changed_since_shown"
    );
    operation
}

#[test]
fn exactly_the_columns_that_differ_are_named() {
    let end = "(expires_at at time zone 'UTC')::text || '+00'";
    for (set, columns) in [
        (
            "token_name = 'renamed'",
            &["token_name: build-cache -> renamed"][..],
        ),
        (
            "lifetime_seconds = 7, login_type = 'password'",
            &[
                "login_type: token -> password",
                "lifetime_seconds: LIFETIME -> 7",
            ],
        ),
        (
            "scopes = '{coder:application_connect}'",
            &["scopes: {coder:all} -> {coder:application_connect}"],
        ),
        (
            "user_id = (select id from users where username = 'mira')",
            &["user_id: OWNER -> MIRA"],
        ),
        (
            "expires_at = '2031-02-03 04:05:06.789+00'",
            &["expires_at: END -> 2031-02-03 04:05:06.789+00"],
        ),
        // What moves is not among them, whatever else does.
        (
            "token_name = '', last_used = now(), ip_address = '192.0.2.1'",
            &["token_name: build-cache -> "],
        ),
    ] {
        let database = coder();
        let plan = Plan::of(&database, &["build-cache", "release"]);
        let words = [
            ("LIFETIME", column(&database, seed::HOT, "lifetime_seconds")),
            ("OWNER", column(&database, seed::HOT, "user_id")),
            (
                "MIRA",
                database.value("select id from users where username = 'mira'"),
            ),
            ("END", column(&database, seed::HOT, end)),
        ];
        database.execute(&format!(
            "update api_keys set {set} where id = 'd4o6FQe5QT'"
        ));
        let columns = words
            .iter()
            .fold(columns.join(", "), |text, (word, value)| {
                text.replace(word, value)
            });
        refused(&database, &plan, &format!("{HOT_CHANGED}{columns})"));
        assert!(database.is_alive(seed::HOT) && database.is_alive(seed::RELEASE));
    }
}

#[test]
fn every_row_that_differs_is_named_and_none_that_does_not() {
    let database = coder();
    let plan = Plan::of(
        &database,
        &[
            "build-cache",
            "release",
            seed::OAUTH,
            seed::SESSION,
            seed::EXPIRED,
        ],
    );
    database.execute(
        "delete from api_keys where id = 'WXA64uphbS'; \
         update api_keys set token_name = 'x' where id = 'd4o6FQe5QT'; \
         update api_keys set expires_at = now() - interval '1 s' where id = 'r1zx5DiipR'",
    );
    // One that died is what was wanted.
    let told = "token `WXA64uphbS` is gone; token `d4o6FQe5QT` was changed after it was shown (token_name: build-cache -> x)";
    refused(&database, &plan, told);
}

#[test]
fn a_token_that_was_dead_and_lives_again_is_refused() {
    let database = coder();
    let plan = Plan::of(&database, &[seed::EXPIRED]);
    let end = column(
        &database,
        seed::EXPIRED,
        "(expires_at at time zone 'UTC')::text || '+00'",
    );
    database.execute(
        "update api_keys set expires_at = '2031-02-03 04:05:06+00' where id = 'IkQxiy6zav'",
    );
    refused(
        &database,
        &plan,
        &format!(
            "token `IkQxiy6zav` was changed after it was shown (expires_at: {end} -> 2031-02-03 04:05:06+00)"
        ),
    );
    assert!(database.is_alive(seed::EXPIRED));
}

#[test]
fn companions_that_came_changed_or_went_are_named() {
    let id = "11111111-1111-4111-8111-111111111111";
    let database = coder();
    let refresh =
        database.value("select id from oauth2_provider_app_tokens where api_key_id = 'z8vWfGZaE2'");
    let end = database.value(&format!(
        "select (expires_at at time zone 'UTC')::text || '+00' from oauth2_provider_app_tokens where id = '{refresh}'"
    ));
    let plan = Plan::of(&database, &[seed::OAUTH]);
    let companion = plan.json()["companions"][0].clone();
    assert_eq!(
        [&companion["key"], &companion["token"]],
        [refresh.as_str(), seed::OAUTH]
    );
    let columns = database.value(
        "select string_agg(quote_ident(attname), ', ') from pg_attribute \
         where attrelid = 'oauth2_provider_app_tokens'::regclass and attnum > 0 and not attisdropped \
           and attname not in ('id', 'hash_prefix')",
    );
    database.execute(&format!(
        "insert into oauth2_provider_app_tokens (id, hash_prefix, {columns}) \
         select '{id}', '\\x01', {columns} from oauth2_provider_app_tokens where id = '{refresh}'"
    ));
    refused(
        &database,
        &plan,
        &format!(
            "oauth refresh token {id} of token {} came after the plan",
            seed::OAUTH
        ),
    );
    // A dead one is nobody's way in.
    database.execute(&format!(
        "update oauth2_provider_app_tokens set expires_at = now() - interval '1 s' where id = '{id}'; \
         update oauth2_provider_app_tokens set expires_at = '2031-02-03 04:05:06+00' where id = '{refresh}'"
    ));
    refused(
        &database,
        &plan,
        &format!(
            "oauth refresh token {refresh} was changed after it was shown (expires_at: {end} -> 2031-02-03 04:05:06+00)"
        ),
    );
    let before = Before::of(&database);
    database.execute(&format!(
        "create temp table kept as select * from oauth2_provider_app_tokens where id = '{refresh}'; \
         alter table oauth2_provider_app_tokens disable trigger user; \
         delete from oauth2_provider_app_tokens where id = '{refresh}'; \
         alter table oauth2_provider_app_tokens enable trigger user"
    ));
    assert_ne!(database.application_rows(), *before.rows());
    refused(
        &database,
        &plan,
        &format!("oauth refresh token {refresh} is gone"),
    );
    assert!(database.is_alive(seed::OAUTH));
}

#[test]
fn what_a_delete_would_take_along_now_is_told() {
    let database = coder();
    database.load("tests/fixtures/coder/chat.sql");
    let plan = Plan::of(&database, &["chat00Used", "--delete"]);
    database.execute(
        "update chat_messages set api_key_id = null where ctid in \
         (select ctid from chat_messages where api_key_id = 'chat00Used' limit 2)",
    );
    let told = "what the delete takes along of public.chat_messages was changed after it was shown (3 -> 1 rows)";
    refused(&database, &plan, told);
    // A key that was added, and one that is gone.
    database.execute(
        "update chat_messages set api_key_id = 'chat00Used'; \
         create table sessions_of (key text references api_keys on delete cascade); \
         insert into sessions_of values ('chat00Used')",
    );
    let count = database.value("select count(*) from chat_messages");
    refused(
        &database,
        &plan,
        &format!(
            "what the delete takes along of public.chat_messages was changed after it was shown (3 -> {count} rows); \
             what the delete takes along of public.sessions_of was changed after it was shown (0 -> 1 rows)"
        ),
    );
    assert!(database.has_token("chat00Used"));
    let plan = Plan::of(&database, &["chat00Used", "--delete"]);
    database.execute("drop table sessions_of");
    let told = "what the delete takes along of public.sessions_of was changed after it was shown (1 -> 0 rows)";
    refused(&database, &plan, told);
}

/// A row of a plan that deletes must be as it was, dead or not.
#[test]
fn a_delete_tells_the_row_and_not_what_goes_with_it_anyway() {
    let database = coder();
    let plan = Plan::of(&database, &[seed::OAUTH, "--delete"]);
    database.execute("update api_keys set token_name = 'x' where id = 'z8vWfGZaE2'");
    let name = plan.json()["tokens"][0]["fixed"]["token_name"].clone();
    let name = name.as_str().unwrap_or_default();
    let told =
        format!("token `z8vWfGZaE2` was changed after it was shown (token_name: {name} -> x)");
    refused(&database, &plan, &told);
    assert!(database.has_token(seed::OAUTH));
}

#[test]
fn a_column_that_came_with_a_release_is_a_difference() {
    let database = coder();
    database.execute("alter table api_keys drop column allow_list cascade");
    let plan = Plan::of(&database, &["build-cache"]);
    database.execute("alter table api_keys add column allow_list text not null default '{*:*}'");
    refused(
        &database,
        &plan,
        &format!("{HOT_CHANGED}allow_list: no such column -> {{*:*}})"),
    );
    let plan = Plan::of(&database, &["build-cache"]);
    database.execute("alter table api_keys drop column allow_list");
    refused(
        &database,
        &plan,
        &format!("{HOT_CHANGED}allow_list: {{*:*}} -> no such column)"),
    );
    assert!(database.is_alive(seed::HOT));
}

/// Between the look and the lock is no gap: the statement compares again.
#[test]
fn a_row_that_changes_while_somebody_is_asked_is_refused_by_the_statement() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache"]);
    let mut terminal = plan.apply(&database, &[]).on_terminal(200);
    terminal.expect("expire? [y/N]");
    database.execute("update api_keys set token_name = 'x' where id = 'd4o6FQe5QT'");
    let before = Before::of(&database);
    terminal.send_line("y");
    terminal.finish().code(1).says(
        "error: token `d4o6FQe5QT` was changed after it was shown (token_name: build-cache -> x)",
    );
    let operation = before.plus(&database, "refused", "(token_name: build-cache -> x)");
    assert_eq!(operation["plan_digest"], plan.digest());
    assert!(database.is_alive(seed::HOT));
}

/// Hundreds of differences are counted, not told.
#[test]
fn many_differences_are_twenty_and_a_count() {
    let database = coder();
    database.execute(
        "insert into api_keys select (jsonb_populate_record(k, jsonb_build_object( \
             'id', 'many' || to_char(n, 'FM000000'), 'token_name', 'many-' || n))).* \
           from api_keys as k cross join generate_series(1, 120) as n where id = 'd4o6FQe5QT'",
    );
    let keys: Vec<String> = (1..=120).map(|n| format!("id:many{n:06}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let plan = Plan::of(&database, &keys);
    database.execute("update api_keys set token_name = 'x' || id where id like 'many%'");
    let before = Before::of(&database);
    let output = plan.apply(&database, &["--yes"]).run();
    output
        .code(1)
        .says("error: token `many000001` was changed")
        .says("; and 100 more\n")
        .never_says("many000021");
    before.plus(&database, "refused", "; and 100 more");
}
