//! Who is calling: bearer tokens, sockets, certificates; what nobody may do.

use super::{PRINCIPALS, code, coder, expire, get, serve, state};
use crate::support::{Server, Serving, seed};

#[test]
fn nobody_gets_in_but_to_the_health() {
    let database = coder();
    let serving = serve(&database);
    let before = state(&database);
    for (method, path) in [
        ("GET", "/v1/tokens"),
        ("GET", "/v1/tokens/x"),
        ("POST", "/v1/tokens/x/expire"),
        ("DELETE", "/v1/tokens/x"),
        ("POST", "/v1/lookups"),
        ("POST", "/v1/plans"),
        ("POST", "/v1/plans/x/apply"),
        ("DELETE", "/v1/plans/x"),
        ("POST", "/v1/sweeps"),
        ("GET", "/v1/operations"),
        ("GET", "/v1/operations/x"),
        ("POST", "/v1/operations/x/restore"),
        ("GET", "/v1/owners/x"),
        ("GET", "/v1/doctor"),
        ("GET", "/v1/about"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
    ] {
        let answer = serving.ask(method, path).send().status(401);
        assert_eq!(code(&answer), "unauthenticated", "{path}");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"breakglass\"")
        );
        for token in ["", "x", "breakglass_AAAA", &serving.token("admin")[..40]] {
            let ask = serving
                .ask(method, path)
                .header("authorization", &format!("Bearer {token}"));
            let _refused = ask.send().status(401);
        }
        let basic = serving.ask(method, path).header(
            "authorization",
            &format!("Basic {}", serving.token("admin")),
        );
        let _refused = basic.send().status(401);
        // Coder's header is for Coder's routes.
        let _refused = serving
            .ask(method, path)
            .session_of("admin")
            .send()
            .status(401);
    }
    let answer = serving.ask("GET", "/healthz").send().status(200);
    assert_eq!(answer.json()["status"], "ok");
    assert_eq!(state(&database), before);
}

#[test]
fn a_principal_does_what_it_may_and_no_more() {
    let database = coder();
    let serving = serve(&database);
    let before = state(&database);
    let _list = get(&serving, "reader", "/v1/tokens").status(200);
    let _shown = get(&serving, "reader", &format!("/v1/tokens/{}", seed::HOT)).status(200);
    let answer = expire(&serving, "reader", seed::HOT).status(403);
    assert_eq!(code(&answer), "forbidden");
    assert!(answer.body.contains("principal `reader` may not expire"));
    for (method, path) in [
        ("DELETE", format!("/v1/tokens/{}", seed::HOT)),
        ("GET", "/v1/operations".to_owned()),
        ("GET", "/v1/operations/0".to_owned()),
        ("POST", "/v1/operations/0/restore".to_owned()),
        ("GET", "/v1/doctor".to_owned()),
    ] {
        let answer = serving
            .ask(method, &path)
            .by("reader")
            .reason("x")
            .send()
            .status(403);
        assert_eq!(code(&answer), "forbidden", "{path}");
    }
    assert_eq!(state(&database), before);
}

#[test]
fn on_a_socket_the_kernel_says_who_calls() {
    let database = coder();
    let uid = rustix::process::geteuid().as_raw();
    let ours = format!(
        "{PRINCIPALS}\n[[principal]]\nname = \"local\"\npermissions = [\"list\", \"expire\"]\nuids = [{uid}]\n"
    );
    let serving = Server::on(&database, &ours).on_socket().start();
    let _list = serving.ask("GET", "/v1/tokens").send().status(200);
    let path = format!("/v1/tokens/{}/expire", seed::HOT);
    let ask = serving
        .ask("POST", &path)
        .reason("local")
        .json(&serde_json::json!({"settle_ms": 0}));
    let _done = ask.send().status(200);
    let operation = database.operation();
    assert_eq!(operation["http_principal"], "local");
    assert_eq!(operation["http_credential"], format!("uid {uid}"));
    assert!(
        operation["http_peer"]
            .as_str()
            .unwrap()
            .starts_with(&format!("unix:uid={uid},pid="))
    );
    // A token that is shown must be right, whoever shows it.
    let wrong = serving
        .ask("GET", "/v1/tokens")
        .header("authorization", "Bearer wrong");
    let _refused = wrong.send().status(401);
    let other = Server::on(&database, PRINCIPALS).on_socket().start();
    let _nobody = other.ask("GET", "/v1/tokens").send().status(401);
}

#[test]
fn principals_are_read_again_and_a_bad_file_changes_nothing() {
    let database = coder();
    let mut serving = serve(&database);
    let _before = get(&serving, "reader", "/v1/tokens").status(200);
    serving.reload(&PRINCIPALS.replace(
        "name = \"reader\"",
        "name = \"reader\"\nexpires = 2001-01-01T00:00:00Z",
    ));
    let _over = get(&serving, "reader", "/v1/tokens").status(401);
    serving.reload(&PRINCIPALS.replace("permissions", "permisions"));
    let _still = get(&serving, "admin", "/v1/tokens").status(200);
    assert!(
        serving
            .log_text()
            .contains("the principals stay as they were")
    );
}

#[test]
fn what_is_reached_from_elsewhere_wants_tls() {
    let database = coder();
    let refused =
        database
            .breakglass()
            .args(["serve", "--principals", "/nowhere", "--listen", "0.0.0.0:0"]);
    let output = refused.run();
    output
        .code(2)
        .says("0.0.0.0:0 is reached from elsewhere")
        .says("--insecure");
    let serving = Server::on(&database, PRINCIPALS)
        .listen("0.0.0.0:0")
        .args(["--insecure"])
        .start();
    assert!(serving.url().starts_with("http://0.0.0.0:"));
    let _listed: Serving = serving;
}

#[test]
fn a_new_token_is_printed_once_with_what_the_file_keeps() {
    let output = crate::support::breakglass()
        .args(["serve", "token", "new", "--id", "x-1"])
        .run();
    output.success();
    let token = output.stdout.trim();
    assert!(token.starts_with("breakglass_") && token.len() == 54);
    assert!(output.stderr.contains("id = \"x-1\"") && !output.stderr.contains(token));
}
