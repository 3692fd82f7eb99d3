//! The exact requests of Coder's command line, in their order, as its source has them
//! (`cli/tokens.go` and `codersdk/apikey.go`, v2.31.1 to v2.36).

use serde_json::{Value, json};

use super::{coder, is_absent, keys, serve, where_so};
use crate::support::ask::Answer;
use crate::support::{Server, Serving, Template, TestDatabase, private_cluster, seed};

/// A request with all that Coder's command line sends along.
#[track_caller]
fn send(serving: &Serving, principal: &str, method: &str, path: &str) -> Answer {
    let ask = serving.ask(method, path).session_of(principal);
    ask.header(
        "user-agent",
        "coder-cli/v2.36.0 (linux/amd64; coder tokens remove)",
    )
    .header("accept-encoding", "gzip")
    .header("coder-cli-telemetry", &"eyJjb21tYW5kIjoi".repeat(200))
    .send()
}

/// `coder tokens rm WORD`, with or without `--delete`: what it prints, or what it fails with.
#[track_caller]
fn tokens_rm(
    serving: &Serving,
    principal: &str,
    word: &str,
    delete: bool,
) -> Result<&'static str, Answer> {
    let mut found = send(
        serving,
        principal,
        "GET",
        &keys("me", &format!("/tokens/{word}")),
    );
    assert_eq!(
        found.header("x-coder-build-version"),
        None,
        "or it would ask for buildinfo"
    );
    if found.code > 201 {
        let before = word.split('-').next().unwrap_or_default();
        found = send(
            serving,
            principal,
            "GET",
            &keys("me", &format!("/{before}")),
        );
        if found.code > 201 {
            return Err(found);
        }
    }
    let id = found.json()["id"].as_str().unwrap_or_default().to_owned();
    let (method, path, done) = if delete {
        (
            "DELETE",
            keys("me", &format!("/{id}")),
            "Token has been deleted.",
        )
    } else {
        (
            "PUT",
            keys("me", &format!("/{id}/expire")),
            "Token has been expired.",
        )
    };
    let ended = send(serving, principal, method, &path);
    if ended.code > 204 {
        Err(ended)
    } else {
        Ok(done)
    }
}

/// `coder tokens ls`, as rows.
#[track_caller]
fn tokens_ls(serving: &Serving, principal: &str, [all, expired]: [bool; 2]) -> Vec<Value> {
    // Go's url.Values are written in the order of their names.
    let query = format!("/tokens?include_all={all}&include_expired={expired}");
    let answer = send(serving, principal, "GET", &keys("me", &query)).status(200);
    // What codersdk decodes `null` into is an empty list.
    answer.json().as_array().cloned().unwrap_or_default()
}

#[test]
fn the_requests_of_coder_tokens_ls() {
    let database = coder();
    let serving = serve(&database);
    let own = tokens_ls(&serving, "runner", [false, false]);
    assert_eq!(own.len(), 4);
    assert_eq!(tokens_ls(&serving, "runner", [true, true]), own);
    let listed = |all, expired| tokens_ls(&serving, "admin", [all, expired]).len();
    let count = |more: &str| where_so(&database, &format!("login_type = 'token' {more}")).len();
    assert_eq!(listed(true, false), count("and expires_at > now()"));
    assert_eq!(listed(true, true), count(""));
}

