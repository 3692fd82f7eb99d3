//! What a key looks like, from every release of Coder.

use serde_json::{Value, json};

use super::{PRINCIPALS, coder, get, keys, serve};
use crate::support::{Server, Serving, Template, TestDatabase, seed};

/// A key by its id, as the administrator gets it.
#[track_caller]
fn key(serving: &Serving, id: &str) -> Value {
    get(serving, "admin", &keys("me", &format!("/{id}")))
        .status(200)
        .json()
}

/// A time of a row as JSON has it.
fn time(database: &TestDatabase, id: &str, column: &str) -> String {
    database.value(&format!(
        "select rtrim(rtrim(to_char({column} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), '0'), '.') || 'Z' \
         from api_keys where id = '{id}'"
    ))
}

/// A time with what it means: zeros at its end do not matter.
fn instant(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    assert!(text.ends_with('Z'), "{text}");
    match text.trim_end_matches('Z').split_once('.') {
        Some((seconds, fraction)) => {
            let fraction = fraction.trim_end_matches('0');
            format!("{seconds}.{fraction}Z").replace(".Z", "Z")
        }
        None => text.to_owned(),
    }
}

#[test]
fn a_key_has_upstreams_fields_and_no_other() {
    let database = coder();
    let serving = serve(&database);
    let mut found = key(&serving, seed::HOT);
    for column in ["last_used", "expires_at", "created_at", "updated_at"] {
        let expected = time(&database, seed::HOT, column);
        assert_eq!(instant(&found[column]), expected, "{column}");
        found[column] = Value::Null;
    }
    assert_eq!(
        found,
        json!({
            "id": seed::HOT, "user_id": super::user(&database, "ci-runner"), "last_used": null,
            "expires_at": null, "created_at": null, "updated_at": null, "login_type": "token",
            "scope": "all", "scopes": ["coder:all"], "token_name": "build-cache",
            "lifetime_seconds": 31_536_000, "allow_list": ["*:*"],
        })
    );
    let named: Vec<String> = found.as_object().unwrap().keys().cloned().collect();
    let listed = get(&serving, "admin", &keys("ci-runner", "/tokens"))
        .status(200)
        .json();
    let listed = listed[0].as_object().unwrap();
    let mut expected = named.clone();
    expected.push("username".to_owned());
    assert_eq!(
        listed.keys().collect::<Vec<_>>(),
        expected.iter().collect::<Vec<_>>()
    );
    assert_eq!(listed["username"], "ci-runner");
}

#[test]
fn what_was_never_used_is_so_in_go_too_and_a_session_has_no_name() {
    let database = coder();
    let serving = serve(&database);
    for id in [seed::UNUSED, seed::UNUSED_OLD] {
        assert_eq!(key(&serving, id)["last_used"], "0001-01-01T00:00:00Z");
    }
    let session = key(&serving, seed::SESSION);
    assert_eq!(
        (&session["token_name"], &session["login_type"]),
        (&json!(""), &json!("oidc"))
    );
    let connect = key(&serving, seed::APP_CONNECT);
    assert_eq!(connect["scope"], "application_connect");
    assert_eq!(connect["scopes"], json!(["coder:application_connect"]));
    let scoped = database.value("select id from api_keys where token_name = 'release'");
    assert_eq!(key(&serving, &scoped)["scope"], "");
    assert_eq!(
        key(&serving, &scoped)["scopes"],
        json!(["coder:templates.author"])
    );
}

#[test]
fn releases_with_other_columns_are_shown_alike() {
    for (template, name, scopes, lists) in [
        (
            Template::CoderV0_23,
            "served_v0_23",
            json!(["all"]),
            json!([]),
        ),
        (
            Template::CoderV2_27,
            "served_v2_27",
            json!(["coder:all"]),
            json!(["*:*"]),
        ),
    ] {
        let database = TestDatabase::prepared(name, template, |database| {
            database.breakglass().arg("init").run().success();
        });
        let principals = &PRINCIPALS.replace("ci-runner", "mira");
        let serving = Server::on(&database, principals).looking_once().start();
        let id = database.value(
            "select id from api_keys as k join users as u on u.id = k.user_id \
             where username = 'mira' and token_name = 'ci'",
        );
        let found = key(&serving, &id);
        assert_eq!(found["scope"], "all");
        assert_eq!((&found["scopes"], &found["allow_list"]), (&scopes, &lists));
        let listed = get(&serving, "runner", &keys("me", "/tokens")).status(200);
        assert_eq!(super::ids(&listed), std::slice::from_ref(&id));
        let path = keys("me", &format!("/{id}/expire"));
        serving
            .ask("PUT", &path)
            .session_of("runner")
            .send()
            .status(204);
        assert!(!database.is_alive(&id));
    }
}
