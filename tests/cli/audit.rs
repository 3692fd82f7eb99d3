//! `audit ls`: what is on record, for people and for programs.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a helper that cannot go on fails the test that called it"
)]

use serde_json::{Value, json};

use super::show::installed;
use crate::support::run::Output;
use crate::support::{Redactor, Template, TestDatabase, seed};

/// A superuser of the shared server besides `postgres`, so that there are two actors.
const BOB: &str = "cli_audit_bob";

/// One operation of every kind: applied, unchanged, refused, failed, a delete, and one of last week.
pub(super) fn recorded() -> TestDatabase {
    TestDatabase::prepared("cli_audit_recorded", Template::Coder, |database| {
        database.execute(&format!("create role {BOB} superuser login"));
        database.breakglass().arg("init").run().success();
        let rm = |arguments: &[&str], code: i32| {
            let rm = database.breakglass().args(["tokens", "rm", "--yes"]);
            rm.args(arguments.iter().copied()).run().code(code);
        };
        rm(
            &[
                "release",
                "--reason",
                "leaked in a log",
                "--ticket",
                "INC-1",
            ],
            0,
        );
        rm(&["release", "--reason", "once more"], 0);
        rm(&["no-such-token", "--reason", "a slip"], 1);
        let lock = database.session();
        lock.execute(&format!(
            "begin; select from api_keys where id = '{}' for update",
            seed::HOT
        ));
        rm(
            &[
                "build-cache",
                "--reason",
                "locked out",
                "--lock-timeout",
                "100ms",
            ],
            1,
        );
        drop(lock);
        let delete = database
            .breakglass()
            .as_role(BOB)
            .args(["tokens", "rm", "--delete"]);
        let named = [
            seed::EXPIRED,
            "--confirm",
            seed::EXPIRED,
            "--reason",
            "cleared, \"for good\"",
        ];
        delete
            .args(named)
            .args(["--app-actor", "alina"])
            .run()
            .success();
        database.execute(
            "insert into breakglass.operation (id, occurred_at, action, outcome, selector, error, tool_version) \
             values ('aaaaaaaa-0000-7000-8000-000000000001', now() - interval '8 days', 'expire', 'refused', 'x', \
                     'long ago', '0'), \
                    ('aaaaaaaa-0000-7000-8000-000000000002', now() - interval '9 days', 'expire', 'refused', 'x', \
                     'longer ago', '0')",
        );
    })
}

pub(super) fn audit(database: &TestDatabase, arguments: &[&str]) -> Output {
    let invocation = database.breakglass().arg("audit");
    invocation.args(arguments.iter().copied()).run()
}

/// The reasons (or errors) of the operations that a filter shows, in its order.
#[track_caller]
fn shown(database: &TestDatabase, filter: &[&str]) -> Vec<String> {
    let output = audit(database, &[&["ls", "-o", "jsonl"], filter].concat());
    output.success();
    let name = |operation: Value| {
        let text = operation["reason"].as_str().or(operation["error"].as_str());
        text.expect("one of them is there").to_owned()
    };
    output.json_lines().into_iter().map(name).collect()
}

const NEWEST_FIRST: [&str; 7] = [
    "cleared, \"for good\"",
    "locked out",
    "a slip",
    "once more",
    "leaked in a log",
    "long ago",
    "longer ago",
];

#[test]
fn the_newest_operation_stands_first() {
    let database = recorded();
    assert_eq!(shown(&database, &[]), NEWEST_FIRST);
}

#[test]
fn operations_are_filtered_by_what_was_asked_and_how_it_ended() {
    let database = recorded();
    let [
        delete,
        failed,
        refused,
        unchanged,
        applied,
        long_ago,
        longer_ago,
    ] = NEWEST_FIRST;
    for (filter, wanted) in [
        (["--outcome", "applied"], &[delete, applied][..]),
        (["--outcome", "unchanged"], &[unchanged]),
        (["--outcome", "refused"], &[refused, long_ago, longer_ago]),
        (["--outcome", "failed"], &[failed]),
        (["--action", "delete"], &[delete]),
        (
            ["--action", "expire"],
            &[failed, refused, unchanged, applied, long_ago, longer_ago],
        ),
    ] {
        assert_eq!(shown(&database, &filter), wanted, "{filter:?}");
    }
    let both = ["--outcome", "applied", "--action", "expire"];
    assert_eq!(shown(&database, &both), [applied]);
    audit(&database, &["ls", "--outcome", "planned"])
        .code(2)
        .says("--outcome");
    audit(&database, &["ls", "--action", "restore-all"])
        .code(2)
        .says("--action");
}

