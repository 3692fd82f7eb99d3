//! A principal bound to an owner, or to kinds: nothing else is there.

use serde_json::json;

use super::{REASON, code, coder, expire, get, post, serve, state};
use crate::support::seed;

/// A problem without what is particular about the request.
fn same(answer: &crate::support::ask::Answer, key: &str) -> String {
    let mut problem = answer.json();
    let members = problem.as_object_mut().unwrap();
    members.remove("request_id");
    members.remove("operation");
    problem.to_string().replace(key, "KEY")
}

#[test]
fn anothers_token_is_as_one_that_there_is_not() {
    let database = coder();
    let serving = serve(&database);
    let rows = database.application_rows();
    let unknown = "aaaaaaaaaa";
    for key in [seed::RELEASE, seed::SESSION, seed::OAUTH, seed::EXPIRED] {
        let path = |key: &str| format!("/v1/tokens/{key}");
        let (theirs, none) = (
            get(&serving, "runner", &path(key)),
            get(&serving, "runner", &path(unknown)),
        );
        assert_eq!(
            (theirs.code, same(&theirs, key)),
            (404, same(&none, unknown))
        );
        let (theirs, none) = (
            expire(&serving, "runner", key),
            expire(&serving, "runner", unknown),
        );
        assert_eq!(
            (theirs.code, same(&theirs, key)),
            (404, same(&none, unknown))
        );
        for named in [json!({"secret": seed::token_of(key)}), json!({"id": key})] {
            let body = json!({"action": "delete", "tokens": [named]});
            let answer = post(&serving, "runner", "/v1/plans", body);
            assert_eq!(
                (answer.code, code(&answer).as_str()),
                (404, "no_such_token")
            );
            assert!(!answer.body.contains("mira") && !answer.body.contains("release"));
        }
    }
    assert_eq!(database.application_rows(), rows);
}

#[test]
fn lists_and_filters_mean_ones_own() {
    let database = coder();
    let serving = serve(&database);
    let all = get(
        &serving,
        "runner",
        "/v1/tokens?kind=all&include_expired=true",
    )
    .status(200)
    .json();
    let tokens = all["tokens"].as_array().unwrap();
    assert!(!tokens.is_empty());
    assert!(
        tokens
            .iter()
            .all(|token| token["owner"]["login"] == "ci-runner"),
        "{all:#}"
    );
    let none = get(&serving, "runner", "/v1/tokens?owner=mira&kind=all")
        .status(200)
        .json();
    assert_eq!(none["tokens"], json!([]));
    let plan = json!({"action": "expire", "filter": {"kind": "all"}});
    let planned = post(&serving, "runner", "/v1/plans", plan)
        .status(201)
        .json();
    let planned = planned["plan"]["tokens"].as_array().unwrap().clone();
    assert!(
        planned
            .iter()
            .all(|it| it["token"]["owner"]["login"] == "ci-runner")
    );
    let cut = json!({"action": "expire", "everything_of": "mira"});
    let answer = post(&serving, "runner", "/v1/plans", cut);
    assert_eq!(
        (answer.code, code(&answer).as_str()),
        (404, "no_such_owner")
    );
    let sweep = serving.ask("POST", "/v1/sweeps").by("runner");
    let leak = format!(
        "{}\n{}\n",
        seed::token_of(seed::HOT),
        seed::token_of(seed::SESSION)
    );
    let hits = sweep.body("text/plain", leak).send().status(200).json();
    let verdicts: Vec<&str> = hits["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["live", "unknown"]);
}

#[test]
fn what_others_did_is_not_told_nor_taken_back() {
    let database = coder();
    let serving = serve(&database);
    let ours = expire(&serving, "admin", seed::HOT).status(200).json()["operation"]["id"].clone();
    let theirs =
        expire(&serving, "admin", seed::SESSION).status(200).json()["operation"]["id"].clone();
    let both =
        json!({"action": "expire", "tokens": [{"id": seed::DUPLICATE}, {"id": seed::RELEASE}]});
    let planned = post(&serving, "admin", "/v1/plans", both)
        .status(201)
        .json();
    let digest = planned["operation"]["plan_digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let _done = serving
        .ask("POST", &format!("/v1/plans/{digest}/apply"))
        .by("admin")
        .send()
        .status(200);
    let listed = get(&serving, "runner", "/v1/operations").status(200).json();
    let ids: Vec<&serde_json::Value> = listed["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["id"])
        .collect();
    assert_eq!(ids, [&ours]);
    for id in [&theirs, &planned["operation"]["id"]] {
        let id = id.as_str().unwrap();
        let shown = get(&serving, "runner", &format!("/v1/operations/{id}")).status(404);
        assert_eq!(code(&shown), "no_such_operation");
        let before = state(&database);
        let answer = post(
            &serving,
            "runner",
            &format!("/v1/operations/{id}/restore"),
            json!({}),
        );
        assert_eq!(
            (answer.code, code(&answer).as_str()),
            (404, "no_such_operation")
        );
        assert_eq!(state(&database).0, before.0);
    }
    let id = ours.as_str().unwrap();
    let _back = post(
        &serving,
        "runner",
        &format!("/v1/operations/{id}/restore"),
        json!({}),
    )
    .status(200);
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn other_kinds_are_not_there_either() {
    let database = coder();
    let serving = serve(&database);
    let all = get(&serving, "sessions", "/v1/tokens?kind=all")
        .status(200)
        .json();
    let tokens = all["tokens"].as_array().unwrap();
    assert!(!tokens.is_empty() && tokens.iter().all(|token| token["kind"] == "session"));
    let path = format!("/v1/tokens/{}", seed::HOT);
    let ask = serving
        .ask("DELETE", &path)
        .by("sessions")
        .reason(REASON)
        .send();
    assert_eq!((ask.code, code(&ask).as_str()), (404, "no_such_token"));
    assert!(database.has_token(seed::HOT));
    let _done = expire(&serving, "sessions", seed::SESSION).status(200);
}
