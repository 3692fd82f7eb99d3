//! How a run of batches ends: the last look, what it leaves on record, and resuming after it.

use serde_json::{Value, json};

use super::batches::{allow, coder, forbid, resume, rm, run_of};
use super::restore::{id_of, restore};
use crate::support::TestDatabase;

const FIRST: &str = "b000000001";

/// What is on record of the last looks at all of a run.
fn looks(database: &TestDatabase) -> String {
    database.value(
        "select coalesce(string_agg(verdict, ', ' order by s.id), '')
           from breakglass.observation as s
           join breakglass.operation as o on o.id = s.operation_id
          where o.outcome = 'begun' and s.key = '*'",
    )
}

fn wake(database: &TestDatabase) {
    database.execute(&format!(
        "update api_keys set expires_at = now() + interval '1 day' where id = '{FIRST}'"
    ));
}

#[test]
fn a_last_look_that_was_interrupted_is_done_by_resume() {
    let database = coder(150);
    let running = rm(&database, 150).args(["--settle", "50s"]).start();
    database.wait_for("select count(*) = 150 from breakglass.observation");
    running.signal("INT");
    let output = running.wait();
    let run = run_of(&database);
    output.code(5).says(&format!(
        "hint: `breakglass resume {run}` looks at all of them again"
    ));
    assert_eq!(looks(&database), "unknown");

    // Nobody has seen this one.
    wake(&database);
    let output = resume(&database, &run).args(["-o", "json"]).run();
    output.code(5);
    let receipt = output.json();
    assert_eq!(receipt["verdict"], "resurrected");
    assert_eq!(receipt["alive"], json!([FIRST]));
    assert_eq!(
        receipt["survivors"],
        json!([{ "key": FIRST, "verdict": "resurrected", "detail": "active at the end of the run" }])
    );
    assert_eq!(receipt["batches_done_here"], 0);
    assert_eq!(looks(&database), "unknown, resurrected");

    database.execute(&format!(
        "update api_keys set expires_at = '2020-01-01' where id = '{FIRST}'"
    ));
    let output = resume(&database, &run).run();
    output
        .success()
        .says("it is not on record that all of it was seen dead");
    assert!(
        output.stdout.contains("fresh connections: all dead"),
        "{output}"
    );
    assert_eq!(looks(&database), "unknown, resurrected, dead");
    let records = database.observations().len();
    resume(&database, &run)
        .run()
        .success()
        .says("there is nothing left to do");
    assert_eq!(database.observations().len(), records);
}

/// A command that was killed after the last COMMIT leaves batches and no look at all of them.
#[test]
fn a_last_look_that_never_happened_is_done_by_resume() {
    let database = coder(150);
    let running = rm(&database, 150).args(["--settle", "50s"]).start();
    database.wait_for("select count(*) = 150 from breakglass.observation");
    running.signal("KILL");
    drop(running);
    wake(&database);
    let run = run_of(&database);
    assert_eq!(looks(&database), "");
    let output = resume(&database, &run).run();
    output.code(5).says(&format!(
        "hint: run `breakglass tokens rm id:{FIRST} --reason 'leak, INC-7'` again"
    ));
    let told = format!("alive: {FIRST}: active at the end of the run\n");
    assert!(output.stdout.contains(&told), "{output}");
    assert_eq!(looks(&database), "resurrected");
}

#[test]
fn a_batch_that_was_taken_back_is_no_survivor() {
    let database = coder(150);
    let running = rm(&database, 150).args(["--settle", "50s"]).start();
    database.wait_for("select count(*) = 150 from breakglass.observation");
    running.signal("KILL");
    drop(running);
    let run = run_of(&database);
    let second = database
        .value("select id from breakglass.operation where batch = 2 and outcome = 'applied'");
    let restored = restore(&database, &[&second, "-o", "json"]).run();
    let restored = id_of(restored.success());
    let output = resume(&database, &run).args(["-o", "json"]).run();
    let receipt = output.code(5).json();
    output.never_says("tokens rm").never_says("ALIVE AGAIN");
    assert_eq!(receipt["verdict"], "restored");
    assert_eq!(receipt["alive"], json!([]));
    let survivors = receipt["survivors"].as_array().unwrap();
    assert_eq!(survivors.len(), 50);
    for survivor in survivors {
        assert_eq!(survivor["verdict"], "restored");
        let detail = survivor["detail"].as_str().unwrap();
        let whose = format!("taken back by operation {restored} by ");
        assert!(detail.starts_with(&whose), "{detail}");
    }
    assert_eq!(database.bulk_alive(), 50);

    let show = |flags: &[&str]| {
        let show = database.breakglass().args(["audit", "show", &run]);
        show.args(flags.to_vec()).run()
    };
    let shown = show(&[]);
    for text in [
        format!("caused           restore {restored}, applied at "),
        "b000000101: restored (taken back by operation ".to_owned(),
        "not seen dead    ".to_owned(),
    ] {
        assert!(shown.success().stdout.contains(&text), "{text}\n{shown}");
    }
    let document = show(&["-o", "json"]).json();
    assert_eq!(document["caused"][0]["id"], restored.as_str());
    assert_eq!(document["survivors"].as_array().unwrap().len(), 50);
}

#[test]
fn the_receipt_of_a_run_has_its_operation_as_it_is_at_the_end() {
    let database = coder(150);
    forbid(&database, "b000000150");
    let output = rm(&database, 150).args(["-o", "json"]).run();
    let receipt = output.code(5).json();
    assert_eq!(receipt["operation"]["changed"], 100);
    allow(&database);
    // What must die with a token is counted as well.
    database.execute(&format!(
        "insert into oauth2_provider_app_tokens
         select (json_populate_record(t, json_build_object('id', gen_random_uuid(), 'api_key_id', 'b000000150',
                 'hash_prefix', '\\x{}', 'expires_at', now() + interval '9 days'))).*
           from oauth2_provider_app_tokens as t limit 1",
        "ab".repeat(8)
    ));
    let output = resume(&database, &run_of(&database))
        .args(["-o", "json"])
        .run();
    let receipt = output.success().json();
    assert_eq!(receipt["operation"]["changed"], 150);
    assert_eq!(receipt["operation"]["companions_changed"], 1);
    assert_eq!(receipt["run"]["companions_changed"], 1);
}

/// It lives by a companion, and the receipt says so.
#[test]
fn a_survivor_that_lives_by_a_companion_is_told_with_it() {
    let database = coder(150);
    let running = rm(&database, 150).args(["--settle", "50s"]).start();
    database.wait_for("select count(*) = 150 from breakglass.observation");
    running.signal("KILL");
    drop(running);
    let id = database.value(&format!(
        "insert into oauth2_provider_app_tokens
         select (json_populate_record(t, json_build_object('id', gen_random_uuid(), 'api_key_id', '{FIRST}',
                 'hash_prefix', '\\x{}', 'expires_at', now() + interval '9 days'))).*
           from oauth2_provider_app_tokens as t limit 1 returning id",
        "ab".repeat(8)
    ));
    let receipt = resume(&database, &run_of(&database))
        .args(["-o", "json"])
        .run();
    let receipt = receipt.code(5).json();
    let detail = receipt["survivors"]
        .as_array()
        .unwrap()
        .first()
        .map(|it| it["detail"].clone());
    let detail = detail.unwrap_or(Value::Null);
    let detail = detail.as_str().unwrap();
    assert!(
        detail.contains(&id) && detail.contains("is alive"),
        "{detail}"
    );
}
