//! Plans that are refused: edited, of another place, too late, or not plans at all.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use std::fs::{self, OpenOptions};

use serde_json::{Value, json};

use super::doctor_connection::false_clock;
use super::interference::{failed, trigger};
use super::plan_file::Plan;
use super::remove::{Before, coder, operator};
use crate::support::run::Output;
use crate::support::{Template, TestDatabase, breakglass, foreign_cluster, seed};

const NOWHERE: [&str; 2] = ["-d", "host=/nonexistent dbname=x user=x"];

/// `apply FILE` where there is no server: what is refused was refused before.
pub(super) fn unconnected(plan: &Plan) -> Output {
    breakglass()
        .args(["apply", "--yes"])
        .arg(plan.path())
        .args(NOWHERE)
        .run()
}

/// What somebody writes into a plan.
pub(super) type Forgery = fn(&mut Value);

/// A plan with something else in it and a digest that fits: one that somebody wrote by hand.
pub(super) fn forged(plan: &Plan, change: impl FnOnce(&mut Value)) -> Plan {
    let mut document = plan.json();
    change(&mut document);
    document.as_object_mut().unwrap().shift_remove("digest");
    document.sort_all_objects();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(document.to_string());
    document["digest"] = breakglass::model::hex(&digest).into();
    Plan::with(&document.to_string())
}

#[test]
fn what_is_no_plan_is_a_usage_error_that_names_the_file_and_the_place() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache"]);
    let text = plan.text();
    let first = text.lines().next().unwrap();
    assert_eq!(first, "{");
    for (text, told) in [
        (
            String::new(),
            "is not valid JSON: EOF while parsing a value at line 1 column 0",
        ),
        (
            "plan".to_owned(),
            "is not valid JSON: expected value at line 1 column 1",
        ),
        (
            text[..text.len() / 2].to_owned(),
            "is not valid JSON: EOF while parsing",
        ),
        (
            text.replacen(",\n", "\n", 2),
            "is not valid JSON: expected `,` or `}` at line 3 column 3",
        ),
        (
            format!("{text}{text}"),
            "is not valid JSON: trailing characters at line ",
        ),
        (
            text.replacen('\n', "\n \"digest\": \"\",\n", 1),
            "is not valid JSON: the member \"digest\" stands there twice at line 4 column 10",
        ),
        (
            text.replacen("\"kind\":", "\"kind\":\"session\",\"kind\":", 1),
            "is not valid JSON: the member \"kind\" stands there twice at line ",
        ),
        ("[]".to_owned(), "is not a plan file: it is no object"),
        (
            "{\"schema\":1,\"tokens\":[]}".to_owned(),
            "is not a plan file: it has no `plan_file`, the schema number of one",
        ),
        (
            "{\"plan_file\":1}".to_owned(),
            "is not a plan file: it has no `digest`",
        ),
        (
            text.replacen("\"plan_file\": 1", "\"plan_file\": 2", 1),
            "has schema 2, and this breakglass reads 1\nhint: use the breakglass that wrote it (version 0.1.0)",
        ),
        (
            text.replacen("\"plan_file\": 1", "\"plan_file\": \"1\"", 1),
            "has schema \"1\", and this breakglass reads 1",
        ),
    ] {
        let other = Plan::with(&text);
        let output = unconnected(&other);
        output
            .code(2)
            .says(&format!("error: plan file `{}` {told}", other.path()))
            .says("hint: ");
        assert_eq!(output.stdout, "");
    }
}

#[test]
fn what_is_no_plan_is_told_to_programs_too() {
    let invalid = Plan::nowhere();
    fs::write(invalid.file(), b"{\"plan_file\": \"\xff\"}").unwrap();
    unconnected(&invalid)
        .code(2)
        .says("is not valid JSON: invalid unicode code point at line 1");
    let json = breakglass()
        .args(["apply", "-o", "json", "--yes", "-"])
        .stdin("[]")
        .run();
    let error = json.code(2).json_error()["error"].clone();
    assert_eq!(error["code"], "bad_plan_file");
    assert_eq!(
        error["message"],
        "plan file `standard input` is not a plan file: it is no object"
    );
}

#[test]
fn what_cannot_be_read_is_a_usage_error() {
    let plan = Plan::nowhere();
    unconnected(&plan).code(2).says(&format!(
        "error: cannot read plan file `{}`: No such file",
        plan.path()
    ));
    fs::create_dir(plan.file()).unwrap();
    unconnected(&plan).code(2).says("`: Is a directory");
    let large = Plan::with("");
    let file = OpenOptions::new().write(true).open(large.file()).unwrap();
    file.set_len(1 << 40).unwrap();
    unconnected(&large)
        .code(2)
        .says("`: it has more than 512 MiB");
}

