//! Plans: shown, kept, and then applied as they were shown, declined, or over.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{PRINCIPALS, REASON, code, coder, expire, post, serve, state};
use crate::support::ask::Answer;
use crate::support::{Server, Serving, seed};

fn plan(serving: &Serving, principal: &str, mut body: Value) -> Answer {
    if let Some(body) = body.as_object_mut() {
        body.entry("action").or_insert(json!("expire"));
        body.entry("settle_ms").or_insert(json!(0));
    }
    let ask = serving
        .ask("POST", "/v1/plans")
        .by(principal)
        .reason(REASON);
    ask.json(&body).send()
}

fn digest(answer: &Answer) -> String {
    let proposal = answer.json();
    let digest = proposal["operation"]["plan_digest"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        answer.header("location"),
        Some(format!("/v1/plans/{digest}").as_str())
    );
    digest
}

fn apply(serving: &Serving, principal: &str, digest: &str) -> Answer {
    let path = format!("/v1/plans/{digest}/apply");
    serving.ask("POST", &path).by(principal).send()
}

#[test]
fn a_filter_is_planned_and_exactly_its_rows_are_changed() {
    let database = coder();
    let serving = serve(&database);
    let before = state(&database);
    let planned = plan(&serving, "admin", json!({"filter": {"owner": "ci-runner"}})).status(201);
    let proposal = planned.json();
    let keys: Vec<&str> = proposal["plan"]["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["token"]["key"].as_str().unwrap())
        .collect();
    assert!(keys.len() > 1 && keys.contains(&seed::HOT));
    assert_eq!(state(&database), before);
    let receipt = apply(&serving, "admin", &digest(&planned))
        .status(200)
        .json();
    assert_eq!(receipt["operation"]["id"], proposal["operation"]["id"]);
    let mut changed: Vec<&str> = receipt["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|change| change["relation"] == "public.api_keys")
        .map(|change| change["key"].as_str().unwrap())
        .collect();
    changed.sort_unstable();
    assert_eq!(changed, keys);
    let operation = database.operation();
    assert_eq!(operation["selector"], proposal["operation"]["selector"]);
    assert_eq!(
        (&operation["reason"], &operation["http_principal"]),
        (&json!(REASON), &json!("admin"))
    );
    assert_eq!(database.value("select count(*) from breakglass.plan"), "0");
    assert_eq!(
        code(&apply(&serving, "admin", &digest(&planned)).status(404)),
        "no_such_plan"
    );
}

#[test]
fn a_row_that_changed_since_is_refused_with_the_difference() {
    let database = coder();
    let serving = serve(&database);
    let planned = plan(
        &serving,
        "admin",
        json!({"tokens": [{"id": seed::HOT}, {"id": seed::RELEASE}]}),
    )
    .status(201);
    database.execute(&format!(
        "update api_keys set expires_at = expires_at + '1 h' where id = '{}'",
        seed::HOT
    ));
    let rows = database.application_rows();
    let answer = apply(&serving, "admin", &digest(&planned)).status(409);
    assert_eq!(code(&answer), "changed_since_shown");
    assert!(
        answer.body.contains(seed::HOT) && answer.body.contains("expires_at"),
        "{answer}"
    );
    assert_eq!(database.application_rows(), rows);
    let operation = database.operation();
    assert_eq!(
        (&operation["outcome"], &operation["error_code"]),
        (&json!("refused"), &json!("changed_since_shown"))
    );
    assert_eq!(answer.json()["record"]["state"], "recorded");
}

#[test]
fn a_no_is_on_record() {
    let database = coder();
    let serving = serve(&database);
    let rows = database.application_rows();
    let planned = plan(
        &serving,
        "admin",
        json!({"tokens": [{"word": "build-cache"}], "action": "delete"}),
    )
    .status(201);
    let path = format!("/v1/plans/{}", digest(&planned));
    let told = serving
        .ask("DELETE", &path)
        .by("admin")
        .send()
        .status(200)
        .json();
    assert_eq!(
        (&told["code"], &told["record"]["state"]),
        (&json!("declined"), &json!("recorded"))
    );
    assert_eq!(database.application_rows(), rows);
    assert_eq!(
        (
            &database.operation()["outcome"],
            &database.operation()["action"]
        ),
        (&json!("refused"), &json!("delete"))
    );
    assert_eq!(
        code(&apply(&serving, "admin", &digest(&planned)).status(404)),
        "no_such_plan"
    );
}

#[test]
fn a_plan_is_its_principals_alone() {
    let database = coder();
    let serving = serve(&database);
    let planned = plan(&serving, "admin", json!({"tokens": [{"id": seed::HOT}]})).status(201);
    assert_eq!(
        code(&apply(&serving, "runner", &digest(&planned)).status(404)),
        "no_such_plan"
    );
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn permissions_are_looked_at_again_when_it_is_applied() {
    let database = coder();
    let mut serving = serve(&database);
    let planned = plan(&serving, "admin", json!({"tokens": [{"id": seed::HOT}]})).status(201);
    serving.reload(&PRINCIPALS.replace("\"show\", \"expire\", \"delete\", \"restore\", \"sweep\", \"audit\"]\n\n[[principal]]\nname = \"reader\"", "\"show\"]\n\n[[principal]]\nname = \"reader\""));
    assert_eq!(
        code(&apply(&serving, "admin", &digest(&planned)).status(403)),
        "forbidden"
    );
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn a_binding_is_looked_at_again_when_it_is_applied() {
    let database = coder();
    let mut serving = serve(&database);
    let planned = plan(
        &serving,
        "admin",
        json!({"tokens": [{"id": seed::RELEASE}]}),
    )
    .status(201);
    serving.reload(&PRINCIPALS.replacen(
        "name = \"admin\"",
        "name = \"admin\"\nowner = \"ci-runner\"",
        1,
    ));
    let answer = apply(&serving, "admin", &digest(&planned)).status(409);
    assert_eq!(code(&answer), "changed_since_shown");
    assert!(answer.body.contains("is gone"));
    assert!(database.is_alive(seed::RELEASE));
}

#[test]
fn a_plan_that_is_over_is_gone() {
    let database = coder();
    let serving = Server::on(&database, PRINCIPALS)
        .args(["--plan-lifetime", "1s"])
        .start();
    let planned = plan(&serving, "admin", json!({"tokens": [{"id": seed::HOT}]})).status(201);
    database.value("select pg_sleep(1.2)");
    assert_eq!(
        code(&apply(&serving, "admin", &digest(&planned)).status(404)),
        "no_such_plan"
    );
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn a_retried_plan_is_the_same_plan() {
    let database = coder();
    let serving = serve(&database);
    let id = Uuid::now_v7().to_string();
    let ask = |key: &str| {
        let ask = serving.ask("POST", "/v1/plans").by("admin").reason(REASON);
        let body = json!({"action": "expire", "tokens": [{"id": key}], "settle_ms": 0});
        ask.header("idempotency-key", &id).json(&body).send()
    };
    let (first, again) = (ask(seed::HOT).status(201), ask(seed::HOT).status(201));
    assert_eq!(first.json(), again.json());
    assert_eq!(first.json()["operation"]["id"], id);
    assert_eq!(code(&ask(seed::RELEASE).status(422)), "key_reused");
    assert_eq!(database.value("select count(*) from breakglass.plan"), "1");
}

#[test]
fn secrets_that_named_a_token_are_kept_nowhere() {
    let database = coder();
    let serving = serve(&database);
    let secret = seed::token_of(seed::HOT);
    let planned = plan(&serving, "admin", json!({"tokens": [{"secret": secret}]})).status(201);
    assert!(!planned.body.contains(&seed::secret_of(seed::HOT)));
    let kept = database.value("select content from breakglass.plan");
    assert!(!kept.contains(&seed::secret_of(seed::HOT)));
    let receipt = apply(&serving, "admin", &digest(&planned))
        .status(200)
        .json();
    assert_eq!(receipt["operation"]["secret_verified"], true);
    assert!(!serving.log_text().contains(&seed::secret_of(seed::HOT)));
}

#[test]
fn what_names_tokens_in_two_ways_or_in_none_is_refused() {
    let database = coder();
    let serving = serve(&database);
    for body in [
        json!({}),
        json!({"tokens": []}),
        json!({"tokens": [{"id": "a"}], "filter": {}}),
        json!({"filter": {}, "everything_of": "mira"}),
        json!({"restore": {"operation": "0"}}),
        json!({"action": "restore"}),
        json!({"tokens": [{"id": "a"}], "surprise": 1}),
        json!({"filter": {"unusd_for": "90d"}}),
        json!({"filter": {"unused_for": "long"}}),
    ] {
        let answer = plan(&serving, "admin", body.clone());
        assert_eq!(answer.code, 422, "{body} {answer}");
    }
    assert_eq!(database.operations().len(), 0);
}

#[test]
fn an_owner_is_cut_off_by_one_plan() {
    let database = coder();
    let serving = serve(&database);
    let planned = plan(&serving, "admin", json!({"everything_of": "mira"})).status(201);
    let _done = apply(&serving, "admin", &digest(&planned)).status(200);
    let left = super::get(&serving, "admin", "/v1/owners/mira")
        .status(200)
        .json();
    assert_eq!(left["kinds"], json!([]));
    let _other = expire(&serving, "admin", seed::HOT).status(200);
    let path = "/v1/plans";
    let restore =
        json!({"action": "restore", "restore": {"operation": database.operations()[0]["id"]}});
    let planned = post(&serving, "admin", path, restore).status(201);
    let _back = apply(&serving, "admin", &digest(&planned)).status(200);
    assert!(database.is_alive(seed::SESSION));
}
