//! Lists, keys by name and by id, users.

use serde_json::{Value, json};

use super::{coder, get, ids, is_absent, keys, serve, user, where_so};
use crate::support::seed;

/// Coder's own condition of a list.
const LISTED: &str = "login_type = 'token' and expires_at > now()";

#[test]
fn expired_tokens_are_hidden_unless_asked_for() {
    let database = coder();
    let serving = serve(&database);
    let all = where_so(&database, "login_type = 'token'");
    let alive = where_so(&database, LISTED);
    assert!(alive.len() < all.len() && alive.len() > 20);
    for (query, expected) in [
        ("", &alive),
        ("?include_all=false&include_expired=false", &alive),
        ("?include_all=true&include_expired=false", &alive),
        ("?include_expired=true", &all),
        ("?include_all=true&include_expired=true", &all),
        ("?include_all=1&include_expired=T", &all),
        // What Go's ParseBool does not read is no.
        ("?include_expired=yes", &alive),
        ("?include_expired=tRUE", &alive),
        ("?include_expired=", &alive),
        ("?include_expired", &alive),
        ("?include_expired=false&include_expired=true", &alive),
    ] {
        let answer = get(&serving, "admin", &keys("me", &format!("/tokens{query}"))).status(200);
        assert_eq!(ids(&answer), *expected, "{query}");
    }
}

#[test]
fn a_list_is_one_users_unless_everybodys_is_asked_for() {
    let database = coder();
    let serving = serve(&database);
    let of = |login: &str| format!("user_id = '{}' and {LISTED}", user(&database, login));
    let theirs = where_so(&database, &of("release-bot"));
    assert_eq!(theirs.len(), 2);
    let id = user(&database, "release-bot");
    for name in ["release-bot", "Release-Bot", &id, &id.to_uppercase()] {
        let answer = get(&serving, "admin", &keys(name, "/tokens")).status(200);
        assert_eq!(ids(&answer), theirs, "{name}");
        let rows = answer.json();
        assert!(
            rows.as_array()
                .unwrap()
                .iter()
                .all(|row| row["username"] == "release-bot")
        );
    }
    let answer = get(
        &serving,
        "admin",
        &keys("release-bot", "/tokens?include_all=true"),
    );
    assert_eq!(ids(&answer.status(200)), where_so(&database, LISTED));
    // The member has nobody else, whatever is asked for.
    let own = where_so(&database, &of("ci-runner"));
    for path in ["/tokens", "/tokens?include_all=true"] {
        let answer = get(&serving, "runner", &keys("me", path)).status(200);
        assert_eq!(ids(&answer), own);
    }
    for name in ["ci-runner", &user(&database, "ci-runner")] {
        let answer = get(&serving, "runner", &keys(name, "/tokens")).status(200);
        assert_eq!(ids(&answer), own);
    }
}

