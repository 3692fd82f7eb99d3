//! What cannot be taken back: told as it is, recorded, and nothing changed.
#![expect(
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use serde_json::{Value, json};

use super::remove::{Before, REASON, coder, remove};
use super::restore::{expire, id_of, latest, restore, restore_token};
use crate::support::{TestDatabase, breakglass, seed};

/// Sets a key's end, as the application might.
fn set_end(database: &TestDatabase, key: &str, end: &str) {
    database.execute(&format!(
        "update api_keys set expires_at = {end} where id = '{key}'"
    ));
}

/// Refused: nothing of the application is otherwise, and the refusal names the operation.
#[track_caller]
fn is_refused(database: &TestDatabase, words: &[&str], outcome: &str, error: &str) -> Value {
    let before = Before::of(database);
    restore(database, words)
        .run()
        .code(1)
        .says(error)
        .says("nothing was changed");
    let operation = before.plus(database, outcome, error);
    assert_eq!(operation["action"], "restore");
    operation
}

#[test]
fn a_row_that_changed_since_is_refused_with_the_difference() {
    let database = coder();
    let expired = expire(&database, &["build-cache"]);
    let left = database.value("select after ->> 'expires_at' from breakglass.change");
    set_end(&database, seed::HOT, "'2031-01-02 03:04:05+00'");
    let error =
        format!("changed since: token `d4o6FQe5QT` (expires_at: {left} -> 2031-01-02 03:04:05+00)");
    let operation = is_refused(&database, &[&expired], "refused", &error);
    assert_eq!(operation["parent_id"], json!(expired));
    assert_eq!(operation["cause"], "restore");
    // It was the only column, so --force has nothing to write.
    let output = restore(&database, &[&expired, "--force"]).run();
    output
        .code(1)
        .says(&error)
        .says("every column that was set is otherwise now");
    let output = restore(&database, &[&expired, "-o", "json"]).run();
    let told = output.code(1).json_error();
    assert_eq!(told["error"]["code"], "changed_since");
    assert_eq!(
        told["error"]["hint"],
        "look at it with `breakglass tokens show`: every column that was set is otherwise now"
    );
}

/// Where it would write something it is offered.
#[test]
fn force_is_offered_where_another_row_is_as_it_was_left() {
    let database = coder();
    let expired = expire(&database, &["build-cache", "release"]);
    set_end(&database, seed::HOT, "'2031-01-02 03:04:05+00'");
    let output = restore(&database, &[&expired]).run();
    output.code(1).says(
        "hint: somebody else wrote there: `--force` puts back only the columns that are as they were left",
    );
}

#[test]
fn force_skips_the_rows_that_changed_and_names_them() {
    let database = coder();
    let before = database.token_row(seed::RELEASE);
    let expired = expire(&database, &["build-cache", "release"]);
    set_end(&database, seed::HOT, "'2031-01-02 03:04:05+00'");
    let hot = database.token_row(seed::HOT);
    is_refused(
        &database,
        &[&expired],
        "refused",
        "changed since: token `d4o6FQe5QT`",
    );
    let output = restore(&database, &[&expired, "--force"]).run();
    output
        .success()
        .says("will restore 1 token\n")
        .says("skipped: token d4o6FQe5QT: changed since (expires_at: ");
    assert!(
        output.stdout.contains("skipped: token d4o6FQe5QT"),
        "{output}"
    );
    assert_eq!(database.token_row(seed::RELEASE), before);
    assert_eq!(database.token_row(seed::HOT), hot);
    let operation = &database.operations()[2];
    assert_eq!(
        (&operation["planned"], &operation["changed"]),
        (&json!(1), &json!(1))
    );
}

