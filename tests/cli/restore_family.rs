//! What belongs to an operation: its batches, and what was applied again for it.

use serde_json::json;

use super::remove::{Before, coder};
use super::restore::{expire, restore, restore_token};
use super::settle::expiring;
use crate::support::{TestDatabase, seed};

/// Records what another part of breakglass would: an operation of one token with its change, whose
/// row is set as that says.
fn record(database: &TestDatabase, id: &str, member: &str, key: &str, ends: [&str; 2]) {
    let [before, after] = ends;
    database.execute(&format!(
        "begin; \
         insert into breakglass.operation (id, action, outcome, adapter, reason, selector, plan_digest, planned, \
                matched, changed, unchanged, still_alive, companions_planned, companions_dead, companions_changed, \
                application_audit, tool_version, parent_id, cause, batch) \
         values ('{id}', 'expire', 'applied', 'coder', 'why', 'x', 'x', 1, 1, 1, 0, 0, 0, 0, 0, 'none', '0', {member}); \
         insert into breakglass.change (operation_id, relation, key, kind, state_before, state_after, before, after) \
         values ('{id}', 'public.api_keys', '{key}', 'token', 'active', 'expired', \
                 '{{\"expires_at\": \"{before}\"}}', '{{\"expires_at\": \"{after}\"}}'); \
         update api_keys set expires_at = '{after}' where id = '{key}'; \
         commit"
    ));
}

/// Written back to life and killed again, twice.
#[test]
fn what_was_applied_again_is_taken_back_with_what_it_was_applied_for() {
    let database = coder();
    let before = database.token_row(seed::HOT);
    let expired = expire(&database, &["build-cache"]);
    for (number, after) in [(1, "2026-01-01 00:00:01+00"), (2, "2026-01-01 00:00:02+00")] {
        let member = format!("'{expired}', 're-apply', null");
        let ends = ["2031-01-01 00:00:00+00", after];
        let id = format!("ffffffff-0000-7000-8000-00000000000{number}");
        record(&database, &id, &member, seed::HOT, ends);
    }
    // By its id, and by its token, whose latest operation is one that was applied again.
    let dry = restore_token(&database, &["build-cache", "--dry-run"]).run();
    dry.success().says(&format!("takes back expire {expired}"));
    let output = restore(&database, &[&expired]).run();
    output
        .success()
        .says("expires_at: 2026-01-01 00:00:02+00 -> ");
    assert_eq!(database.token_row(seed::HOT), before);
    // One that was applied again is an operation of its own as well; what it left is not there now.
    let database_before = Before::of(&database);
    let output = restore(&database, &["ffffffff-0000-7000-8000-000000000001"]).run();
    output
        .code(1)
        .says("changed since: token `d4o6FQe5QT` (expires_at: 2026-01-01 00:00:01+00 -> ");
    database_before.plus(&database, "refused", "changed since");
}

#[test]
fn a_run_of_batches_is_taken_back_as_one_and_batch_by_batch() {
    let database = coder();
    let rows = [seed::HOT, seed::RELEASE].map(|key| database.token_row(key));
    let run = "eeeeeeee-0000-7000-8000-000000000000";
    database.execute(&format!(
        "insert into breakglass.operation (id, action, outcome, adapter, reason, selector, plan_digest, planned, \
                application_audit, tool_version) \
         values ('{run}', 'expire', 'begun', 'coder', 'why', 'x', 'x', 2, 'none', '0'); \
         insert into breakglass.batch (operation_id, number, keys) \
         values ('{run}', 1, '{{{}}}'), ('{run}', 2, '{{{}}}')",
        seed::HOT, seed::RELEASE
    ));
    for (number, key) in [(1, seed::HOT), (2, seed::RELEASE)] {
        let end = database.value(&format!(
            "select expires_at at time zone 'UTC' || '+00' from api_keys where id = '{key}'"
        ));
        let member = format!("'{run}', 'batch', {number}");
        let id = format!("eeeeeeee-0000-7000-8000-00000000000{number}");
        record(
            &database,
            &id,
            &member,
            key,
            [&end, "2026-01-01 00:00:00+00"],
        );
    }
    // One batch.
    restore(
        &database,
        &["eeeeeeee-0000-7000-8000-000000000002", "--expect", "1"],
    )
    .run()
    .success();
    assert_eq!(database.token_row(seed::RELEASE), rows[1]);
    // The rest of the run: one row is as before by now.
    let output = restore(&database, &[run]).run();
    output
        .success()
        .says("will restore 1 token\n")
        .says("1 token already as before, left as it is");
    assert_eq!(
        [seed::HOT, seed::RELEASE].map(|key| database.token_row(key)),
        rows
    );
    let operation = database.operations().pop().unwrap_or_default();
    assert_eq!(operation["parent_id"], json!(run));
    assert_eq!(
        (
            &operation["planned"],
            &operation["changed"],
            &operation["unchanged"]
        ),
        (&json!(2), &json!(1), &json!(1))
    );
}

