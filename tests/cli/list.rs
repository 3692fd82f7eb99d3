//! `tokens ls`: which rows. The order is in `list_order.rs`, how they
//! are written in `list_output.rs` and `list_json.rs`.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a helper that cannot go on fails the test that called it"
)]

use crate::support::run::Output;
use crate::support::{Template, TestDatabase, seed};

/// Runs `tokens ls`.
pub(super) fn ls(database: &TestDatabase, arguments: &[&str]) -> Output {
    let invocation = database.breakglass().args(["tokens", "ls"]);
    invocation.args(arguments.iter().copied()).run()
}

/// The keys that `tokens ls -o jsonl` writes, in its order.
#[track_caller]
pub(super) fn keys(database: &TestDatabase, arguments: &[&str]) -> Vec<String> {
    let output = ls(database, &[&["-o", "jsonl"], arguments].concat());
    output.success();
    let lines = output.json_lines().into_iter();
    lines
        .map(|token| token["key"].as_str().expect("a key is a text").to_owned())
        .collect()
}

/// The keys of Coder's table for which a condition holds, asked for without breakglass.
pub(super) fn keys_where(database: &TestDatabase, condition: &str, order: &str) -> Vec<String> {
    let sql = format!(
        "select k.id from api_keys as k join users as u on u.id = k.user_id \
          where {condition} order by {order}"
    );
    database
        .query(&sql)
        .into_iter()
        .flatten()
        .flatten()
        .collect()
}

fn sorted(mut keys: Vec<String>) -> Vec<String> {
    keys.sort_unstable();
    keys
}

/// Asserts that a filter shows exactly the live tokens for which a condition holds, and that the
/// seed has some that are in and some that are out.
#[track_caller]
fn assert_filter(database: &TestDatabase, arguments: &[&str], condition: &str) {
    let alive = "k.login_type = 'token' and k.expires_at > now()";
    let all = keys_where(database, alive, "k.id");
    let wanted = keys_where(database, &format!("{alive} and ({condition})"), "k.id");
    assert!(
        !wanted.is_empty() && wanted.len() < all.len(),
        "{arguments:?} would prove nothing: {} of {}",
        wanted.len(),
        all.len()
    );
    assert_eq!(sorted(keys(database, arguments)), wanted, "{arguments:?}");
}

#[test]
fn dead_tokens_and_other_kinds_are_hidden_by_default() {
    let database = TestDatabase::new(Template::Coder);
    let shown = keys(&database, &[]);
    assert_eq!(shown.len(), 94);
    let alive = "k.login_type = 'token' and k.expires_at > now()";
    assert_eq!(shown, keys_where(&database, alive, "k.id"));
    let shown = keys(&database, &["--include-expired"]);
    assert_eq!(shown.len(), 113);
    assert_eq!(
        shown,
        keys_where(&database, "k.login_type = 'token'", "k.id")
    );
}

#[test]
fn an_owner_is_a_login_an_address_or_an_id() {
    let database = TestDatabase::new(Template::Coder);
    let id = database.value("select id from users where username = 'grace' and not deleted");
    for name in [
        "grace",
        "GRACE",
        "grace@example.com",
        "Grace@Example.com",
        &id,
    ] {
        assert_filter(
            &database,
            &["--owner", name],
            &format!("k.user_id = '{id}'"),
        );
    }
    assert!(keys(&database, &["--owner", "grac"]).is_empty());
    assert!(keys(&database, &["--owner", "gr%"]).is_empty());
}

#[test]
fn each_kind_is_what_it_says() {
    let database = TestDatabase::new(Template::Coder);
    let kinds = [
        ("token", "k.login_type = 'token'"),
        ("oauth", "k.login_type = 'oauth2_provider_app'"),
        (
            "chat-gateway",
            "k.token_name like 'chatd\\_%\\_session\\_token'",
        ),
        (
            "workspace",
            "k.token_name ~ '^[0-9a-f-]{36}_[0-9a-f-]{36}_session_token$'",
        ),
        (
            "app-connect",
            "'coder:application_connect' = any (k.scopes)",
        ),
        (
            "cli-auth",
            "k.login_type = 'password' and k.token_name = '' and k.lifetime_seconds = 604800",
        ),
        (
            "session",
            "k.login_type <> 'token' and k.token_name = '' and k.lifetime_seconds = 86400 \
             and k.scopes = '{coder:all}'",
        ),
    ];
    let mut together = Vec::new();
    for (kind, condition) in kinds {
        let shown = keys(&database, &["--kind", kind, "--include-expired"]);
        assert!(!shown.is_empty(), "{kind}");
        assert_eq!(shown, keys_where(&database, condition, "k.id"), "{kind}");
        together.extend(shown);
    }
    assert_eq!(together.len(), 203);
    let all = keys(&database, &["--kind", "all", "--include-expired"]);
    assert_eq!(sorted(together), all);
    assert_eq!(keys(&database, &["--kind", "all"]).len(), 169);
}