#[test]
fn the_requests_of_coder_tokens_rm() {
    let database = coder();
    let serving = serve(&database);
    // By name, by id, by the whole secret.
    assert_eq!(
        tokens_rm(&serving, "runner", "build-cache", false).unwrap(),
        "Token has been expired."
    );
    assert!(!database.is_alive(seed::HOT));
    assert_eq!(
        tokens_rm(&serving, "admin", seed::RELEASE, false).unwrap(),
        "Token has been expired."
    );
    assert!(!database.is_alive(seed::RELEASE));
    let whole = seed::token_of(seed::DUPLICATE);
    assert_eq!(
        tokens_rm(&serving, "runner", &whole, true).unwrap(),
        "Token has been deleted."
    );
    assert!(!database.has_token(seed::DUPLICATE));
    // Again, and as upstream: it is said to be expired, and nothing is.
    let before = database.token_row(seed::HOT);
    assert_eq!(
        tokens_rm(&serving, "runner", seed::HOT, false).unwrap(),
        "Token has been expired."
    );
    assert_eq!(database.token_row(seed::HOT), before);
    // A name with a dash falls through to what stands before it.
    is_absent(tokens_rm(&serving, "runner", "no-such-token", false).unwrap_err());
    is_absent(tokens_rm(&serving, "runner", seed::RELEASE, false).unwrap_err());
    // With a wrong secret it is the id that counts, as upstream.
    let wrong = format!("{}-0123456789abcdefghijkl", seed::UNUSED);
    assert_eq!(
        tokens_rm(&serving, "admin", &wrong, false).unwrap(),
        "Token has been expired."
    );
    assert!(!database.is_alive(seed::UNUSED));
    // Several have the name, and none of them goes.
    let rows = database.application_rows();
    let several = tokens_rm(&serving, "admin", "ci", true)
        .unwrap_err()
        .status(409);
    assert_eq!(
        several.json()["validations"].as_array().unwrap().len(),
        where_so(&database, "token_name = 'ci'").len()
    );
    assert_eq!(database.application_rows(), rows);
    let of_whom = database.operations();
    let of_whom = of_whom
        .iter()
        .map(|it| it["http_principal"].as_str().unwrap_or_default());
    assert_eq!(
        of_whom.collect::<Vec<_>>(),
        ["runner", "admin", "runner", "runner", "admin"]
    );
}

/// The server's log keeps statements and parameters here, and the path holds the secret.
#[test]
fn a_secret_in_a_path_is_nowhere_afterwards() {
    let cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    database.breakglass().arg("init").run().success();
    database.execute("alter system set log_min_duration_statement = 0");
    database.execute("select pg_reload_conf()");
    database.wait_for("select current_setting('log_min_duration_statement') = '0'");
    let serving = Server::on(&database, super::PRINCIPALS)
        .looking_once()
        .start();
    let canary = seed::secret_of(seed::HOT);
    let whole = seed::token_of(seed::HOT);
    let cut = &whole[..whole.len() - 3];
    let asks = [
        ("GET", keys("me", &format!("/tokens/{whole}")), 200),
        ("GET", keys("me", &format!("/tokens/{cut}")), 404),
        ("GET", keys("me", &format!("/tokens/x-{whole}")), 404),
        ("GET", keys("me", &format!("/{whole}")), 200),
        ("GET", keys(&whole, "/tokens"), 404),
        ("GET", format!("/api/v2/users/{whole}"), 404),
        ("GET", format!("/api/v2/{whole}"), 404),
        ("POST", keys("me", &format!("/tokens/{whole}")), 405),
        ("PUT", keys("me", &format!("/{cut}/expire")), 404),
        ("PUT", keys("me", &format!("/{whole}/expire")), 204),
        ("DELETE", keys("me", &format!("/{whole}")), 204),
    ];
    for (method, path, status) in asks {
        let answer = send(&serving, "admin", method, &path);
        assert_eq!(answer.code, status, "{method} {path}\n{answer}");
        assert!(
            !answer.to_string().contains(&canary),
            "{method} {path}\n{answer}"
        );
    }
    let recorded = ["operation", "change", "observation"].map(|table| {
        database.query(&format!(
            "select to_json(t)::text from breakglass.{table} as t"
        ))
    });
    let recorded = format!("{recorded:?} {:?}", database.audit_logs());
    let statements = std::fs::read_to_string(cluster.log_file()).unwrap();
    assert!(
        statements.contains("breakglass.operation"),
        "statements are in the log"
    );
    assert_eq!(
        serving
            .log()
            .iter()
            .filter(|line| line["route"].is_string())
            .count(),
        11
    );
    for cut in [canary.as_str(), &canary[..12]] {
        for (place, text) in [
            ("record", &recorded),
            ("log", &serving.log_text()),
            ("server's log", &statements),
        ] {
            assert!(!text.contains(cut), "the {place} has the secret");
        }
    }
    let routes: Vec<Value> = serving
        .log()
        .into_iter()
        .map(|line| line["route"].clone())
        .collect();
    assert_eq!(routes[0], json!("/api/v2/users/{user}/keys/tokens/{name}"));
}