#[test]
fn a_row_that_was_purged_is_reported_as_gone_and_the_others_are_restored() {
    let database = coder();
    let before = database.token_row(seed::RELEASE);
    let expired = expire(&database, &["build-cache", "release"]);
    database.execute(&format!("delete from api_keys where id = '{}'", seed::HOT));
    let output = restore(&database, &[&expired, "--expect", "1"]).run();
    output
        .success()
        .says("gone: token d4o6FQe5QT: the row is not there any more");
    assert!(
        output
            .stdout
            .contains("gone: token d4o6FQe5QT: the row is not there any more"),
        "{output}"
    );
    assert_eq!(database.token_row(seed::RELEASE), before);
    assert!(!database.has_token(seed::HOT));
    let verdicts: Vec<Value> = database
        .observations()
        .into_iter()
        .filter(|seen| seen["operation_id"] == json!(latest(&database)))
        .map(|seen| json!([seen["key"], seen["verdict"]]))
        .collect();
    assert_eq!(
        verdicts,
        [
            json!(["r1zx5DiipR", "restored"]),
            json!(["d4o6FQe5QT", "gone"])
        ]
    );
    // And when nothing is left, nothing is done.
    database.execute(&format!(
        "delete from api_keys where id = '{}'",
        seed::RELEASE
    ));
    is_refused(
        &database,
        &[&expired],
        "refused",
        "nothing is left to restore: token `d4o6FQe5QT`; token `r1zx5DiipR` are not there any more",
    );
    let before = Before::of(&database);
    restore_token(&database, &[&format!("id:{}", seed::HOT)])
        .run()
        .code(1)
        .says("nothing is left to restore: token `d4o6FQe5QT` is not there any more");
    before.plus(&database, "refused", "nothing is left to restore");
}

#[test]
fn a_delete_says_before_it_asks_that_it_cannot_be_restored_and_it_cannot() {
    let database = coder();
    let mut terminal = database
        .breakglass()
        .args([
            "tokens",
            "rm",
            "build-cache",
            "--delete",
            "--reason",
            REASON,
        ])
        .on_terminal(120);
    let shown = terminal.expect("to delete it for good");
    assert!(
        shown.contains("the row is removed for good and cannot be restored"),
        "{shown}"
    );
    assert!(
        shown.contains("a delete cannot be restored; type the key (d4o6FQe5QT)"),
        "{shown}"
    );
    terminal.send_line(seed::HOT);
    let transcript = terminal.finish();
    assert_eq!(transcript.status.code(), Some(0), "{}", transcript.text);
    let deleted = latest(&database);
    let error = format!(
        "operation {deleted} cannot be restored: it is a delete: the rows are gone, and only their shown columns are on record"
    );
    is_refused(&database, &[&deleted], "refused", &error);
    let before = Before::of(&database);
    restore_token(&database, &[&format!("id:{}", seed::HOT)])
        .run()
        .code(1)
        .says(&error);
    before.plus(&database, "refused", &error);
}

#[test]
fn what_changed_nothing_has_nothing_to_restore() {
    let database = coder();
    let refused = remove(&database, &["build-cache", "--expect", "7"]).run();
    refused.code(1);
    let id = latest(&database);
    is_refused(
        &database,
        &[&id],
        "refused",
        &format!("operation {id} cannot be restored: it was refused, and changed nothing"),
    );
    let holder = database.session();
    holder.execute("begin; select from api_keys where id = 'd4o6FQe5QT' for update");
    remove(&database, &["build-cache", "--lock-timeout", "100ms"])
        .run()
        .code(1);
    drop(holder);
    let id = latest(&database);
    is_refused(
        &database,
        &[&id],
        "refused",
        "it failed, and changed nothing",
    );
    let unchanged = remove(&database, &[&format!("id:{}", seed::EXPIRED), "-o", "json"]).run();
    let id = id_of(unchanged.success());
    is_refused(&database, &[&id], "refused", "it changed nothing");
    database.execute(
        "insert into breakglass.operation (id, parent_id, cause, action, outcome, reason, selector, tool_version) \
         values ('0199c0de-0000-7000-8000-000000000001', '0199c0de-0000-7000-8000-000000000002', 'blocked', \
                 'cancel_blocker', 'announced', 'why', 'pid 1', '0')",
    );
    let signal = "0199c0de-0000-7000-8000-000000000001";
    is_refused(
        &database,
        &[signal],
        "refused",
        "it signalled a session, and changed no row",
    );
    let operation = is_refused(
        &database,
        &["0199c0df"],
        "refused",
        "no operation `0199c0df` is recorded here",
    );
    assert_eq!(operation["parent_id"], Value::Null);
    let before = Before::of(&database);
    restore_token(&database, &["release"])
        .run()
        .code(1)
        .says("no operation on record changed token `r1zx5DiipR`");
    before.plus(&database, "refused", "no operation on record changed token");
}

