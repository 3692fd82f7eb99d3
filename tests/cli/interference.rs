//! What gets in the way of `tokens rm` between the plan and the read-back: other sessions,
//! triggers, rules, row security. Locks are in `waiting.rs`, records that cannot be
//! written in `unrecorded.rs`.
#![expect(
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use serde_json::Value;

use super::remove::{Before, REASON, coder, column, operator, remove};
use crate::support::run::Output;
use crate::support::terminal::Transcript;
use crate::support::{TestDatabase, seed};

/// Runs `tokens rm WORD` up to its question, then the statements on another connection, then says
/// yes. What stood in the tables when yes was said comes back too.
fn meanwhile(database: &TestDatabase, word: &str, sql: &str) -> (Before, Transcript) {
    let invocation = database
        .breakglass()
        .args(["tokens", "rm", word, "--reason", REASON]);
    let mut terminal = invocation.on_terminal(200);
    terminal.expect("expire? [y/N]");
    database.execute(sql);
    let before = Before::of(database);
    terminal.send_line("y");
    (before, terminal.finish())
}

/// A trigger function with this body, and a trigger that runs it.
pub(super) fn trigger(database: &TestDatabase, when: &str, body: &str) {
    database.execute(&format!(
        "create function interfere() returns trigger language plpgsql as $$ begin {body} end $$; \
         create {when} for each row execute function interfere()"
    ));
}

/// Asserts that it failed with these words, that this is on record, and that nothing changed.
#[track_caller]
pub(super) fn failed(database: &TestDatabase, before: &Before, output: &Output, error: &str) {
    output.code(1).says(&format!("error: {error}"));
    let operation = before.plus(database, "failed", error);
    output.says(&format!(
        "recorded as {}",
        operation["id"].as_str().unwrap_or_default()
    ));
    assert_eq!(output.stdout, "");
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn a_token_that_changed_at_the_prompt_is_refused_and_the_difference_named() {
    let cases = [
        (
            "expires_at = expires_at + interval '1 day'",
            "expires_at: 20",
        ),
        (
            "token_name = 'renamed'",
            "token_name: build-cache -> renamed",
        ),
        (
            "user_id = (select id from users where username = 'mira')",
            "user_id: ",
        ),
        (
            "hashed_secret = '\\x00', token_name = 'x'",
            "token_name: build-cache -> x",
        ),
    ];
    for (set, difference) in cases {
        let database = coder();
        let sql = format!("update api_keys set {set} where id = '{}'", seed::HOT);
        let (before, transcript) = meanwhile(&database, "build-cache", &sql);
        let error = format!("token `d4o6FQe5QT` was changed after it was shown ({difference}");
        transcript.code(1).says(&format!("error: {error}"));
        transcript.says("hint: look at it again with `breakglass tokens show`");
        let operation = before.plus(&database, "refused", &error);
        assert_eq!(operation["planned"], 1);
        assert!(database.is_alive(seed::HOT));
    }
}

#[test]
fn a_token_that_changed_while_its_key_was_typed_is_not_deleted() {
    for (set, difference) in [
        (
            "expires_at = expires_at + interval '1 day'",
            "expires_at: 20",
        ),
        ("expires_at = now() - interval '1 day'", "expires_at: 20"),
        (
            "token_name = 'renamed'",
            "token_name: build-cache -> renamed",
        ),
    ] {
        let database = coder();
        let invocation = database
            .breakglass()
            .args(["tokens", "rm", "build-cache", "--delete"]);
        let mut terminal = invocation.args(["--reason", REASON]).on_terminal(200);
        terminal.expect("to delete it for good:");
        database.execute(&format!(
            "update api_keys set {set} where id = '{}'",
            seed::HOT
        ));
        let before = Before::of(&database);
        terminal.send_line(seed::HOT);
        let error = format!("token `d4o6FQe5QT` was changed after it was shown ({difference}");
        terminal.finish().code(1).says(&format!("error: {error}"));
        let operation = before.plus(&database, "refused", &error);
        assert_eq!(operation["action"], "delete");
        assert!(database.has_token(seed::HOT));
    }
}

#[test]
fn a_token_that_went_at_the_prompt_is_refused() {
    let database = coder();
    let delete = format!("delete from api_keys where id = '{}'", seed::HOT);
    let (before, transcript) = meanwhile(&database, "build-cache", &delete);
    transcript
        .code(1)
        .says("error: token `d4o6FQe5QT` is gone\n");
    before.plus(&database, "refused", "token `d4o6FQe5QT` is gone");
}

#[test]
fn a_token_that_died_at_the_prompt_is_unchanged() {
    let database = coder();
    let sql = format!(
        "update api_keys set expires_at = '2020-01-01' where id = '{}'",
        seed::HOT
    );
    let (_, transcript) = meanwhile(&database, "build-cache", &sql);
    transcript
        .code(0)
        .says("read back on a fresh connection: dead");
    assert_eq!(
        column(&database, seed::HOT, "expires_at = '2020-01-01'"),
        "t"
    );
    assert_eq!(database.operation()["outcome"], "unchanged");
    assert!(database.changes().is_empty() && database.audit_logs().is_empty());
}

#[test]
fn a_refresh_token_that_came_at_the_prompt_is_refused() {
    let database = coder();
    let sql = "insert into oauth2_provider_app_tokens (id, created_at, expires_at, hash_prefix, refresh_hash,
                                                       app_secret_id, api_key_id, user_id)
               select '00000000-0000-4000-8000-00000000000f', created_at, expires_at, 'new',
                      refresh_hash, app_secret_id, api_key_id, user_id
                 from oauth2_provider_app_tokens where api_key_id = 'z8vWfGZaE2'";
    let (before, transcript) = meanwhile(&database, seed::OAUTH, sql);
    let error = "oauth refresh token 00000000-0000-4000-8000-00000000000f of token z8vWfGZaE2 came after the plan";
    transcript.code(1).says(&format!("error: {error}\n"));
    before.plus(&database, "refused", error);
    assert!(database.is_alive(seed::OAUTH));
}

