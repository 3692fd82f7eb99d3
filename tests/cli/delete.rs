//! `tokens rm --delete`, and what goes with a token: what the database takes along, what must die
//! with it, what refuses.

use serde_json::{Value, json};

use super::remove::{Before, coder, column, operator, remove};
use crate::support::run::Output;
use crate::support::{TestDatabase, seed};

/// Deletes one token by its key.
fn delete(database: &TestDatabase, key: &str, words: &[&str]) -> Output {
    let invocation = remove(database, &[key, "--delete", "--confirm", key]);
    invocation.args(words.to_vec()).run()
}

#[test]
fn a_deleted_token_is_gone_and_its_tracked_columns_are_recorded() {
    let database = coder();
    let text = |what: &str| column(&database, seed::HOT, what);
    let time = |what: &str| text(&format!("({what} at time zone 'UTC')::text || '+00'"));
    let owner = text("user_id");
    let expected = json!({
        "user_id": owner, "login_type": "token", "token_name": "build-cache",
        "lifetime_seconds": text("lifetime_seconds"), "ip_address": text("ip_address::text"),
        "scopes": "{coder:all}", "allow_list": "{*:*}", "created_at": time("created_at"),
        "expires_at": time("expires_at"), "last_used": time("last_used"),
    });
    let hash = text("encode(hashed_secret, 'hex')");
    let others = "select count(*), md5(string_agg(to_jsonb(k)::text, '' order by id)) \
                  from api_keys as k where id <> 'd4o6FQe5QT'";
    let before = database.query(others);
    let output = delete(&database, seed::HOT, &[]);
    output
        .success()
        .says("will delete 1 token: the row is removed for good and cannot be restored")
        .never_says("takes along")
        .never_says(&hash);
    let said: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(
        said[0],
        "deleted token d4o6FQe5QT `build-cache` of ci-runner: active -> deleted"
    );
    assert_eq!(said[1], "read back on a fresh connection: dead");
    assert!(!database.has_token(seed::HOT));
    assert_eq!(database.query(others), before);

    let operation = database.operation();
    assert_eq!(
        [&operation["action"], &operation["outcome"]],
        ["delete", "applied"]
    );
    for (count, number) in [
        ("planned", 1),
        ("matched", 1),
        ("changed", 1),
        ("unchanged", 0),
    ] {
        assert_eq!(operation[count], number, "{count}");
    }
    let changes = database.changes();
    let [change] = changes.as_slice() else {
        panic!("{changes:#?}")
    };
    let expected = json!({
        "operation_id": operation["id"], "xid": operation["xid"],
        "relation": "public.api_keys", "key": seed::HOT,
        "kind": "token", "label": "build-cache", "owner_id": owner, "owner_login": "ci-runner",
        "state_before": "active", "state_after": "deleted", "before": expected, "after": null,
    });
    assert_eq!(change, &expected);
    assert!(!format!("{changes:?}{:?}", database.audit_logs()).contains(&hash));
    let observations = database.observations();
    assert_eq!(observations.len(), 1);
    assert_eq!(
        [&observations[0]["verdict"], &observations[0]["detail"]],
        ["dead", "the row is gone"]
    );
    assert_eq!(observations[0]["key"], seed::HOT);
}

#[test]
fn what_the_database_takes_along_is_shown_and_counted() {
    let database = coder();
    database.load("tests/fixtures/coder/chat.sql");
    let words = [
        "chat00Used",
        seed::OAUTH,
        "--delete",
        "--confirm",
        "chat00Used",
        "--confirm",
    ];
    let output = remove(&database, &words).arg(seed::OAUTH).run();
    output
        .success()
        .says("takes along: 3 rows of public.chat_messages (on delete set null)")
        .says("takes along: 1 row of public.chat_queued_messages (on delete set null)")
        .says("takes along: 1 row of public.oauth2_provider_app_tokens (on delete cascade)");
    assert!(!database.has_token("chat00Used") && !database.has_token(seed::OAUTH));
    let left = "select (select count(*) from oauth2_provider_app_tokens where api_key_id = 'z8vWfGZaE2'), \
                       (select count(*) from chat_messages where api_key_id is not null), \
                       (select count(*) from chat_messages)";
    assert_eq!(
        database.query(left),
        [["0", "0", "4"].map(|n| Some(n.to_owned()))]
    );
    let mut cascades = database.operation()["cascades"].as_array().unwrap().clone();
    cascades.sort_by_key(|cascade| cascade["relation"].to_string());
    let key = |relation: &str, constraint: &str, on_delete: &str, rows: i64| json!({ "relation": relation, "constraint": constraint, "on_delete": on_delete, "rows": rows });
    let expected = [
        key(
            "public.chat_messages",
            "chat_messages_api_key_id_fkey",
            "set null",
            3,
        ),
        key(
            "public.chat_queued_messages",
            "chat_queued_messages_api_key_id_fkey",
            "set null",
            1,
        ),
        key(
            "public.oauth2_provider_app_tokens",
            cascades[2]["constraint"].as_str().unwrap(),
            "cascade",
            1,
        ),
    ];
    assert_eq!(cascades, expected);
    assert_eq!(
        database.changes().len(),
        2,
        "the database's own work is counted, not journalled"
    );
    assert_eq!(database.operation()["companions_changed"], 0);

    let json = delete(&database, "chat00Idle", &["-o", "json"]).json();
    let rows: Vec<&Value> = json["operation"]["cascades"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["rows"])
        .collect();
    assert_eq!(rows, [0, 0, 0]);
}

