//! `/openapi.json`, `/metrics`, `/readyz`, `/v1/about`.

use super::{code, coder, expire, get, serve};
use crate::support::{Serving, Template, TestDatabase, seed};

#[test]
fn every_route_is_described_with_its_errors_and_schemes() {
    let database = coder();
    let serving = serve(&database);
    let api = get(&serving, "reader", "/openapi.json").status(200).json();
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = api["paths"].as_object().unwrap();
    let document = include_str!("../../../docs/server.md");
    for line in document.lines().filter(|line| {
        line.starts_with("| `GET /")
            || line.starts_with("| `POST /")
            || line.starts_with("| `DELETE /")
    }) {
        for route in line.split('`').filter(|part| part.contains(" /")) {
            let (method, path) = route.split_once(' ').unwrap();
            let method = method.to_ascii_lowercase();
            let is_there = path == "/openapi.json"
                || paths.get(path).is_some_and(|it| it.get(&method).is_some());
            assert!(
                is_there,
                "{route} is in docs/server.md and not in the description"
            );
        }
    }
    for (path, methods) in paths {
        for (method, described) in methods.as_object().unwrap() {
            let is_told = document.contains(&format!("{} {path}", method.to_ascii_uppercase()));
            assert!(
                is_told || path.starts_with("/api/v2"),
                "{method} {path} is not in docs/server.md"
            );
            assert!(described["summary"].is_string(), "{method} {path}");
            let is_open = path == "/healthz";
            assert!(
                is_open || described["responses"].get("default").is_some(),
                "{method} {path}"
            );
        }
    }
    for scheme in ["bearer", "certificate"] {
        assert!(api["components"]["securitySchemes"].get(scheme).is_some());
    }
}

#[test]
fn prometheus_reads_counts() {
    let database = coder();
    let serving = serve(&database);
    let _done = expire(&serving, "admin", seed::HOT).status(200);
    let _none = expire(&serving, "admin", "aaaaaaaaaa").status(404);
    let text = get(&serving, "admin", "/metrics").status(200).body;
    for line in [
        "breakglass_operations_total{action=\"expire\",outcome=\"applied\"} 1",
        "breakglass_operations_total{action=\"expire\",outcome=\"refused\"} 1",
        "breakglass_http_requests_total{method=\"POST\",route=\"/v1/tokens/{key}/expire\",status=\"200\"} 1",
        "breakglass_pool_sessions{state=\"open\"}",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn ready_means_that_changes_can_be_made() {
    let database = coder();
    let serving = serve(&database);
    assert_eq!(
        get(&serving, "reader", "/readyz").status(200).json()["status"],
        "ready"
    );
    let bare = TestDatabase::new(Template::Coder);
    let serving = serve(&bare);
    let answer = get(&serving, "reader", "/readyz").status(503);
    assert_eq!(code(&answer), "not_installed");
    let none = TestDatabase::new(Template::Empty);
    let serving: Serving = serve(&none);
    let answer = get(&serving, "reader", "/readyz").status(503);
    assert_eq!(code(&answer), "no_adapter");
}

#[test]
fn about_tells_which_database_it_is() {
    let database = coder();
    let serving = serve(&database);
    let about = get(&serving, "reader", "/v1/about").status(200).json();
    assert_eq!(
        (
            about["adapter"]["name"].as_str(),
            about["principal"].as_str()
        ),
        (Some("coder"), Some("reader"))
    );
    assert!(
        about["identity"]
            .as_str()
            .unwrap()
            .contains(database.name())
    );
}
