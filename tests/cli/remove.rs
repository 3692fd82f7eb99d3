//! `tokens rm` that does what it was asked: the row, the record, the receipt, both audit logs.
#![expect(clippy::panic, reason = "a helper that finds no value fails its test")]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::upgrade::SINCE_VERSION_4;
use crate::support::{Invocation, Template, TestDatabase, seed};

/// Why, in these tests.
pub(super) const REASON: &str = "hot loop, INC-42";

/// What a kill of a Coder key does not reach.
const TICKETS: &str =
    "app tickets already issued work for up to 60 s, through workspace proxies too";
const CONNECTIONS: &str = "open WebSockets (SSH, terminals, log streams) are not cut";

/// Coder's tables with the users and keys of the demo, and breakglass installed.
pub(super) fn coder() -> TestDatabase {
    TestDatabase::prepared("removable", Template::Coder, |database| {
        database.breakglass().arg("init").run().success();
    })
}

/// `tokens rm WORDS` with a reason and `--yes`.
pub(super) fn remove<'a>(database: &'a TestDatabase, words: &[&str]) -> Invocation<'a> {
    let invocation = database.breakglass().args(["tokens", "rm", "--yes"]);
    invocation.args(["--reason", REASON]).args(words.to_vec())
}

/// A role that may log in and is a member of the operator role that `init` makes with these flags.
pub(super) fn operator(database: &TestDatabase, flags: &[&str]) -> String {
    let group = database.role_name("operators");
    let init = database.breakglass().args(["init", "--operator-role"]);
    init.arg(&group).args(flags.to_vec()).run().success();
    let login = database.login_role("operator");
    database.execute(&format!("grant {group} to {login}"));
    login
}

/// One column of a key.
pub(super) fn column(database: &TestDatabase, key: &str, column: &str) -> String {
    database.value(&format!("select {column} from api_keys where id = '{key}'"))
}

/// Everything that a mutation could leave behind, as it is now.
#[derive(Debug)]
pub(super) struct Before {
    rows: BTreeMap<String, Vec<String>>,
    operations: Vec<Value>,
    records: [usize; 2],
}

impl Before {
    /// Looks at the application's tables and at the record.
    pub(super) fn of(database: &TestDatabase) -> Self {
        Self {
            rows: database.application_rows(),
            operations: database.operations(),
            records: [database.changes().len(), database.observations().len()],
        }
    }

    /// The application's rows as they were.
    pub(super) fn rows(&self) -> &BTreeMap<String, Vec<String>> {
        &self.rows
    }

    /// The operations that there were.
    pub(super) fn operations(&self) -> &[Value] {
        &self.operations
    }

    /// Asserts that nothing is otherwise than it was.
    #[track_caller]
    pub(super) fn is_all(&self, database: &TestDatabase) {
        let Self {
            rows,
            operations,
            records,
        } = self;
        assert_eq!(&database.application_rows(), rows);
        assert_eq!(&database.operations(), operations);
        let now = [database.changes().len(), database.observations().len()];
        assert_eq!(&now, records);
    }

    /// Asserts that the application is as it was, and that one operation was recorded, as one that
    /// changed nothing. Returns it.
    #[track_caller]
    pub(super) fn plus(&self, database: &TestDatabase, outcome: &str, error: &str) -> Value {
        assert_eq!(database.application_rows(), self.rows);
        let new: Vec<Value> = database
            .operations()
            .into_iter()
            .filter(|operation| !self.operations.contains(operation))
            .collect();
        let [operation] = new.as_slice() else {
            panic!("not one new operation but {new:#?}")
        };
        assert_eq!(operation["outcome"], outcome, "{operation:#}");
        let told = operation["error"].as_str().unwrap_or_default();
        assert!(told.contains(error), "{error:?} is not in {told:?}");
        assert!(operation["error_code"].is_string(), "{operation:#}");
        assert_eq!(operation["reason"], REASON, "{operation:#}");
        for count in ["matched", "changed", "unchanged", "companions_changed"] {
            assert_eq!(operation[count], Value::Null, "{operation:#}");
        }
        let now = [database.changes().len(), database.observations().len()];
        assert_eq!(now, self.records);
        operation.clone()
    }
}