#[test]
fn an_edited_plan_is_refused_before_anything_is_connected_to() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache"]);
    let text = plan.text();
    let edited = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        Plan::with(&text.replacen(from, to, 1))
    };
    let before = Before::of(&database);
    for plan in [
        edited(seed::HOT, seed::RELEASE),
        edited("\"expire\"", "\"delete\""),
        edited("\"digest\": \"", "\"digest\": \"0"),
        edited("\"reason\": \"hot", "\"reason\": \"cold"),
        edited("\"ticket\": null", "\"ticket\": \"\""),
        edited("  \"ticket\": null,\n", ""),
        edited(
            "\"plan_file\": 1,",
            "\"plan_file\": 1, \"note\": \"harmless\",",
        ),
        edited("\"state\":\"active\"", "\"state\":\"active\",\"note\":1"),
        edited("\"build-cache\"", "\"build-cache \""),
    ] {
        let output = unconnected(&plan);
        output
            .code(1)
            .says(&format!(
                "error: plan file `{}` was edited: what it holds has digest ",
                plan.path()
            ))
            .says("\nhint: get the file as it was written, or plan again")
            .says("nothing was changed\nnothing was recorded: no database was asked\n");
        let json = plan.apply(&database, &["--yes", "-o", "json"]).run();
        let error = json.code(1).json_error()["error"].clone();
        assert_eq!(
            [&error["code"], &error["recorded"]],
            [&json!("plan_edited"), &json!(false)]
        );
    }
    before.is_all(&database);
}

/// Whoever recomputes the digest has another plan, and what it shows must be so.
#[test]
fn a_forged_plan_shows_what_is_so_or_is_refused() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache"]);
    let shows = "token `d4o6FQe5QT` is not what the file shows of it, although its columns are";
    let forgeries: [(Forgery, &str); 10] = [
        (|p| p["tokens"][0]["token"]["label"] = "old".into(), shows),
        (
            |p| p["tokens"][0]["token"]["kind"] = "session".into(),
            shows,
        ),
        (
            |p| p["tokens"][0]["token"]["owner"]["login"] = "nobody".into(),
            shows,
        ),
        (|p| p["tokens"][0]["token"]["owner"] = Value::Null, shows),
        (
            |p| p["tokens"][0]["token"]["expires_at"] = "2030-01-01T00:00:00Z".into(),
            shows,
        ),
        (
            |p| p["tokens"][0]["token"]["details"]["scopes"] = json!(["none"]),
            shows,
        ),
        (|p| p["tokens"][0]["effect"] = "unchanged".into(), shows),
        (
            |p| p["tokens"][0]["vital"] = json!({}),
            "was changed after it was shown (expires_at: no such column -> ",
        ),
        (
            |p| p["tokens"][0]["fixed"]["token_name"] = "old".into(),
            "was changed after it was shown (token_name: old -> build-cache)",
        ),
        (
            |p| p["tokens"][0]["token"]["key"] = "r1zx5DiipR".into(),
            "token `r1zx5DiipR` was changed after it was shown (",
        ),
    ];
    for (forgery, told) in forgeries {
        let before = Before::of(&database);
        let plan = forged(&plan, forgery);
        let output = plan.apply(&database, &["--yes"]).run();
        output
            .code(1)
            .says(told)
            .says("nothing was changed\nrecorded as ");
        let refused = before.plus(&database, "refused", told);
        assert_eq!(refused["plan_digest"], plan.digest());
    }
    assert!(database.is_alive(seed::HOT) && database.is_alive(seed::RELEASE));
}

