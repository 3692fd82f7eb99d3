//! `--probe`: the application itself is asked, before and after, and what it says is told, recorded
//! and decides how the command ends.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::remove::{Before, REASON, remove};
use super::select::{KEY, SECRET, stays_secret, token, with_secret};
use crate::support::http::{App, Reply};
use crate::support::run::Output;
use crate::support::{Invocation, TestDatabase};

/// `tokens rm - --probe URL WORDS` with the secret on standard input.
pub(super) fn probing<'a>(database: &'a TestDatabase, url: &str, words: &[&str]) -> Invocation<'a> {
    remove(database, &["-", "--probe", url])
        .args(words.to_vec())
        .stdin(token())
}

/// An application that looks at the row with every request, and lets in what it let in less than
/// `remembers` ago without looking.
pub(super) fn app(database: &TestDatabase, remembers: Duration) -> App {
    let session = database.session();
    let state: Mutex<Option<Instant>> = Mutex::new(None);
    App::start(move |_, head| {
        if !head.contains(&format!("coder-session-token: {}\r\n", token())) {
            return Reply::Status(400);
        }
        let mut known = state.lock().unwrap();
        if known.is_some_and(|known| known.elapsed() < remembers) {
            return Reply::Status(200);
        }
        let alive =
            format!("select count(*) from api_keys where id = '{KEY}' and expires_at >= now()");
        if session.value(&alive) == "1" {
            *known = Some(Instant::now());
            return Reply::Status(200);
        }
        Reply::Status(401)
    })
}

/// The observations of an operation that are of a probe: verdict and detail.
pub(super) fn probed(database: &TestDatabase) -> Vec<(String, String)> {
    let text = |value: &Value| {
        value
            .as_str()
            .unwrap_or_else(|| panic!("{value}"))
            .to_owned()
    };
    database
        .observations()
        .iter()
        .filter(|seen| text(&seen["detail"]).starts_with("probe: "))
        .map(|seen| {
            assert_eq!(seen["key"], KEY);
            (text(&seen["verdict"]), text(&seen["detail"]))
        })
        .collect()
}

/// It was done, recorded and read back dead, whatever the application says.
#[track_caller]
pub(super) fn is_done(database: &TestDatabase, output: &Output) {
    stays_secret(database, output);
    assert!(!database.is_alive(KEY), "{output}");
    let operation = database.operations().pop().unwrap();
    assert_eq!(operation["outcome"], "applied");
    assert_eq!(database.observations()[0]["verdict"], "dead");
}

#[test]
fn the_pasted_secret_is_asked_with_until_it_is_refused() {
    let database = with_secret();
    let app = app(&database, Duration::ZERO);
    let output = probing(&database, &app.url(), &["-o", "json"]).run();
    output.success();
    is_done(&database, &output);
    let receipt = output.json();
    let probe = &receipt["probe"];
    let after = probe["after_ms"].as_u64().unwrap();
    assert!(after < 5_000, "{after}");
    let url = format!("{}/api/v2/users/me", app.url());
    assert_eq!(
        *probe,
        json!({
            "url": url, "status_before": 200, "status": 401, "after_ms": after, "attempts": 1,
            "verdict": "refused", "detail": probe["detail"], "in_the_way": [],
        })
    );
    assert_eq!(receipt["verdict"], "dead");
    assert_eq!(
        probed(&database),
        [(
            "dead".to_owned(),
            format!("probe: 401 after {after} ms, {url}")
        )]
    );
    let asked = app.asked();
    assert_eq!(asked.len(), 2, "once before and once after");
    for head in asked {
        let lines: Vec<&str> = head.lines().collect();
        assert_eq!(lines[0], "GET /api/v2/users/me HTTP/1.1");
        assert_eq!(head.matches(&token()).count(), 1);
        assert!(
            lines.contains(&format!("host: 127.0.0.1:{}", app.port()).as_str()),
            "{head}"
        );
        assert!(head.contains("breakglass/"), "{head}");
    }
}