#[test]
fn a_real_run_is_taken_back_to_the_last_row() {
    let database = coder();
    let rows = || database.application_rows().remove("public.api_keys");
    let (before, alive) = (
        rows(),
        database.value("select count(*) from api_keys where expires_at > now()"),
    );
    let rm = ["tokens", "rm", "--all", "--batch-size", "7", "--yes"];
    let invocation = database.breakglass().args(rm).args(["--expect", &alive]);
    invocation
        .args(["--reason", "why", "--no-app-audit", "--no-companions"])
        .run()
        .success();
    let left = "select count(*) from api_keys where expires_at > now()";
    assert_eq!(database.value(left), "0");
    let run = database.value("select id from breakglass.operation where outcome = 'begun'");
    restore(&database, &[&run, "--no-app-audit"])
        .run()
        .success();
    assert_eq!(rows(), before);
    let restored = database.operations().pop().unwrap_or_default();
    assert_eq!(
        (&restored["action"], &restored["parent_id"]),
        (&json!("restore"), &json!(run))
    );
    assert_eq!(restored["changed"].to_string(), alive);
}

#[test]
fn an_end_in_the_future_is_taken_back_with_what_makes_it_stick() {
    let database = coder();
    let before = database.token_row(seed::SESSION);
    let session = format!("id:{}", seed::SESSION);
    let rm = ["tokens", "rm", &session, "--in", "10m", "--yes"];
    let invocation = database.breakglass().args(rm);
    invocation.args(["--reason", "why"]).run().success();
    let operation = database.operation();
    assert!(!operation["ends_at"].is_null());
    assert_ne!(database.token_row(seed::SESSION), before);
    let id = operation["id"].as_str().unwrap_or_default();
    restore(&database, &[id]).run().success();
    assert_eq!(database.token_row(seed::SESSION), before);
}

#[test]
fn a_run_of_more_rows_than_a_transaction_takes_is_told_to_be_restored_batch_by_batch() {
    let database = coder();
    let run = "dddddddd-0000-7000-8000-000000000000";
    database.execute(&format!(
        "begin; \
         insert into breakglass.operation (id, action, outcome, adapter, reason, selector, plan_digest, planned, application_audit, tool_version) \
         values ('{run}', 'expire', 'begun', 'coder', 'why', 'x', 'x', 50001, 'none', '0'); \
         insert into breakglass.batch (operation_id, number, keys) \
         select '{run}', 1, array_agg(lpad(n::text, 10, '0')) from generate_series(1, 50001) as n; \
         insert into breakglass.operation (id, parent_id, cause, batch, action, outcome, adapter, reason, selector, plan_digest, planned, \
                matched, changed, unchanged, still_alive, companions_planned, companions_dead, companions_changed, application_audit, tool_version) \
         values ('dddddddd-0000-7000-8000-000000000001', '{run}', 'batch', 1, 'expire', 'applied', 'coder', 'why', 'x', 'x', \
                 50001, 50001, 50001, 0, 0, 0, 0, 0, 'none', '0'); \
         insert into breakglass.change (operation_id, relation, key, kind, state_before, state_after, before, after) \
         select 'dddddddd-0000-7000-8000-000000000001', 'public.api_keys', lpad(n::text, 10, '0'), 'token', 'active', 'expired', \
                '{{\"expires_at\": \"2031-01-01 00:00:00+00\"}}', '{{\"expires_at\": \"2026-01-01 00:00:00+00\"}}' \
           from generate_series(1, 50001) as n; \
         commit"
    ));
    let before = Before::of(&database);
    let output = restore(&database, &[run]).run();
    let error = format!(
        "operation {run} changed more than 50000 tokens, and one transaction puts back no more"
    );
    output
        .code(1)
        .says(&error)
        .says("hint: restore it batch by batch: `breakglass audit ls --batches` lists them");
    before.plus(&database, "refused", &error);
}