#[test]
fn several_kinds_stand_in_one_list() {
    let database = TestDatabase::new(Template::Coder);
    let one = keys(&database, &["--kind", "oauth"]);
    let other = keys(&database, &["--kind", "workspace"]);
    let both = sorted([one, other].concat());
    assert_eq!(keys(&database, &["--kind", "oauth,workspace"]), both);
    let repeated = ["--kind", "workspace", "--kind", "oauth"];
    assert_eq!(keys(&database, &repeated), both);
    assert_eq!(keys(&database, &["--kind", "oauth,all"]).len(), 169);
}

#[test]
fn an_unknown_kind_is_a_usage_error() {
    let database = TestDatabase::new(Template::Coder);
    let output = ls(&database, &["--kind", "token,cookie"]);
    output
        .code(2)
        .says("--kind `cookie` is none that adapter `coder` knows")
        .says("hint: give token, oauth, chat-gateway, workspace, app-connect, cli-auth, session, or all");
    assert_eq!(output.stdout, "");
}

#[test]
fn a_name_is_a_glob_and_nothing_else_is_special() {
    let database = TestDatabase::new(Template::Coder);
    database.load("tests/fixtures/coder/hostile.sql");
    for (glob, condition) in [
        ("ci", "k.token_name = 'ci'"),
        ("c?", "k.token_name ~ '^c.$'"),
        ("*-*", "k.token_name ~ '-'"),
        ("?", "length(k.token_name) = 1"),
        ("*%*", "position('%' in k.token_name) > 0"),
        ("*_*", "position('_' in k.token_name) > 0"),
        ("*\\*", "position(e'\\\\' in k.token_name) > 0"),
        ("percent 100%*", "k.id = 'hostile016'"),
        ("* ' *", "position(' '' ' in k.token_name) > 0"),
        ("star ? question ? [[]set]", "false"),
        ("star * question ? [set]", "k.id = 'hostile017'"),
        ("CI", "k.token_name = 'CI'"),
        ("two\nlines", "k.id = 'hostile005'"),
    ] {
        let alive = "k.login_type = 'token' and k.expires_at > now()";
        let wanted = keys_where(&database, &format!("{alive} and ({condition})"), "k.id");
        assert_eq!(keys(&database, &["--name", glob]), wanted, "{glob:?}");
    }
    assert_filter(&database, &["--name", "*_*"], "k.token_name ~ '_'");
    assert_filter(&database, &["--name", "*%*"], "k.token_name ~ '%'");
}

/// Never used is unused since it was made, however a release writes never.
#[test]
fn unused_counts_from_the_last_use_or_else_from_the_making() {
    let database = TestDatabase::new(Template::Coder);
    let since = "case when k.last_used > 'epoch' then k.last_used else k.created_at end";
    for (argument, interval) in [
        ("30d", "30 days"),
        ("6h", "6 hours"),
        ("1day 2h", "26 hours"),
    ] {
        let condition = format!("{since} < now() - interval '{interval}'");
        assert_filter(&database, &["--unused-for", argument], &condition);
    }
    let shown = keys(&database, &["--unused-for", "1h"]);
    for never_used in [seed::UNUSED, seed::UNUSED_OLD] {
        assert!(shown.contains(&never_used.to_owned()), "{never_used}");
        let young = format!(
            "update api_keys set created_at = now() - interval '10 minutes' where id = '{never_used}'"
        );
        database.execute(&young);
    }
    let shown = keys(&database, &["--unused-for", "1h"]);
    for never_used in [seed::UNUSED, seed::UNUSED_OLD, seed::HOT] {
        assert!(!shown.contains(&never_used.to_owned()), "{never_used}");
    }
}

#[test]
fn what_ends_soon_can_be_asked_for() {
    let database = TestDatabase::new(Template::Coder);
    let condition = "k.expires_at < now() + interval '7 days'";
    assert_filter(&database, &["--expires-within", "7d"], condition);
    // Those that ended already do not end soon.
    let with_dead = keys(&database, &["--expires-within", "7d", "--include-expired"]);
    assert_eq!(with_dead, keys(&database, &["--expires-within", "7d"]));
}

