//! A plan with an end in the future: the end is the planner's, however late it is applied.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::apply_refused::{Forgery, forged, unconnected};
use super::apply_rows::refused;
use super::plan_file::Plan;
use super::remove::{Before, coder, column};
use super::schedule::{recorded_end, row, time};
use crate::support::seed;

/// The refresh token of a key, as text.
fn refresh_token(key: &str) -> String {
    format!("select r::text from oauth2_provider_app_tokens as r where api_key_id = '{key}'")
}

#[test]
fn a_plan_sets_the_end_that_was_fixed_when_it_was_planned() {
    let database = coder();
    let before = Before::of(&database);
    let plan = Plan::nowhere();
    plan.make(&database, &["build-cache", "--in", "2h"])
        .args(["--reason", "until the release is out"])
        .run()
        .success()
        .says("would end 1 token at 20")
        .says(" (in 2 h) (expires_at = that end, lifetime_seconds = at most 3599)");
    before.is_all(&database);
    let planned = plan.json();
    let end = time(planned["ends_at"].as_str().unwrap());
    let planned_at = time(planned["planned_at"].as_str().unwrap());
    let length = end - planned_at;
    assert!(
        length <= TimeDelta::hours(2) && length > TimeDelta::hours(2) - TimeDelta::seconds(1),
        "{planned:#}"
    );

    // Later by more than the rounding would hide.
    database.execute("select pg_sleep(1.2)");
    let output = plan.apply(&database, &["--yes"]).run();
    output.success().says("will end 1 token at 20");
    assert!(
        output
            .stdout
            .starts_with("scheduled token d4o6FQe5QT `build-cache` of ci-runner: ends at 20"),
        "{output}"
    );
    assert!(
        output
            .stdout
            .contains("read back on a fresh connection: ends as set, alive until then\n"),
        "{output}"
    );
    let operation = database.operation();
    assert_eq!(recorded_end(&operation), end);
    assert_eq!(operation["plan_digest"], plan.digest());
    assert_eq!(operation["outcome"], "applied");
    assert_eq!(row(&database, seed::HOT), (end, "3599".to_owned()));
    assert!(database.is_alive(seed::HOT), "until then");
    assert_eq!(database.observations()[0]["verdict"], "scheduled");

    let again = plan.apply(&database, &["--yes"]).run();
    again
        .success()
        .says("nothing to expire")
        .says("1 token over by then anyway, left as it is");
    assert_eq!(database.operations()[1]["outcome"], "unchanged");
    assert_eq!(row(&database, seed::HOT), (end, "3599".to_owned()));
}

#[test]
fn a_refresh_token_ends_with_its_key_or_is_left_as_planned() {
    let key = format!("id:{}", seed::OAUTH);
    let end = "2099-08-01T12:00:00Z";
    for (flag, told, left) in [
        (None, "with it: oauth refresh token ", false),
        (
            Some("--no-companions"),
            "does not kill: oauth refresh token ",
            true,
        ),
    ] {
        let database = coder();
        let far = "interval '80 years'";
        database.execute(&format!(
            "update api_keys set expires_at = expires_at + {far} where id = '{0}'; \
             update oauth2_provider_app_tokens set expires_at = expires_at + {far} where api_key_id = '{0}'",
            seed::OAUTH
        ));
        let before = database.value(&refresh_token(seed::OAUTH));
        let mut words = vec![key.as_str(), "--at", end];
        words.extend(flag);
        let plan = Plan::of(&database, &words);
        assert_eq!(plan.json()["ends_at"], end);
        plan.apply(&database, &["--yes"]).run().success().says(told);
        assert_eq!(row(&database, seed::OAUTH).0, time(end));
        let after = database.value(&refresh_token(seed::OAUTH));
        assert_eq!(after == before, left, "{flag:?}");
        let ends = format!(
            "select expires_at = '{end}' from oauth2_provider_app_tokens where api_key_id = '{}'",
            seed::OAUTH
        );
        assert_eq!(database.value(&ends) == "t", !left, "{flag:?}");
        let changes = database.changes().len();
        assert_eq!(changes, if left { 1 } else { 2 }, "{flag:?}");
        assert_eq!(recorded_end(&database.operation()), time(end));
    }
}