#[test]
fn the_plan_has_the_first_answer_and_the_receipt_the_last() {
    let database = with_secret();
    let app = app(&database, Duration::from_millis(1500));
    let output = probing(&database, &app.url(), &[]).run();
    output
        .success()
        .says(&format!(
            "probe: 200: the application takes it now ({}/api/v2/users/me)\n",
            app.url()
        ))
        .says("the change stands; probe: 200 after ")
        .says("; asking on for up to 1m, Ctrl-C ends only that\n")
        .says("the secret is its own (verified)");
    is_done(&database, &output);
    let line = output
        .stdout
        .lines()
        .find(|line| line.starts_with("probe: "))
        .unwrap_or_else(|| panic!("{output}"));
    let after = line
        .strip_prefix("probe: the application refuses it: 401 after ")
        .and_then(|rest| rest.split_once(" s ("))
        .unwrap_or_else(|| panic!("{line}"))
        .0;
    let after: f64 = after.parse().unwrap();
    assert!((1.0..20.0).contains(&after), "{after}");
    assert_eq!(probed(&database).len(), 1);
    let shown = database
        .breakglass()
        .args([
            "audit",
            "show",
            database.operation()["id"].as_str().unwrap(),
        ])
        .run();
    shown.success();
    assert!(
        shown
            .stdout
            .contains(&format!("{KEY}: dead (probe: 401 after ")),
        "{shown}"
    );
}

#[test]
fn a_delete_is_asked_about_as_well_and_403_is_a_refusal() {
    let database = with_secret();
    let app = App::start(|number, _| Reply::Status(if number == 0 { 204 } else { 403 }));
    let delete = ["--delete", "--confirm", KEY];
    let invocation = database
        .breakglass()
        .args(["tokens", "rm", "-", "--reason", REASON]);
    let output = invocation
        .args(delete)
        .args(["--probe", &app.url()])
        .stdin(token())
        .run();
    output
        .success()
        .says("probe: 204: the application takes it now");
    assert!(!database.has_token(KEY));
    assert!(
        output
            .stdout
            .contains("the application refuses it: 403 after "),
        "{output}"
    );
    stays_secret(&database, &output);
}

#[test]
fn an_application_that_goes_on_taking_it_ends_in_5() {
    let database = with_secret();
    let app = App::saying(200);
    let output = probing(&database, &app.url(), &["--probe-timeout", "2s"]).run();
    output
        .code(5)
        .says("hint: the row is dead, see above; drop what is in the way");
    is_done(&database, &output);
    for text in [
        "probe: THE APPLICATION STILL TAKES IT: still 200, given up after ",
        "in the way: adapter `coder` knows of no cache that lasts so long: is it the application on \
         this database that answers there?",
        "read back on a fresh connection: dead",
    ] {
        assert!(output.stdout.contains(text), "{text}\n{output}");
    }
    let probed = probed(&database);
    assert_eq!(probed[0].0, "accepted");
    assert!(
        probed[0].1.starts_with("probe: still 200, given up after "),
        "{probed:?}"
    );
    let operation = database.operation();
    let id = operation["id"].as_str().unwrap();
    let shown = database
        .breakglass()
        .args(["audit", "show", id, "-o", "json"])
        .run();
    shown.success();
    assert_eq!(shown.json()["observations"][1]["verdict"], "accepted");
    assert!(app.asked().len() >= 4, "every 250 ms to 1 s");
    assert!(app.asked().len() <= 10);
}

#[test]
fn a_dry_run_asks_once_and_changes_nothing() {
    let database = with_secret();
    let before = Before::of(&database);
    let app = App::saying(200);
    let output = probing(&database, &app.url(), &["--dry-run", "-o", "json"]).run();
    output.success();
    before.is_all(&database);
    stays_secret(&database, &output);
    let probe = &output.json()["probe"];
    assert_eq!(probe["status_before"], 200);
    assert_eq!(
        (&probe["verdict"], &probe["attempts"]),
        (&Value::Null, &json!(0))
    );
    assert_eq!(app.asked().len(), 1);
}

#[test]
fn a_path_is_taken_as_it_is_and_a_query_is_not_told() {
    let database = with_secret();
    let app = App::start(|number, _| Reply::Status(if number == 0 { 200 } else { 401 }));
    let url = format!("{}/some/where?hidden=canary#part", app.url());
    let header = ["--probe-header", "Cookie: coder_session_token={}; a=b"];
    let output = probing(&database, &url, &header).run();
    output.success().never_says("canary");
    is_done(&database, &output);
    assert!(!format!("{:?}", database.observations()).contains("canary"));
    assert!(
        probed(&database)[0]
            .1
            .ends_with(&format!("{}/some/where?…", app.url()))
    );
    for head in app.asked() {
        assert!(
            head.starts_with("GET /some/where?hidden=canary HTTP/1.1\r\n"),
            "{head}"
        );
        let cookie = format!("cookie: coder_session_token={}; a=b\r\n", token());
        assert!(head.contains(&cookie), "{head}");
    }
}