#[test]
fn operations_are_filtered_by_actor() {
    let database = recorded();
    let delete = NEWEST_FIRST[0];
    assert_eq!(shown(&database, &["--actor", BOB]), [delete]);
    assert_eq!(shown(&database, &["--actor", "alina"]), [delete]);
    assert_eq!(
        shown(&database, &["--actor", "postgres"]),
        NEWEST_FIRST[1..]
    );
    let os_user = database
        .operations()
        .into_iter()
        .rev()
        .find_map(|operation| operation["os_user"].as_str().map(str::to_owned));
    let os_user = os_user.expect("it is told");
    assert_eq!(shown(&database, &["--actor", &os_user]), NEWEST_FIRST[..5]);
    assert!(shown(&database, &["--actor", "nobody-else"]).is_empty());
}

#[test]
fn operations_are_filtered_by_what_they_changed() {
    let database = recorded();
    let (delete, applied) = (NEWEST_FIRST[0], NEWEST_FIRST[4]);
    let owner = database.value("select id from users where username = 'mira'");
    for (filter, wanted) in [
        (["--token", seed::RELEASE], &[applied][..]),
        (["--token", "release"], &[applied]),
        (["--token", seed::EXPIRED], &[delete]),
        (["--token", "ci"], &[delete]),
        (["--token", seed::HOT], &[]),
        (["--owner", "release-bot"], &[applied]),
        (["--owner", "mira"], &[delete]),
        (["--owner", &owner], &[delete]),
        (["--owner", "nobody"], &[]),
    ] {
        assert_eq!(shown(&database, &filter), wanted, "{filter:?}");
    }
    assert_eq!(
        shown(&database, &["--token", "ci", "--owner", "mira"]),
        [delete]
    );
    assert!(shown(&database, &["--token", "ci", "--owner", "release-bot"]).is_empty());
}

#[test]
fn operations_are_filtered_by_time() {
    let database = recorded();
    let at = database.value(
        "select to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.USZ') \
           from breakglass.operation where reason = 'once more'",
    );
    assert_eq!(shown(&database, &["--since", &at]), NEWEST_FIRST[..4]);
    assert_eq!(shown(&database, &["--until", &at]), NEWEST_FIRST[4..]);
    assert_eq!(shown(&database, &["--since", "2d"]), NEWEST_FIRST[..5]);
    assert_eq!(shown(&database, &["--until", "2d"]), NEWEST_FIRST[5..]);
    assert_eq!(shown(&database, &["--until", "8d 12h"]), NEWEST_FIRST[6..]);
    assert_eq!(
        shown(&database, &["--since", "8d 12h", "--until", "1d"]),
        [NEWEST_FIRST[5]]
    );
    let date = database.value("select (now() at time zone 'UTC' - interval '8 days')::date::text");
    assert_eq!(shown(&database, &["--until", &date]), NEWEST_FIRST[6..]);
    audit(&database, &["ls", "--since", "soon"])
        .code(2)
        .says("--since");
}

