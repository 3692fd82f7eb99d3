//! `--probe` where the row is written back while the application is asked: long after the window.

use super::probe::{probed, probing};
use super::select::{KEY, stays_secret, with_secret};
use crate::support::http::App;
use crate::support::run::Output;
use crate::support::{Coderd, TestDatabase};

/// Kills with a probe that is always let in, and writes the row back once it was read dead.
fn written_back(database: &TestDatabase, flags: &[&str]) -> Output {
    let request = Coderd::read(database, KEY);
    let app = App::saying(200);
    let words = [&["--probe-timeout", "3s"], flags].concat();
    let running = probing(database, &app.url(), &words).start();
    database.wait_for("select exists (select from breakglass.observation)");
    request.write_back();
    let output = running.wait();
    stays_secret(database, &output);
    assert!(database.is_alive(KEY), "{output}");
    output
}

#[test]
fn a_row_that_came_back_while_it_was_asked_is_never_told_dead() {
    let database = with_secret();
    let output = written_back(&database, &[]);
    output
        .code(5)
        .never_says("the row is dead")
        .never_says("is it the application on this database")
        .never_says("in the way")
        .says(&format!(
            "hint: run `breakglass tokens rm id:{KEY} --reason "
        ))
        .says("again, or, if they come back once more, ");
    for text in [
        "read back on a fresh connection: ALIVE AGAIN, something wrote it back\n",
        &format!("  {KEY} resurrected: active after the application was asked\n"),
        "probe: THE APPLICATION STILL TAKES IT: still 200, given up after ",
    ] {
        assert!(output.stdout.contains(text), "{text}\n{output}");
    }
    let seen = database.observations();
    let words: Vec<&str> = seen
        .iter()
        .map(|it| it["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["dead", "accepted", "resurrected"]);
    // One kill, and nothing was applied again.
    assert_eq!(database.operations().len(), 1);
}

#[test]
fn programs_read_of_it_in_the_verdict() {
    let database = with_secret();
    let output = written_back(&database, &["-o", "json"]);
    let receipt = output.code(5).json();
    assert_eq!(receipt["verdict"], "resurrected");
    assert_eq!(receipt["probe"]["in_the_way"], serde_json::json!([]));
    let expected = serde_json::json!([{
        "key": KEY, "verdict": "resurrected", "detail": "active after the application was asked",
    }]);
    assert_eq!(receipt["unsettled"], expected);
    assert!(
        receipt["advice"]
            .as_str()
            .unwrap()
            .starts_with("run `breakglass tokens rm ")
    );
}

#[test]
fn a_row_that_is_dead_to_the_end_is_read_once_more_on_record() {
    let database = with_secret();
    let app = App::saying(200);
    let output = probing(&database, &app.url(), &["--probe-timeout", "2s"]).run();
    output.code(5).says("hint: the row is dead, see above; ");
    let last = database.observations().pop().unwrap();
    assert_eq!(last["verdict"], "dead");
    assert_eq!(last["detail"], "expired after the application was asked");
    assert_eq!(probed(&database).len(), 1);
}

#[test]
fn a_token_that_was_dead_before_is_not_told_changed() {
    let database = with_secret();
    let app = App::saying(200);
    let again = || probing(&database, &app.url(), &["--probe-timeout", "1s"]).run();
    again().code(5).says("the change stands; probe: 200 after ");
    again()
        .code(5)
        .says("nothing had to be changed; probe: 200 after ")
        .never_says("the change stands");
}