#[test]
fn a_list_of_nothing_is_null() {
    let database = coder();
    let serving = serve(&database);
    database.execute("delete from api_keys where login_type = 'token'");
    let answer = get(&serving, "admin", &keys("me", "/tokens")).status(200);
    assert_eq!(answer.body, "null");
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

/// Names of deleted users come again, and upstream finds users by name and id alone.
#[test]
fn a_user_is_named_by_id_or_by_a_name_that_is_in_use() {
    let database = coder();
    let serving = serve(&database);
    let grace = user(&database, "grace");
    let answer = get(&serving, "admin", "/api/v2/users/grace")
        .status(200)
        .json();
    assert_eq!(
        answer,
        json!({
            "id": grace, "username": "grace", "name": "", "avatar_url": "",
            "email": "grace@example.com", "created_at": "0001-01-01T00:00:00Z",
            "updated_at": "0001-01-01T00:00:00Z", "last_seen_at": "0001-01-01T00:00:00Z",
            "status": "active", "login_type": "", "theme_preference": "",
            "organization_ids": [], "roles": [],
        })
    );
    let deleted = database.value("select id from users where username = 'grace' and deleted");
    let answer = get(&serving, "admin", &format!("/api/v2/users/{deleted}")).status(200);
    assert_eq!(answer.json()["status"], "suspended");
    for user in [
        "grace@example.com",
        "nobody",
        "c42fdf75-3097-471c-8c33-fb52454d81c1",
        "%20",
    ] {
        is_absent(get(&serving, "admin", &format!("/api/v2/users/{user}")));
    }
}

#[test]
fn me_is_the_owner_that_a_principal_is_bound_to_or_nobody_in_the_tables() {
    let database = coder();
    let serving = serve(&database);
    let own = get(&serving, "runner", "/api/v2/users/me")
        .status(200)
        .json();
    assert_eq!(own["username"], "ci-runner");
    assert_eq!(own["id"], user(&database, "ci-runner"));
    is_absent(get(&serving, "runner", "/api/v2/users/release-bot"));
    let nil = "00000000-0000-0000-0000-000000000000";
    is_absent(get(&serving, "runner", &format!("/api/v2/users/{nil}")));
    for name in ["me", nil] {
        let path = format!("/api/v2/users/{name}");
        let admin = get(&serving, "admin", &path).status(200).json();
        let fields = ["id", "username", "status", "roles"].map(|field| admin[field].clone());
        let roles = json!([{ "name": "owner", "display_name": "Owner" }]);
        assert_eq!(fields, [json!(nil), json!("admin"), json!("active"), roles]);
        let answer = get(&serving, "admin", &keys(name, "/tokens")).status(200);
        assert_eq!(ids(&answer), where_so(&database, LISTED));
    }
}

#[test]
fn a_name_is_that_of_any_kind_of_key_expired_ones_too() {
    let database = coder();
    let serving = serve(&database);
    let by_name = |user: &str, name: &str| {
        let path = keys(user, &format!("/tokens/{name}"));
        get(&serving, "admin", &path).status(200).json()["id"].clone()
    };
    assert_eq!(by_name("me", "build-cache"), seed::HOT);
    assert_eq!(by_name("mira", "ci"), seed::EXPIRED);
    let session = database.value(&format!(
        "select token_name from api_keys where id = '{}'",
        seed::WORKSPACE
    ));
    assert_eq!(by_name("me", &session), seed::WORKSPACE);
    assert_eq!(by_name("alina", &session), seed::WORKSPACE);
    let other = keys("mira", &format!("/tokens/{session}"));
    is_absent(get(&serving, "admin", &other));
    // A name means the token, where other keys of the same owner have it too.
    let rename = format!(
        "update api_keys set token_name = 'build-cache' where user_id = '{}' and id <> '{}' \
         and login_type <> 'token'; \
         insert into api_keys (id, hashed_secret, user_id, last_used, expires_at, created_at, \
                               updated_at, login_type, token_name, scopes, allow_list) \
         select 'otherKind0', '', user_id, now(), now() + '1 day', now(), now(), 'password', \
                token_name, scopes, allow_list from api_keys where id = '{}'",
        user(&database, "ci-runner"),
        seed::HOT,
        seed::HOT
    );
    database.execute(&rename);
    assert_eq!(by_name("me", "build-cache"), seed::HOT);
    assert_eq!(by_name("ci-runner", "build-cache"), seed::HOT);
    // Keys without a name have none to be found by.
    is_absent(get(&serving, "admin", &keys("me", "/tokens/%20")));
}

#[test]
fn names_are_texts_and_no_patterns() {
    let database = coder();
    database.load("tests/fixtures/coder/hostile.sql");
    let serving = serve(&database);
    let star = "star%20*%20question%20%3F%20%5Bset%5D";
    let answer = get(
        &serving,
        "admin",
        &keys("hostile", &format!("/tokens/{star}")),
    );
    assert_eq!(answer.status(200).json()["id"], "hostile017");
    for name in ["*", "%25", "st*", "hostile017"] {
        is_absent(get(
            &serving,
            "admin",
            &keys("hostile", &format!("/tokens/{name}")),
        ));
    }
    // The name of one is the id of another: a name is asked for first.
    let answer = get(&serving, "admin", &keys("me", "/tokens/hostile022"));
    assert_eq!(answer.status(200).json()["id"], "hostile021");
    let answer = get(&serving, "admin", &keys("me", "/hostile022"));
    assert_eq!(answer.status(200).json()["id"], "hostile022");
}

#[test]
fn a_name_of_several_is_refused_with_all_of_them() {
    let database = coder();
    let serving = serve(&database);
    let several = where_so(&database, "token_name = 'deploy-bot'");
    assert!(several.len() > 5);
    let answer = get(&serving, "admin", &keys("me", "/tokens/deploy-bot")).status(409);
    let body = answer.json();
    assert!(
        body["message"].as_str().unwrap().contains("deploy-bot"),
        "{body}"
    );
    assert!(
        body["detail"]
            .as_str()
            .unwrap()
            .starts_with("breakglass: ambiguous"),
        "{body}"
    );
    let told: Vec<&Value> = body["validations"].as_array().unwrap().iter().collect();
    let fields = told
        .iter()
        .map(|it| it["field"].as_str().unwrap_or_default());
    assert_eq!(fields.collect::<Vec<_>>(), several);
    let ours = told
        .iter()
        .find(|it| it["field"] == seed::DUPLICATE)
        .unwrap();
    assert_eq!(ours["detail"], "token of ci-runner, active");
    // One user's is one, and so is the member's.
    let path = keys("ci-runner", "/tokens/deploy-bot");
    assert_eq!(
        get(&serving, "admin", &path).status(200).json()["id"],
        seed::DUPLICATE
    );
    let path = keys("me", "/tokens/deploy-bot");
    assert_eq!(
        get(&serving, "runner", &path).status(200).json()["id"],
        seed::DUPLICATE
    );
    // The command line asks by id then, and shows what comes of that alone.
    let answer = get(&serving, "admin", &keys("me", "/ci")).status(409);
    assert_eq!(
        answer.json()["detail"].as_str().unwrap().split('\n').next(),
        Some("breakglass: ambiguous")
    );
    is_absent(get(&serving, "admin", &keys("mira", "/ci")));
    is_absent(get(&serving, "runner", &keys("me", "/ci")));
    // A name of one is no id.
    is_absent(get(&serving, "admin", &keys("me", "/release")));
}
