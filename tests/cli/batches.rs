//! `tokens rm --batch-size` and `resume`: every batch is whole with its record, is done once, and what
//! is not done is named.

use serde_json::Value;

use super::operator::with_operator;
use crate::support::run::Output;
use crate::support::seed::HOT;
use crate::support::{Invocation, Template, TestDatabase};

pub(super) fn coder(tokens: usize) -> TestDatabase {
    let database =
        TestDatabase::prepared("coder_installed_for_runs", Template::Coder, |database| {
            database.breakglass().arg("init").run().success();
        });
    database.add_tokens(tokens);
    database
}

/// `tokens rm` of all bulk tokens in batches of 100.
pub(super) fn rm(database: &TestDatabase, tokens: usize) -> Invocation<'_> {
    database
        .breakglass()
        .args(["tokens", "rm", "--name", "bulk-*", "--batch-size", "100"])
        .args(["--reason", "leak, INC-7", "--yes", "--expect"])
        .arg(tokens.to_string())
}

pub(super) fn resume<'a>(database: &'a TestDatabase, run: &str) -> Invocation<'a> {
    database.breakglass().args(["resume", run, "--yes"])
}

pub(super) fn run_of(database: &TestDatabase) -> String {
    database.value("select id from breakglass.operation where outcome = 'begun'")
}

/// The outcomes of the batches, each as often as it was tried.
fn tried(database: &TestDatabase) -> String {
    database.value(
        "select string_agg(batch || ' ' || outcome, ', ' order by batch, occurred_at)
           from breakglass.operation where cause = 'batch'",
    )
}

/// Makes the row with a key refuse its update.
pub(super) fn forbid(database: &TestDatabase, key: &str) {
    database.execute(&format!(
        "create function no() returns trigger language plpgsql as $$
         begin raise exception 'not this one'; end $$;
         create trigger no before update on api_keys for each row
             when (old.id = '{key}') execute function no()"
    ));
}

pub(super) fn allow(database: &TestDatabase) {
    database.execute("drop function no() cascade");
}

/// The lines of progress on standard error.
fn progress(output: &Output) -> Vec<Value> {
    let lines = output.stderr.lines();
    lines
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line.get("progress").is_some())
        .collect()
}

#[track_caller]
fn assert_each_once(database: &TestDatabase, tokens: usize) {
    let counts = database.value(
        "select count(*) || ' ' || count(distinct key) from breakglass.change
          where key like 'b_________'",
    );
    assert_eq!(counts, format!("{tokens} {tokens}"));
    let doubled = database.value(
        "select count(*) from (select batch from breakglass.operation where cause = 'batch'
            and outcome in ('applied', 'unchanged') group by batch having count(*) > 1) as d",
    );
    assert_eq!(doubled, "0");
}

#[test]
fn a_run_takes_what_a_filter_lets_through_batch_by_batch() {
    let database = coder(250);
    let others = database.others();
    let output = rm(&database, 250).args(["-o", "json"]).run();
    output.success();
    let receipt = output.json();
    assert_eq!(receipt["schema"], 1);
    assert_eq!(receipt["operation"]["outcome"], "begun");
    assert_eq!(receipt["operation"]["planned"], 250);
    assert_eq!(receipt["run"]["batches_done"], 3);
    assert_eq!(receipt["run"]["tokens_changed"], 250);
    assert_eq!(receipt["verdict"], "dead");
    assert_eq!(
        (&receipt["resume"], &receipt["failed"]),
        (&Value::Null, &Value::Array(vec![]))
    );

    let run = run_of(&database);
    assert_eq!(receipt["operation"]["id"], run.as_str());
    assert_eq!(tried(&database), "1 applied, 2 applied, 3 applied");
    let children = database.query(
        "select planned, changed, parent_id = (select id from breakglass.operation where outcome = 'begun'),
                reason, selector
           from breakglass.operation where cause = 'batch' order by batch",
    );
    let first = [
        "100",
        "100",
        "t",
        "leak, INC-7",
        "batch 1 of 3: b000000001 to b000000100",
    ];
    assert_eq!(children[0], first.map(|text| Some(text.to_owned())));
    assert_eq!(children[2][0].as_deref(), Some("50"));
    let keys = "select string_agg(keys[1] || ' ' || cardinality(keys), ', ' order by number) from breakglass.batch";
    assert_eq!(
        database.value(keys),
        "b000000001 100, b000000101 100, b000000201 50"
    );
    assert_each_once(&database, 250);
    assert_eq!((database.bulk_alive(), database.others()), (0, others));
    assert!(database.is_alive(HOT));
    // One a token, and what the last look came to.
    assert_eq!(database.observations().len(), 251);

    let lines = progress(&output);
    assert_eq!(lines[0]["progress"], "begin");
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["progress"], &last["batches_done"]),
        (&"end".into(), &3.into())
    );
    assert!(
        lines
            .iter()
            .all(|line| line["operation"] == run.as_str() && line["schema"] == 1)
    );
    assert!(
        lines
            .iter()
            .any(|line| line["progress"] == "batch" && line["tokens_per_second"].is_number())
    );
}

