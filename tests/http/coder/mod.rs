//! The routes of Coder's own clients, in the words of upstream's tests where it has one
//! (`coderd/apikey_test.go`, `cli/tokens_test.go`).
#![expect(
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

mod changes;
mod reading;
mod refused;
mod requests;
mod shapes;

use serde_json::Value;

use crate::support::ask::Answer;
use crate::support::{Server, Serving, Template, TestDatabase};

/// An administrator as Coder's owner is one, a member who is `ci-runner`, one who may look only, and one
/// who has to say why.
const PRINCIPALS: &str = r#"
[[principal]]
name = "admin"
permissions = ["list", "show", "expire", "delete"]
default_reason = "coder tokens rm, INC-42"

[[principal]]
name = "runner"
permissions = ["list", "show", "expire", "delete"]
owner = "ci-runner"
default_reason = "ours, INC-43"

[[principal]]
name = "reader"
permissions = ["list", "show"]

[[principal]]
name = "quiet"
permissions = ["show", "expire"]
"#;

/// What there is not, and what there is not for the caller.
const NOT_FOUND: &str = "Resource not found or you do not have access to this resource";

/// Coder with breakglass installed.
fn coder() -> TestDatabase {
    TestDatabase::prepared("served_coder", Template::Coder, |database| {
        database.breakglass().arg("init").run().success();
    })
}

/// A server on it that looks once at what it changed.
fn serve(database: &TestDatabase) -> Serving {
    Server::on(database, PRINCIPALS).looking_once().start()
}

/// A path below `/api/v2/users/USER/keys`.
fn keys(user: &str, rest: &str) -> String {
    format!("/api/v2/users/{user}/keys{rest}")
}

/// A GET of a principal, as Coder's clients send it.
#[track_caller]
fn get(serving: &Serving, principal: &str, path: &str) -> Answer {
    serving.ask("GET", path).session_of(principal).send()
}

/// A user's id, by login.
fn user(database: &TestDatabase, login: &str) -> String {
    database.value(&format!(
        "select id from users where username = '{login}' and not deleted"
    ))
}

/// The ids of a list.
#[track_caller]
fn ids(answer: &Answer) -> Vec<String> {
    let value = answer.json();
    let rows = value.as_array().into_iter().flatten();
    rows.filter_map(|row| row["id"].as_str().map(str::to_owned))
        .collect()
}

/// The ids of the keys for which a condition holds, in their order.
fn where_so(database: &TestDatabase, condition: &str) -> Vec<String> {
    let rows = database.query(&format!(
        "select id from api_keys where {condition} order by id"
    ));
    rows.into_iter().flatten().flatten().collect()
}

/// Asserts that there is no such thing, in Coder's words, and tells the body.
#[track_caller]
fn is_absent(answer: Answer) -> Value {
    let answer = answer.status(404);
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("application/json; charset=utf-8"), "{answer}");
    let body = answer.json();
    assert_eq!(body["message"], NOT_FOUND);
    body
}
