//! `--probe` that is refused: before anything is connected to, or on record. The secret goes nowhere.

use super::probe::{is_done, probed};
use super::remove::{Before, REASON, operator, remove};
use super::select::{KEY, SECRET, stays_secret, token, with_secret};
use crate::support::http::{App, Reply};
use crate::support::seed;

#[test]
fn what_cannot_be_asked_is_refused_before_anything_is_connected_to() {
    let database = with_secret();
    let before = Before::of(&database);
    let secret_url = format!("https://app.example/{}", token());
    let secret_header = format!("A: {} {{}}", token());
    let cases: [(&[&str], &str); 14] = [
        (&["--probe", "coder.example"], "--probe: it is not a URL"),
        (
            &["--probe", "ftp://coder.example"],
            "only https:// and http://",
        ),
        (
            &["--probe", "https://me:pw@coder.example"],
            "holds a user name or password",
        ),
        (
            &["--probe", "http://coder.example"],
            "in clear to another machine",
        ),
        (
            &["--probe", "http://10.1.2.3/x"],
            "in clear to another machine",
        ),
        (
            &["--probe", &secret_url],
            "--probe holds something of the shape of a secret",
        ),
        (
            &["--probe", "https://x", "--probe-header", &secret_header],
            "--probe-header holds something of the shape of a secret",
        ),
        (
            &["--probe", "https://x", "--probe-header", "A: b"],
            "no `{}`",
        ),
        (
            &["--probe", "https://x", "--probe-header", "A: {}{}"],
            "more than one `{}`",
        ),
        (
            &["--probe", "https://x", "--probe-header", "A {}"],
            "'NAME: VALUE'",
        ),
        (
            &["--probe", "https://x", "--probe-header", "Host: {}"],
            "frames the request",
        ),
        (
            &["--probe", "https://x", "--probe-ca", "/no/such"],
            "cannot use `/no/such`",
        ),
        (
            &["--probe", "https://x", "--probe-timeout", "10ms"],
            "one second is the least",
        ),
        (&["--probe-header", "A: {}"], "--probe <URL>"),
    ];
    for (words, told) in cases {
        let invocation = remove(&database, &["-"]).args(words.to_vec());
        let output = invocation.env("BREAKGLASS_DATABASE_URL", "host=/no/such dbname=x");
        let output = output.stdin(token()).run();
        output
            .code(2)
            .says(told)
            .never_says(SECRET)
            .never_says("me:pw");
    }
    before.is_all(&database);
}

#[test]
fn a_probe_is_of_one_token_that_is_named_and_changed() {
    let database = with_secret();
    let before = Before::of(&database);
    let app = App::saying(200);
    let file = std::env::temp_dir().join(format!("probe-{}.json", std::process::id()));
    let name = file.display().to_string();
    let filter = "--probe does not go with a filter";
    let batch = "--probe does not go with --batch-size";
    let plan = "--probe does not go with --plan-file";
    let cases: [(&[&str], &str); 7] = [
        (&["--owner", "grace", "--yes", "--expect", "1"], filter),
        (&["--kind", "oauth", "--yes", "--expect", "1"], filter),
        (&["--all", "--yes", "--expect", "1"], filter),
        (
            &["--all", "--yes", "--expect", "1", "--batch-size", "10"],
            batch,
        ),
        (&[KEY, "--yes", "--batch-size", "10"], batch),
        (&[KEY, "--plan-file", &name], plan),
        (&["--owner", "grace", "--plan-file", &name], plan),
    ];
    for (words, told) in cases {
        let rm = ["tokens", "rm", "--reason", REASON, "--probe", &app.url()];
        let invocation = database.breakglass().args(rm).args(words.to_vec());
        let output = invocation.stdin(token()).run();
        output.code(2).says(told).never_says(SECRET);
        assert!(!file.exists(), "{words:?}");
    }
    before.is_all(&database);
    assert_eq!(app.asked(), Vec::<String>::new());
}

#[test]
fn one_secret_is_asked_with() {
    let database = with_secret();
    let before = Before::of(&database);
    let two = format!("{}\n{}\n", token(), seed::token_of(seed::HOT));
    let app = App::saying(200);
    let output = remove(&database, &["-", "--probe", &app.url()])
        .stdin(two)
        .run();
    output
        .code(2)
        .says("--probe asks with one secret, and standard input holds 2");
    let output = remove(&database, &[KEY, "--probe", &app.url()])
        .stdin("")
        .run();
    output
        .code(2)
        .says("--probe needs the token's secret, and standard input is empty");
    let output = remove(&database, &[KEY, "--probe", &app.url()])
        .stdin("a\nb")
        .run();
    output.code(2).says("standard input holds 2");
    before.is_all(&database);
    assert_eq!(app.asked(), Vec::<String>::new());
}

#[test]
fn a_secret_that_is_not_the_tokens_own_is_refused_on_record_and_sent_nowhere() {
    let app = App::saying(200);
    let wrong = format!("{KEY}-{}", "x".repeat(22));
    for (words, stdin, told) in [
        (
            vec![KEY],
            seed::token_of(seed::HOT),
            "the secret for --probe is not that of token `onlyHere01`",
        ),
        (
            vec![KEY],
            wrong,
            "the secret for --probe is not that of token `onlyHere01`",
        ),
        (
            vec![KEY],
            "hunter2".to_owned(),
            "the secret for --probe (7 characters) is no secret",
        ),
        (
            vec![KEY, "build-cache"],
            token(),
            "--probe asks with the secret of one token, and the plan has 2",
        ),
    ] {
        let database = with_secret();
        let before = Before::of(&database);
        let output = remove(&database, &words)
            .args(["--probe", &app.url()])
            .stdin(stdin.clone())
            .run();
        output
            .code(1)
            .says(told)
            .says("nothing was changed")
            .never_says(&stdin);
        stays_secret(&database, &output);
        before.plus(&database, "refused", told);
        assert!(database.is_alive(KEY));
    }
    assert_eq!(app.asked(), Vec::<String>::new());
}

#[test]
fn a_role_that_may_not_read_the_hash_is_told_that_the_secret_is_not_verified() {
    let database = with_secret();
    let login = operator(&database, &[]);
    let app = App::start(|number, _| Reply::Status(if number == 0 { 200 } else { 401 }));
    let invocation = remove(&database, &[KEY, "--probe", &app.url()]);
    let output = invocation.as_role(&login).stdin(token()).run();
    output
        .success()
        .says("secret not verified: this role may not read the stored hash");
    is_done(&database, &output);
    assert_eq!(database.operation()["secret_verified"], false);
    assert_eq!(probed(&database)[0].0, "dead");
}