/// Killed again by the settle window; one that was written back for longer than it stood at first.
#[test]
fn what_the_settle_window_killed_again_is_taken_back_whole() {
    for ends in ["kept.expires_at", "'2037-01-01'"] {
        let database = coder();
        database.execute("create table kept as select * from api_keys where id = 'd4o6FQe5QT'");
        let before = database.token_row(seed::HOT);
        let running = expiring(&database, &["--settle", "1s"]);
        database.execute(&format!(
            "update api_keys set expires_at = {ends}, updated_at = kept.updated_at \
               from kept where api_keys.id = kept.id"
        ));
        let receipt = running.wait().success().json();
        let [first, again] = database.operations().try_into().unwrap_or_default();
        assert_eq!(
            (&again["cause"], &again["parent_id"], &again["changed"]),
            (&json!("re-apply"), &first["id"], &json!(1))
        );
        assert_eq!(receipt["reapplied"][0]["operation"], again["id"]);
        assert!(!database.is_alive(seed::HOT));
        let id = first["id"].as_str().unwrap_or_default();
        restore(&database, &[id, "--expect", "1"]).run().success();
        assert_eq!(database.token_row(seed::HOT), before, "{ends}");
        // The log of the operation has both.
        let show = database
            .breakglass()
            .args(["audit", "show", id, "-o", "json"]);
        let shown = show.run().success().json();
        let causes = shown["caused"].as_array().into_iter().flatten();
        let causes: Vec<_> = causes.map(|child| child["cause"].clone()).collect();
        assert_eq!(causes, ["re-apply", "restore"], "{shown}");
    }
}

#[test]
fn more_tokens_than_max_rows_are_not_put_back_at_once() {
    let database = coder();
    let rows = [seed::HOT, seed::RELEASE].map(|key| database.token_row(key));
    let expired = expire(&database, &["build-cache", "release"]);
    let before = Before::of(&database);
    let error = format!(
        "operation {expired} changed more than 1 tokens, and one transaction puts back no more"
    );
    let output = restore(&database, &[&expired, "--max-rows", "1"]).run();
    output
        .code(1)
        .says(&error)
        .says("hint: `--max-rows N` puts back more in one transaction");
    before.plus(&database, "refused", &error);
    restore(&database, &[&expired, "--max-rows", "2"])
        .run()
        .success();
    assert_eq!(
        [seed::HOT, seed::RELEASE].map(|key| database.token_row(key)),
        rows
    );
}

#[test]
fn tokens_that_are_as_before_are_not_told_dead() {
    let database = coder();
    database.add_tokens(60);
    let rm = [
        "tokens", "rm", "--name", "bulk-*", "--expect", "60", "--yes",
    ];
    let rm = database.breakglass().args(rm).args(["--reason", "x"]);
    rm.run().success();
    let expired = super::restore::latest(&database);
    restore(&database, &[&expired]).run().success();
    let output = restore(&database, &[&expired]).run();
    output
        .success()
        .says("60 tokens already as before, left as they are\n")
        .never_says("already dead");
    assert!(
        output.stdout.contains("\n… 60 already as before in all\n"),
        "{output}"
    );
}

/// What a target allows in one operation holds for a restore, and the way round it is another one.
#[test]
fn more_tokens_than_a_target_allows_are_put_back_one_by_one() {
    let database = coder();
    let expired = expire(&database, &["build-cache", "release"]);
    let file = crate::support::config::File::on(&database, "max_rows = 1");
    let command = file.breakglass().args(["restore", &expired, "--yes"]);
    let command = command.args(["--reason", "x", "--target", "prod"]);
    command
        .run()
        .code(1)
        .says("the plan has 2 tokens, and target `prod` allows 1 in one operation")
        .says("hint: put back a batch (`breakglass audit ls --batches`) or a token (`breakglass tokens restore`) at a time");
}
