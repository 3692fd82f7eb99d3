//! The native routes: what is answered, what is on record, and what is left alone.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper that finds no value fails its test"
)]

mod binding;
mod callers;
mod changes;
mod described;
mod limits;
mod many;
mod outage;
mod plans;
mod reading;
mod retries;
mod sweeps;

use serde_json::{Value, json};

use crate::support::ask::Answer;
use crate::support::{Serving, Template, TestDatabase};

/// Why, in these tests.
const REASON: &str = "hot loop, INC-42";

/// One who may do everything, one who may look only, one bound to `ci-runner`, one to browser sessions.
const PRINCIPALS: &str = r#"
[[principal]]
name = "admin"
permissions = ["list", "show", "expire", "delete", "restore", "sweep", "audit"]

[[principal]]
name = "reader"
permissions = ["list", "show"]

[[principal]]
name = "runner"
permissions = ["list", "show", "expire", "delete", "restore", "sweep", "audit"]
owner = "ci-runner"

[[principal]]
name = "sessions"
permissions = ["list", "show", "expire", "delete"]
kinds = ["session"]
"#;

/// Coder with breakglass installed.
fn coder() -> TestDatabase {
    TestDatabase::prepared("served", Template::Coder, |database| {
        database.breakglass().arg("init").run().success();
    })
}

/// A server on it.
fn serve(database: &TestDatabase) -> Serving {
    Serving::start(database, PRINCIPALS)
}

/// A GET of a principal.
#[track_caller]
fn get(serving: &Serving, principal: &str, path: &str) -> Answer {
    serving.ask("GET", path).by(principal).send()
}

/// A change that looks once, at once.
#[track_caller]
fn post(serving: &Serving, principal: &str, path: &str, mut body: Value) -> Answer {
    if let Some(body) = body.as_object_mut() {
        body.entry("settle_ms").or_insert(json!(0));
    }
    let ask = serving.ask("POST", path).by(principal).reason(REASON);
    ask.json(&body).send()
}

/// Expires a key.
#[track_caller]
fn expire(serving: &Serving, principal: &str, key: &str) -> Answer {
    post(
        serving,
        principal,
        &format!("/v1/tokens/{key}/expire"),
        json!({}),
    )
}

/// The code of a problem document, whose other members must be there.
#[track_caller]
fn code(answer: &Answer) -> String {
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json"),
        "{answer}"
    );
    let problem = answer.json();
    assert_eq!(problem["status"], answer.code, "{answer}");
    let code = problem["code"].as_str().unwrap_or_default().to_owned();
    assert_eq!(problem["type"], format!("urn:breakglass:problem:{code}"));
    assert!(problem["title"].is_string() && problem["detail"].is_string());
    assert_eq!(
        problem["request_id"].as_str(),
        answer.header("x-request-id")
    );
    code
}

/// What was left behind: rows, operations, changes.
fn state(
    database: &TestDatabase,
) -> (
    std::collections::BTreeMap<String, Vec<String>>,
    usize,
    usize,
) {
    let rows = database.application_rows();
    (rows, database.operations().len(), database.changes().len())
}
