//! Who asked over HTTP stands in the record of whatever was done for them.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use breakglass::model::{Action, Caller, Operation, Verdict};
use breakglass::ops::{
    Ended, Error, Filter, FindOperation, Pace, Request, Restore, Resume, Selector,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::asked::{block_on, caller, request, with_room};
use crate::support::run::Output;
use crate::support::{Coderd, Template, TestDatabase, seed};

fn coder() -> TestDatabase {
    TestDatabase::prepared("coder_for_callers", Template::Coder, |database| {
        database.breakglass().arg("init").run().success();
    })
}

/// A request of somebody over HTTP.
fn asked(action: Action, words: &[&str]) -> Request {
    Request {
        caller: Some(caller()),
        ..request(action, words)
    }
}

/// That of a restore of an operation.
fn taken_back(operation: Uuid) -> Request {
    Request {
        restore: Some(Restore {
            operation: Some(operation.to_string()),
            force: false,
        }),
        ..asked(Action::Restore, &[])
    }
}

const COLUMNS: [&str; 5] = [
    "http_principal",
    "http_credential",
    "http_peer",
    "http_request_id",
    "http_request_digest",
];

/// What a row of the log says of whoever asked.
fn caller_in(operation: &Value) -> Vec<Value> {
    COLUMNS.map(|name| operation[name].clone()).to_vec()
}

/// The same of the one of these tests.
fn whole() -> Vec<Value> {
    let Caller {
        principal,
        credential,
        peer,
        request_id,
        request_digest,
    } = caller();
    [
        json!(principal),
        json!(credential),
        json!(peer),
        json!(request_id),
        json!(request_digest),
    ]
    .to_vec()
}

fn audit(database: &TestDatabase, arguments: &[&str]) -> Output {
    let invocation = database.breakglass().arg("audit");
    invocation.args(arguments.iter().copied()).run()
}

fn find(database: &TestDatabase, id: Uuid) -> Option<Operation> {
    let desk = database.desk();
    block_on(FindOperation { id }.run(&desk.session)).unwrap()
}

#[test]
fn an_expire_a_delete_and_a_restore_are_on_the_callers_account() {
    let database = coder();
    let expired = database
        .done(asked(Action::Expire, &["build-cache"]))
        .unwrap();
    assert_eq!(expired.verdict, Some(Verdict::Dead));
    assert_eq!(expired.operation.actor.http, Some(caller()));
    let restored = database.done(taken_back(expired.operation.id)).unwrap();
    assert_eq!(restored.verdict, Some(Verdict::Restored));
    database
        .done(asked(Action::Delete, &[seed::RELEASE]))
        .unwrap();
    let operations = database.operations();
    assert_eq!(operations.len(), 3);
    for operation in &operations {
        assert_eq!(caller_in(operation), whole());
        assert_eq!(operation["error_code"], Value::Null);
        assert_eq!(operation["os_user"], "breakglass");
    }
    // Whoever reads the application's own log sees them, and not the server.
    let log = database.audit_logs();
    let by: Vec<String> = log.iter().map(ToString::to_string).collect();
    assert!(
        by.iter().all(|row| row.contains("scanner as postgres")),
        "{by:#?}"
    );
}

#[test]
fn a_refusal_and_a_dry_run_are_too_as_far_as_they_leave_anything() {
    let database = coder();
    let refused = database.done(asked(Action::Expire, &["no-such-token"]));
    assert!(matches!(refused.unwrap_err().error, Error::NoSuchToken(_)));
    let operation = database.operation();
    assert_eq!(operation["outcome"], "refused");
    assert_eq!(operation["error_code"], "no_such_token");
    assert_eq!(caller_in(&operation), whole());
    let dry = Request {
        dry_run: true,
        ..asked(Action::Expire, &["build-cache"])
    };
    let receipt = database.done(dry).unwrap();
    assert_eq!(receipt.operation.actor.http, Some(caller()));
    assert_eq!(database.operations().len(), 1);
}

#[test]
fn the_command_line_has_none_and_its_json_is_as_it_was() {
    let database = coder();
    let rm = ["tokens", "rm", "build-cache", "--yes", "--reason", "why"];
    let output = database.breakglass().args(rm).args(["-o", "json"]).run();
    let operation = output.success().json()["operation"].clone();
    assert!(operation["actor"].get("http").is_none(), "{operation}");
    assert!(operation.get("error_code").is_none(), "{operation}");
    assert_eq!(caller_in(&database.operation()), vec![Value::Null; 5]);
}

#[test]
fn without_a_peer_the_rest_is_recorded() {
    let database = coder();
    let mut unnamed = asked(Action::Expire, &["build-cache"]);
    unnamed.caller = Some(Caller {
        peer: None,
        ..caller()
    });
    let id = unnamed.id;
    database.done(unnamed).unwrap();
    assert_eq!(database.operation()["http_peer"], Value::Null);
    assert_eq!(database.operation()["http_principal"], "scanner");
    let found = find(&database, id).unwrap();
    assert_eq!(found.actor.http.unwrap().peer, None);
}

#[test]
fn what_comes_back_to_life_is_killed_again_on_the_callers_account() {
    let database = coder();
    let stale = Coderd::read(&database, seed::HOT);
    let watched = Request {
        settle: Some(std::time::Duration::from_secs(1)),
        ..asked(Action::Expire, &["build-cache"])
    };
    let receipt = std::thread::scope(|scope| {
        let expiring = scope.spawn(|| database.done(watched).unwrap());
        database.wait_for("select exists (select from breakglass.operation)");
        stale.write_back();
        expiring.join().unwrap()
    });
    assert_eq!(receipt.settled.reapplied.len(), 1);
    let operations = database.operations();
    assert_eq!(operations.len(), 2);
    for operation in &operations {
        assert_eq!(caller_in(operation), whole());
    }
    assert_eq!(operations[1]["cause"], "re-apply");
}

const PACE: Pace = Pace {
    keep_going: false,
    max_lag: None,
    max_lag_wait: std::time::Duration::ZERO,
};

/// A run of everything, in batches of so many.
fn run_of_everything() -> Request {
    let mut request = asked(Action::Expire, &[]);
    request.selectors = vec![Selector::Filtered(Filter::everything())];
    request
}

#[test]
fn every_batch_of_a_run_is_on_the_account_of_whoever_had_it_done() {
    let database = coder();
    let context = database.context("postgres");
    let resumer = Caller {
        principal: "night-shift".to_owned(),
        ..caller()
    };
    let run = || async {
        let planned = run_of_everything().plan_run(&context, 100).await.unwrap();
        // Begun by one and gone on with by another.
        let begun = planned.begin().await.unwrap();
        let resume = Resume {
            id: begun.operation().id.to_string(),
            reason: None,
            ticket: None,
            settle: Some(std::time::Duration::ZERO),
            os_user: None,
            host: None,
            caller: Some(resumer.clone()),
        };
        resume.open(&context).await.unwrap()
    };
    let carry_on = async || run().await.carry_on(PACE, &mut |_line| {}).await;
    let Ended { error, .. } = with_room(|| block_on(carry_on()));
    assert!(error.is_none(), "{error:?}");
    let operations = database.operations();
    assert_eq!(operations[0]["outcome"], "begun");
    assert_eq!(caller_in(&operations[0]), whole());
    assert!(operations.len() > 2);
    for batch in &operations[1..] {
        assert_eq!(batch["cause"], "batch");
        assert_eq!(batch["http_principal"], "night-shift");
        assert_eq!(batch["http_request_digest"], caller().request_digest);
    }
}

#[test]
fn an_operation_is_found_by_its_whole_id_with_whoever_asked() {
    let database = coder();
    assert_eq!(find(&database, Uuid::now_v7()), None);
    let receipt = database
        .done(asked(Action::Expire, &["build-cache"]))
        .unwrap();
    let found = find(&database, receipt.operation.id).unwrap();
    assert_eq!(found, receipt.operation);
    assert_eq!(found.actor.http.unwrap().request_digest, "ab".repeat(32));
    let empty = TestDatabase::new(Template::Coder);
    let desk = empty.desk();
    let missing = FindOperation { id: Uuid::now_v7() }.run(&desk.session);
    let error = block_on(missing).unwrap_err();
    assert_eq!(error.code(), "not_installed");
}

#[test]
fn the_log_tells_a_person_who_asked() {
    let database = coder();
    let receipt = database
        .done(asked(Action::Expire, &["build-cache"]))
        .unwrap();
    let id = receipt.operation.id.to_string();
    let shown = audit(&database, &["show", &id]);
    shown.success();
    for line in [
        "\nactor            scanner (http) as postgres\n",
        "\nhttp principal   scanner (credential 3f1c9a) from 127.0.0.1:50123, request \
         01990000-0000-7000-8000-00000000000a\n",
    ] {
        assert!(shown.stdout.contains(line), "{line:?} is missing\n{shown}");
    }
    let listed = audit(&database, &["ls"]);
    listed.success();
    assert!(
        listed.stdout.contains("scanner (http) as postgres"),
        "{listed}"
    );
    let csv = audit(&database, &["ls", "-o", "csv"]);
    csv.success();
    let last = ",,scanner,3f1c9a,127.0.0.1:50123,01990000-0000-7000-8000-00000000000a\n";
    assert!(csv.stdout.ends_with(last), "{csv}");
    let document = audit(&database, &["show", &id, "-o", "json"]).json();
    assert_eq!(
        document["operation"]["actor"]["http"],
        serde_json::to_value(caller()).unwrap()
    );
    // And finds them by it.
    let of = |actor: &str| {
        let listed = audit(&database, &["ls", "--actor", actor, "-o", "jsonl"]);
        listed.success();
        listed.json_lines().len()
    };
    assert_eq!((of("scanner"), of("somebody"), of("breakglass")), (1, 0, 1));
}

/// The word for programs is the same on standard error, or over HTTP, and in the record.
#[test]
fn a_refusal_is_recorded_with_its_code() {
    let database = coder();
    for (words, code) in [
        (&["no-such-token"][..], "no_such_token"),
        (&["ci"], "ambiguous"),
        (&["build-cache", "--expect", "3"], "unexpected_count"),
        (&["build-cache", "--app-actor", "nobody"], "bad_actor"),
        (&[seed::HOT, "--delete", "--confirm", "x"], "not_confirmed"),
        (
            &["--owner", "ci-runner", "--max-rows", "1", "--expect", "2"],
            "over_max_rows",
        ),
    ] {
        let rm = ["tokens", "rm", "--yes", "--reason", "why", "-o", "json"];
        let rm = rm
            .into_iter()
            .filter(|word| *word != "--yes" || !words.contains(&"--delete"));
        let output = database
            .breakglass()
            .args(rm)
            .args(words.iter().copied())
            .run();
        let error = output.code(1).json_error()["error"].clone();
        assert_eq!(error["code"], code, "{output}");
        let operations = database.operations();
        let recorded = operations.last().unwrap();
        assert_eq!(recorded["error_code"], code, "{words:?}");
        assert_eq!(recorded["error"], error["message"]);
    }
    let lock = database.session();
    lock.execute(&format!(
        "begin; select from api_keys where id = '{}' for update",
        seed::HOT
    ));
    let rm = [
        "tokens",
        "rm",
        "build-cache",
        "--yes",
        "--reason",
        "why",
        "--lock-timeout",
        "100ms",
    ];
    database.breakglass().args(rm).run().code(1);
    let operations = database.operations();
    let failed = operations.last().unwrap();
    assert_eq!(
        (&failed["outcome"], &failed["error_code"]),
        (&json!("failed"), &json!("locked"))
    );
    let id = failed["id"].as_str().unwrap();
    let shown = audit(&database, &["show", id]);
    assert!(
        shown
            .success()
            .stdout
            .contains("\nerror code       locked\n"),
        "{shown}"
    );
    let document = audit(&database, &["show", id, "-o", "json"]).json();
    assert_eq!(document["operation"]["error_code"], "locked");
}