#[test]
fn a_token_named_by_its_key_is_asked_about_with_its_own_secret() {
    let database = with_secret();
    let app = app(&database, Duration::ZERO);
    let output = remove(&database, &[KEY, "--probe", &app.url()])
        .stdin(format!("\n Coder-Session-Token: \"{}\"\n", token()))
        .run();
    output.success().says("the secret is its own (verified)");
    is_done(&database, &output);
    assert_eq!(database.operation()["secret_verified"], true);
    assert_eq!(probed(&database)[0].0, "dead");
}

#[test]
fn ctrl_c_ends_the_asking_and_the_change_stands() {
    let database = with_secret();
    let app = App::saying(200);
    let running = probing(&database, &app.url(), &[]).start();
    let started = Instant::now();
    while app.asked().len() < 4 {
        assert!(started.elapsed() < Duration::from_secs(30), "it asks");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pressed = Instant::now();
    running.signal("INT");
    let output = running.wait();
    assert!(pressed.elapsed() < Duration::from_secs(3));
    output.code(5);
    is_done(&database, &output);
    assert!(
        output.stdout.contains("still 200, interrupted after "),
        "{output}"
    );
    assert!(output.stdout.contains("recorded as "), "{output}");
    assert_eq!(probed(&database)[0].0, "accepted");
}

#[test]
fn ctrl_c_before_the_change_ends_it_and_changes_nothing() {
    let database = with_secret();
    let before = Before::of(&database);
    let app = App::start(|_, _| Reply::Hang);
    let running = probing(&database, &app.url(), &[]).start();
    let started = Instant::now();
    while app.asked().is_empty() {
        assert!(started.elapsed() < Duration::from_secs(30), "it asks");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pressed = Instant::now();
    running.signal("INT");
    let output = running.wait();
    assert!(pressed.elapsed() < Duration::from_secs(3));
    output.code(130).says("nothing was changed");
    stays_secret(&database, &output);
    before.plus(&database, "failed", "interrupted");
    assert!(database.is_alive(KEY));
}

#[test]
fn on_a_terminal_the_secret_is_asked_for_and_not_shown() {
    let database = with_secret();
    let app = app(&database, Duration::ZERO);
    let invocation = database
        .breakglass()
        .args(["tokens", "rm", KEY, "--reason", REASON]);
    let mut terminal = invocation.args(["--probe", &app.url()]).on_terminal(200);
    terminal.expect("secret for the probe (not shown)");
    terminal.send_line(&token());
    terminal.expect("probe: 200: the application takes it now");
    terminal.expect("expire? [y/N]");
    terminal.send_line("y");
    let transcript = terminal.finish();
    transcript
        .code(0)
        .says("the application refuses it: 401 after ")
        .never_says(SECRET);
    assert!(!database.is_alive(KEY));
    // Whose name stands in the record is not the one of files that cannot be dumped.
    let by_uid = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    let name = String::from_utf8(by_uid.stdout).unwrap();
    assert_eq!(database.operation()["os_user"], name.trim());
}

#[test]
fn while_it_asks_the_secret_is_in_no_list_of_processes_and_in_no_core() {
    let database = with_secret();
    let app = App::start(|number, _| {
        if number == 0 {
            Reply::Status(200)
        } else {
            Reply::Hang
        }
    });
    let running = probing(&database, &app.url(), &[]).start();
    let started = Instant::now();
    while app.asked().len() < 2 {
        assert!(started.elapsed() < Duration::from_secs(30), "it asks");
        std::thread::sleep(Duration::from_millis(20));
    }
    let of = |name: &str| {
        let path = format!("/proc/{}/{name}", running.id());
        String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
    };
    assert!(of("cmdline").contains("--probe"));
    assert!(!of("cmdline").contains(SECRET) && !of("environ").contains(SECRET));
    let cores = of("limits");
    let cores = cores
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    assert!(
        cores.unwrap().split_whitespace().nth(4) == Some("0"),
        "{cores:?}"
    );
    running.signal("INT");
    let output = running.wait();
    output.code(5);
    is_done(&database, &output);
}