#[test]
fn the_audit_log_tells_of_a_run() {
    let database = coder(250);
    forbid(&database, "b000000150");
    rm(&database, 250).run().code(5);
    let run = run_of(&database);
    let show = database.breakglass().args(["audit", "show", &run]).run();
    show.success();
    for text in [
        "1 of 3 batches done, 1 failed, 1 left",
        "100 of 250 tokens: 100 expired",
        "batch 2 failed, 100 tokens from b000000101 to b000000200: not this one",
        &format!("breakglass resume {run}"),
    ] {
        assert!(show.stdout.contains(text), "{text}\n{show}");
    }
    let show = database
        .breakglass()
        .args(["audit", "show", &run, "-o", "json"])
        .run();
    assert_eq!(show.json()["run"]["batches_left"], 1);
    assert_eq!(show.json()["caused"], Value::Array(Vec::new()));
    assert_eq!(show.json()["failed"][0]["batch"], 2);
    assert_eq!(show.json()["operation"]["changed"], 100);
    let listed = |flags: &[&str]| {
        let list = database
            .breakglass()
            .args(["audit", "ls", "-o", "json"])
            .args(flags.to_vec())
            .run();
        list.success();
        let list = list.json();
        let of = |operation: &Value| {
            format!(
                "{} {} {}",
                operation["batch"], operation["outcome"], operation["changed"]
            )
        };
        list["operations"]
            .as_array()
            .unwrap()
            .iter()
            .map(of)
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(&[]), ["2 \"failed\" null", "null \"begun\" 100"]);
    assert_eq!(listed(&["--batches"]).len(), 3);
    assert_eq!(listed(&["--token", "b000000007"]), ["1 \"applied\" 100"]);
}

#[test]
fn a_batch_that_fails_ends_the_run_and_the_rest_is_resumed() {
    let database = coder(250);
    forbid(&database, "b000000150");
    let output = rm(&database, 250).run();
    // The plan says what a run does not reach, and so does its receipt.
    output
        .code(5)
        .says("does the rest")
        .says("does not kill: open WebSockets");
    let run = run_of(&database);
    assert!(
        output.stderr.contains(&format!("breakglass resume {run}")),
        "{output}"
    );
    for text in [
        "1 of 3 batches done, 1 failed, 1 left",
        "batch 2 failed",
        "not this one",
        "not killed: open WebSockets",
    ] {
        assert!(output.stdout.contains(text), "{text}\n{output}");
    }
    assert_eq!(database.bulk_alive(), 150);
    assert_eq!(tried(&database), "1 applied, 2 failed");

    // It fails again, and nothing is changed by this command.
    resume(&database, &run).run().code(1).says("does the rest");
    assert_eq!(tried(&database), "1 applied, 2 failed, 2 failed");

    allow(&database);
    let output = resume(&database, &run)
        .args(["--reason", "the morning after"])
        .run();
    output.success();
    assert!(output.stdout.contains("3 of 3 batches done"), "{output}");
    assert!(
        output
            .stdout
            .contains("of these here: 2 batches, 150 tokens expired"),
        "{output}"
    );
    assert_eq!(
        tried(&database),
        "1 applied, 2 failed, 2 failed, 2 applied, 3 applied"
    );
    let reasons = "select string_agg(reason, ', ' order by batch) from breakglass.operation
                    where cause = 'batch' and outcome = 'applied'";
    assert_eq!(
        database.value(reasons),
        "leak, INC-7, the morning after, the morning after"
    );
    assert_each_once(&database, 250);
    assert_eq!(database.bulk_alive(), 0);

    let output = resume(&database, &run).args(["-o", "json"]).run();
    output.success();
    assert_eq!(output.json()["batches_done_here"], 0);
    resume(&database, &run)
        .run()
        .success()
        .says("there is nothing left to do");
    assert_each_once(&database, 250);
}

#[test]
fn a_first_batch_that_fails_has_changed_nothing() {
    let database = coder(150);
    forbid(&database, "b000000007");
    rm(&database, 150).run().code(1).says("does the rest");
    assert_eq!((database.bulk_alive(), database.changes().len()), (150, 0));
    assert_eq!(tried(&database), "1 failed");
}

