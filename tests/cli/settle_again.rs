//! Killing again what came back to life: what is in its plan, and what is left alone.

use serde_json::{Value, json};

use super::remove::{REASON, coder, remove};
use super::settle::{COMMITTED, expiring, seen_of};
use crate::support::{TestDatabase, seed};

/// A refresh token of a key, as the grant of a request in flight makes one.
fn grant(database: &TestDatabase, key: &str) {
    database.execute(&format!(
        "insert into oauth2_provider_app_tokens
           select (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(),
                     'hash_prefix', '\\x00ff', 'expires_at', now() + interval '1 day', 'api_key_id', '{key}'))).*
             from oauth2_provider_app_tokens as t limit 1"
    ));
}

/// It lets the same person in through the same token.
#[test]
fn a_companion_that_comes_after_the_plan_is_killed_with_a_plan_of_its_own() {
    let database = coder();
    let words = [seed::OAUTH, "-o", "json", "--settle", "1s"];
    let running = remove(&database, &words).start();
    database.wait_for(COMMITTED);
    grant(&database, seed::OAUTH);
    let receipt = running.wait().success().json();
    let [first, again] = database.operations().try_into().unwrap();
    assert_eq!(
        (&again["outcome"], &again["changed"]),
        (&"applied".into(), &0.into())
    );
    assert_eq!(
        (&again["unchanged"], &again["companions_changed"]),
        (&1.into(), &1.into())
    );
    assert_eq!(receipt["reapplied"][0]["companions_changed"], 1);
    let [found, last] = seen_of(&database, &first).try_into().unwrap();
    assert!(found[2].starts_with("oauth refresh token "), "{found:?}");
    assert!(
        found[2].ends_with(", which came after the plan, is alive"),
        "{found:?}"
    );
    assert_eq!(
        (found[1].as_str(), last[1].as_str()),
        ("resurrected", "dead")
    );
    let alive = "select count(*) from oauth2_provider_app_tokens where expires_at > now() and api_key_id = '{}'";
    assert_eq!(database.value(&alive.replace("{}", seed::OAUTH)), "0");
}

fn deleting(database: &TestDatabase) -> crate::support::run::Running {
    database.execute("create table kept as select * from api_keys where id = 'd4o6FQe5QT'");
    let words = [
        seed::HOT,
        "--delete",
        "--confirm",
        seed::HOT,
        "-o",
        "json",
        "--settle",
        "1s",
    ];
    let running = remove(database, &words).start();
    database.wait_for(COMMITTED);
    running
}

#[test]
fn a_deleted_row_that_is_back_is_deleted_again() {
    let database = coder();
    let running = deleting(&database);
    database.execute("insert into api_keys select * from kept");
    let receipt = running.wait().success().json();
    assert!(!database.has_token(seed::HOT));
    let [first, again] = database.operations().try_into().unwrap();
    assert_eq!(
        (&again["action"], &again["cause"]),
        (&"delete".into(), &"re-apply".into())
    );
    assert_eq!(receipt["reapplied"][0]["operation"], again["id"]);
    let [found, last] = seen_of(&database, &first).try_into().unwrap();
    assert_eq!(found, [seed::HOT, "resurrected", "the row is back, active"]);
    assert!(
        last[2].starts_with("the row is gone at each of "),
        "{last:?}"
    );
}

#[test]
fn another_row_under_the_key_is_told_and_left_alone() {
    let database = coder();
    let running = deleting(&database);
    database.execute("update kept set created_at = '2026-01-01', token_name = 'other'; insert into api_keys select * from kept");
    let output = running.wait();
    let receipt = output.code(5).json();
    assert!(database.is_alive(seed::HOT));
    assert_eq!(database.operations().len(), 1);
    assert_eq!(
        (&receipt["verdict"], &receipt["reapplied"]),
        (&"resurrected".into(), &json!([]))
    );
    let detail = receipt["unsettled"][0]["detail"].as_str().unwrap();
    assert!(
        detail.starts_with(
            "active, and it was not killed again: it is not the row that was planned (created_at: "
        ),
        "{detail}"
    );
    let advice = receipt["advice"].as_str().unwrap();
    assert!(
        advice.starts_with("something inserts into public.api_keys again: "),
        "{advice}"
    );
}

#[test]
fn an_expired_row_that_is_another_one_now_is_told_and_left_alone() {
    let database = coder();
    let running = expiring(&database, &["--settle", "1s"]);
    database.execute("update api_keys set expires_at = '2037-01-01', token_name = 'other' where id = 'd4o6FQe5QT'");
    let receipt = running.wait().code(5).json();
    assert!(database.is_alive(seed::HOT));
    assert_eq!(
        (database.operations().len(), &receipt["verdict"]),
        (1, &"resurrected".into())
    );
    assert!(
        receipt["unsettled"][0]["detail"]
            .as_str()
            .unwrap()
            .contains("(token_name: build-cache -> other)")
    );
}

#[test]
fn a_row_that_goes_is_not_called_dead() {
    let database = coder();
    let running = expiring(&database, &["--settle", "600ms"]);
    database.execute("delete from api_keys where id = 'd4o6FQe5QT'");
    let receipt = running.wait().code(5).json();
    assert_eq!(receipt["verdict"], "unknown");
    assert_eq!(
        receipt["unsettled"][0]["detail"],
        "the row is not there any more"
    );
}

/// Each attempt is on record, and how the last look found the token is what counts.
#[test]
fn a_lock_in_the_way_of_killing_again_is_on_record_three_times() {
    let database = coder();
    let flags = ["--settle", "500ms", "--lock-timeout", "200ms"];
    let running = expiring(&database, &flags);
    let holder = database.session();
    holder.execute("update api_keys set expires_at = '2037-01-01' where id = 'd4o6FQe5QT'");
    holder.execute("begin");
    holder.execute("select from api_keys where id = 'd4o6FQe5QT' for update");
    let output = running.wait();
    let receipt = output.code(5).json();
    holder.execute("rollback");
    let operations = database.operations();
    let failed: Vec<&Value> = operations
        .iter()
        .filter(|operation| operation["outcome"] == "failed")
        .collect();
    // The lock may have come too late for the first of them.
    assert!((2..=3).contains(&failed.len()), "{operations:#?}");
    for failed in failed {
        assert_eq!(
            (&failed["cause"], &failed["reason"]),
            (&"re-apply".into(), &REASON.into())
        );
        assert!(
            failed["error"]
                .as_str()
                .unwrap()
                .contains("the rows are locked by somebody else")
        );
    }
    assert_eq!(receipt["reapplied"].as_array().unwrap().len(), 3);
    assert_eq!(
        receipt["verdict"],
        if database.is_alive(seed::HOT) {
            "resurrected"
        } else {
            "dead"
        }
    );
}