#[test]
fn a_delete_without_its_key_confirmed_is_refused() {
    let database = coder();
    let before = Before::of(&database);
    let words = ["build-cache", "release", "--delete", "--confirm", seed::HOT];
    let output = remove(&database, &words).run();
    let error = "--confirm does not name token `r1zx5DiipR`, which would be deleted";
    output.code(1).says(&format!(
        "error: {error}\nhint: add `--confirm KEY` once for each"
    ));
    let operation = before.plus(&database, "refused", error);
    assert_eq!(
        [&operation["action"], &operation["selector"]],
        ["delete", "build-cache release"]
    );
    for wrong in ["build-cache", "D4O6FQE5QT", "d4o6FQe5Q", "", "d4o6FQe5QT "] {
        let before = Before::of(&database);
        let output = remove(&database, &["build-cache", "--delete", "--confirm", wrong]).run();
        output
            .code(1)
            .says("--confirm does not name token `d4o6FQe5QT`");
        before.plus(
            &database,
            "refused",
            "--confirm does not name token `d4o6FQe5QT`",
        );
    }
}

#[test]
fn the_alias_delete_without_the_flag_expires_and_says_so() {
    let note = "note: `delete` without --delete expires: the row stays\n";
    for (noun, verb) in [("tokens", "delete"), ("token", "delete")] {
        let database = coder();
        let invocation = database
            .breakglass()
            .args([noun, verb, "build-cache", "--yes"]);
        let output = invocation.args(["--reason", "why"]).run();
        output.success().says(note);
        assert!(database.has_token(seed::HOT) && !database.is_alive(seed::HOT));
        assert_eq!(database.operation()["action"], "expire");
    }
    for verb in ["rm", "remove", "expire"] {
        let database = coder();
        let invocation = database
            .breakglass()
            .args(["tokens", verb, "build-cache", "--yes"]);
        let output = invocation.args(["--reason", "why"]).run();
        output.success().never_says("`delete`");
        assert!(database.has_token(seed::HOT) && !database.is_alive(seed::HOT));
    }
    let database = coder();
    let words = [
        "tokens",
        "delete",
        "build-cache",
        "--delete",
        "--confirm",
        seed::HOT,
    ];
    let output = database
        .breakglass()
        .args(words)
        .args(["--reason", "why"])
        .run();
    output.success().never_says("`delete` without");
    assert!(!database.has_token(seed::HOT));
}

#[test]
fn a_foreign_key_that_refuses_fails_the_delete_and_nothing_else() {
    let late = "deferrable initially deferred";
    for (action, when) in [("no action", ""), ("restrict", ""), ("no action", late)] {
        let database = coder();
        database.execute(&format!(
            "create table sessions_of (key text constraint must_stay references api_keys \
             on delete {action} {when}); insert into sessions_of values ('d4o6FQe5QT'), ('d4o6FQe5QT')"
        ));
        let before = Before::of(&database);
        let output = delete(&database, seed::HOT, &[]);
        output
            .code(1)
            .says(&format!(
                "takes along: 2 rows of public.sessions_of (on delete {action})"
            ))
            .says("violates foreign key constraint \"must_stay\"")
            .says("hint: rows of other tables still point at it: expire it instead")
            .says("recorded as ");
        assert_eq!(output.stdout, "");
        before.plus(
            &database,
            "failed",
            "violates foreign key constraint \"must_stay\"",
        );
        let json = delete(&database, seed::HOT, &["-o", "json"]);
        assert_eq!(json.code(1).json_error()["error"]["code"], "referenced");
        assert!(database.is_alive(seed::HOT));
        // What it would not delete it can expire.
        remove(&database, &[seed::HOT]).run().success();
        assert!(!database.is_alive(seed::HOT));
    }
}

