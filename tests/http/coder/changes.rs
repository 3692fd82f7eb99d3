//! Expiring and deleting: what is answered, and what is on record.

use serde_json::{Value, json};

use super::{coder, get, is_absent, keys, serve, user};
use crate::support::{Serving, TestDatabase, seed};

fn expire(serving: &Serving, principal: &str, key: &str) -> crate::support::ask::Answer {
    let path = keys("me", &format!("/{key}/expire"));
    serving.ask("PUT", &path).session_of(principal).send()
}

fn delete(serving: &Serving, principal: &str, key: &str) -> crate::support::ask::Answer {
    let path = keys("me", &format!("/{key}"));
    serving.ask("DELETE", &path).session_of(principal).send()
}

/// What the last operation says of who did what, and why.
fn recorded(database: &TestDatabase) -> Value {
    let operation = database.operations().pop().unwrap_or_default();
    let fields = [
        "action",
        "outcome",
        "reason",
        "selector",
        "http_principal",
        "http_credential",
    ];
    let found = fields.map(|field| (field.to_owned(), operation[field].clone()));
    Value::Object(found.into_iter().collect())
}

/// The one row of Coder's own log, in the fields that upstream's tests look at.
#[track_caller]
fn audited(database: &TestDatabase) -> Value {
    let rows = database.audit_logs();
    assert_eq!(rows.len(), 1, "{rows:#?}");
    let fields = [
        "action",
        "resource_type",
        "resource_id",
        "resource_target",
        "status_code",
    ];
    let found = fields.map(|field| (field.to_owned(), rows[0][field].clone()));
    Value::Object(found.into_iter().collect())
}

