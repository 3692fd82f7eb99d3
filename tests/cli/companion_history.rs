//! An operation that ended nothing but what must die with a token: it is found by the token.

use super::remove::{coder, remove};
use super::restore::restore_token;
use crate::support::seed;

#[test]
fn an_operation_that_ended_only_a_companion_is_found_by_its_token() {
    let database = coder();
    let key = seed::OAUTH_EXPIRED;
    let word = format!("id:{key}");
    remove(&database, &[&word]).run().success();
    let operation = database.operation();
    assert_eq!(
        (&operation["changed"], &operation["companions_changed"]),
        (&0.into(), &1.into())
    );
    let id = operation["id"].as_str().unwrap();
    let show = database
        .breakglass()
        .args(["tokens", "show", &word, "-o", "json"]);
    let shown = show.run().success().json();
    assert_eq!(shown["history"][0]["id"], id, "{shown}");
    for token in [key, &word] {
        let list = database
            .breakglass()
            .args(["audit", "ls", "-o", "json", "--token", token]);
        let listed = list.run().success().json();
        assert_eq!(listed["operations"][0]["id"], id, "{token}: {listed}");
    }
    let other = database
        .breakglass()
        .args(["audit", "ls", "-o", "json", "--token", seed::HOT]);
    assert_eq!(
        other.run().success().json()["operations"],
        serde_json::json!([])
    );
    let back = restore_token(&database, &[&word]).run();
    back.success().says(&format!("takes back expire {id}"));
    assert_eq!(
        database.operations().pop().unwrap()["companions_changed"],
        1
    );
}