#[test]
fn made_before_takes_a_date_a_time_and_a_duration() {
    let database = TestDatabase::new(Template::Coder);
    let condition = "k.created_at < now() - interval '20 days'";
    assert_filter(&database, &["--created-before", "20d"], condition);
    let (old, new) = (seed::HOT, seed::RELEASE);
    database.execute(&format!(
        "update api_keys set created_at = '2020-01-01 23:59:59.999999Z' where id = '{old}'; \
         update api_keys set created_at = '2020-01-02 00:00:00Z' where id = '{new}'"
    ));
    let before = |text: &str| keys(&database, &["--created-before", text]);
    assert_eq!(before("2020-01-02"), [old]);
    assert_eq!(before("2020-01-02 00:00"), [old]);
    assert_eq!(before("2020-01-02T00:00:00Z"), [old]);
    assert_eq!(before("2020-01-02T01:00:00+01:00"), [old]);
    assert_eq!(
        before("2020-01-02 00:00:01"),
        sorted(vec![old.to_owned(), new.to_owned()])
    );
    assert!(before("2020-01-01").is_empty());
    let output = ls(&database, &["--created-before", "yesterday"]);
    output
        .code(2)
        .says("--created-before")
        .says("2026-08-01 14:00");
}

/// What was made at the moment itself is made after it and not before it: nothing stands twice.
#[test]
fn made_after_begins_where_made_before_ends() {
    let database = TestDatabase::new(Template::Coder);
    let condition = "k.created_at >= now() - interval '20 days'";
    assert_filter(&database, &["--created-after", "20d"], condition);
    let key = seed::HOT;
    database.execute(&format!(
        "update api_keys set created_at = '2999-01-01 00:00:00Z' where id = '{key}'"
    ));
    let after = |text: &str| keys(&database, &["--created-after", text]);
    assert_eq!(after("2999-01-01T00:00:00Z"), [key]);
    assert_eq!(after("2999-01-01T01:00:00+01:00"), [key]);
    assert!(after("2999-01-01T00:00:01Z").is_empty());
    let moment = "2999-01-01T00:00:00Z";
    let before = keys(&database, &["--created-before", moment]);
    assert_eq!(before.len(), 93);
    let both = ["--created-after", "2026-01-01", "--created-before", moment];
    assert!(!keys(&database, &both).contains(&key.to_owned()));
    let output = ls(&database, &["--created-after", "yesterday"]);
    output.code(2).says("--created-after");
}

/// A distance is ahead, unlike those of the times that have passed.
#[test]
fn what_ends_late_can_be_asked_for() {
    let database = TestDatabase::new(Template::Coder);
    let condition = "k.expires_at > now() + interval '30 days'";
    assert_filter(&database, &["--expires-after", "30d"], condition);
    let key = seed::HOT;
    database.execute(&format!(
        "update api_keys set expires_at = '2999-01-01 00:00:00Z' where id = '{key}'; \
         update api_keys set expires_at = 'infinity' where id = '{}'",
        seed::RELEASE
    ));
    let after = |text: &str| keys(&database, &["--expires-after", text]);
    // What never ends, ends after any time.
    let never = seed::RELEASE;
    assert_eq!(after("2998-12-31T23:59:59Z"), [key, never]);
    assert_eq!(after("2999-01-01T00:00:00Z"), [never]);
}

#[test]
fn an_empty_owner_or_name_is_a_usage_error() {
    let database = TestDatabase::new(Template::Coder);
    for flag in ["--owner", "--name"] {
        ls(&database, &[flag, ""]).code(2).says(flag);
    }
}

/// A date is the operator's, not the server's: west of Greenwich it begins later.
#[test]
fn a_date_without_an_offset_is_in_the_operators_zone() {
    let database = TestDatabase::new(Template::Coder);
    let key = seed::HOT;
    database.execute(&format!(
        "update api_keys set created_at = '2020-01-02 02:00Z' where id = '{key}'"
    ));
    for (zone, wanted) in [("UTC", 0), ("<-03>3", 1), ("<+03>-3", 0)] {
        let invocation = database.breakglass().env("TZ", zone);
        let output = invocation
            .args([
                "tokens",
                "ls",
                "-o",
                "jsonl",
                "--created-before",
                "2020-01-02",
            ])
            .run();
        output.success();
        assert_eq!(output.json_lines().len(), wanted, "{zone}");
    }
}

#[test]
fn filters_add_up() {
    let database = TestDatabase::new(Template::Coder);
    let arguments = [
        "--name",
        "*e*",
        "--unused-for",
        "1d",
        "--created-before",
        "10d",
        "--expires-within",
        "365d",
    ];
    assert_filter(
        &database,
        &arguments,
        "k.token_name ~ 'e' and k.created_at < now() - interval '10 days' \
         and k.expires_at < now() + interval '365 days' \
         and case when k.last_used > 'epoch' then k.last_used else k.created_at end \
             < now() - interval '1 day'",
    );
}