/// The log could have been written by anybody who may insert into it.
#[test]
fn a_column_that_the_adapter_does_not_set_is_refused_by_name() {
    let database = coder();
    let id = "0199c0de-0000-7000-8000-000000000003";
    for (relation, column, named) in [
        (
            "public.api_keys",
            "user_id",
            "public.api_keys.user_id is not a column that adapter `coder` sets",
        ),
        (
            "public.api_keys",
            "hashed_secret",
            "public.api_keys.hashed_secret is not a column that adapter `coder` sets",
        ),
        (
            "public.users",
            "rbac_roles",
            "public.users.rbac_roles is not there any more, or not of adapter `coder`",
        ),
        (
            "public.api_keys",
            "no_such",
            "public.api_keys.no_such is not there any more, or not of adapter `coder`",
        ),
    ] {
        let database = &database;
        let last = database.operations().len();
        let id = format!("{}{last}", &id[..35]);
        forge(database, &id, relation, &format!("{{\"{column}\": \"x\"}}"));
        is_refused(
            database,
            &[&id],
            "refused",
            &format!("cannot be put back: {named}"),
        );
    }
}

/// Writes an operation with one change into the log, as an operator could.
fn forge(database: &TestDatabase, id: &str, relation: &str, before: &str) {
    database.execute(&format!(
        "insert into breakglass.operation (id, action, outcome, adapter, reason, selector, plan_digest, planned, matched, \
                changed, unchanged, still_alive, companions_planned, companions_dead, companions_changed, \
                application_audit, tool_version) \
         values ('{id}', 'expire', 'applied', 'coder', 'why', 'id:x', 'x', 1, 1, 1, 0, 0, 0, 0, 0, 'none', '0'); \
         insert into breakglass.change (operation_id, relation, key, kind, state_before, state_after, before, after) \
         values ('{id}', '{relation}', '{}', 'token', 'active', 'expired', '{before}', '{before}')",
        seed::HOT
    ));
}

#[test]
fn a_column_that_was_changed_to_another_type_is_refused_by_name() {
    let database = coder();
    let expired = expire(&database, &["build-cache"]);
    // The same moment, without its zone: what stood there would lose it.
    database.execute("alter table api_keys alter column expires_at type timestamptz(0)");
    is_refused(
        &database,
        &[&expired],
        "refused",
        "changed since: token `d4o6FQe5QT` (expires_at: ",
    );
}

#[test]
fn a_constraint_that_the_restore_violates_is_told_by_its_name() {
    let database = coder();
    let expired = expire(&database, &["build-cache"]);
    database.execute(
        "alter table api_keys add constraint short_lived check (expires_at < now()) not valid",
    );
    let error = "violates check constraint \"short_lived\"";
    is_refused(&database, &[&expired], "failed", error);
    database.execute("alter table api_keys drop constraint short_lived");
    // Another key took the end that is to be put back.
    let end = database.value("select before ->> 'expires_at' from breakglass.change");
    set_end(&database, seed::RELEASE, &format!("'{end}'"));
    database.execute("create unique index one_each on api_keys (expires_at) where id in ('d4o6FQe5QT', 'r1zx5DiipR')");
    is_refused(
        &database,
        &[&expired],
        "failed",
        "violates unique constraint \"one_each\"",
    );
}

#[test]
fn a_trigger_that_rewrites_what_is_put_back_is_refused() {
    let database = coder();
    let expired = expire(&database, &["build-cache"]);
    database.execute(
        "create function later() returns trigger language plpgsql as \
         $$ begin new.expires_at := new.expires_at + interval '1 microsecond'; return new; end $$; \
         create trigger later before update on api_keys for each row execute function later()",
    );
    is_refused(
        &database,
        &[&expired],
        "failed",
        "the database did not change public.api_keys as planned: look at trigger later",
    );
}

#[test]
fn expect_counts_the_tokens_that_are_there() {
    let database = coder();
    let expired = expire(&database, &["build-cache", "release"]);
    is_refused(
        &database,
        &[&expired, "--expect", "1"],
        "refused",
        "--expect says 1, but the number of tokens that match is 2",
    );
}

#[test]
fn without_a_terminal_everything_must_be_said() {
    for words in [&["restore", "0199"][..], &["tokens", "restore", "x"]] {
        let output = breakglass().args(words.to_vec()).run();
        output
            .code(2)
            .says("--reason is required without a terminal");
        let reason = ["--reason", "why"];
        let output = breakglass().args([words, &reason[..]].concat()).run();
        output.code(2).says("there is no terminal to ask on");
    }
    let database = coder();
    let token = seed::token_of(seed::HOT);
    let output = restore(&database, &[&token]).run();
    output
        .code(2)
        .says("the operation holds something of the shape of a secret");
    output.never_says(&token);
    assert!(database.operations().is_empty());
}
