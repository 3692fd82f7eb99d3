//! `Idempotency-Key`: the first outcome again, and never another request's.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{REASON, code, coder, serve};
use crate::support::ask::Answer;
use crate::support::{Serving, seed};

fn expire(serving: &Serving, principal: &str, key: &str, id: Uuid, body: &Value) -> Answer {
    let path = format!("/v1/tokens/{key}/expire");
    let ask = serving.ask("POST", &path).by(principal).reason(REASON);
    ask.header("idempotency-key", &id.to_string())
        .json(body)
        .send()
}

#[test]
fn a_retry_gets_the_first_outcome_and_changes_nothing() {
    let database = coder();
    let serving = serve(&database);
    let (id, body) = (Uuid::now_v7(), json!({"settle_ms": 0}));
    let first = expire(&serving, "admin", seed::HOT, id, &body)
        .status(200)
        .json();
    assert_eq!(first["operation"]["id"], id.to_string());
    let row = database.token_row(seed::HOT);
    for _ in 0..2 {
        let again = expire(&serving, "admin", seed::HOT, id, &body)
            .status(200)
            .json();
        for member in ["operation", "changes", "verdict", "unchanged"] {
            assert_eq!(again[member], first[member], "{member}");
        }
    }
    assert_eq!(database.token_row(seed::HOT), row);
    assert_eq!(
        (database.operations().len(), database.changes().len()),
        (1, 1)
    );
}

#[test]
fn another_request_under_the_same_key_is_refused() {
    let database = coder();
    let serving = serve(&database);
    let (id, body) = (Uuid::now_v7(), json!({"settle_ms": 0}));
    let _done = expire(&serving, "admin", seed::HOT, id, &body).status(200);
    let before = super::state(&database);
    let other = json!({"settle_ms": 0, "ticket": "INC-43"});
    for answer in [
        expire(&serving, "admin", seed::RELEASE, id, &body),
        expire(&serving, "admin", seed::HOT, id, &other),
        expire(&serving, "runner", seed::HOT, id, &body),
    ] {
        assert_eq!(code(&answer.status(422)), "key_reused");
    }
    assert_eq!(super::state(&database), before);
}

#[test]
fn a_retry_of_what_was_refused_is_refused_the_same() {
    let database = coder();
    let serving = serve(&database);
    let (id, body) = (Uuid::now_v7(), json!({"settle_ms": 0}));
    let first = expire(&serving, "admin", "aaaaaaaaaa", id, &body).status(404);
    let again = expire(&serving, "admin", "aaaaaaaaaa", id, &body).status(404);
    assert_eq!(
        (code(&first), code(&again)),
        ("no_such_token".to_owned(), "no_such_token".to_owned())
    );
    assert_eq!(first.json()["detail"], again.json()["detail"]);
    assert_eq!(again.json()["operation"], id.to_string());
    assert_eq!(database.operations().len(), 1);
}

#[test]
fn retries_at_once_are_one_operation() {
    let database = coder();
    let serving = serve(&database);
    let (id, body) = (Uuid::now_v7(), json!({"settle_ms": 0}));
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..12)
            .map(|_| {
                scope.spawn(|| {
                    expire(&serving, "admin", seed::HOT, id, &body)
                        .status(200)
                        .json()
                })
            })
            .collect();
        asked.into_iter().map(|it| it.join().unwrap()).collect()
    });
    for answer in &answers {
        assert_eq!(answer["operation"], answers[0]["operation"]);
        assert_eq!(answer["changes"], answers[0]["changes"]);
    }
    assert_eq!(
        (database.operations().len(), database.changes().len()),
        (1, 1)
    );
}

#[test]
fn two_servers_of_one_database_are_one_operation_too() {
    let database = coder();
    let servers = [serve(&database), serve(&database)];
    let body = json!({"settle_ms": 0});
    for key in [seed::HOT, seed::RELEASE, seed::SESSION, seed::CLI_AUTH] {
        let id = Uuid::now_v7();
        std::thread::scope(|scope| {
            for serving in &servers {
                // The principals are of the same name, and so one to the record.
                scope.spawn(|| expire(serving, "admin", key, id, &body).status(200));
            }
        });
    }
    assert_eq!(
        (database.operations().len(), database.changes().len()),
        (4, 4)
    );
}