#[test]
fn keep_going_leaves_out_what_fails() {
    let database = coder(250);
    forbid(&database, "b000000150");
    let output = rm(&database, 250)
        .args(["--keep-going", "-o", "json"])
        .run();
    output.code(5);
    assert_eq!(output.json()["run"]["batches_done"], 2);
    assert_eq!(output.json()["failed"][0]["batch"], 2);
    assert_eq!(output.json()["failed"][0]["first_key"], "b000000101");
    assert_eq!(
        output.json()["resume"],
        format!("breakglass resume {}", run_of(&database))
    );
    assert!(
        progress(&output)
            .iter()
            .any(|line| line["progress"] == "failed"),
        "{output}"
    );
    assert_eq!(tried(&database), "1 applied, 2 failed, 3 applied");
    assert_eq!(database.bulk_alive(), 100);
    allow(&database);
    resume(&database, &run_of(&database)).run().success();
    assert_each_once(&database, 250);
    assert_eq!(database.bulk_alive(), 0);
}

#[test]
fn rows_that_are_gone_by_then_do_not_stop_a_run() {
    let database = coder(300);
    forbid(&database, "b000000001");
    rm(&database, 300).run().code(1);
    allow(&database);
    // One of the second batch, all of the third; one of the first was written, and is not compared.
    database.execute(
        "delete from api_keys where id = 'b000000150' or id between 'b000000201' and 'b000000300';
         update api_keys set expires_at = expires_at + interval '1 day' where id = 'b000000002'",
    );
    let output = resume(&database, &run_of(&database))
        .args(["-o", "json"])
        .run();
    output.success();
    assert_eq!(output.json()["run"]["tokens_gone"], 101);
    assert_eq!(output.json()["run"]["tokens_changed"], 199);
    assert_eq!(
        tried(&database),
        "1 failed, 1 applied, 2 applied, 3 unchanged"
    );
    assert_each_once(&database, 199);
    let gone =
        "select count(*) || ' ' || min(key) from breakglass.observation where verdict = 'gone'";
    assert_eq!(database.value(gone), "101 b000000150");
}

#[test]
fn rows_that_are_dead_by_then_are_left_as_they_are() {
    let database = coder(150);
    database.execute("update api_keys set expires_at = '2020-01-01' where id = 'b000000120'");
    let before = database.token_row("b000000120");
    let output = rm(&database, 150)
        .args(["--include-expired", "-o", "json"])
        .run();
    output.success();
    assert_eq!(output.json()["run"]["tokens_unchanged"], 1);
    assert_eq!(database.token_row("b000000120"), before);
}

#[test]
fn two_who_resume_at_once_do_every_batch_once() {
    let database = coder(400);
    forbid(&database, "b000000001");
    rm(&database, 400).run().code(1);
    allow(&database);
    database.execute(
        "create function slow() returns trigger language plpgsql as $$
         begin perform pg_sleep(0.2); return null; end $$;
         create trigger slow after update on api_keys for each statement execute function slow()",
    );
    let run = run_of(&database);
    let (one, other) = (
        resume(&database, &run).start(),
        resume(&database, &run).start(),
    );
    one.wait().success();
    other.wait().success();
    assert_each_once(&database, 400);
    assert_eq!(database.bulk_alive(), 0);
}

#[test]
fn a_token_that_came_back_during_the_run_is_found_at_its_end() {
    let database = coder(200);
    // The second batch wakes a token of the first.
    database.execute(
        "create function wake() returns trigger language plpgsql as $$
         begin
           update api_keys set expires_at = now() + interval '1 day' where id = 'b000000001';
           return null;
         end $$;
         create trigger wake after update on api_keys for each row
             when (old.id = 'b000000150') execute function wake()",
    );
    let output = rm(&database, 200).args(["-o", "json"]).run();
    output.code(5);
    assert_eq!(output.json()["verdict"], "resurrected");
    assert_eq!(output.json()["alive"][0], "b000000001");
    let advice = output.json()["advice"].clone();
    let advice = advice.as_str().unwrap_or_default();
    let wanted = "run `breakglass tokens rm id:b000000001 --reason 'leak, INC-7'` again, or, ";
    assert!(advice.starts_with(wanted), "{advice}");
    let seen = "select string_agg(verdict, ' ' order by id) from breakglass.observation where key = 'b000000001'";
    assert_eq!(database.value(seen), "dead resurrected");
}

