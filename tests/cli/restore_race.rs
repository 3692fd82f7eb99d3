//! Restores beside others: each adds up, whoever comes first.
#![expect(
    clippy::indexing_slicing,
    reason = "a helper that finds no value fails its test"
)]

use serde_json::{Value, json};

use super::remove::{coder, remove};
use super::restore::{expire, latest, restore};
use crate::support::{TestDatabase, seed};

/// Whether somebody waits for a lock in this database.
const WAITING: &str = "select exists (select from pg_locks join pg_stat_activity using (pid) \
                       where not granted and datname = current_database())";

/// How the operations ended, in the order of their recording.
fn outcomes(database: &TestDatabase) -> Vec<Value> {
    let operations = database.operations().into_iter();
    let told = |it: Value| json!([it["action"], it["outcome"], it["changed"]]);
    operations.map(told).collect()
}

/// Every change of the log follows on the one before it: what an operation found is what the last one
/// left there, and what the last one left is what stands there.
fn the_log_adds_up(database: &TestDatabase) {
    let breaks = database.value(
        "with step as ( \
           select c.key, c.before, c.after, o.occurred_at, \
                  lag(c.after) over w as left_before, lead(c.before) over w is null as is_last \
             from breakglass.change as c join breakglass.operation as o on o.id = c.operation_id \
           window w as (partition by c.relation, c.key order by o.occurred_at, o.id)) \
         select count(*) from step where left_before <> before",
    );
    assert_eq!(breaks, "0");
    let records = database.value(
        "select bool_and(o.changed + o.companions_changed = (select count(*) from breakglass.change as c where c.operation_id = o.id)) \
           from breakglass.operation as o where o.outcome in ('applied', 'unchanged')",
    );
    assert_eq!(records, "t");
}

#[test]
fn of_two_restores_at_once_one_puts_back_and_the_other_is_refused_or_has_nothing_to_do() {
    let database = coder();
    let before = database.token_row(seed::HOT);
    let expired = expire(&database, &["build-cache"]);
    // Both have their plan and wait for the row; then one of them has it.
    let holder = database.session();
    holder.execute("begin; select from api_keys where id = 'd4o6FQe5QT' for update");
    let running = [(); 2].map(|()| restore(&database, &[&expired]).start());
    database.wait_for(
        "select count(distinct pid) = 2 from pg_locks join pg_stat_activity using (pid) \
          where not granted and datname = current_database()",
    );
    holder.execute("rollback");
    let mut ended = running.map(crate::support::run::Running::wait);
    ended.sort_by_key(|output| output.status.code());
    ended[0].success();
    ended[1]
        .code(1)
        .says("token `d4o6FQe5QT` was changed after it was shown (expires_at: ");
    assert_eq!(database.token_row(seed::HOT), before);
    let mut restores = outcomes(&database).split_off(1);
    restores.sort_by_key(Value::to_string);
    assert_eq!(
        restores,
        [
            json!(["restore", "applied", 1]),
            json!(["restore", "refused", null])
        ]
    );
    the_log_adds_up(&database);
}

#[test]
fn a_restore_beside_an_expire_puts_back_what_was_shown_or_nothing() {
    let database = coder();
    let expired = expire(&database, &["build-cache"]);
    restore(&database, &[&expired]).run().success();
    let back = latest(&database);
    // The restore of the restore kills; an expire of the same token comes between plan and change.
    let holder = database.session();
    holder.execute("begin; select from api_keys where id = 'd4o6FQe5QT' for update");
    let first = remove(&database, &["build-cache"]).start();
    database.wait_for(WAITING);
    let second = restore(&database, &[&back]).start();
    database.wait_for(
        "select count(distinct pid) = 2 from pg_locks join pg_stat_activity using (pid) \
          where not granted and datname = current_database()",
    );
    holder.execute("rollback");
    let (first, second) = (first.wait(), second.wait());
    // The lock is fair: who waited first has it first.
    first.success();
    second
        .code(1)
        .says("token `d4o6FQe5QT` was changed after it was shown");
    assert!(!database.is_alive(seed::HOT));
    the_log_adds_up(&database);
}