#[test]
fn a_role_that_may_delete_deletes_and_cannot_count_what_it_may_not_read() {
    let database = coder();
    database.load("tests/fixtures/coder/chat.sql");
    let role = operator(&database, &["--allow-delete"]);
    let words = [seed::OAUTH, "--delete", "--confirm", seed::OAUTH];
    remove(&database, &words).as_role(&role).run().success();
    assert!(!database.has_token(seed::OAUTH));
    let operation = database.operation();
    assert_eq!(
        [&operation["db_user"], &operation["outcome"]],
        [role.as_str(), "applied"]
    );
    assert_eq!(database.audit_logs()[0]["action"], "delete");
    database.execute(
        "create table hidden (key text references api_keys on delete cascade); \
         insert into hidden values ('chat00Idle')",
    );
    let words = ["chat00Idle", "--delete", "--confirm", "chat00Idle"];
    let output = remove(&database, &words).as_role(&role).run();
    output
        .success()
        .says("takes along: rows that this role may not count of public.hidden");
    let cascades = database.operations()[1]["cascades"].clone();
    let hidden = cascades
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["relation"] == "public.hidden");
    assert_eq!(hidden.unwrap()["rows"], Value::Null);
    assert_eq!(database.value("select count(*) from hidden"), "0");
}

#[test]
fn the_refresh_token_of_an_oauth_key_dies_with_it() {
    let database = coder();
    let refresh = |what: &str| {
        database.value(&format!(
            "select {what} from oauth2_provider_app_tokens where api_key_id = 'z8vWfGZaE2'"
        ))
    };
    let (id, end) = (
        refresh("id"),
        refresh("(expires_at at time zone 'UTC')::text || '+00'"),
    );
    let output = remove(&database, &[seed::OAUTH]).run();
    output
        .success()
        .says(&format!("with it: oauth refresh token {id}"));
    assert!(!database.is_alive(seed::OAUTH));
    assert_eq!(refresh("expires_at < now()"), "t");
    assert_eq!(
        database.value("select count(*) from oauth2_provider_app_tokens where expires_at < now()"),
        "1"
    );
    let operation = database.operation();
    assert_eq!(operation["outcome"], "applied");
    for (count, number) in [("planned", 1), ("changed", 1), ("companions_planned", 1)] {
        assert_eq!(operation[count], number, "{count}");
    }
    for count in ["companions_dead", "companions_changed"] {
        assert_eq!(operation[count], 1, "{count}");
    }
    let changes = database.changes();
    let [token, companion] = changes.as_slice() else {
        panic!("{changes:#?}")
    };
    assert_eq!([&token["key"], &token["kind"]], [seed::OAUTH, "oauth"]);
    assert_eq!(companion["relation"], "public.oauth2_provider_app_tokens");
    assert_eq!(
        [&companion["key"], &companion["kind"]],
        [id.as_str(), "oauth refresh token"]
    );
    assert_eq!(
        [&companion["state_before"], &companion["state_after"]],
        ["active", "expired"]
    );
    assert_eq!(companion["before"], json!({ "expires_at": end }));
    assert_eq!(companion["owner_login"], "grace");
    assert_eq!(
        database.audit_logs().len(),
        1,
        "only the key is in Coder's own log"
    );
    assert_eq!(database.observations().len(), 1);
}

#[test]
fn a_live_refresh_token_of_a_dead_key_is_expired_alone() {
    let database = coder();
    let row = database.token_row(seed::OAUTH_EXPIRED);
    remove(&database, &[seed::OAUTH_EXPIRED])
        .run()
        .success()
        .says("1 token already dead");
    assert_eq!(database.token_row(seed::OAUTH_EXPIRED), row);
    let operation = database.operation();
    assert_eq!(operation["outcome"], "applied");
    assert_eq!([&operation["changed"], &operation["unchanged"]], [0, 1]);
    assert_eq!(operation["companions_changed"], 1);
    let live = "select count(*) from oauth2_provider_app_tokens \
                where api_key_id = 'rM0xE8OKfH' and expires_at > now()";
    assert_eq!(database.value(live), "0");
    let kinds: Vec<Value> = database
        .changes()
        .into_iter()
        .map(|c| c["kind"].clone())
        .collect();
    assert_eq!(kinds, ["oauth refresh token"]);
    assert!(database.audit_logs().is_empty());
}

#[test]
fn a_role_without_delete_is_refused_with_the_missing_right_and_on_record() {
    let database = coder();
    let role = operator(&database, &[]);
    let before = Before::of(&database);
    let words = [seed::HOT, "--delete", "--confirm", seed::HOT];
    let output = remove(&database, &words).as_role(&role).run();
    output
        .code(1)
        .says(&format!(
            "error: role `{role}` lacks delete on public.api_keys\n"
        ))
        .says("--allow-delete");
    let operation = before.plus(&database, "refused", "lacks delete on public.api_keys");
    assert_eq!(
        [&operation["action"], &operation["db_user"]],
        ["delete", role.as_str()]
    );
    assert_eq!(operation["planned"], Value::Null, "nothing was planned");
    let words = [&words[..], &["-o", "json"]].concat();
    let output = remove(&database, &words).as_role(&role).run();
    assert_eq!(output.code(1).json_error()["error"]["code"], "unfit");
}