#[test]
fn an_owner_can_expire_their_own_token() {
    let database = coder();
    let serving = serve(&database);
    let answer = expire(&serving, "runner", seed::HOT).status(204);
    assert_eq!(answer.body, "");
    assert!(!database.is_alive(seed::HOT));
    let answer = get(&serving, "runner", &keys("me", &format!("/{}", seed::HOT))).status(200);
    let ends = answer.json()["expires_at"].clone();
    let is_over = format!("select '{}'::timestamptz < now()", ends.as_str().unwrap());
    assert_eq!(database.value(&is_over), "t");
    assert_eq!(
        recorded(&database),
        json!({
            "action": "expire", "outcome": "applied", "reason": "ours, INC-43",
            "selector": format!("id:{}", seed::HOT),
            "http_principal": "runner", "http_credential": "runner-1",
        })
    );
    assert_eq!(
        audited(&database),
        json!({
            "action": "write", "resource_type": "api_key", "resource_target": "build-cache",
            "resource_id": user(&database, "ci-runner"), "status_code": 204,
        })
    );
    let row = database.audit_logs().pop().unwrap();
    assert_eq!(
        row["diff"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["expires_at"]
    );
    assert_eq!(row["additional_fields"]["api_key_id"], seed::HOT);
    assert_eq!(row["additional_fields"]["reason"], "ours, INC-43");
}

#[test]
fn an_administrator_can_expire_anybodys_token() {
    let database = coder();
    let serving = serve(&database);
    expire(&serving, "admin", seed::RELEASE).status(204);
    assert!(!database.is_alive(seed::RELEASE));
    let record = recorded(&database);
    assert_eq!(record["http_principal"], "admin");
    assert_eq!(record["reason"], "coder tokens rm, INC-42");
    // The user in the path has to be there, and need not be the owner.
    let path = keys("mira", &format!("/{}/expire", seed::DUPLICATE));
    let because = serving
        .ask("PUT", &path)
        .session_of("admin")
        .reason("leaked, INC-44");
    because.send().status(204);
    assert!(!database.is_alive(seed::DUPLICATE));
    assert_eq!(recorded(&database)["reason"], "leaked, INC-44");
    let path = keys("nobody", &format!("/{}/expire", seed::UNUSED));
    is_absent(serving.ask("PUT", &path).session_of("admin").send());
    assert!(database.is_alive(seed::UNUSED));
}

#[test]
fn a_member_cannot_touch_anybody_elses_token() {
    let database = coder();
    let serving = serve(&database);
    let before = database.application_rows();
    for act in [expire, delete] {
        let theirs = is_absent(act(&serving, "runner", seed::RELEASE));
        assert_eq!(theirs, is_absent(act(&serving, "runner", "0000000000")));
    }
    let path = |key: &str| keys("me", &format!("/{key}"));
    let theirs = is_absent(get(&serving, "runner", &path(seed::RELEASE)));
    assert_eq!(
        theirs,
        is_absent(get(&serving, "runner", &path("0000000000")))
    );
    // Nor is there another user for them.
    let other = user(&database, "release-bot");
    for user in ["release-bot", &other, "nobody"] {
        let path = keys(user, &format!("/{}/expire", seed::HOT));
        is_absent(serving.ask("PUT", &path).session_of("runner").send());
        is_absent(get(&serving, "runner", &keys(user, "/tokens")));
    }
    assert_eq!(database.application_rows(), before);
    let outcomes = database.operations();
    let outcomes = outcomes
        .iter()
        .map(|it| (&it["outcome"], &it["error_code"]));
    let refused = (&json!("refused"), &json!("no_such_token"));
    assert_eq!(outcomes.collect::<Vec<_>>(), [refused; 4]);
}

#[test]
fn an_unknown_key_is_not_found() {
    let database = coder();
    let serving = serve(&database);
    let before = database.application_rows();
    for key in ["0000000000", "build-cache", "x"] {
        let body = is_absent(expire(&serving, "admin", key));
        assert_eq!(
            body,
            json!({ "message": super::NOT_FOUND, "detail": "breakglass: no_such_token" })
        );
        is_absent(delete(&serving, "admin", key));
    }
    assert_eq!(database.application_rows(), before);
}

#[test]
fn expiring_an_expired_token_succeeds_and_changes_nothing() {
    let database = coder();
    let serving = serve(&database);
    expire(&serving, "admin", seed::HOT).status(204);
    let once = database.token_row(seed::HOT);
    expire(&serving, "admin", seed::HOT).status(204);
    assert_eq!(database.token_row(seed::HOT), once);
    assert_eq!(recorded(&database)["outcome"], "unchanged");
    // As upstream's: only what changed is in Coder's own log.
    audited(&database);
}

#[test]
fn deleting_an_expired_token_succeeds_once() {
    let database = coder();
    let serving = serve(&database);
    expire(&serving, "admin", seed::HOT).status(204);
    let answer = delete(&serving, "admin", seed::HOT).status(204);
    assert_eq!(answer.body, "");
    assert!(!database.has_token(seed::HOT));
    let record = recorded(&database);
    assert_eq!(
        (&record["action"], &record["outcome"]),
        (&json!("delete"), &json!("applied"))
    );
    let actions = database.audit_logs();
    let actions = actions.iter().map(|row| row["action"].clone());
    assert_eq!(actions.collect::<Vec<_>>(), ["write", "delete"]);
    is_absent(delete(&serving, "admin", seed::HOT));
    is_absent(get(
        &serving,
        "admin",
        &keys("me", &format!("/{}", seed::HOT)),
    ));
}

/// An OAuth2 key takes its refresh token along, as every expire of breakglass does.
#[test]
fn a_companion_dies_with_its_key() {
    let database = coder();
    let serving = serve(&database);
    expire(&serving, "admin", seed::OAUTH).status(204);
    let alive = "select count(*) from oauth2_provider_app_tokens \
                 where api_key_id = 'z8vWfGZaE2' and expires_at > now()";
    assert_eq!(database.value(alive), "0");
}

#[test]
fn a_request_that_is_sent_again_is_done_once() {
    let database = coder();
    let serving = serve(&database);
    let id = "0198c2c8-0000-7000-8000-00000000c0de";
    let path = keys("me", &format!("/{}/expire", seed::HOT));
    for _ in 0..2 {
        let ask = serving.ask("PUT", &path).session_of("admin");
        ask.header("idempotency-key", id).send().status(204);
    }
    assert_eq!(database.operation()["id"], id);
    let other = keys("me", &format!("/{}/expire", seed::RELEASE));
    let ask = serving.ask("PUT", &other).session_of("admin");
    let answer = ask.header("idempotency-key", id).send().status(422);
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .starts_with("breakglass: key_reused")
    );
    assert!(database.is_alive(seed::RELEASE));
}

/// What coderd writes back is looked for, and killed again, here as everywhere.
#[test]
fn it_is_watched_for_as_long_as_the_adapter_says() {
    let database = coder();
    let serving = Serving::start(&database, super::PRINCIPALS);
    expire(&serving, "admin", seed::HOT).status(204);
    let seen = database.observations();
    assert_eq!(
        seen.last().map(|it| &it["verdict"]),
        Some(&json!("dead")),
        "{seen:#?}"
    );
}