#[test]
fn a_ctrl_c_ends_the_batch_and_keeps_what_is_done() {
    let database = coder(250);
    database.execute(
        "create function slow() returns trigger language plpgsql as $$
         begin perform pg_sleep(20); return old; end $$;
         create trigger slow before update on api_keys for each row
             when (old.id = 'b000000150') execute function slow()",
    );
    let running = rm(&database, 250).start();
    database.wait_for(
        "select exists (select from pg_stat_activity
          where datname = current_database() and wait_event = 'PgSleep')",
    );
    running.signal("INT");
    running.wait().code(130).says("does the rest");
    assert_eq!(
        (database.bulk_alive(), database.changes().len()),
        (150, 100)
    );
    database.execute("drop function slow() cascade");
    resume(&database, &run_of(&database)).run().success();
    assert_each_once(&database, 250);
}

#[test]
fn a_dry_run_does_every_batch_and_leaves_nothing() {
    let database = coder(250);
    let before = database.application_rows();
    let output = rm(&database, 250).args(["--dry-run", "-o", "json"]).run();
    output.success();
    assert_eq!(output.json()["operation"]["outcome"], "planned");
    assert_eq!(output.json()["run"]["tokens_changed"], 250);
    assert_eq!(
        (database.operations().len(), database.changes().len()),
        (0, 0)
    );
    assert_eq!(database.application_rows(), before);
}

#[test]
fn a_delete_goes_in_batches_too() {
    let database = coder(150);
    rm(&database, 150).arg("--delete").run().success();
    assert_eq!(
        database.value("select count(*) from api_keys where token_name like 'bulk-%'"),
        "0"
    );
    assert_each_once(&database, 150);
}

#[test]
fn another_number_than_was_expected_begins_nothing() {
    let database = coder(150);
    rm(&database, 149)
        .run()
        .code(1)
        .says("--expect says 149, but the number of tokens that match is 150");
    assert_eq!(database.operation()["outcome"], "refused");
    assert_eq!((database.bulk_alive(), database.changes().len()), (150, 0));
}

#[test]
fn a_person_types_the_number() {
    let database = coder(150);
    let command = || {
        database.breakglass().args([
            "tokens",
            "rm",
            "--name",
            "bulk-*",
            "--batch-size",
            "100",
            "--reason",
            "x",
        ])
    };
    let mut terminal = command().on_terminal(100);
    terminal.expect("type the number");
    terminal.send_line("15");
    terminal.finish().code(1);
    assert_eq!(database.operation()["outcome"], "refused");
    assert_eq!(database.bulk_alive(), 150);
    let mut terminal = command().on_terminal(100);
    terminal.expect("type the number");
    terminal.send_line("150");
    terminal.finish().code(0);
    assert_eq!(database.bulk_alive(), 0);
}

#[test]
fn only_a_run_is_resumed() {
    let database = coder(1);
    database
        .breakglass()
        .args(["resume", "0199", "--yes"])
        .run()
        .code(1)
        .says("0199");
    database
        .breakglass()
        .args(["tokens", "rm", "id:b000000001", "--yes", "--reason", "x"])
        .run()
        .success();
    let id = database.operation()["id"].as_str().unwrap().to_owned();
    resume(&database, &id)
        .run()
        .code(1)
        .says("is no run of batches, so there is nothing to resume: it is applied");
    database
        .breakglass()
        .args(["resume", &id])
        .run()
        .code(2)
        .says("there is no terminal to ask on");
    assert_eq!(database.operations().len(), 1);
}

#[test]
fn flags_about_batches_go_with_batches() {
    let database = coder(1);
    let wrong = |flags: &[&str], text: &str| {
        let command = database
            .breakglass()
            .args(["tokens", "rm", "--yes", "--reason", "x"]);
        command.args(flags.to_vec()).run().code(2).says(text);
    };
    wrong(&["x", "--keep-going"], "--keep-going is about batches");
    wrong(&["x", "--max-lag", "5s"], "--max-lag is about batches");
    wrong(
        &["x", "--batch-size", "10"],
        "--batch-size goes with a filter",
    );
    wrong(
        &["--all", "--expect", "1", "--batch-size", "0"],
        "--batch-size",
    );
    wrong(
        &[
            "--all",
            "--expect",
            "1",
            "--batch-size",
            "10",
            "--cancel-blocker=1",
        ],
        "does not go with --batch-size",
    );
    assert_eq!(database.operations().len(), 0);
}

