//! What an operator puts back while it is watched: it is told as that, left alive, and not fought.
#![expect(
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use serde_json::{Value, json};

use super::remove::{REASON, coder, remove};
use super::restore::{id_of, restore, restore_token};
use super::settle::{COMMITTED, expiring, seen_of};
use crate::support::run::Output;
use crate::support::{TestDatabase, seed};

/// What is told of a token that a restore took back.
fn words(database: &TestDatabase, restored: &str) -> String {
    let who = database.value(&format!(
        "select concat_ws(' as ', os_user, nullif(db_user, os_user)) from breakglass.operation where id = '{restored}'"
    ));
    format!("taken back by operation {restored} by {who}: {REASON}")
}

#[track_caller]
fn is_not_fought(database: &TestDatabase, output: &Output) {
    output
        .code(5)
        .never_says("ALIVE AGAIN")
        .never_says("tokens rm")
        .never_says("killed again");
    assert!(database.is_alive(seed::HOT), "{output}");
    let actions: Vec<Value> = database
        .operations()
        .into_iter()
        .map(|it| json!([it["action"], it["cause"]]))
        .collect();
    assert_eq!(
        actions,
        [json!(["expire", null]), json!(["restore", "restore"])]
    );
}

#[test]
fn a_restore_within_the_window_is_told_and_left_alone() {
    let database = coder();
    let running = expiring(&database, &["--settle", "30s"]);
    let expired = database.operation()["id"].as_str().unwrap().to_owned();
    let restored = restore(&database, &[&expired, "-o", "json"]).run();
    let restored = id_of(restored.success());
    let output = running.wait();
    is_not_fought(&database, &output);
    let receipt = output.json();
    let whose = words(&database, &restored);
    assert_eq!(receipt["verdict"], "restored");
    assert_eq!(
        receipt["unsettled"],
        json!([{ "key": seed::HOT, "verdict": "restored", "detail": whose }])
    );
    assert_eq!(receipt["reapplied"], json!([]));
    let first = database.operations().remove(0);
    assert_eq!(
        seen_of(&database, &first),
        [[seed::HOT.to_owned(), "restored".to_owned(), whose]]
    );
}

#[test]
fn the_others_are_watched_to_the_end() {
    let database = coder();
    let words_of_it = ["build-cache", "r1zx5DiipR", "--settle", "10s"];
    let running = remove(&database, &words_of_it).start();
    database.wait_for(COMMITTED);
    let back = restore_token(&database, &["build-cache", "-o", "json"]).run();
    let restored = id_of(back.success());
    let output = running.wait();
    is_not_fought(&database, &output);
    for text in [
        "read back on a fresh connection: NOT DEAD, taken back by a restore on record\n".to_owned(),
        format!(
            "  {} restored: {}\n",
            seed::HOT,
            words(&database, &restored)
        ),
    ] {
        assert!(output.stdout.contains(&text), "{text}\n{output}");
    }
    output.says("hint: a restore wanted it alive, see `breakglass audit show` with its id");
    let first = database.operations().remove(0);
    let seen = seen_of(&database, &first);
    assert!(
        seen.iter()
            .any(|[key, verdict, _]| key == seed::RELEASE && verdict == "dead"),
        "{seen:?}"
    );
}

/// What the application writes after a restore is the application's.
#[test]
fn another_end_than_the_restored_one_is_fought() {
    let database = coder();
    let running = expiring(&database, &["--settle", "2s"]);
    let expired = database.operation()["id"].as_str().unwrap().to_owned();
    // In one transaction, so that no look comes between: as if the log told of another restore.
    database.execute(&format!(
        "begin; \
         insert into breakglass.operation (id, action, outcome, adapter, reason, selector, plan_digest, planned, \
                matched, changed, unchanged, still_alive, companions_planned, companions_dead, companions_changed, \
                application_audit, tool_version, parent_id, cause) \
         values ('ffffffff-0000-7000-8000-000000000001', 'restore', 'applied', 'coder', 'why', 'x', 'x', 1, 1, 1, 0, \
                 0, 0, 0, 0, 'none', '0', '{expired}', 'restore'); \
         insert into breakglass.change (operation_id, relation, key, kind, state_before, state_after, before, after) \
         values ('ffffffff-0000-7000-8000-000000000001', 'public.api_keys', '{HOT}', 'token', 'expired', 'active', \
                 '{{\"expires_at\": \"2020-01-01 00:00:00+00\"}}', '{{\"expires_at\": \"2031-01-01 00:00:00+00\"}}'); \
         update api_keys set expires_at = '2032-01-01 00:00:00+00' where id = '{HOT}'; \
         commit",
        HOT = seed::HOT
    ));
    let receipt = running.wait().success().json();
    assert_eq!(receipt["verdict"], "dead");
    assert_eq!(receipt["reapplied"].as_array().unwrap().len(), 1);
    assert!(!database.is_alive(seed::HOT));
}