#[test]
fn a_refresh_token_that_changed_or_went_at_the_prompt_is_refused() {
    let id = "id from oauth2_provider_app_tokens where api_key_id = 'z8vWfGZaE2'";
    let cases = [
        (
            "update",
            "set expires_at = expires_at + interval '1 day'",
            "was changed after it was shown",
        ),
        ("delete from", "", "token `z8vWfGZaE2` is gone; "),
    ];
    for (verb, set, error) in cases {
        let database = coder();
        let refresh = database.value(&format!("select {id}"));
        let sql = format!("{verb} oauth2_provider_app_tokens {set} where id = '{refresh}'");
        let (before, transcript) = meanwhile(&database, seed::OAUTH, &sql);
        transcript
            .code(1)
            .says(error)
            .says(&format!("oauth refresh token {refresh} "));
        let operation = before.plus(&database, "refused", error);
        assert_eq!(operation["planned"], 1);
    }
}

/// Upstream: `ValidUpdateLastUsed`.
#[test]
fn a_token_that_was_used_at_the_prompt_is_expired_and_its_use_kept() {
    let database = coder();
    let used = "update api_keys set last_used = now() + interval '1 s', ip_address = '10.9.9.9' \
                where id = 'd4o6FQe5QT'";
    let (_, transcript) = meanwhile(&database, "build-cache", used);
    transcript.code(0);
    assert!(!database.is_alive(seed::HOT));
    assert_eq!(column(&database, seed::HOT, "ip_address = '10.9.9.9'"), "t");
    assert_eq!(database.operation()["outcome"], "applied");
}

#[test]
fn a_trigger_that_swallows_or_rewrites_the_change_is_named() {
    for body in [
        "return null;",
        "new.expires_at := old.expires_at; return new;",
    ] {
        let database = coder();
        trigger(&database, "trigger quiet before update on api_keys", body);
        let before = Before::of(&database);
        let output = remove(&database, &["build-cache"]).run();
        let error = "the database did not change public.api_keys as planned: look at trigger quiet on public.api_keys";
        failed(&database, &before, &output, error);
        output.says("hint: look at the triggers, rules and policies of the table");
        let json = remove(&database, &["build-cache", "-o", "json"]).run();
        assert_eq!(json.code(1).json_error()["error"]["code"], "swallowed");
    }
    let database = coder();
    trigger(
        &database,
        "trigger quiet before delete on api_keys",
        "return null;",
    );
    let before = Before::of(&database);
    let words = [seed::HOT, "--delete", "--confirm", seed::HOT];
    let output = remove(&database, &words).run();
    failed(
        &database,
        &before,
        &output,
        "the database did not change public.api_keys as planned",
    );
    output.says("trigger quiet on public.api_keys");
}

#[test]
fn a_trigger_that_keeps_the_refresh_token_alive_fails_the_whole() {
    let database = coder();
    trigger(
        &database,
        "trigger quiet before update on oauth2_provider_app_tokens",
        "return null;",
    );
    let before = Before::of(&database);
    let output = remove(&database, &[seed::OAUTH]).run();
    failed(&database, &before, &output, "the database did not change ");
    output.says("trigger quiet on public.oauth2_provider_app_tokens");
    assert!(database.is_alive(seed::OAUTH));
}