#[test]
fn a_restore_beside_the_application_never_writes_over_it() {
    let database = coder();
    let expired = expire(&database, &["build-cache"]);
    let application = database.session();
    application
        .execute("begin; update api_keys set expires_at = '2031-01-01+00' where id = 'd4o6FQe5QT'");
    let running = restore(&database, &[&expired]).start();
    database.wait_for(WAITING);
    application.execute("commit");
    running
        .wait()
        .code(1)
        .says("was changed after it was shown (expires_at: ")
        .says("-> 2031-01-01 00:00:00+00)");
    assert_eq!(
        database.value("select expires_at = '2031-01-01+00' from api_keys where id = 'd4o6FQe5QT'"),
        "t"
    );
    assert_eq!(outcomes(&database)[1], json!(["restore", "refused", null]));
    the_log_adds_up(&database);
}

/// The row is purged while the restore waits for it.
#[test]
fn a_row_that_goes_between_plan_and_change_is_told() {
    let database = coder();
    let expired = expire(&database, &["build-cache"]);
    let application = database.session();
    application.execute("begin; delete from api_keys where id = 'd4o6FQe5QT'");
    let running = restore(&database, &[&expired]).start();
    database.wait_for(WAITING);
    application.execute("commit");
    running.wait().code(1).says("token `d4o6FQe5QT` is gone");
    assert_eq!(outcomes(&database)[1], json!(["restore", "refused", null]));
}

/// Whoever writes over it right after the commit is seen, and not called restored.
#[test]
fn a_write_between_commit_and_read_back_is_told_as_changed() {
    let database = coder();
    let expired = expire(&database, &["build-cache"]);
    // Fires in our own transaction, after the statement's own account: as if it came right after.
    database.execute(
        "create function again() returns trigger language plpgsql as \
         $$ begin update public.api_keys set expires_at = '2031-01-01+00' where id = new.id; return null; end $$; \
         create constraint trigger again after update on api_keys deferrable initially deferred \
            for each row when (new.expires_at <> '2031-01-01+00') execute function again()",
    );
    let output = restore(&database, &[&expired]).run();
    output.code(5).says("hint: something else writes there");
    assert!(
        output
            .stdout
            .contains("CHANGED AGAIN, something wrote over what was put back"),
        "{output}"
    );
    let seen = database.observations().pop().unwrap_or_default();
    assert_eq!(seen["verdict"], "changed");
    let detail = seen["detail"].as_str().unwrap_or_default();
    assert!(detail.ends_with(" -> 2031-01-01 00:00:00+00"), "{detail}");
}

/// Expires, restores and the application at once, twenty rounds: the log adds up and the row is what
/// somebody wrote.
#[test]
fn restores_expires_and_the_application_at_once_add_up() {
    let database = coder();
    expire(&database, &["build-cache", "release"]);
    let last = "select id from breakglass.operation where outcome = 'applied' order by occurred_at desc, id desc limit 1";
    for round in 0..20 {
        let of = &database.value(last);
        let running = [
            restore(&database, &[of]).start(),
            remove(&database, &["build-cache", "release"]).start(),
            restore(&database, &[of]).start(),
        ];
        let key = [seed::HOT, seed::RELEASE][round % 2];
        if round % 3 == 0 {
            database.execute(&format!(
                "update api_keys set last_used = now() where id = '{key}'"
            ));
        }
        for ended in running.map(crate::support::run::Running::wait) {
            let code = ended.status.code();
            assert!(matches!(code, Some(0 | 1 | 5)), "{ended}");
        }
        the_log_adds_up(&database);
    }
    let applied = outcomes(&database)
        .into_iter()
        .filter(|it| it[1] == "applied")
        .count();
    assert!(applied > 10, "{applied}");
}
