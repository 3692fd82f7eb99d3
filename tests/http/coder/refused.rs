//! What is refused, in Coder's words.

use serde_json::{Value, json};

use super::{PRINCIPALS, coder, get, keys, serve};
use crate::support::ask::Answer;
use crate::support::{Server, Serving, Template, TestDatabase, seed};

/// Asserts the status, the shape and the code, and tells the message.
#[track_caller]
fn refused(answer: Answer, status: u16, code: &str) -> String {
    let answer = answer.status(status);
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("application/json; charset=utf-8"), "{answer}");
    let body = answer.json();
    let detail = body["detail"].as_str().unwrap_or_default().to_owned();
    let words = detail.split(['\n', ',']).next();
    assert_eq!(
        words,
        Some(format!("breakglass: {code}").as_str()),
        "{answer}"
    );
    assert!(body.get("type").is_none() && body.get("title").is_none());
    body["message"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn nobody_is_told_so_in_coders_words() {
    let database = coder();
    let serving = serve(&database);
    let path = keys("me", "/tokens");
    let token = serving.token("admin").to_owned();
    let asks = [
        serving.ask("GET", &path),
        serving.ask("GET", &path).header("coder-session-token", ""),
        serving
            .ask("GET", &path)
            .header("coder-session-token", "d4o6FQe5QT-0123456789abcdefghijkl"),
        serving
            .ask("GET", &path)
            .header("authorization", "Bearer x"),
        // Upstream takes these too.
        serving
            .ask("GET", &path)
            .header("cookie", &format!("coder_session_token={token}")),
        serving.ask("GET", &format!("{path}?coder_session_token={token}")),
        serving.ask("GET", "/api/v2/buildinfo"),
        serving.ask("PUT", &keys("me", "/d4o6FQe5QT/expire")),
    ];
    for ask in asks {
        let message = refused(ask.send(), 401, "unauthenticated");
        assert!(message.contains("CODER_SESSION_TOKEN"), "{message}");
    }
    assert!(database.operations().is_empty());
    // Both ways to show a token lead here; the native routes know one.
    serving.ask("GET", &path).by("admin").send().status(200);
    let native = serving
        .ask("GET", "/v1/tokens")
        .session_of("admin")
        .send()
        .status(401);
    assert_eq!(
        native.header("content-type"),
        Some("application/problem+json")
    );
}

#[test]
fn a_change_needs_a_reason_and_the_permission() {
    let database = coder();
    let serving = serve(&database);
    let before = database.application_rows();
    let path = keys("me", &format!("/{}/expire", seed::HOT));
    for ask in [
        serving.ask("PUT", &path).session_of("quiet"),
        serving.ask("PUT", &path).session_of("quiet").reason("  "),
    ] {
        let message = refused(ask.send(), 400, "usage");
        assert!(message.contains("nothing says why"), "{message}");
    }
    let secret = format!("it is {}", seed::token_of(seed::HOT));
    let ask = serving
        .ask("PUT", &path)
        .session_of("quiet")
        .reason(&secret);
    let answer = ask.send();
    assert!(!answer.body.contains(&seed::secret_of(seed::HOT)));
    refused(answer, 422, "usage");
    let delete = keys("me", &format!("/{}", seed::HOT));
    for (ask, told) in [
        (
            serving.ask("PUT", &path).session_of("reader"),
            "`reader` may not expire",
        ),
        (
            serving.ask("DELETE", &delete).session_of("quiet"),
            "`quiet` may not delete",
        ),
        (
            serving
                .ask("GET", &keys("me", "/tokens"))
                .session_of("quiet"),
            "`quiet` may not list",
        ),
    ] {
        let message = refused(ask.reason("why").send(), 403, "forbidden");
        assert!(message.contains(told), "{message}");
    }
    assert_eq!(database.application_rows(), before);
    assert!(database.operations().is_empty());
    serving
        .ask("PUT", &path)
        .session_of("quiet")
        .reason("INC-45")
        .send()
        .status(204);
    assert_eq!(database.operation()["reason"], "INC-45");
}

#[test]
fn no_key_is_made_and_nothing_else_is_there() {
    let database = coder();
    let serving = serve(&database);
    for path in ["", "/tokens"].map(|rest| keys("me", rest)) {
        let ask = serving.ask("POST", &path).session_of("admin");
        let answer = ask.json(&json!({ "token_name": "new" })).send();
        let message = refused(answer, 405, "method_not_allowed");
        assert_eq!(
            message,
            "no key is made here: breakglass lists keys and ends them"
        );
    }
    let patch = serving
        .ask("PATCH", &keys("me", "/tokens"))
        .session_of("admin")
        .send();
    assert_eq!(patch.header("allow"), Some("GET,HEAD"));
    refused(patch, 405, "method_not_allowed");
    for path in [
        "/api/v2",
        "/api/v2/",
        "/api/v2/workspaces",
        "/api/v2/users",
        "/api/v2/users/me/keys/d4o6FQe5QT/more",
        "/api/v2/users/me/keys/tokens/a/b",
    ] {
        let message = refused(get(&serving, "admin", path), 404, "no_such_route");
        assert!(message.contains("nothing at this path"), "{message}");
    }
    let outside = get(&serving, "admin", "/api/v22").status(404);
    assert_eq!(
        outside.header("content-type"),
        Some("application/problem+json")
    );
    let config = get(&serving, "admin", &keys("me", "/tokens/tokenconfig"));
    super::is_absent(config);
}

#[test]
fn a_list_is_never_cut_in_silence() {
    let database = coder();
    let few = PRINCIPALS.replacen("name = \"admin\"", "name = \"admin\"\nmax_rows = 5", 1);
    let serving = Serving::start(&database, &few);
    let message = refused(
        get(&serving, "admin", &keys("me", "/tokens")),
        400,
        "too_many_rows",
    );
    assert!(message.contains("more than 5 tokens"), "{message}");
    get(&serving, "admin", &keys("release-bot", "/tokens")).status(200);
}

#[test]
fn what_the_database_refuses_is_told_too() {
    let database = coder();
    let serving = Server::on(&database, PRINCIPALS)
        .looking_once()
        .args(["--lock-timeout", "300ms"])
        .start();
    let session = database.session();
    session.execute(&format!(
        "begin; select from api_keys where id = '{}' for update",
        seed::HOT
    ));
    let path = keys("me", &format!("/{}/expire", seed::HOT));
    let answer = serving.ask("PUT", &path).session_of("admin").send();
    let operation = database.operation();
    assert_eq!(operation["error_code"], "locked");
    let id = operation["id"].as_str().unwrap();
    let detail = answer.json()["detail"].clone();
    assert!(
        detail
            .as_str()
            .unwrap()
            .contains(&format!("operation {id}")),
        "{detail}"
    );
    refused(answer, 409, "locked");
    session.execute("rollback");
    database.execute("drop schema breakglass cascade");
    let answer = serving.ask("PUT", &path).session_of("admin").send();
    refused(answer, 503, "not_installed");
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn another_application_has_none_of_these_routes() {
    let database = TestDatabase::prepared("served_django", Template::Django, |database| {
        database.breakglass().arg("init").run().success();
    });
    let serving = Serving::start(
        &database,
        "[[principal]]\nname = \"admin\"\npermissions = [\"list\", \"show\", \"delete\"]\ndefault_reason = \"why\"\n",
    );
    for path in [
        "/api/v2/buildinfo",
        "/api/v2/users/me",
        &keys("me", "/tokens"),
        &keys("me", "/x"),
    ] {
        let message = refused(get(&serving, "admin", path), 404, "not_coder");
        assert!(message.contains("`django-rest-framework`"), "{message}");
    }
    let delete = serving
        .ask("DELETE", &keys("me", "/x"))
        .session_of("admin")
        .send();
    refused(delete, 404, "not_coder");
    serving
        .ask("GET", "/v1/tokens")
        .by("admin")
        .send()
        .status(200);
}

#[test]
fn the_description_has_the_routes_and_the_header() {
    let database = coder();
    let serving = serve(&database);
    let document = serving
        .ask("GET", "/openapi.json")
        .by("admin")
        .send()
        .status(200)
        .json();
    let scheme = &document["components"]["securitySchemes"]["coder"];
    let fields = ["type", "in", "name"].map(|field| scheme[field].clone());
    assert_eq!(
        fields,
        ["apiKey", "header", "Coder-Session-Token"].map(Value::from)
    );
    for (path, methods) in [
        ("/api/v2/buildinfo", vec!["get"]),
        ("/api/v2/users/{user}", vec!["get"]),
        ("/api/v2/users/{user}/keys/tokens", vec!["get"]),
        ("/api/v2/users/{user}/keys/tokens/{name}", vec!["get"]),
        ("/api/v2/users/{user}/keys/{id}", vec!["delete", "get"]),
        ("/api/v2/users/{user}/keys/{id}/expire", vec!["put"]),
    ] {
        let there = document["paths"][path]
            .as_object()
            .unwrap_or_else(|| panic!("{path}"));
        let mut found: Vec<&String> = there.keys().collect();
        found.sort();
        assert_eq!(found, methods, "{path}");
        for operation in there.values() {
            assert_eq!(operation["tags"], json!(["coder"]));
            assert_eq!(
                operation["security"],
                json!([{ "coder": [] }, { "bearer": [] }])
            );
        }
    }
    assert!(document["components"]["schemas"]["codersdk.APIKey"].is_object());
}