#[test]
fn a_cut_list_of_operations_says_so() {
    let database = recorded();
    let limit = ["ls", "--limit", "2", "-o"];
    let warning = "warning: there are more than 2 operations; --limit shows more, --limit 0 all\n";
    for (format, lines) in [("table", 3), ("jsonl", 2), ("csv", 3)] {
        let output = audit(&database, &[&limit[..], &[format]].concat());
        output.success();
        assert_eq!(output.stdout.lines().count(), lines, "{output}");
        assert_eq!(output.stderr, warning);
    }
    let output = audit(&database, &[&limit[..], &["json"]].concat());
    assert_eq!(output.json()["truncated"], true);
    assert_eq!(
        output.json()["operations"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(output.stderr, "");
    for limit in ["7", "0"] {
        let output = audit(&database, &["ls", "--limit", limit, "-o", "json"]);
        assert_eq!(output.json()["truncated"], false);
        assert_eq!(
            output.json()["operations"].as_array().map(Vec::len),
            Some(7)
        );
    }
}

pub(super) fn members(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("it is an object");
    object.keys().map(String::as_str).collect()
}

#[test]
fn an_operation_in_json_has_exactly_these_fields() {
    let database = recorded();
    let output = audit(&database, &["ls", "-o", "json"]);
    output.success();
    let document = output.json();
    assert_eq!(members(&document), ["schema", "operations", "truncated"]);
    assert_eq!(document["schema"], 1);
    let operations = document["operations"].as_array().expect("a list");
    for operation in operations {
        let fields = [
            "id",
            "parent_id",
            "cause",
            "batch",
            "ends_at",
            "action",
            "outcome",
            "occurred_at",
            "adapter",
            "actor",
            "reason",
            "ticket",
            "selector",
            "plan_digest",
            "planned",
            "matched",
            "changed",
            "unchanged",
            "companions_changed",
            "cascades",
            "application_audit",
            "secret_verified",
            "error",
            "error_code",
            "tool_version",
            "database",
        ];
        // A word for what went wrong, where something did and this version recorded it.
        let has_code = operation["error"].is_string() && operation["tool_version"] != "0";
        let fields = fields.into_iter();
        let fields = fields.filter(|field| *field != "error_code" || has_code);
        assert_eq!(members(operation), fields.collect::<Vec<_>>());
        let actor = ["os_user", "host", "db_user", "client_address", "app_actor"];
        assert_eq!(members(&operation["actor"]), actor);
        let database = [
            "host",
            "port",
            "name",
            "server_version",
            "system_identifier",
        ];
        assert_eq!(members(&operation["database"]), database);
        let time = operation["occurred_at"].as_str().expect("a time");
        assert!(time.ends_with('Z') && time.contains('T'), "{time}");
    }
    let lines = audit(&database, &["ls", "-o", "jsonl"]).json_lines();
    assert_eq!(&lines, operations);
}

#[test]
fn an_operation_in_json_says_what_happened() {
    let database = recorded();
    let operations = audit(&database, &["ls", "-o", "jsonl"]).json_lines();
    let of = |reason: &str| {
        let mut operations = operations.iter();
        operations
            .find(|operation| operation["reason"] == reason)
            .expect("it is there")
    };
    let applied = of("leaked in a log");
    assert_eq!(applied["ticket"], "INC-1");
    assert_eq!(applied["selector"], "release");
    assert_eq!(applied["application_audit"], "written");
    let port = applied["database"]["port"].to_string();
    assert_eq!(port, database.value("show port"));
    assert_eq!(
        [
            &applied["planned"],
            &applied["matched"],
            &applied["changed"],
            &applied["unchanged"]
        ],
        [&json!(1), &json!(1), &json!(1), &json!(0)]
    );
    let failed = of("locked out");
    assert!(
        failed["error"]
            .as_str()
            .is_some_and(|error| error.contains("locked")),
        "{failed}"
    );
    let delete = of("cleared, \"for good\"");
    assert_eq!(delete["actor"]["db_user"], BOB);
    assert_eq!(delete["actor"]["app_actor"], "alina");
}

#[test]
fn operations_as_a_table_are_one_line_each() {
    let database = recorded();
    let output = audit(&database, &["ls", "--outcome", "applied"]);
    output.success();
    let os_user = database.operations()[2]["os_user"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let shown = Redactor::of(&database)
        .also(&os_user, "<user>")
        .redact(&output.stdout);
    assert_eq!(
        shown,
        "OPERATION  WHEN  ACTION  OUTCOME  CHANGED  SELECTOR  ACTOR  REASON\n\
         <uuid>  <age>  delete  applied  1  IkQxiy6zav  <user> as cli_audit_bob  cleared, \"for good\"\n\
         <uuid>  <age>  expire  applied  1  release  <user> as postgres  leaked in a log\n"
    );
}

#[test]
fn operations_in_csv_have_a_fixed_head() {
    let database = recorded();
    let output = audit(&database, &["ls", "-o", "csv"]);
    output.success();
    let head = "id,occurred_at,action,outcome,adapter,os_user,db_user,client_address,reason,ticket,\
                selector,planned,matched,changed,unchanged,database,error,error_code,\
                http_principal,http_credential,http_peer,http_request_id\n";
    assert!(output.stdout.starts_with(head), "{output}");
    assert!(
        output.stdout.contains(",\"cleared, \"\"for good\"\"\","),
        "{output}"
    );
    let mut reader = csv::Reader::from_reader(output.stdout.as_bytes());
    let ids = reader
        .records()
        .map(|record| record.expect("a whole record")[0].to_owned());
    let lines = audit(&database, &["ls", "-o", "jsonl"]).json_lines();
    assert!(
        ids.eq(lines
            .iter()
            .map(|line| line["id"].as_str().unwrap_or_default().to_owned()))
    );
}

#[test]
fn an_empty_log_is_success() {
    let database = installed();
    for (format, stdout) in [
        ("table", ""),
        (
            "json",
            "{\"schema\":1,\"operations\":[],\"truncated\":false}\n",
        ),
        ("jsonl", ""),
    ] {
        let output = audit(&database, &["ls", "-o", format]);
        output.success();
        assert_eq!(output.stdout, stdout);
    }
    audit(&database, &["ls"]).success().says("no operations");
}
