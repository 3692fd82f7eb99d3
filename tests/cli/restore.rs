//! `restore` and `tokens restore` that do what they were asked: the row, the record, the receipt.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use serde_json::{Value, json};

use super::remove::{Before, REASON, coder, column, operator, remove};
use crate::support::run::Output;
use crate::support::{Invocation, TestDatabase, seed};

/// `restore WORDS` with a reason and `--yes`.
pub(super) fn restore<'a>(database: &'a TestDatabase, words: &[&str]) -> Invocation<'a> {
    let invocation = database.breakglass().args(["restore", "--yes"]);
    invocation.args(["--reason", REASON]).args(words.to_vec())
}

/// `tokens restore WORDS` with a reason and `--yes`.
pub(super) fn restore_token<'a>(database: &'a TestDatabase, words: &[&str]) -> Invocation<'a> {
    let invocation = database.breakglass().args(["tokens", "restore", "--yes"]);
    invocation.args(["--reason", REASON]).args(words.to_vec())
}

/// Expires tokens and returns the operation's id.
pub(super) fn expire(database: &TestDatabase, words: &[&str]) -> String {
    let output = remove(database, words).args(["-o", "json"]).run();
    id_of(output.success())
}

/// The operation of a receipt in JSON.
pub(super) fn id_of(output: &Output) -> String {
    output.json()["operation"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The operation that was recorded last.
pub(super) fn latest(database: &TestDatabase) -> String {
    let operation = database.operations().pop().unwrap();
    operation["id"].as_str().unwrap().to_owned()
}

fn change_of(database: &TestDatabase, operation: &str) -> Vec<Value> {
    let changes = database.changes().into_iter();
    changes
        .filter(|change| change["operation_id"] == operation)
        .collect()
}

#[test]
fn an_expire_is_taken_back_to_the_last_bit_and_recorded() {
    let database = coder();
    let before = database.token_row(seed::HOT);
    let rows = database.application_rows();
    let expired = expire(&database, &["build-cache"]);
    assert_ne!(database.token_row(seed::HOT), before);
    let output = restore(
        &database,
        &[&expired[..13], "--ticket", "INC-42", "-o", "json"],
    )
    .run();
    output.success();
    assert_eq!(database.token_row(seed::HOT), before);
    let id = id_of(&output);
    let operation = database.operations().pop().unwrap();
    for (field, value) in [
        ("id", json!(id)),
        ("parent_id", json!(expired)),
        ("cause", json!("restore")),
        ("action", json!("restore")),
        ("outcome", json!("applied")),
        ("adapter", json!("coder")),
        ("reason", json!(REASON)),
        ("ticket", json!("INC-42")),
        ("selector", json!(format!("operation:{expired}"))),
        ("planned", json!(1)),
        ("matched", json!(1)),
        ("changed", json!(1)),
        ("unchanged", json!(0)),
        ("still_alive", json!(0)),
        ("companions_planned", json!(0)),
        ("application_audit", json!("written")),
        ("error", Value::Null),
    ] {
        assert_eq!(operation[field], value, "{field}");
    }
    let (was, is) = (change_of(&database, &expired), change_of(&database, &id));
    assert_eq!((was.len(), is.len()), (1, 1));
    assert_eq!(is[0]["before"], was[0]["after"]);
    assert_eq!(is[0]["after"], was[0]["before"]);
    assert_eq!(is[0]["state_before"], "expired");
    assert_eq!(is[0]["state_after"], "active");
    for field in [
        "relation",
        "key",
        "kind",
        "label",
        "owner_id",
        "owner_login",
    ] {
        assert_eq!(is[0][field], was[0][field], "{field}");
    }
    is_in_the_applications_log(&database, &id);
    let seen = database.observations().pop().unwrap();
    assert_eq!(seen["operation_id"], json!(id));
    assert_eq!(seen["key"], seed::HOT);
    assert_eq!(seen["verdict"], "restored");
    assert_eq!(seen["detail"], "active");
    let receipt = output.json();
    assert_eq!(receipt["verdict"], "restored");
    assert_eq!(receipt["operation"]["parent_id"], json!(expired));
    assert_eq!(receipt["taken_back"]["operation"], json!(expired));
    assert_eq!(receipt["taken_back"]["gone"], json!([]));
    // Nothing but Coder's log, which has both, is otherwise than before.
    let mut now = database.application_rows();
    now.insert(
        "public.audit_logs".to_owned(),
        rows["public.audit_logs"].clone(),
    );
    assert_eq!(now, rows);
}

/// Coder's log has the expire and the restore, which is what it would write for a new end.
fn is_in_the_applications_log(database: &TestDatabase, id: &str) {
    let logs = database.audit_logs();
    assert_eq!(logs.len(), 2, "{logs:#?}");
    let (killed, restored) = (&logs[0], &logs[1]);
    assert_eq!(restored["action"], "write");
    assert_eq!(
        restored["diff"]["expires_at"]["Old"],
        killed["diff"]["expires_at"]["New"]
    );
    assert_eq!(
        restored["diff"]["expires_at"]["New"],
        killed["diff"]["expires_at"]["Old"]
    );
    assert_eq!(restored["additional_fields"]["reason"], REASON);
    assert_eq!(restored["additional_fields"]["operation_id"], json!(id));
}

#[test]
fn the_receipt_reads_as_a_sentence() {
    let database = coder();
    let expired = expire(&database, &["build-cache"]);
    let output = restore(&database, &[&expired]).run();
    let id = database.operations().pop().unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    output
        .success()
        .says(&format!("takes back expire {expired} of "))
        .says("will restore 1 token\n")
        .says("puts back d4o6FQe5QT: expires_at: ")
        .says("note: what used the token meanwhile has failed");
    let text = &output.stdout;
    for line in [
        "restored token d4o6FQe5QT `build-cache` of ci-runner: expired -> active\n",
        "read back on a fresh connection: as it was put back\n",
        &format!("recorded as {id} at "),
        ", and in the application's own audit log\n",
    ] {
        assert!(text.contains(line), "{line}\n{output}");
    }
    let shown = database.breakglass().args(["audit", "show", &id]).run();
    let text = &shown.success().stdout;
    assert!(
        text.contains(&format!("caused by        {expired} (restore)\n")),
        "{shown}"
    );
    let list = database.breakglass();
    let list = list
        .args(["audit", "ls", "--action", "restore", "-o", "jsonl"])
        .run();
    assert_eq!(list.success().json_lines().len(), 1);
}

#[test]
fn what_is_as_it_was_before_is_left_and_recorded_as_unchanged() {
    let database = coder();
    let expired = expire(&database, &["build-cache"]);
    restore(&database, &[&expired]).run().success();
    let before = database.application_rows();
    let output = restore(&database, &[&expired]).run();
    output
        .success()
        .says("nothing to restore")
        .says("1 token already as before");
    assert!(
        output
            .stdout
            .contains("already as before: token d4o6FQe5QT `build-cache`, left as it is"),
        "{output}"
    );
    assert_eq!(database.application_rows(), before);
    let operation = database.operations().pop().unwrap();
    assert_eq!(operation["outcome"], "unchanged");
    assert_eq!(operation["cause"], "restore");
    assert_eq!(operation["application_audit"], "none");
    assert_eq!(
        database.observations().pop().unwrap()["verdict"],
        "restored"
    );
}

#[test]
fn a_restore_of_a_restore_kills_again_exactly_as_before() {
    let database = coder();
    let before = database.token_row(seed::HOT);
    let expired = expire(&database, &["build-cache"]);
    let dead = database.token_row(seed::HOT);
    let back = id_of(
        restore(&database, &[&expired, "-o", "json"])
            .run()
            .success(),
    );
    assert_eq!(database.token_row(seed::HOT), before);
    let again = restore(&database, &[&back]).run();
    again.success().says(&format!("takes back restore {back}"));
    assert_eq!(database.token_row(seed::HOT), dead);
    let again = latest(&database);
    let operation = database.operations().pop().unwrap();
    assert_eq!(
        (&operation["parent_id"], &operation["action"]),
        (&json!(back), &json!("restore"))
    );
    restore(&database, &[&again]).run().success();
    assert_eq!(database.token_row(seed::HOT), before);
}

#[test]
fn a_companion_comes_back_with_its_token() {
    let database = coder();
    let rows = database.application_rows();
    let expired = expire(&database, &[&format!("id:{}", seed::OAUTH)]);
    assert_eq!(change_of(&database, &expired).len(), 2);
    let output = restore(&database, &[&expired]).run();
    output
        .success()
        .says("will restore 1 token and 1 companion\n")
        .says("puts back oauth refresh token ");
    let mut now = database.application_rows();
    now.insert(
        "public.audit_logs".to_owned(),
        rows["public.audit_logs"].clone(),
    );
    assert_eq!(now, rows);
    let operation = database.operations().pop().unwrap();
    for (field, value) in [
        ("companions_planned", 1),
        ("companions_changed", 1),
        ("companions_dead", 0),
        ("changed", 1),
    ] {
        assert_eq!(operation[field], value, "{field}");
    }
    let changes = change_of(&database, &latest(&database));
    assert_eq!(changes.len(), 2);
    let theirs = changes
        .iter()
        .find(|change| change["kind"] == "oauth refresh token")
        .unwrap();
    assert_eq!(theirs["owner_login"], "grace");
}

/// The token was dead before; only its refresh token was killed.
#[test]
fn a_companion_comes_back_alone() {
    let database = coder();
    let rows = database.application_rows();
    let expired = expire(&database, &[&format!("id:{}", seed::OAUTH_EXPIRED)]);
    assert_eq!(change_of(&database, &expired).len(), 1);
    for outcome in ["applied", "unchanged"] {
        restore(&database, &[&expired]).run().success();
        let operation = database.operations().pop().unwrap();
        assert_eq!(operation["outcome"], outcome);
        assert_eq!(
            (&operation["planned"], &operation["companions_planned"]),
            (&json!(0), &json!(1))
        );
        assert_eq!(database.application_rows(), rows);
        let seen = database.observations().pop().unwrap();
        assert_eq!(
            (&seen["key"], &seen["verdict"]),
            (&json!(seed::OAUTH_EXPIRED), &json!("restored"))
        );
    }
}

#[test]
fn the_latest_operation_on_one_token_is_taken_back_for_that_token_alone() {
    let database = coder();
    let (hot, oauth) = (
        database.token_row(seed::HOT),
        database.token_row(seed::OAUTH),
    );
    let keys = [
        format!("id:{}", seed::HOT),
        format!("id:{}", seed::OAUTH),
        format!("id:{}", seed::RELEASE),
    ];
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let expired = expire(&database, &keys);
    let release = database.token_row(seed::RELEASE);
    let output = restore_token(&database, &[seed::OAUTH, "-o", "json"]).run();
    output.success();
    assert_eq!(database.token_row(seed::OAUTH), oauth);
    assert_ne!(database.token_row(seed::HOT), hot);
    assert_eq!(
        change_of(&database, &id_of(&output)).len(),
        2,
        "with its refresh token"
    );
    let operation = database.operations().pop().unwrap();
    assert_eq!(
        operation["selector"],
        format!("operation:{expired} id:{}", seed::OAUTH)
    );
    // By its name; and the others stay as they are.
    restore_token(&database, &["build-cache"]).run().success();
    assert_eq!(database.token_row(seed::HOT), hot);
    assert_eq!(database.token_row(seed::RELEASE), release);
    // The latest is that restore now, so it is killed again.
    let output = restore_token(&database, &["owner:ci-runner", "--name", "build-cache"]).run();
    output
        .success()
        .says("takes back restore ")
        .says("does not kill: app tickets");
    assert!(output.stdout.contains("active -> expired\n"), "{output}");
    assert!(!output.stdout.contains("by itself"), "{output}");
    assert!(!database.is_alive(seed::HOT));
}

#[test]
fn a_token_that_has_ended_meanwhile_is_put_back_and_not_called_alive() {
    let database = coder();
    database.execute(&format!(
        "update api_keys set expires_at = now() + interval '1500 milliseconds' where id = '{}'",
        seed::HOT
    ));
    let before = database.token_row(seed::HOT);
    let expired = expire(&database, &["build-cache"]);
    database.wait_for(&format!(
        "select (before ->> 'expires_at')::timestamptz < clock_timestamp() from breakglass.change where operation_id = '{expired}'"
    ));
    let output = restore(&database, &[&expired]).run();
    output
        .success()
        .says("d4o6FQe5QT: put back, and expired since ")
        .says(" by itself");
    assert!(output.stdout.contains("expired -> expired\n"), "{output}");
    assert!(
        output
            .stdout
            .contains("d4o6FQe5QT: put back, and expired since "),
        "{output}"
    );
    output.never_says("active");
    assert_eq!(database.token_row(seed::HOT), before);
    let seen = database.observations().pop().unwrap();
    assert_eq!(
        (&seen["verdict"], &seen["detail"]),
        (&json!("restored"), &json!("expired"))
    );
}

#[test]
fn a_dry_run_does_it_all_and_leaves_nothing() {
    let database = coder();
    let expired = expire(&database, &["build-cache"]);
    let before = Before::of(&database);
    let output = database
        .breakglass()
        .args(["restore", &expired, "--dry-run"])
        .run();
    output.success().says("would restore 1 token");
    assert!(
        output.stdout.contains("would restore token d4o6FQe5QT"),
        "{output}"
    );
    assert!(
        output
            .stdout
            .contains("dry run: rolled back, nothing was changed or recorded")
    );
    before.is_all(&database);
}

#[test]
fn an_operator_with_the_least_rights_restores() {
    let database = coder();
    let role = operator(&database, &[]);
    let before = database.token_row(seed::OAUTH);
    let rm = remove(&database, &[&format!("id:{}", seed::OAUTH), "-o", "json"])
        .as_role(&role)
        .run();
    let expired = id_of(rm.success());
    restore(&database, &[&expired])
        .as_role(&role)
        .run()
        .success();
    assert_eq!(database.token_row(seed::OAUTH), before);
    assert_eq!(database.operations().pop().unwrap()["db_user"], json!(role));
    assert_eq!(column(&database, seed::OAUTH, "expires_at > now()"), "t");
}

#[test]
fn a_question_is_asked_on_a_terminal_and_no_is_on_record() {
    let database = coder();
    let expired = expire(&database, &["build-cache"]);
    let before = Before::of(&database);
    let mut terminal = database
        .breakglass()
        .args(["restore", &expired, "--reason", REASON])
        .on_terminal(120);
    terminal.expect("restore? [y/N]");
    terminal.send_line("n");
    let transcript = terminal.finish();
    assert_eq!(transcript.status.code(), Some(1), "{}", transcript.text);
    let operation = before.plus(&database, "refused", "declined");
    assert_eq!(operation["action"], "restore");
    assert_eq!(operation["parent_id"], json!(expired));
}