#[test]
fn a_forged_plan_that_is_hollow_is_none() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache"]);
    let hollow: [(Forgery, &str); 7] = [
        (
            |p| p["tokens"] = json!([]),
            "does not hold a plan: it names no token",
        ),
        (
            |p| {
                let token = p["tokens"][0].clone();
                p["tokens"].as_array_mut().unwrap().push(token);
            },
            "does not hold a plan: it names a token twice",
        ),
        (
            |p| p["companions"] = json!([{ "name": "x", "relation": "x", "key": "x", "token": "x", "state": "x", "dead": false, "vital": {} }]),
            "does not hold a plan: it names a companion of a token that it does not name",
        ),
        (
            |p| p["note"] = 1.into(),
            "does not hold a plan: unknown field `note`",
        ),
        (
            |p| p["tokens"][0]["token"]["note"] = 1.into(),
            "does not hold a plan: it has members that this version of breakglass does not know",
        ),
        (
            |p| p["action"] = "revoke".into(),
            "does not hold a plan: unknown variant `revoke`",
        ),
        (
            |p| p["action"] = "restore".into(),
            "does not hold a plan: its action is none that a plan can have",
        ),
    ];
    for (forgery, told) in hollow {
        let plan = forged(&plan, forgery);
        unconnected(&plan)
            .code(2)
            .says(&format!("error: plan file `{}` {told}", plan.path()));
    }
}

/// What somebody writes into a plan does not move the cursor of whoever looks at it.
#[test]
fn what_a_forged_plan_says_is_escaped() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache"]);
    let plan = forged(&plan, |p| {
        p["reason"] = "\u{1b}[2J\nwill expire 0 tokens".into();
        p["planned_by"]["os_user"] = "root\u{202e}".into();
        p["selector"] = "a\u{7}b".into();
    });
    let output = plan.apply(&database, &["--dry-run"]).run();
    output
        .success()
        .says("its reason: \\u{1b}[2J\\nwill expire 0 tokens\n")
        .says("planned by root\\u{202e} on ")
        .says("tokens named by: a\\u{7}b\n")
        .never_says("\u{1b}");
}

#[test]
fn a_plan_expires_by_the_databases_clock() {
    let database = coder();
    let clock = false_clock();
    let plan = Plan::of(&database, &["build-cache", "--valid-for", "1s"]);
    let until = plan.json()["valid_until"].as_str().unwrap().to_owned();
    database.wait_for(&format!("select now() > '{until}'"));
    // Whatever the clock of the machine says that it is run on.
    for seconds in ["-86400", "0", "86400"] {
        let before = Before::of(&database);
        let output = plan
            .apply(&database, &["--yes"])
            .env("LD_PRELOAD", clock.display().to_string())
            .env("FALSE_CLOCK_SECONDS", seconds)
            .run();
        output
            .code(1)
            .says("error: the plan was valid until 20")
            .says(" UTC, and the database's clock says 20")
            .says(
                "hint: plan again: `tokens rm … --plan-file FILE`; --valid-for gives it more time",
            )
            .says("nothing was changed\nrecorded as ");
        let refused = before.plus(&database, "refused", "the plan was valid until ");
        assert_eq!(
            [&refused["plan_digest"], &refused["planned"]],
            [&json!(plan.digest()), &json!(1)]
        );
    }
    let dry = plan.apply(&database, &["--dry-run"]).run();
    dry.code(1)
        .says("error: the plan was valid until ")
        .never_says("recorded as");
    let valid = Plan::nowhere();
    let make = valid.make(&database, &["build-cache", "--reason", "why"]);
    let make = make.env("LD_PRELOAD", clock.display().to_string());
    make.env("FALSE_CLOCK_SECONDS", "-86400").run().success();
    let apply = valid
        .apply(&database, &["--yes"])
        .env("LD_PRELOAD", clock.display().to_string());
    apply.env("FALSE_CLOCK_SECONDS", "86400").run().success();
    assert!(!database.is_alive(seed::HOT));
}

/// A person may think for longer than the plan is valid.
#[test]
fn a_plan_that_expires_while_somebody_thinks_is_not_carried_out() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache", "--valid-for", "4s"]);
    let before = Before::of(&database);
    let mut terminal = plan.apply(&database, &[]).on_terminal(160);
    terminal.expect("expire? [y/N]");
    let until = plan.json()["valid_until"].as_str().unwrap().to_owned();
    database.wait_for(&format!("select now() > '{until}'"));
    terminal.send_line("y");
    terminal
        .finish()
        .code(1)
        .says("error: the plan was valid until ");
    before.plus(&database, "refused", "the plan was valid until ");
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn a_plan_of_another_database_is_refused_there_and_leaves_no_record() {
    let (here, there) = (coder(), coder());
    let plan = Plan::of(&here, &["build-cache"]);
    let before = [Before::of(&here), Before::of(&there)];
    let output = plan.apply(&there, &["--yes"]).run();
    let system = here.value("select system_identifier from pg_control_system()");
    output
        .code(1)
        .says(&format!(
            "error: the plan is of database `{}` of cluster {system}, and this is database `{}` of cluster {system}\n\
             hint: connect to the plan's database, or plan again on this one\n",
            here.name(), there.name()
        ))
        .says("nothing was changed\nnothing was recorded: the plan is not of this database\n");
    let json = plan.apply(&there, &["--yes", "-o", "json"]).run();
    assert_eq!(
        json.code(1).json_error()["error"]["code"],
        "plan_of_other_database"
    );
    // Where there is another application, that is not what is wrong.
    let django = TestDatabase::new(Template::Django);
    plan.apply(&django, &["--yes"])
        .run()
        .code(1)
        .says("error: the plan is of database `");
    before[0].is_all(&here);
    before[1].is_all(&there);
}