#[test]
fn what_is_over_by_then_since_is_left_to_the_byte_and_the_rest_is_done() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache", "release", "--in", "2h"]);
    let end = time(plan.json()["ends_at"].as_str().unwrap());
    database.execute(&format!(
        "update api_keys set expires_at = now() + interval '1 h', lifetime_seconds = 60 where id = '{}'",
        seed::RELEASE
    ));
    let shortened = database.token_row(seed::RELEASE);
    plan.apply(&database, &["--yes"])
        .run()
        .success()
        .says("will end 1 token at 20")
        .says("1 token over by then anyway, left as it is");
    assert_eq!(database.token_row(seed::RELEASE), shortened);
    assert_eq!(row(&database, seed::HOT).0, end);
    let operation = database.operation();
    assert_eq!(
        [&operation["changed"], &operation["unchanged"]],
        [&json!(1), &json!(1)]
    );
}

/// It ends earlier by now, and yet not for good: use would extend it past the end.
#[test]
fn a_row_that_would_live_beyond_the_end_must_be_as_it_was() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache", "--in", "2h"]);
    let lifetime = column(&database, seed::HOT, "lifetime_seconds");
    database.execute(&format!(
        "update api_keys set lifetime_seconds = 86400 where id = '{}'",
        seed::HOT
    ));
    refused(
        &database,
        &plan,
        &format!(
            "token `{}` was changed after it was shown (lifetime_seconds: {lifetime} -> 86400)",
            seed::HOT
        ),
    );
}

#[test]
fn a_plan_whose_end_has_passed_is_refused() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache", "--in", "2s"]);
    database.execute("select pg_sleep(2.1)");
    let before = Before::of(&database);
    plan.apply(&database, &["--yes"])
        .run()
        .code(1)
        .says("is not in the future: the database's clock says 20")
        .says("hint: plan again, with another `--at` or `--in`")
        .says("nothing was changed");
    let operation = before.plus(&database, "refused", "is not in the future");
    assert_eq!(operation["plan_digest"], plan.digest());
    let end = plan.json()["ends_at"].clone();
    assert_eq!(
        recorded_end(&operation),
        time(end.as_str().unwrap()),
        "what was asked for"
    );
}

#[test]
fn a_plan_that_is_no_longer_valid_is_told_so_first() {
    let database = coder();
    let plan = Plan::of(
        &database,
        &["build-cache", "--in", "1s", "--valid-for", "1s"],
    );
    database.execute("select pg_sleep(1.2)");
    let before = Before::of(&database);
    let output = plan.apply(&database, &["--yes", "-o", "json"]).run();
    assert_eq!(output.code(1).json_error()["error"]["code"], "plan_expired");
    before.plus(&database, "refused", "the plan was valid until");
}

#[test]
fn an_end_that_somebody_wrote_by_hand_is_one_that_a_plan_can_have() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache", "--in", "2h"]);
    let hollow: [(Forgery, &str); 3] = [
        (
            |p| p["action"] = "delete".into(),
            "does not hold a plan: it deletes, and yet has an end",
        ),
        (
            |p| p["ends_at"] = "2099-08-01T12:00:00.500Z".into(),
            "does not hold a plan: its end is no whole second",
        ),
        (
            |p| p["ends_at"] = "tomorrow".into(),
            "does not hold a plan: ",
        ),
    ];
    for (forgery, told) in hollow {
        let plan = forged(&plan, forgery);
        unconnected(&plan)
            .code(2)
            .says(&format!("error: plan file `{}` {told}", plan.path()));
    }
    // Without the end it is another plan, which says so.
    let now = forged(&plan, |p| p["ends_at"] = Value::Null);
    now.apply(&database, &["--yes", "--digest", &plan.digest()])
        .run()
        .code(1)
        .says("--digest pins ");
    assert!(database.is_alive(seed::HOT));
    assert!(database.changes().is_empty());
}
