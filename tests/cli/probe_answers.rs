//! `--probe` of an application that answers otherwise than by taking or refusing the secret, or
//! not at all: it is told, and the kill waits for none of it.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::probe::{is_done, probed, probing};
use super::remove::{REASON, remove};
use super::select::{KEY, stays_secret, token, with_secret};
use crate::support::http::{App, Reply, make_certificates};

#[test]
fn what_is_neither_taken_nor_refused_is_told_and_ends_in_5() {
    for (reply, told) in [
        (
            302,
            "302, a redirect (to a login page?), which is not followed",
        ),
        (500, "500"),
        (429, "429"),
        (404, "404"),
    ] {
        let database = with_secret();
        let other = App::saying(401);
        let location = other.url();
        let app = App::start(move |_, _| {
            let head = format!(
                "HTTP/1.1 {reply} Word\r\nLocation: {location}/login\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n"
            );
            Reply::Raw(head.into_bytes())
        });
        let output = probing(&database, &app.url(), &["--probe-timeout", "1s"]).run();
        output
            .code(5)
            .says(&format!("probe: {told}: neither taken nor refused"));
        is_done(&database, &output);
        let line =
            "probe: not confirmed by the application: neither taken nor refused, given up after ";
        assert!(output.stdout.contains(line), "{output}");
        assert!(output.stdout.contains(&format!(": {told} (")), "{output}");
        assert_eq!(probed(&database)[0].0, "unknown");
        assert_eq!(
            other.asked(),
            Vec::<String>::new(),
            "a redirect is not followed"
        );
    }
}

#[test]
fn an_application_that_comes_round_is_believed() {
    let database = with_secret();
    let app = App::start(|number, _| match number {
        0 => Reply::Status(200),
        1 => Reply::Status(503),
        2 => Reply::Status(429),
        3 => Reply::Close,
        _ => Reply::Status(401),
    });
    let output = probing(&database, &app.url(), &[]).run();
    output
        .success()
        .says("the change stands; probe: 503 after ")
        .says("\nprobe: 429 after ")
        .says("\nprobe: no answer (the connection was closed) after ");
    is_done(&database, &output);
    assert_eq!(app.asked().len(), 5);
    assert!(
        output
            .stdout
            .contains("the application refuses it: 401 after "),
        "{output}"
    );
}

#[test]
fn an_application_that_misbehaves_delays_nothing_and_breaks_nothing() {
    type Make = fn() -> Reply;
    let cases: [(Make, &str); 7] = [
        (|| Reply::Hang, "no answer (nothing within "),
        (|| Reply::Trickle, "no answer (nothing within "),
        (|| Reply::Close, "no answer (the connection was closed)"),
        (
            || Reply::Raw(b"220 mail.example ESMTP\r\n".to_vec()),
            "does not speak HTTP as it should",
        ),
        (
            || Reply::Raw(vec![0; 100_000]),
            "does not speak HTTP as it should",
        ),
        (
            || Reply::Raw(b"HTTP/1.1 40".to_vec()),
            "no answer (the connection was closed)",
        ),
        (
            || {
                let many = "X-Much: 0123456789012345678901234567890123456789\r\n".repeat(4000);
                Reply::Raw(format!("HTTP/1.1 401 Word\r\n{many}\r\n").into_bytes())
            },
            "no answer (",
        ),
    ];
    for (place, (make, told)) in cases.into_iter().enumerate() {
        let database = with_secret();
        let app = App::start(move |_, _| make());
        let started = Instant::now();
        let output = probing(&database, &app.url(), &["--probe-timeout", "1s"]).run();
        output
            .code(5)
            .says(told)
            .says("the change does not wait for it");
        is_done(&database, &output);
        assert!(output.stdout.contains(told), "{place}\n{output}");
        assert!(started.elapsed() < Duration::from_secs(20), "{place}");
        assert_eq!(probed(&database)[0].0, "unknown", "{place}");
    }
    // Of a body nothing is read, however long it is.
    let database = with_secret();
    let app = App::start(|number, _| Reply::Endless(if number == 0 { 200 } else { 401 }));
    let output = probing(&database, &app.url(), &[]).run();
    output
        .success()
        .says("probe: 200: the application takes it now");
    is_done(&database, &output);
}

