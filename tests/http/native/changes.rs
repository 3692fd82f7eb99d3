//! Expiring, deleting and restoring by key: the receipt, the rows, and both audit logs.

use serde_json::json;

use super::{REASON, code, coder, expire, get, post, serve, state};
use crate::support::seed;

#[test]
fn an_expire_is_the_command_lines_with_who_asked() {
    let (database, other) = (coder(), coder());
    let serving = serve(&database);
    let answer = expire(&serving, "admin", seed::HOT).status(200);
    let receipt = answer.json();
    assert!(!database.is_alive(seed::HOT));
    assert_eq!(receipt["verdict"], "dead");
    assert_eq!(receipt["operation"]["actor"]["http"]["principal"], "admin");
    let by_hand = other
        .breakglass()
        .args(["tokens", "rm", "--yes", "--reason", REASON]);
    by_hand.arg(format!("id:{}", seed::HOT)).run().success();
    let told = |operation: &serde_json::Value| {
        let mut operation = operation.clone();
        let members = operation.as_object_mut().unwrap();
        let own = [
            "id",
            "xid",
            "occurred_at",
            "database_name",
            "os_user",
            "host",
            "backend_pid",
            "plan_digest",
        ];
        members.retain(|name, _| !name.starts_with("http_") && !own.contains(&name.as_str()));
        operation
    };
    assert_eq!(told(&database.operation()), told(&other.operation()));
    let operation = database.operation();
    assert_eq!(
        (
            &operation["http_principal"],
            &operation["http_credential"],
            &operation["reason"]
        ),
        (&json!("admin"), &json!("admin-1"), &json!(REASON))
    );
    assert_eq!(
        operation["http_request_id"].as_str(),
        answer.header("x-request-id")
    );
    assert!(
        operation["http_peer"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
    assert_eq!(operation["id"], receipt["operation"]["id"]);
    assert_eq!(database.changes().len(), other.changes().len());
    assert_eq!(database.audit_logs().len(), 1);
    let log = serving.log_text();
    assert!(
        log.contains(receipt["operation"]["id"].as_str().unwrap()),
        "{log}"
    );
    assert!(log.contains("/v1/tokens/{key}/expire") && !log.contains(serving.token("admin")));
}

#[test]
fn an_expire_of_what_is_dead_changes_nothing_and_is_fine() {
    let database = coder();
    let serving = serve(&database);
    let before = database.token_row(seed::EXPIRED);
    let receipt = expire(&serving, "admin", seed::EXPIRED).status(200).json();
    assert_eq!(receipt["operation"]["outcome"], "unchanged");
    assert_eq!(database.token_row(seed::EXPIRED), before);
    assert_eq!(database.operation()["outcome"], "unchanged");
}

#[test]
fn a_delete_removes_the_row() {
    let database = coder();
    let serving = serve(&database);
    let path = format!("/v1/tokens/{}", seed::HOT);
    let ask = serving.ask("DELETE", &path).by("admin").reason(REASON);
    let receipt = ask
        .json(&json!({"settle_ms": 0, "ticket": "INC-42"}))
        .send()
        .status(200)
        .json();
    assert_eq!(receipt["operation"]["ticket"], "INC-42");
    assert!(!database.has_token(seed::HOT));
    let again = serving
        .ask("DELETE", &path)
        .by("admin")
        .reason(REASON)
        .send()
        .status(404);
    assert_eq!(code(&again), "no_such_token");
    assert_eq!(database.operations().len(), 2);
}

#[test]
fn a_restore_puts_back_and_is_an_operation_of_its_own() {
    let database = coder();
    let serving = serve(&database);
    let before = database.token_row(seed::HOT);
    let id = expire(&serving, "admin", seed::HOT).status(200).json()["operation"]["id"].clone();
    let path = format!("/v1/operations/{}/restore", id.as_str().unwrap());
    let receipt = post(&serving, "admin", &path, json!({})).status(200).json();
    assert_eq!(database.token_row(seed::HOT), before);
    assert_eq!(receipt["operation"]["parent_id"], id);
    let path = format!(
        "/v1/operations/{}",
        receipt["operation"]["id"].as_str().unwrap()
    );
    let told = get(&serving, "admin", &path).status(200).json();
    assert_eq!(told["operation"], receipt["operation"]);
}

#[test]
fn a_change_without_a_reason_is_refused_and_nothing_is_touched() {
    let database = coder();
    let serving = serve(&database);
    let before = state(&database);
    let path = format!("/v1/tokens/{}/expire", seed::HOT);
    let answer = serving.ask("POST", &path).by("admin").send().status(422);
    assert_eq!(code(&answer), "usage");
    assert!(answer.body.contains("nothing says why"), "{answer}");
    assert_eq!(state(&database), before);
}

#[test]
fn a_dry_run_tells_and_changes_nothing() {
    let database = coder();
    let serving = serve(&database);
    let before = state(&database);
    let path = format!("/v1/tokens/{}/expire", seed::HOT);
    let receipt = post(&serving, "admin", &path, json!({"dry_run": true}))
        .status(200)
        .json();
    assert_eq!(receipt["operation"]["outcome"], "planned");
    assert_eq!(receipt["changes"][0]["key"], seed::HOT);
    assert_eq!(state(&database), before);
}

#[test]
fn what_nobody_understands_is_refused_before_anything_is_done() {
    let database = coder();
    let serving = serve(&database);
    let before = state(&database);
    let path = format!("/v1/tokens/{}/expire", seed::HOT);
    for (body, kind, status) in [
        (r#"{"dryrun": true}"#, "application/json", 422),
        (r#"{"sender": {"uid": 1}}"#, "application/json", 422),
        (r#"{"in_seconds": "soon"}"#, "application/json", 422),
        (r#"{"settle_ms": 60001}"#, "application/json", 422),
        (
            r#"{"in_seconds": 5, "at": "2036-01-01T00:00:00Z"}"#,
            "application/json",
            422,
        ),
        ("{", "application/json", 400),
        ("[]", "application/json", 422),
        ("reason=x", "application/x-www-form-urlencoded", 415),
    ] {
        let ask = serving.ask("POST", &path).by("admin").reason(REASON);
        let answer = ask.body(kind, body).send().status(status);
        code(&answer);
    }
    let ask = serving.ask("POST", &path).by("admin").reason(REASON);
    code(
        &ask.header("idempotency-key", "not-a-uuid")
            .send()
            .status(400),
    );
    assert_eq!(state(&database), before);
}

#[test]
fn a_secret_in_a_text_that_is_recorded_is_refused_and_told_nowhere() {
    let database = coder();
    let serving = serve(&database);
    let before = state(&database);
    let secret = seed::token_of(seed::HOT);
    let path = format!("/v1/tokens/{}/expire", seed::HOT);
    let ask = serving.ask("POST", &path).by("admin");
    let answer = ask.reason(&format!("leaked: {secret}")).send().status(422);
    assert!(!answer.body.contains(&secret));
    assert_eq!(state(&database), before);
    assert!(!serving.log_text().contains(&seed::secret_of(seed::HOT)));
}

#[test]
fn a_future_end_is_set_as_the_command_line_does() {
    let database = coder();
    let serving = serve(&database);
    let path = format!("/v1/tokens/{}/expire", seed::HOT);
    let receipt = post(&serving, "admin", &path, json!({"in_seconds": 7200}))
        .status(200)
        .json();
    assert_eq!(receipt["verdict"], "scheduled");
    assert!(database.is_alive(seed::HOT));
    assert!(database.operation()["ends_at"].is_string());
}