#[test]
fn a_token_is_expired_by_its_name() {
    let database = coder();
    let others = "select md5(string_agg(to_jsonb(k)::text, '' order by id)) from api_keys as k \
                  where id <> 'd4o6FQe5QT'";
    let untouched = database.value(others);
    let rest = "to_jsonb(api_keys) - 'expires_at'";
    let rest_before = column(&database, seed::HOT, rest);
    let output = remove(&database, &["build-cache", "--ticket", "INC-42"]).run();
    output
        .success()
        .says("will expire 1 token (expires_at = now - 1 s)")
        .says("breaks d4o6FQe5QT: last used ")
        .says("does not kill: app tickets already issued");
    let operation = database.operation();
    let id = operation["id"].as_str().unwrap();
    let said: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(
        said[..2],
        [
            "expired token d4o6FQe5QT `build-cache` of ci-runner: active -> expired",
            "read back on a fresh connection: dead",
        ]
    );
    assert!(
        said[2].starts_with(&format!("recorded as {id} at ")),
        "{output}"
    );
    assert!(said[2].ends_with(", and in the application's own audit log"));
    output.says(&format!("operation {id}, plan "));

    assert!(!database.is_alive(seed::HOT));
    let second = "expires_at = (select occurred_at - interval '1 s' from breakglass.operation)";
    assert_eq!(column(&database, seed::HOT, second), "t");
    assert_eq!(column(&database, seed::HOT, rest), rest_before);
    assert_eq!(database.value(others), untouched);
}

#[test]
fn an_expire_is_recorded_with_all_its_fields() {
    let database = coder();
    let before = column(
        &database,
        seed::HOT,
        "(expires_at at time zone 'UTC')::text || '+00'",
    );
    remove(&database, &["build-cache", "--ticket", "INC-42"])
        .run()
        .success();
    let mut operation = database.operation();
    // Nobody asked over HTTP, and nothing went wrong.
    let columns = operation.as_object_mut().unwrap();
    for column in SINCE_VERSION_4 {
        assert_eq!(columns.remove(column), Some(Value::Null), "{column}");
    }
    let id = operation["id"].as_str().unwrap();
    let expected = json!({
        "id": id, "parent_id": null, "cause": null, "batch": null, "ends_at": null,
        "occurred_at": operation["occurred_at"],
        "action": "expire", "outcome": "applied", "adapter": "coder",
        "os_user": operation["os_user"], "host": operation["host"], "db_user": "postgres",
        "client_address": null, "backend_pid": operation["backend_pid"], "xid": operation["xid"],
        "app_actor": null,
        "reason": REASON, "ticket": "INC-42", "selector": "build-cache",
        "plan_digest": operation["plan_digest"], "planned": 1, "matched": 1, "changed": 1,
        "unchanged": 0, "still_alive": 0, "companions_planned": 0, "companions_dead": 0,
        "companions_changed": 0, "cascades": null, "application_audit": "written",
        "secret_verified": null, "error": null, "tool_version": env!("CARGO_PKG_VERSION"),
        "server_host": database.socket_directory().display().to_string(),
        "server_port": operation["server_port"], "database_name": database.name(),
        "server_version": database.value("show server_version"),
        "system_identifier": database.value("select system_identifier from pg_control_system()"),
    });
    assert_eq!(operation, expected);
    for named in ["os_user", "host", "plan_digest"] {
        assert!(
            operation[named]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{named}"
        );
    }
    let changes = database.changes();
    let [change] = changes.as_slice() else {
        panic!("{changes:#?}")
    };
    let expected = json!({
        "operation_id": id, "xid": operation["xid"], "relation": "public.api_keys",
        "key": seed::HOT, "kind": "token",
        "label": "build-cache", "owner_id": column(&database, seed::HOT, "user_id"),
        "owner_login": "ci-runner", "state_before": "active", "state_after": "expired",
        "before": { "expires_at": before }, "after": change["after"],
    });
    assert_eq!(change, &expected);
    let after = change["after"]["expires_at"].as_str().unwrap();
    let exact = format!("expires_at = '{after}' and '{after}' like '%+00'");
    assert_eq!(column(&database, seed::HOT, &exact), "t");
    assert_eq!(change["after"].as_object().unwrap().len(), 1);

    let observations = database.observations();
    let [observation] = observations.as_slice() else {
        panic!("{observations:#?}")
    };
    assert_eq!(observation["operation_id"], id);
    assert_eq!(observation["key"], seed::HOT);
    assert_eq!(observation["verdict"], "dead");
    assert_eq!(observation["detail"], "expired");
    assert_eq!(database.audit_logs().len(), 1);
}