#[test]
fn an_application_that_is_down_stops_nothing() {
    let database = with_secret();
    let url = {
        let app = App::saying(200);
        app.url()
    };
    let output = probing(&database, &url, &["--probe-timeout", "1s"]).run();
    output.code(5).says(
        "probe: no answer (connection refused): the application cannot be asked now; the change does \
         not wait for it",
    );
    output.says("run the command again when the application answers");
    is_done(&database, &output);
    // And when it is up again, the same command asks and changes nothing.
    let app = App::saying(401);
    let output = probing(&database, &app.url(), &[]).run();
    output
        .success()
        .says("probe: 401: the application refuses it already, as the token is dead");
    assert!(output.stdout.contains("already expired since "), "{output}");
    stays_secret(&database, &output);
    let last = database.operations().pop().unwrap();
    assert_eq!(last["outcome"], "unchanged");
    assert_eq!(probed(&database).last().unwrap().0, "dead");
}

#[test]
fn a_dead_token_that_is_deleted_is_refused_before_and_after() {
    let database = with_secret();
    remove(&database, &[KEY]).run().success();
    let app = App::saying(401);
    let output = database
        .breakglass()
        .args(["tokens", "rm", "-", "--delete", "--confirm", KEY])
        .args(["--reason", REASON, "--probe", &app.url()])
        .stdin(token())
        .run();
    output
        .success()
        .says("refuses it already, as the token is dead");
    assert!(
        output
            .stdout
            .contains("the application refuses it: 401 after "),
        "{output}"
    );
    assert!(!database.has_token(KEY));
    stays_secret(&database, &output);
}

#[test]
fn a_refusal_from_the_beginning_proves_nothing() {
    let database = with_secret();
    let app = App::saying(401);
    let output = probing(&database, &app.url(), &["--probe-header", "X-Wrong: {}"]).run();
    output
        .code(5)
        .says("probe: 401: the application refuses it already, so a refusal afterwards proves nothing")
        .says("check --probe and --probe-header");
    is_done(&database, &output);
    assert!(
        output
            .stdout
            .contains("401 as before the change, which proves nothing"),
        "{output}"
    );
    assert_eq!(probed(&database)[0].0, "unknown");
    assert!(
        app.asked()[0].contains(&format!("x-wrong: {}\r\n", token())),
        "{:?}",
        app.asked()
    );
}

#[test]
fn tls_is_verified_against_the_operators_authority() {
    let directory = TempDir::with_prefix("breakglass-probe-").unwrap();
    make_certificates(directory.path());
    let ca = directory.path().join("ca.crt").display().to_string();
    let answer = |number: usize, _: &str| Reply::Status(if number == 0 { 200 } else { 401 });
    let app = App::start_tls(directory.path(), answer);
    let url = format!("https://127.0.0.1:{}", app.port());
    let database = with_secret();
    let output = probing(&database, &url, &["--probe-ca", &ca]).run();
    output
        .success()
        .says("probe: 200: the application takes it now (https://");
    is_done(&database, &output);
    assert_eq!(app.asked().len(), 2);

    // An authority that nobody named: the secret is not sent, and the kill does not wait.
    let app = App::start_tls(directory.path(), answer);
    let url = format!("https://127.0.0.1:{}", app.port());
    let database = with_secret();
    let output = probing(&database, &url, &["--probe-timeout", "1s"]).run();
    output.code(5).says("TLS: invalid peer certificate");
    is_done(&database, &output);
    assert_eq!(app.asked(), Vec::<String>::new());

    // Nor to a server of another name.
    let app = App::start_tls(&directory.path().join("elsewhere"), answer);
    let url = format!("https://127.0.0.1:{}", app.port());
    let database = with_secret();
    let output = probing(
        &database,
        &url,
        &["--probe-ca", &ca, "--probe-timeout", "1s"],
    )
    .run();
    output.code(5).says("TLS: invalid peer certificate");
    is_done(&database, &output);
    assert_eq!(app.asked(), Vec::<String>::new());
}

#[test]
fn no_proxy_of_the_environment_is_used() {
    let database = with_secret();
    let proxy = App::saying(200);
    let app = App::start(|number, _| Reply::Status(if number == 0 { 200 } else { 401 }));
    let mut invocation = probing(&database, &app.url(), &[]);
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "all_proxy",
        "ALL_PROXY",
    ] {
        invocation = invocation.env(name, proxy.url());
    }
    invocation.run().success();
    assert_eq!(proxy.asked(), Vec::<String>::new());
    assert_eq!(app.asked().len(), 2);
}