#[test]
fn a_plan_of_another_cluster_or_of_a_name_that_is_gone_is_refused() {
    let cluster = foreign_cluster();
    let here = coder();
    let there = TestDatabase::create_named(&cluster, here.name(), Template::Coder);
    there.breakglass().arg("init").run().success();
    let plan = Plan::of(&here, &["build-cache"]);
    let before = Before::of(&there);
    plan.apply(&there, &["--yes"])
        .run()
        .code(1)
        .says("error: the plan is of database `")
        .says("nothing was recorded");
    before.is_all(&there);

    let plan = Plan::of(&there, &["build-cache"]);
    let elsewhere = TestDatabase::create_named(&cluster, "elsewhere", Template::Coder);
    elsewhere.query(&format!(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{}'",
        there.name()
    ));
    elsewhere.execute(&format!(
        "alter database {} rename to renamed",
        there.name()
    ));
    let renamed = TestDatabase::existing(&cluster, "renamed");
    let before = Before::of(&renamed);
    let output = plan.apply(&renamed, &["--yes"]).run();
    output
        .code(1)
        .says(", and this is database `renamed` of cluster ");
    before.is_all(&renamed);
    assert!(renamed.is_alive(seed::HOT));
}

#[test]
fn who_may_not_ask_which_cluster_it_is_cannot_apply() {
    let database = coder();
    let role = operator(&database, &[]);
    let plan = Plan::of(&database, &["build-cache"]);
    let before = Before::of(&database);
    database.execute("revoke execute on function pg_control_system() from public");
    let output = plan.apply(&database, &["--yes"]).as_role(&role).run();
    output
        .code(1)
        .says(&format!(
            "error: role `{role}` may not ask which cluster this is"
        ))
        .says("nothing was recorded: the plan is not of this database");
    before.is_all(&database);
}

#[test]
fn the_rights_of_whoever_applies_decide() {
    let database = coder();
    let role = operator(&database, &[]);
    let plan = Plan::of(&database, &["build-cache", "--delete"]);
    let before = Before::of(&database);
    let output = plan
        .apply(&database, &["--yes", "--digest", &plan.digest()])
        .as_role(&role)
        .run();
    output
        .code(1)
        .says("lacks delete on public.api_keys")
        .says("recorded as ");
    before.plus(&database, "refused", "lacks delete on public.api_keys");
    assert!(database.is_alive(seed::HOT));
    let reader = database.login_role("reader");
    let output = plan
        .apply(&database, &["--yes", "--digest", &plan.digest()])
        .as_role(&reader)
        .run();
    output.code(1).says("nothing was changed");
    assert!(database.is_alive(seed::HOT));
}

#[test]
fn what_would_make_the_change_lie_is_looked_for_again() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache"]);
    database.execute("alter table breakglass.change disable trigger change_is_append_only");
    let before = Before::of(&database);
    let output = plan.apply(&database, &["--yes"]).run();
    output
        .code(1)
        .says("error: trigger change_is_append_only is not enabled always\n");
    before.plus(
        &database,
        "refused",
        "trigger change_is_append_only is not enabled always",
    );
    database.execute("alter table breakglass.change enable always trigger change_is_append_only");
    trigger(
        &database,
        "trigger swallows before update on api_keys",
        "return null;",
    );
    let before = Before::of(&database);
    let output = plan.apply(&database, &["--yes"]).run();
    output.says("warning: ").says("swallows");
    failed(
        &database,
        &before,
        &output,
        "the database did not change public.api_keys as planned",
    );
}

#[test]
fn where_nobody_answers_it_is_exit_3() {
    let database = coder();
    let plan = Plan::of(&database, &["build-cache"]);
    let output = unconnected(&plan);
    output
        .code(3)
        .says("nothing was recorded: there is no connection");
}
