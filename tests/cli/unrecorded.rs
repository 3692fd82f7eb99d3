//! `tokens rm` where a record cannot be written: then nothing may change, and what cannot be told
//! later is told at once.

use super::interference::{failed, trigger};
use super::remove::{Before, REASON, coder, operator, remove};
use crate::support::{TestDatabase, seed};

#[test]
fn a_record_that_cannot_be_written_stops_the_change() {
    for (table, recorded) in [("operation", false), ("change", true)] {
        let database = coder();
        let role = operator(&database, &[]);
        database.execute(&revoke_inserts(&database, table));
        let missing = format!("role `{role}` lacks insert (");
        let before = Before::of(&database);
        let output = remove(&database, &["build-cache"]).as_role(&role).run();
        output.code(1).says(&format!("error: {missing}"));
        if recorded {
            before.plus(&database, "refused", &missing);
            output
                .says("recorded as ")
                .never_says("nothing was recorded");
        } else {
            before.is_all(&database);
            output.says("nothing was recorded: permission denied for table operation");
        }
    }
}

/// The same between the plan and the change: the database refuses the whole statement.
#[test]
fn a_right_to_record_that_went_at_the_prompt_stops_the_change() {
    for (table, recorded) in [("operation", false), ("change", true)] {
        let database = coder();
        let role = operator(&database, &[]);
        let rm = ["tokens", "rm", "build-cache", "--reason", REASON];
        let mut terminal = database
            .breakglass()
            .as_role(&role)
            .args(rm)
            .on_terminal(200);
        terminal.expect("expire? [y/N]");
        database.execute(&revoke_inserts(&database, table));
        let before = Before::of(&database);
        terminal.send_line("y");
        let error = format!("permission denied for table {table}");
        let transcript = terminal.finish();
        transcript
            .code(1)
            .says(&format!("error: {error} (SQLSTATE 42501)"));
        if recorded {
            before.plus(&database, "failed", &error);
        } else {
            before.is_all(&database);
            transcript.says("nothing was recorded: permission denied for table operation");
        }
    }
}

/// Takes every right to insert into a table of the log from a database's operators.
fn revoke_inserts(database: &TestDatabase, table: &str) -> String {
    format!(
        "do $$ declare r name; c name; begin \
           for r in select rolname from pg_roles where rolname like 'operators_{name}' loop \
             execute format('revoke insert on breakglass.{table} from %I', r); \
             for c in select attname from pg_attribute where attrelid = 'breakglass.{table}'::regclass and attnum > 0 loop \
               execute format('revoke insert (%I) on breakglass.{table} from %I', c, r); \
             end loop; end loop; end $$",
        name = database.name()
    )
}

#[test]
fn a_trigger_that_raises_on_a_record_stops_the_change() {
    for table in ["audit_logs", "breakglass.change"] {
        let database = coder();
        trigger(
            &database,
            &format!("trigger loud before insert on {table}"),
            "raise 'not today';",
        );
        let before = Before::of(&database);
        let output = remove(&database, &["build-cache"]).run();
        failed(&database, &before, &output, "not today (SQLSTATE P0001)");
    }
}

#[test]
fn a_trigger_that_swallows_a_record_stops_the_change_on_record() {
    for (table, what) in [
        ("audit_logs", "the application's audit log was not written"),
        ("breakglass.change", "the changes were not recorded"),
    ] {
        let database = coder();
        trigger(
            &database,
            &format!("trigger quiet before insert on {table}"),
            "return null;",
        );
        let before = Before::of(&database);
        let output = remove(&database, &["build-cache"]).run();
        let error = format!("{what}: 0 instead of 1");
        failed(&database, &before, &output, &error);
    }
}

#[test]
fn a_trigger_on_the_operation_itself_leaves_nothing_and_no_wrong_hint() {
    for body in ["raise 'not today';", "return null;"] {
        let database = coder();
        trigger(
            &database,
            "trigger quiet before insert on breakglass.operation",
            body,
        );
        let before = Before::of(&database);
        let output = remove(&database, &["build-cache"]).run();
        output
            .code(1)
            .says("error: ")
            .says("nothing was recorded: ");
        before.is_all(&database);
        output
            .never_says("expire it instead")
            .never_says("is recorded already");
    }
}

#[test]
fn a_commit_that_is_refused_changes_nothing() {
    let database = coder();
    let when = "constraint trigger late after update on api_keys deferrable initially deferred";
    trigger(&database, when, "raise 'not at this hour';");
    let before = Before::of(&database);
    let output = remove(&database, &["build-cache"]).run();
    failed(
        &database,
        &before,
        &output,
        "not at this hour (SQLSTATE P0001)",
    );
}

#[test]
fn a_verdict_that_cannot_be_recorded_is_not_one() {
    let database = coder();
    trigger(
        &database,
        "trigger quiet before insert on breakglass.observation",
        "return null;",
    );
    let output = remove(&database, &["build-cache", "-o", "json"]).run();
    assert_eq!(output.code(5).json()["verdict"], "unknown");
    assert!(!database.is_alive(seed::HOT));
    assert_eq!(database.operation()["outcome"], "applied");
    assert!(database.observations().is_empty());
}
