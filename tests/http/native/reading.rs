//! Lists and what is shown, against the command line's own JSON.

use serde_json::{Value, json};

use super::{code, coder, expire, get, serve};
use crate::support::{Serving, TestDatabase, seed};

/// What the command line prints.
fn printed(database: &TestDatabase, words: &[&str]) -> Value {
    let output = database.breakglass().args(words.to_vec()).run();
    output.success().json()
}

/// All pages of a list, joined.
fn pages(serving: &Serving, path: &str, member: &str) -> Vec<Value> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(serving, "admin", &format!("{path}{after}"))
            .status(200)
            .json();
        found.extend(page[member].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return found,
        }
    }
}

#[test]
fn a_list_is_the_command_lines_page_by_page() {
    let database = coder();
    let serving = serve(&database);
    for (query, words) in [
        ("", vec![]),
        (
            "include_expired=true&kind=all",
            vec!["--include-expired", "--kind", "all"],
        ),
        ("owner=ci-runner", vec!["--owner", "ci-runner"]),
        (
            "name=ci*&sort=owner",
            vec!["--name", "ci*", "--sort", "owner"],
        ),
        (
            "kind=all&sort=last_used&descending=true",
            vec!["--kind", "all", "--sort", "last-used"],
        ),
        (
            "unused_for=30d&sort=expires",
            vec!["--unused-for", "30d", "--sort", "expires"],
        ),
    ] {
        let all = [["tokens", "ls", "-o", "json"].as_slice(), &words].concat();
        let expected = printed(&database, &all)["tokens"].clone();
        let found = pages(&serving, &format!("/v1/tokens?{query}&limit=7"), "tokens");
        assert_eq!(Value::Array(found), expected, "{query}");
    }
}

#[test]
fn what_is_shown_is_the_command_lines() {
    let database = coder();
    let serving = serve(&database);
    let _done = expire(&serving, "admin", seed::OAUTH).status(200);
    let id = database.operation()["id"].as_str().unwrap().to_owned();
    for (path, words) in [
        (
            format!("/v1/tokens/{}", seed::OAUTH),
            vec!["tokens", "show", seed::OAUTH],
        ),
        ("/v1/owners/mira".to_owned(), vec!["owners", "show", "mira"]),
        (format!("/v1/operations/{id}"), vec!["audit", "show", &id]),
    ] {
        let words = [words, vec!["-o", "json"]].concat();
        let mut found = get(&serving, "admin", &path).status(200).json();
        // Whoever shows it to a person tells times by it.
        found.as_object_mut().unwrap().remove("as_of");
        assert_eq!(found, printed(&database, &words), "{path}");
    }
    let page = get(&serving, "admin", "/v1/operations").status(200).json();
    assert_eq!(
        page["operations"],
        printed(&database, &["audit", "ls", "-o", "json"])["operations"]
    );
    let doctor = get(&serving, "admin", "/v1/doctor").status(200).json();
    assert_eq!(doctor["verdict"], "fit");
}

#[test]
fn a_token_is_found_by_its_secret_without_a_word_of_it() {
    let database = coder();
    let serving = serve(&database);
    let secret = seed::token_of(seed::HOT);
    for (token, status) in [
        (json!({"secret": secret}), 200),
        (json!({"word": secret}), 200),
        (json!({"word": "build-cache"}), 200),
        (json!({"secret": "not a secret"}), 404),
        (
            json!({"secret": format!("{}-{}", seed::HOT, "x".repeat(22))}),
            404,
        ),
        (json!({"name": "nobody's"}), 404),
    ] {
        let ask = serving.ask("POST", "/v1/lookups").by("admin");
        let answer = ask.json(&json!({"token": token})).send().status(status);
        assert!(!answer.body.contains(&seed::secret_of(seed::HOT)));
    }
    assert!(!serving.log_text().contains(&seed::secret_of(seed::HOT)));
}

#[test]
fn an_ambiguous_name_tells_what_it_could_mean() {
    let database = coder();
    let serving = serve(&database);
    let ask = serving.ask("POST", "/v1/lookups").by("admin");
    let answer = ask
        .json(&json!({"token": {"name": "deploy-bot"}}))
        .send()
        .status(409);
    assert_eq!(code(&answer), "ambiguous");
    let tokens = answer.json()["candidates"]["tokens"].clone();
    assert!(tokens.as_array().unwrap().len() > 2);
}

#[test]
fn what_is_not_there_is_a_problem_too() {
    let database = coder();
    let serving = serve(&database);
    for (path, status, expected) in [
        ("/v1/tokens/aaaaaaaaaa", 404, "no_such_token"),
        ("/v1/operations/0", 404, "no_such_operation"),
        ("/v1/operations/not-hex", 404, "no_such_operation"),
        ("/v1/owners/nobody", 404, "no_such_owner"),
        ("/v1/nothing", 404, "no_such_route"),
        ("/v1/tokens?limit=0", 422, "page_size"),
        ("/v1/tokens?limit=99999", 422, "page_size"),
        ("/v1/tokens?unusd_for=90d", 422, "usage"),
        ("/v1/tokens?sort=size", 422, "usage"),
        ("/v1/tokens?kind=robots", 404, "unknown_kind"),
        ("/v1/tokens?after=rubbish", 404, "cursor"),
    ] {
        let answer = get(&serving, "admin", path);
        assert_eq!(
            (answer.code, code(&answer).as_str()),
            (status, expected),
            "{path}"
        );
    }
    let answer = serving
        .ask("PUT", "/v1/tokens")
        .by("admin")
        .send()
        .status(405);
    assert_eq!(code(&answer), "method_not_allowed");
}