#[test]
fn the_receipt_in_json_tells_what_is_recorded() {
    let database = coder();
    let words = ["id:d4o6FQe5QT", "--ticket", "INC-42", "-o", "json"];
    let output = remove(&database, &words).run();
    output.success();
    assert_eq!(output.stderr, "");
    let receipt = output.json();
    let (operation, change) = (database.operation(), database.changes().remove(0));
    let expected = json!({
        "schema": 1,
        "operation": {
            "id": operation["id"], "parent_id": null, "cause": null,
            "batch": null, "ends_at": null, "action": "expire", "outcome": "applied",
            "occurred_at": receipt["operation"]["occurred_at"], "adapter": "coder",
            "actor": {
                "os_user": operation["os_user"], "host": operation["host"], "db_user": "postgres",
                "client_address": null, "app_actor": null,
            },
            "reason": REASON, "ticket": "INC-42", "selector": "id:d4o6FQe5QT",
            "plan_digest": operation["plan_digest"], "planned": 1, "matched": 1, "changed": 1,
            "unchanged": 0, "companions_changed": 0, "cascades": null,
            "application_audit": "written", "secret_verified": null, "error": null,
            "tool_version": env!("CARGO_PKG_VERSION"),
            "database": {
                "host": operation["server_host"], "port": operation["server_port"],
                "name": database.name(), "server_version": operation["server_version"],
                "system_identifier": operation["system_identifier"],
            },
        },
        "changes": [{
            "relation": "public.api_keys", "key": seed::HOT, "kind": "token",
            "label": "build-cache",
            "owner": { "id": change["owner_id"], "login": "ci-runner", "email": null },
            "state_before": "active", "state_after": "expired",
            "before": change["before"], "after": change["after"],
        }],
        "unchanged": [],
        "verdict": "dead",
        "watched_for_ms": 0, "looks": 1, "watched_until": receipt["watched_until"],
        "unsettled": [], "reapplied": [], "advice": null,
        "still_works": [TICKETS, CONNECTIONS],
        "unreached": [
            {
                "what": "ticket", "text": TICKETS, "lasts_seconds": 60, "sliding": false,
                "until": receipt["unreached"][0]["until"], "where": null, "flush": null,
                "commands": [], "without_command": [],
            },
            {
                "what": "connection", "text": CONNECTIONS, "lasts_seconds": null, "sliding": false,
                "until": null, "where": null, "flush": null, "commands": [], "without_command": [],
            },
        ],
        "probe": null,
        "target": null,
        "environment": null,
    });
    assert_eq!(receipt, expected);
    let told = receipt["operation"]["occurred_at"].as_str().unwrap();
    assert!(told.contains('T') && told.ends_with('Z'), "{told}");
    let same = format!("select occurred_at = '{told}' from breakglass.operation");
    assert_eq!(database.value(&same), "t");
    assert!(!database.is_alive(seed::HOT));
}

#[test]
fn several_tokens_are_one_operation_and_one_named_twice_is_one() {
    let database = coder();
    let words = [
        "build-cache",
        "id:r1zx5DiipR",
        "d4o6FQe5QT",
        "name:release",
        "--expect",
        "2",
    ];
    remove(&database, &words)
        .run()
        .success()
        .says("will expire 2 tokens");
    let operation = database.operation();
    assert_eq!(
        operation["selector"],
        "build-cache id:r1zx5DiipR d4o6FQe5QT name:release"
    );
    assert_eq!([&operation["planned"], &operation["changed"]], [2, 2]);
    let keys: Vec<Value> = database
        .changes()
        .into_iter()
        .map(|c| c["key"].clone())
        .collect();
    assert_eq!(keys, [seed::HOT, seed::RELEASE]);
    assert!(!database.is_alive(seed::HOT) && !database.is_alive(seed::RELEASE));
    assert_eq!(database.observations().len(), 2);
    assert_eq!(database.audit_logs().len(), 2);
    assert_eq!(
        database.value("select count(*) from api_keys where expires_at < now()"),
        "36"
    );
}

