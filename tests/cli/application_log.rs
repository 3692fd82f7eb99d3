//! Coder's own audit log: the row that coderd would have written, in the same transaction.
#![expect(
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use regex::Regex;
use serde_json::{Value, json};

use super::remove::{Before, REASON, coder, column, operator, remove};
use crate::support::{TestDatabase, seed};

const NIL: &str = "00000000-0000-0000-0000-000000000000";

/// A user's id, by login.
fn user(database: &TestDatabase, login: &str) -> String {
    database.value(&format!(
        "select id from users where username = '{login}' and not deleted"
    ))
}

/// The one row of Coder's own log.
#[track_caller]
fn row(database: &TestDatabase) -> Value {
    let mut rows = database.audit_logs();
    assert_eq!(rows.len(), 1, "{rows:#?}");
    rows.remove(0)
}

/// A column of a key as coderd writes a time into JSON, but for zeros at the end.
fn rfc_3339(database: &TestDatabase, key: &str, name: &str) -> String {
    let text = format!("to_char({name} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')");
    let text = column(database, key, &text);
    format!("{}Z", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The columns that are the same for every row, with those of the operation and of the token.
fn expected(database: &TestDatabase, found: &Value, action: &str) -> Value {
    let operation = database.operations().pop().unwrap_or_default();
    json!({
        "id": found["id"], "time": operation["occurred_at"], "user_id": NIL,
        "organization_id": NIL, "ip": null, "user_agent": "breakglass", "resource_type": "api_key",
        "resource_id": found["resource_id"], "resource_target": found["resource_target"],
        "action": action, "diff": found["diff"], "status_code": 204,
        "additional_fields": {
            "actor": format!("{} as postgres", operation["os_user"].as_str().unwrap_or_default()),
            "api_key_id": found["additional_fields"]["api_key_id"],
            "operation_id": operation["id"], "reason": REASON,
        },
        "request_id": operation["id"], "resource_icon": "",
    })
}

#[test]
fn an_expire_is_written_as_coderd_would_have() {
    let database = coder();
    // What a role's defaults say must not be seen in what is recorded.
    let defaults = [
        "timezone = 'Asia/Kolkata'",
        "datestyle = 'German, DMY'",
        "bytea_output = 'escape'",
    ];
    for default in defaults {
        database.execute(&format!("alter database {} set {default}", database.name()));
    }
    let old = rfc_3339(&database, seed::HOT, "expires_at");
    remove(&database, &["build-cache"]).run().success();
    let found = row(&database);
    assert_eq!(found, expected(&database, &found, "write"));
    assert_eq!(found["resource_id"], user(&database, "ci-runner"));
    assert_eq!(found["resource_target"], "build-cache");
    assert_eq!(found["additional_fields"]["api_key_id"], seed::HOT);
    assert_ne!(found["id"], found["request_id"]);
    let new = rfc_3339(&database, seed::HOT, "expires_at");
    let diff = json!({ "expires_at": { "Old": old, "New": new, "Secret": false } });
    assert_eq!(found["diff"], diff);
    let time =
        Regex::new("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?Z$")
            .unwrap();
    assert!(time.is_match(&old) && time.is_match(&new), "{diff}");
    let change = &database.changes()[0];
    for end in ["before", "after"] {
        let text = change[end]["expires_at"].as_str().unwrap();
        assert!(text.starts_with("20") && text.ends_with("+00"), "{text}");
    }
}

#[test]
fn whole_seconds_and_the_far_future_are_written_like_any_time() {
    let database = coder();
    for (end, old) in [
        ("2126-03-01 12:00:00Z", "2126-03-01T12:00:00Z"),
        ("2126-03-01 12:00:00.5Z", "2126-03-01T12:00:00.5Z"),
        ("9999-12-31 23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ] {
        database.execute(&format!(
            "update api_keys set expires_at = '{end}' where id = '{}'",
            seed::HOT
        ));
        remove(&database, &["build-cache"]).run().success();
        let found = database.audit_logs().pop().unwrap();
        assert_eq!(found["diff"]["expires_at"]["Old"], old);
    }
    assert_eq!(database.audit_logs().len(), 3);
}

#[test]
fn a_delete_is_written_with_every_tracked_column_and_its_zero() {
    let database = coder();
    for (key, label, owner) in [
        (seed::UNUSED_OLD, "laptop", "hanna"),
        (seed::SESSION, "", "mira"),
    ] {
        let owner = user(&database, owner);
        let old = |name: &str| rfc_3339(&database, key, name);
        let zero = "0001-01-01T00:00:00Z";
        let pair = |old: &str, new: &str| json!({ "Old": old, "New": new, "Secret": false });
        let diff = json!({
            "user_id": pair(&owner, ""), "last_used": pair(&old("last_used"), zero),
            "expires_at": pair(&old("expires_at"), zero),
            "created_at": pair(&old("created_at"), zero),
        });
        assert!(key == seed::SESSION || diff["last_used"]["Old"] == zero);
        remove(&database, &[key, "--delete", "--confirm", key])
            .run()
            .success();
        let found = database.audit_logs().pop().unwrap();
        assert_eq!(found, expected(&database, &found, "delete"));
        assert_eq!(found["diff"], diff);
        assert_eq!(found["resource_id"], owner.as_str());
        assert_eq!(found["resource_target"], label);
        assert_eq!(found["additional_fields"]["api_key_id"], key);
    }
    assert_eq!(database.audit_logs().len(), 2);
}

#[test]
fn two_tokens_are_two_rows_of_one_request_with_the_ticket() {
    let database = coder();
    remove(&database, &["build-cache", "release", "--ticket", "INC-42"])
        .run()
        .success();
    let rows = database.audit_logs();
    let fields = |name: &str| -> Vec<Value> { rows.iter().map(|row| row[name].clone()).collect() };
    let id = &database.operation()["id"];
    assert_eq!(fields("request_id"), [id.clone(), id.clone()]);
    let mut targets: Vec<String> = fields("resource_target")
        .iter()
        .map(Value::to_string)
        .collect();
    targets.sort();
    assert_eq!(targets, ["\"build-cache\"", "\"release\""]);
    assert_ne!(rows[0]["id"], rows[1]["id"]);
    for row in &rows {
        assert_eq!(row["additional_fields"]["ticket"], "INC-42");
        assert_eq!(row["additional_fields"].as_object().unwrap().len(), 5);
    }
}

#[test]
fn it_can_be_left_out() {
    let database = coder();
    let output = remove(&database, &["build-cache", "--no-app-audit"]).run();
    output
        .success()
        .says("the application's own audit log is not written: --no-app-audit");
    assert!(
        !output.stdout.contains("application's own audit log"),
        "{output}"
    );
    assert!(!database.is_alive(seed::HOT));
    assert!(database.audit_logs().is_empty());
    assert_eq!(database.operation()["application_audit"], "off");
    assert_eq!(database.changes().len(), 1);
    let words = [
        "release",
        "--no-app-audit",
        "-o",
        "json",
        "--delete",
        "--confirm",
        seed::RELEASE,
    ];
    let json = remove(&database, &words).run().json();
    assert_eq!(json["operation"]["application_audit"], "off");
    assert!(database.audit_logs().is_empty() && !database.has_token(seed::RELEASE));
}

#[test]
fn a_role_that_may_not_write_it_still_expires_and_says_so() {
    for column_only in [false, true] {
        let database = coder();
        let role = operator(&database, &[]);
        let group = database.value(&format!(
            "select rolname from pg_roles where rolname like 'operators_{}'",
            database.name()
        ));
        database.execute(&format!("revoke insert on audit_logs from {group}"));
        let columns = "select string_agg(quote_ident(attname), ', ') from pg_attribute \
                       where attrelid = 'audit_logs'::regclass and attnum > 0";
        database.execute(&format!(
            "revoke insert ({}) on audit_logs from {group}",
            database.value(columns)
        ));
        if column_only {
            database.execute(&format!(
                "grant insert (id, time, user_id) on audit_logs to {group}"
            ));
        }
        let output = remove(&database, &["build-cache"]).as_role(&role).run();
        output
            .success()
            .says("the application's own audit log is not written: this role may not insert there");
        assert!(
            !output.stdout.contains("application's own audit log"),
            "{output}"
        );
        assert!(!database.is_alive(seed::HOT));
        assert!(database.audit_logs().is_empty());
        let operation = database.operation();
        assert_eq!(
            [&operation["application_audit"], &operation["outcome"]],
            ["not_granted", "applied"]
        );
        assert_eq!(database.changes().len(), 1);
        let words = ["release", "--no-app-audit"];
        remove(&database, &words).as_role(&role).run().success();
        assert!(!database.is_alive(seed::RELEASE));
        assert_eq!(database.operations()[1]["application_audit"], "off");
    }
}

#[test]
fn the_least_that_init_grants_is_enough_for_it() {
    let database = coder();
    let role = operator(&database, &[]);
    let output = remove(&database, &["build-cache", seed::OAUTH])
        .as_role(&role)
        .run();
    output.success();
    assert!(
        output
            .stdout
            .contains(", and in the application's own audit log\n"),
        "{output}"
    );
    let rows = database.audit_logs();
    assert_eq!(rows.len(), 2);
    let actor = rows[0]["additional_fields"]["actor"].as_str().unwrap();
    assert!(actor.ends_with(&format!(" as {role}")), "{actor}");
    let operation = database.operation();
    assert_eq!(
        [&operation["db_user"], &operation["application_audit"]],
        [role.as_str(), "written"]
    );
    assert_eq!(
        [&operation["changed"], &operation["companions_changed"]],
        [2, 1]
    );
}

#[test]
fn a_coder_without_the_table_is_expired_all_the_same() {
    let database = coder();
    database.execute("drop table audit_logs");
    let output = remove(&database, &["build-cache"]).run();
    output.success().never_says("application's own audit log");
    assert!(!database.is_alive(seed::HOT));
    assert_eq!(database.operation()["application_audit"], "none");
}

#[test]
fn an_operation_without_effect_writes_no_row_and_does_not_claim_one() {
    let database = coder();
    let output = remove(&database, &[seed::EXPIRED]).run();
    output.success();
    assert!(
        !output.stdout.contains("application's own audit log"),
        "{output}"
    );
    assert!(database.audit_logs().is_empty());
    let before = Before::of(&database);
    remove(&database, &["nothing-is-called-so"]).run().code(1);
    before.plus(&database, "refused", "no token matches");
}

#[test]
fn the_acting_user_is_named_by_login_address_or_id() {
    let database = coder();
    let mira = user(&database, "mira");
    let named = [
        "mira".to_owned(),
        "MIRA@Example.com".to_owned(),
        mira.clone(),
    ];
    for (place, (name, token)) in named
        .iter()
        .zip(["build-cache", "release", seed::SESSION])
        .enumerate()
    {
        let json = remove(&database, &[token, "--app-actor", name, "-o", "json"]).run();
        assert_eq!(
            json.success().json()["operation"]["actor"]["app_actor"],
            name.as_str()
        );
        let found = database.audit_logs().pop().unwrap();
        assert_eq!(found["user_id"], mira.as_str());
        assert_ne!(found["resource_target"], Value::Null);
        assert_eq!(database.operations()[place]["app_actor"], name.as_str());
        assert_eq!(database.audit_logs().len(), place + 1);
    }
}

#[test]
fn an_acting_user_who_is_nobody_or_two_is_refused() {
    let cases = [
        (
            "nobody",
            "--app-actor `nobody` is not a user of the application",
            "give the user's login, email or id",
        ),
        // A deleted user keeps the row, and the name has come again.
        (
            "grace",
            "--app-actor `grace` names more than one user of the application",
            "give the user's id",
        ),
        ("", "--app-actor `` ", "give the user's "),
    ];
    let database = coder();
    for (name, error, hint) in cases {
        let before = Before::of(&database);
        let output = remove(&database, &["build-cache", "--app-actor", name]).run();
        output
            .code(1)
            .says(&format!("error: {error}"))
            .says(&format!("\nhint: {hint}"))
            .says("\nrecorded as ");
        let operation = before.plus(&database, "refused", error);
        assert_eq!(operation["app_actor"], name);
        let json = remove(
            &database,
            &["build-cache", "--app-actor", name, "-o", "json"],
        )
        .run();
        assert_eq!(json.code(1).json_error()["error"]["code"], "bad_actor");
    }
    let grace = user(&database, "grace");
    remove(&database, &["build-cache", "--app-actor", &grace])
        .run()
        .success();
    assert_eq!(row(&database)["user_id"], grace.as_str());
}
