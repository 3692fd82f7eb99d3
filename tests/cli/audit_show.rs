//! `audit show`: one operation with everything that is recorded of it.

use serde_json::{Value, json};

use super::audit::{audit, members, recorded};
use super::show::folded;
use crate::support::{Redactor, Template, TestDatabase};

#[test]
fn one_operation_is_shown_with_its_rows_and_what_was_seen() {
    let database = recorded();
    let id = database.value("select id from breakglass.operation where reason = 'leaked in a log'");
    let output = audit(&database, &["show", &id]);
    output.success();
    let os_user = database.operations()[2]["os_user"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let shown = Redactor::of(&database)
        .also(
            &database.value("select system_identifier from pg_control_system()"),
            "<cluster>",
        )
        .also(&format!("{os_user} as"), "<user> as")
        .also(
            "database         cli_audit_recorded on",
            "database  <database> on",
        )
        .redact(&output.stdout);
    assert_eq!(
        folded(&shown),
        "operation <uuid>\nwhen <time> (<age>)\naction expire\noutcome applied\n\
         actor <user> as postgres\nclient host <host>\nreason leaked in a log\nticket INC-1\n\
         selector release\nadapter coder\n\
         database <database> on <socket>:<port>, PostgreSQL <version>, cluster <cluster>\n\
         plan <digest>\n\
         counts 1 planned, 1 matched, 1 changed, 0 unchanged, 0 companions changed\n\
         application log written\n\
         change public.api_keys r1zx5DiipR release of release-bot: active -> expired\n\
     expires_at: <time> -> <time>\n\
         seen <time> (<age>) r1zx5DiipR: dead (expired)\n"
    );
}

#[test]
fn one_operation_in_json_has_exactly_these_fields() {
    let database = recorded();
    let id = database.value("select id from breakglass.operation where action = 'delete'");
    let output = audit(&database, &["show", &id, "-o", "json"]);
    output.success();
    let document = output.json();
    assert_eq!(
        members(&document),
        ["schema", "operation", "changes", "observations", "caused"]
    );
    assert_eq!(document["schema"], 1);
    let listed = audit(&database, &["ls", "--action", "delete", "-o", "jsonl"]).json_lines();
    assert_eq!(document["operation"], listed[0]);
    let change = &document["changes"][0];
    let fields = [
        "relation",
        "key",
        "kind",
        "label",
        "owner",
        "state_before",
        "state_after",
        "before",
        "after",
    ];
    assert_eq!(members(change), fields);
    assert_eq!(
        (&change["state_before"], &change["state_after"]),
        (&json!("expired"), &json!("deleted"))
    );
    assert_eq!(change["after"], Value::Null);
    assert!(change["before"].get("hashed_secret").is_none());
    assert_eq!(change["before"]["token_name"], "ci");
    let seen = &document["observations"][0];
    assert_eq!(members(seen), ["observed_at", "key", "verdict", "detail"]);
    assert_eq!(seen["verdict"], "dead");
    let id = database.value("select id from breakglass.operation where outcome = 'failed'");
    let document = audit(&database, &["show", &id, "-o", "json"]).json();
    assert_eq!(
        (&document["changes"], &document["observations"]),
        (&json!([]), &json!([]))
    );
}

#[test]
fn the_beginning_of_an_id_is_enough_where_it_is_one() {
    let database = recorded();
    let whole = "aaaaaaaa-0000-7000-8000-000000000001";
    for id in [whole, &whole.to_uppercase()] {
        let output = audit(&database, &["show", id]);
        output.success();
        assert!(
            output.stdout.contains("\nerror            long ago\n"),
            "{output}"
        );
    }
    let output = audit(&database, &["show", "aaaaaaaa-0000"]);
    output
        .code(1)
        .says("more than one operation begins with `aaaaaaaa-0000`")
        .says("give more of the id");
    let short: String = database
        .value("select id from breakglass.operation where action = 'delete'")
        .chars()
        .take(30)
        .collect();
    audit(&database, &["show", &short]).success();
}

#[test]
fn an_id_that_is_none_is_not_found() {
    let database = recorded();
    for id in [
        "bbbbbbbb",
        "xyz",
        "%",
        "_",
        "aaaaaaaa-0000-7000-8000-0000000000011",
        "",
    ] {
        let output = audit(&database, &["show", id]);
        output
            .code(1)
            .says(&format!("error: no operation `{id}` is recorded here"));
        output.says("hint: see `breakglass audit ls`");
        assert_eq!(output.stdout, "");
    }
    let error = audit(&database, &["show", "xyz", "-o", "json"]).json_error()["error"].clone();
    assert_eq!(error["code"], "no_such_operation");
}

#[test]
fn where_nothing_is_installed_there_is_no_log_to_read() {
    let database = TestDatabase::new(Template::Coder);
    for arguments in [&["ls"][..], &["show", "0199"]] {
        let output = audit(&database, arguments);
        output
            .code(1)
            .says("breakglass is not installed in this database")
            .says("breakglass init");
    }
    let error = audit(&database, &["ls", "-o", "json"]).json_error()["error"].clone();
    assert_eq!(error["code"], "not_installed");
}

/// The log is breakglass's own: no adapter has to fit.
#[test]
fn the_log_can_be_read_in_any_database() {
    let database = TestDatabase::new(Template::Empty);
    database.breakglass().arg("init").run().success();
    audit(&database, &["ls"]).success().says("no operations");
}