#[test]
fn a_rule_that_would_rewrite_the_change_refuses_it() {
    for (what, rule) in [
        ("update", "nothing"),
        ("delete", "nothing"),
        ("update", "notify seen"),
    ] {
        let database = coder();
        database.execute(&format!(
            "create rule quiet as on {what} to api_keys do instead {rule}"
        ));
        let before = Before::of(&database);
        let words: &[&str] = if what == "update" {
            &["build-cache"]
        } else {
            &["build-cache", "--delete", "--confirm", seed::HOT]
        };
        let output = remove(&database, words).run();
        // Postgres refuses a statement that changes and records at once on such a table, so it is
        // not even tried.
        let error = "rule quiet on public.api_keys stands in for a";
        output.code(1).says(&format!("error: {error}"));
        before.plus(&database, "refused", error);
        let json = database
            .breakglass()
            .args(["tokens", "rm", "--yes", "--reason", REASON]);
        let json = json.args(words.iter().copied()).args(["-o", "json"]).run();
        assert_eq!(json.code(1).json_error()["error"]["code"], "unfit");
        assert!(database.is_alive(seed::HOT));
    }
}

#[test]
fn a_rule_that_came_at_the_prompt_fails_the_change() {
    for rule in ["nothing", "notify seen"] {
        let database = coder();
        let sql = format!("create rule quiet as on update to api_keys do instead {rule}");
        let (before, transcript) = meanwhile(&database, "build-cache", &sql);
        transcript.code(1).says("error: ");
        before.plus(&database, "failed", "");
        assert!(database.is_alive(seed::HOT));
    }
}

#[test]
fn row_security_that_hides_rows_is_refused() {
    for (table, key) in [
        ("api_keys", seed::HOT),
        ("oauth2_provider_app_tokens", seed::OAUTH),
    ] {
        let database = coder();
        let role = operator(&database, &[]);
        database.execute(&format!("alter table {table} enable row level security; create policy nobody on {table} using (false)"));
        let before = Before::of(&database);
        let output = remove(&database, &[key]).as_role(&role).run();
        let error = format!("row security on public.{table} hides rows from role `{role}`");
        output
            .code(1)
            .says(&format!("error: {error}"))
            .says("hint: use the table's owner, or a role with BYPASSRLS");
        before.plus(&database, "refused", &error);
        // It does not concern the owner.
        remove(&database, &[key]).run().success();
        assert!(!database.is_alive(key));
    }
}

#[test]
fn a_token_that_is_written_back_is_told_as_alive() {
    let at = [
        "trigger back after update on api_keys",
        "constraint trigger back after update on api_keys deferrable initially deferred",
    ];
    let body = "if new.expires_at < now() then \
                  update api_keys set expires_at = old.expires_at where id = new.id; end if; return null;";
    for when in at {
        let database = coder();
        trigger(&database, when, body);
        let output = remove(&database, &["build-cache"]).run();
        output
            .code(5)
            .says("hint: run `breakglass tokens rm id:d4o6FQe5QT --delete --confirm d4o6FQe5QT --reason 'hot loop, INC-42'`; coderd writes a key back by its id alone");
        assert!(
            output.stdout.contains(
                "\nread back on a fresh connection: ALIVE AGAIN, something wrote it back\n"
            ),
            "{output}"
        );
        output.never_says("connection: dead");
        assert!(database.is_alive(seed::HOT));
        // The change, and three that killed it again.
        let operations = database.operations();
        assert!(
            operations
                .iter()
                .all(|operation| operation["outcome"] == "applied")
        );
        assert_eq!([operations.len(), database.changes().len()], [4, 4]);
        let of_first = |seen: &Value| seen["operation_id"] == operations[0]["id"];
        let seen = database.observations();
        let seen: Vec<[&Value; 3]> = seen
            .iter()
            .filter(|seen| of_first(seen))
            .map(|seen| [&seen["key"], &seen["verdict"], &seen["detail"]])
            .collect();
        let found = [seed::HOT, "resurrected", "active"];
        let last = [
            seed::HOT,
            "resurrected",
            "active, after it was killed again 3 times",
        ];
        assert_eq!(seen, [found, found, found, last]);
        let json = remove(&database, &["build-cache", "-o", "json"]).run();
        assert_eq!(json.code(5).json()["verdict"], "resurrected");
        let words = [seed::HOT, "--delete", "--confirm", seed::HOT];
        remove(&database, &words).run().success();
    }
}