#[test]
fn an_operator_runs_batches_with_the_least_rights() {
    let (database, alice) = with_operator(Template::Coder, &[]);
    database.add_tokens(250);
    forbid(&database, "b000000150");
    rm(&database, 250).as_role(&alice).run().code(5);
    allow(&database);
    let run = run_of(&database);
    resume(&database, &run).as_role(&alice).run().success();
    let by = "select count(distinct db_user) || max(db_user) from breakglass.operation where cause = 'batch'";
    assert_eq!(database.value(by), format!("1{alice}"));
    assert_each_once(&database, 250);
    assert_eq!(database.bulk_alive(), 0);
    // What was planned cannot be widened afterwards, by nobody.
    let session = database.session_as(&alice);
    let more = format!(
        "insert into breakglass.batch (operation_id, number, keys) values ('{run}', 9, '{{x}}')"
    );
    assert_eq!(session.refusal(&more), "23503");
}

#[test]
fn a_run_of_another_database_is_not_resumed() {
    let database = coder(150);
    forbid(&database, "b000000007");
    rm(&database, 150).run().code(1);
    let run = run_of(&database);
    // Its own log, and that of the run: what a dump brings to another place.
    let other = coder(150);
    let row =
        database.value("select to_json(o) from breakglass.operation as o where outcome = 'begun'");
    other.execute(&format!(
        "insert into breakglass.operation select (json_populate_record(null::breakglass.operation, '{}')).*",
        row.replace('\'', "''")
    ));
    resume(&other, &run)
        .run()
        .code(1)
        .says("is of adapter coder in database")
        .says("connect to where it belongs");
    assert_eq!((other.bulk_alive(), other.changes().len()), (150, 0));
}

#[test]
fn a_run_is_watched_over_the_settle_window_at_its_end() {
    let database = coder(200);
    let running = rm(&database, 200).args(["--settle", "2s"]).start();
    database.wait_for(
        "select count(*) = 2 from breakglass.observation as s
           join breakglass.operation as o on o.id = s.operation_id
          where s.key in ('b000000001', 'b000000200')",
    );
    database.execute(
        "update api_keys set expires_at = now() + interval '1 day' where id = 'b000000001'",
    );
    let output = running.wait();
    output.code(5).says(
        "hint: run `breakglass tokens rm id:b000000001 --reason 'leak, INC-7'` again, or, if they come back once more, \
         `breakglass tokens rm id:b000000001 --delete --confirm b000000001 --reason 'leak, INC-7'`",
    );
    let told = "some are ALIVE AGAIN, something wrote them back\n\
                alive: b000000001: active at the end of the run\n";
    assert!(output.stdout.contains(told), "{output}");
    // However often it was seen.
    let seen = "select string_agg(verdict || ' ' || detail, ', ' order by id) from breakglass.observation where key = 'b000000001'";
    assert_eq!(
        database.value(seen),
        "dead expired, resurrected active at the end of the run"
    );
}

#[test]
fn the_window_of_a_run_is_the_adapters_and_that_of_resume_too() {
    let database = coder(150);
    forbid(&database, "b000000150");
    rm(&database, 150).settling().run().code(5);
    allow(&database);
    let output = resume(&database, &run_of(&database))
        .args(["-o", "json"])
        .settling()
        .run();
    let receipt = output.success().json();
    assert_eq!(receipt["verdict"], "dead");
    assert_eq!(receipt["advice"], Value::Null);
    assert!(receipt["looks"].as_u64() >= Some(3), "{receipt}");
    let watched = receipt["watched_for_ms"].as_u64();
    assert!((Some(3_000)..Some(20_000)).contains(&watched), "{receipt}");
}

#[test]
fn a_ctrl_c_ends_the_watch_of_a_run_and_nothing_else() {
    let database = coder(150);
    let running = rm(&database, 150)
        .args(["-o", "json", "--settle", "50s"])
        .start();
    database.wait_for("select count(*) = 150 from breakglass.observation");
    running.signal("INT");
    let output = running.wait();
    output.code(5);
    let receipt = output.json();
    assert_eq!(receipt["verdict"], "unknown");
    assert_eq!(receipt["run"]["batches_done"], 2);
    let stopped = receipt["stopped"].as_str();
    assert!(
        stopped.is_some_and(|stopped| stopped.ends_with("interrupted")),
        "{receipt}"
    );
    assert_each_once(&database, 150);
    assert_eq!(database.bulk_alive(), 0);
}

#[test]
fn a_run_has_no_plan_file() {
    let database = coder(0);
    let records = database.operations().len();
    let filter = ["tokens", "rm", "--name", "bulk-*", "--batch-size", "100"];
    database
        .breakglass()
        .args(filter)
        .args(["--reason", "leak", "--plan-file", "plan.json"])
        .run()
        .code(2)
        .says("--plan-file");
    assert_eq!(database.operations().len(), records);
}