#[test]
fn a_token_that_is_dead_already_is_left_to_the_byte() {
    let database = coder();
    let row = database.token_row(seed::EXPIRED);
    let end = column(
        &database,
        seed::EXPIRED,
        "to_char(expires_at at time zone 'UTC', \
                     'YYYY-MM-DD HH24:MI:SS +00:00')",
    );
    let output = remove(&database, &[seed::EXPIRED]).run();
    output.success().says("1 token already dead, left as it is");
    let said = format!(
        "already expired since {end}: token {} `ci`, left as it is",
        seed::EXPIRED
    );
    assert_eq!(output.stdout.lines().next(), Some(said.as_str()));
    assert_eq!(database.token_row(seed::EXPIRED), row);
    let operation = database.operation();
    assert_eq!(operation["outcome"], "unchanged");
    assert_eq!(operation["error"], Value::Null);
    for (count, number) in [
        ("planned", 1),
        ("matched", 1),
        ("changed", 0),
        ("unchanged", 1),
    ] {
        assert_eq!(operation[count], number, "{count}");
    }
    assert!(database.changes().is_empty() && database.audit_logs().is_empty());
    let json = remove(&database, &[seed::EXPIRED, "-o", "json"])
        .run()
        .json();
    assert_eq!(json["operation"]["outcome"], "unchanged");
    assert_eq!(json["changes"], json!([]));
    assert_eq!(json["unchanged"][0]["key"], seed::EXPIRED);
    assert_eq!(json["unchanged"][0]["state"], "expired");
    assert_eq!(database.token_row(seed::EXPIRED), row);
    assert_eq!(database.operations().len(), 2);
}

/// Upstream: `ExpiringAlreadyExpiredTokenSucceeds`, `DeletingExpiredTokenSucceeds`.
#[test]
fn expiring_twice_is_one_change_and_deleting_afterwards_works() {
    let database = coder();
    remove(&database, &["build-cache"]).run().success();
    let row = database.token_row(seed::HOT);
    remove(&database, &["build-cache"]).run().success();
    assert_eq!(database.token_row(seed::HOT), row);
    assert_eq!(database.audit_logs().len(), 1, "no second row");
    assert_eq!(database.changes().len(), 1);
    remove(
        &database,
        &["build-cache", "--delete", "--confirm", seed::HOT],
    )
    .run()
    .success();
    assert!(!database.has_token(seed::HOT));
    let outcomes: Vec<Value> = database
        .operations()
        .into_iter()
        .map(|o| o["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["applied", "unchanged", "applied"]);
    let deleted = &database.changes()[1];
    assert_eq!(
        [&deleted["state_before"], &deleted["state_after"]],
        ["expired", "deleted"]
    );
    assert_eq!(database.audit_logs().len(), 2);
}

#[test]
fn dead_and_live_tokens_go_together() {
    let database = coder();
    let row = database.token_row(seed::EXPIRED);
    let output = remove(&database, &[seed::EXPIRED, seed::HOT, "-o", "json"]).run();
    let json = output.success().json();
    assert_eq!(json["operation"]["outcome"], "applied");
    assert_eq!(json["changes"][0]["key"], seed::HOT);
    assert_eq!(json["unchanged"][0]["key"], seed::EXPIRED);
    assert_eq!(database.token_row(seed::EXPIRED), row);
    let operation = database.operation();
    let counts = ["planned", "matched", "changed", "unchanged"].map(|name| &operation[name]);
    assert_eq!(counts, [2, 2, 1, 1]);
    assert_eq!(database.audit_logs().len(), 1);
}

#[test]
fn every_shape_of_the_table_since_v0_23_works() {
    for (template, key) in [
        (Template::CoderV0_23, "v0Token003"),
        (Template::CoderV2_27, "v2Token003"),
    ] {
        let database = TestDatabase::new(template);
        database.breakglass().arg("init").run().success();
        remove(&database, &["deploy-bot"]).run().success();
        assert!(!database.is_alive(key));
        assert_eq!(database.operation()["outcome"], "applied");
        assert_eq!(database.audit_logs()[0]["resource_target"], "deploy-bot");
        remove(&database, &[key, "--delete", "--confirm", key])
            .run()
            .success();
        assert!(!database.has_token(key));
        let before = &database.changes()[1]["before"];
        assert_eq!(before["token_name"], "deploy-bot", "{before:#}");
        assert_eq!(database.audit_logs().len(), 2);
    }
}
