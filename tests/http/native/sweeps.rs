//! `/v1/sweeps`: a leak as it is, or what was found in one.

use serde_json::json;

use super::{code, coder, serve};
use crate::support::seed;

#[test]
fn a_leak_is_judged_as_the_command_line_does() {
    let database = coder();
    let serving = serve(&database);
    let leak = format!(
        "line\nexport TOKEN={}\nwrong {}-{}\ndead {}\n{}\n",
        seed::token_of(seed::HOT),
        seed::RELEASE,
        "x1X".repeat(7) + "a",
        seed::token_of(seed::EXPIRED),
        seed::token_of(seed::HOT),
    );
    let ask = serving.ask("POST", "/v1/sweeps").by("admin");
    let answer = ask.body("text/plain", leak.clone()).send().status(200);
    let by_hand = database
        .breakglass()
        .args(["tokens", "sweep", "-", "-o", "json"]);
    let output = by_hand.stdin(leak).run();
    assert_eq!(answer.json(), output.success().json());
    for key in [seed::HOT, seed::EXPIRED] {
        assert!(!answer.body.contains(&seed::secret_of(key)));
        assert!(!serving.log_text().contains(&seed::secret_of(key)));
    }
}

#[test]
fn candidates_are_judged_in_their_order() {
    let database = coder();
    let serving = serve(&database);
    let candidates = json!({"candidates": [
        {"key": "aaaaaaaaaa"}, {"key": seed::HOT, "digest": "00"}, {"key": seed::EXPIRED},
    ]});
    let ask = serving
        .ask("POST", "/v1/sweeps")
        .by("admin")
        .json(&candidates);
    let verdicts = ask.send().status(200).json()["verdicts"].clone();
    let words: Vec<&str> = verdicts
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(words[..2], ["unknown", "wrong_secret"]);
    assert_eq!(words.len(), 3);
}

#[test]
fn other_bodies_and_other_principals_are_refused() {
    let database = coder();
    let serving = serve(&database);
    let ask = serving.ask("POST", "/v1/sweeps");
    assert_eq!(
        code(&ask.by("admin").body("image/png", "x").send().status(415)),
        "media_type"
    );
    let ask = serving.ask("POST", "/v1/sweeps").by("reader");
    assert_eq!(
        code(&ask.body("text/plain", "x").send().status(403)),
        "forbidden"
    );
    let many = json!({"candidates": vec![json!({"key": "a"}); 4097]});
    let ask = serving.ask("POST", "/v1/sweeps").by("admin").json(&many);
    assert_eq!(code(&ask.send().status(422)), "usage");
}
