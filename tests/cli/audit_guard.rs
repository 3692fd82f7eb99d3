//! The log guards itself: nobody rewrites it, nobody writes half of it.
#![expect(
    clippy::panic,
    reason = "a helper that cannot go on fails the test that called it"
)]

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Error;

use super::show::installed;
use crate::support::TestDatabase;

const TABLES: [&str; 6] = [
    "operation",
    "change",
    "observation",
    "signal",
    "signal_result",
    "batch",
];

/// One row in each of the tables, written as the superuser.
fn filled() -> TestDatabase {
    let database = installed();
    database.execute(&format!(
        "{}; insert into breakglass.change (operation_id, relation, key, kind, state_before, state_after, before, after) \
             values ('{ID}', 'public.api_keys', 'k', 'token', 'active', 'expired', '{{}}', '{{}}'); \
         insert into breakglass.observation (operation_id, key, verdict, detail) values ('{ID}', 'k', 'dead', 'expired'); \
         {}; \
         insert into breakglass.signal (operation_id, pid, backend_start, signal) \
             values ('{SIGNAL_ID}', 1, now(), 'cancel'); \
         {}; \
         insert into breakglass.batch (operation_id, number, keys) values ('{RUN_ID}', 1, '{{k}}'), ('{RUN_ID}', 2, '{{l}}'); \
         insert into breakglass.signal_result (operation_id, result) values ('{SIGNAL_ID}', 'sent'); \
         insert into breakglass.plan (operation_id, digest, principal, expires_at, content) \
             values ('{ID}', '{DIGEST}', 'p', 'infinity', '{{}}')",
        operation(""),
        signal(""),
        run("")
    ));
    database
}

const ID: &str = "01990000-0000-7000-8000-000000000001";

const SIGNAL_ID: &str = "01990000-0000-7000-8000-000000000002";

const RUN_ID: &str = "01990000-0000-7000-8000-000000000003";

/// An insert of the whole operation that begins a run, with some columns set otherwise.
fn run(other: &str) -> String {
    const WHOLE: &str = "id = '01990000-0000-7000-8000-000000000003', action = 'expire', \
        outcome = 'begun', adapter = 'coder', reason = 'why', selector = 'x', plan_digest = 'd', \
        planned = 1, tool_version = '0'";
    insert(WHOLE, other)
}

/// An insert of the whole operation of a signal, with some columns set otherwise.
fn signal(other: &str) -> String {
    const WHOLE: &str = "id = '01990000-0000-7000-8000-000000000002', action = 'cancel_blocker', \
        outcome = 'announced', cause = 'blocked', reason = 'why', selector = 'pid 1', \
        parent_id = '01990000-0000-7000-8000-000000000001', tool_version = '0'";
    insert(WHOLE, other)
}

/// An insert of a whole operation, with some columns set otherwise: `changed = 2, error = 'x'`.
fn operation(other: &str) -> String {
    const WHOLE: &str = "id = '01990000-0000-7000-8000-000000000001', action = 'expire', \
        outcome = 'applied', adapter = 'coder', reason = 'why', selector = 'x', plan_digest = 'd', \
        planned = 2, matched = 2, changed = 1, unchanged = 1, still_alive = 0, \
        companions_planned = 1, companions_dead = 1, companions_changed = 1, \
        application_audit = 'written', tool_version = '0'";
    insert(WHOLE, other)
}

fn insert(whole: &'static str, other: &str) -> String {
    let assignments = whole.split(", ").chain(other.split(", "));
    let row: BTreeMap<&str, &str> = assignments
        .filter_map(|text| text.split_once(" = "))
        .collect();
    let (columns, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
    let (columns, values) = (columns.join(", "), values.join(", "));
    format!("insert into breakglass.operation ({columns}) values ({values})")
}

/// Statements that would rewrite a table.
fn rewrites(table: &str) -> [String; 6] {
    let column = match table {
        "operation" => "selector",
        "signal" => "state",
        "signal_result" => "detail",
        "batch" => "keys[1]",
        _ => "key",
    };
    [
        format!("update breakglass.{table} set {column} = 'forged'"),
        format!("update breakglass.{table} set {column} = 'forged' where false"),
        format!("delete from breakglass.{table}"),
        format!(
            "with gone as (delete from breakglass.{table} returning 1) select count(*) from gone"
        ),
        format!("truncate breakglass.{table} cascade"),
        "truncate breakglass.operation, breakglass.change, breakglass.observation, \
         breakglass.signal, breakglass.signal_result, breakglass.batch"
            .to_owned(),
    ]
}

#[test]
fn a_rewrite_is_refused_even_for_a_superuser() {
    let database = filled();
    let before = (
        database.operations(),
        database.changes(),
        database.observations(),
    );
    let session = database.session();
    for table in TABLES {
        for rewrite in rewrites(table) {
            assert_eq!(session.refusal(&rewrite), "23001", "{rewrite}");
        }
    }
    let upsert = format!(
        "{} on conflict (id) do update set selector = 'forged'",
        operation("")
    );
    assert_eq!(session.refusal(&upsert), "23001");
    assert_eq!(
        (
            database.operations(),
            database.changes(),
            database.observations()
        ),
        before
    );
    assert_eq!((before.0.len(), before.1.len(), before.2.len()), (3, 1, 1));
}

#[test]
fn a_replicas_role_does_not_switch_the_guard_off() {
    let database = filled();
    let session = database.session();
    session.execute("set session_replication_role = replica");
    for table in TABLES {
        for rewrite in rewrites(table) {
            assert_eq!(session.refusal(&rewrite), "23001", "{rewrite}");
        }
    }
}

#[test]
fn the_owner_of_the_schema_is_refused_too() {
    let database = filled();
    let owner = database.login_role("owner");
    database.execute(&format!("alter schema breakglass owner to {owner}"));
    for table in TABLES {
        database.execute(&format!("alter table breakglass.{table} owner to {owner}"));
    }
    let session = database.session_as(&owner);
    for table in TABLES {
        for rewrite in rewrites(table) {
            assert_eq!(session.refusal(&rewrite), "23001", "{rewrite}");
        }
    }
}

#[test]
fn the_refusal_says_what_and_whom_to_ask() {
    let database = filled();
    let error = database
        .session()
        .try_execute("delete from breakglass.change")
        .expect_err("refused");
    let error = error.as_db_error().expect("the server refused");
    assert_eq!(
        error.message(),
        "breakglass.change is append-only: delete is refused"
    );
    assert_eq!(
        error.hint(),
        Some("retention is a documented procedure of the schema's owner")
    );
}

fn violated(error: &Error) -> String {
    let error = error.as_db_error().unwrap_or_else(|| panic!("{error:?}"));
    error
        .constraint()
        .unwrap_or_else(|| panic!("{error:?}"))
        .to_owned()
}

/// Operations that a constraint forbids, by its name and what is not as in a whole one.
const HALF_OPERATIONS: &str = "\
operation_has_known_action: action = 'forget'
operation_has_known_outcome: outcome = 'planned'
operation_parent_has_cause: parent_id = gen_random_uuid()
operation_parent_has_cause: cause = 'batch', batch = 1
operation_has_known_cause: parent_id = gen_random_uuid(), cause = 'whim'
operation_has_known_application_audit: application_audit = 'perhaps'
operation_has_list_of_cascades: cascades = '{}'
operation_effect_is_whole: reason = '  '
operation_effect_is_whole: error = 'but'
operation_effect_is_whole: adapter = null
operation_effect_is_whole: reason = null
operation_effect_is_whole: plan_digest = null
operation_effect_is_whole: application_audit = null
operation_effect_is_whole: planned = null
operation_effect_is_whole: matched = null
operation_effect_is_whole: changed = null
operation_effect_is_whole: unchanged = null
operation_effect_is_whole: still_alive = null
operation_effect_is_whole: companions_planned = null
operation_effect_is_whole: companions_dead = null
operation_effect_is_whole: companions_changed = null
operation_did_what_was_planned: still_alive = 1
operation_did_what_was_planned: matched = 1
operation_did_what_was_planned: changed = 2
operation_did_what_was_planned: unchanged = 0
operation_did_what_was_planned: companions_dead = 0
operation_did_what_was_planned: planned = 0, matched = 0, changed = 0, unchanged = 0
operation_unchanged_changed_nothing: outcome = 'unchanged'
operation_unchanged_changed_nothing: outcome = 'unchanged', changed = 0, unchanged = 2
operation_without_effect_says_why: outcome = 'refused', changed = 0, companions_changed = 0
operation_without_effect_says_why: outcome = 'refused', error = 'x', companions_changed = 0
operation_without_effect_says_why: outcome = 'failed', error = 'x', changed = 0
operation_pkey: reason = 'again'
operation_announces_only_signals: outcome = 'announced'
operation_signal_is_for_a_blocked_one: parent_id = gen_random_uuid(), cause = 'blocked'
operation_batch_has_number: parent_id = gen_random_uuid(), cause = 'batch'
operation_batch_has_number: batch = 1
operation_batch_has_number: parent_id = gen_random_uuid(), cause = 'batch', batch = 0
operation_batch_is_planned: id = gen_random_uuid(), parent_id = gen_random_uuid(), cause = 'batch', batch = 1
operation_only_a_restore_is_caused_by_one: parent_id = gen_random_uuid(), cause = 'restore'
operation_restore_names_the_restored: action = 'restore', companions_dead = 0
operation_did_what_was_planned: action = 'restore', parent_id = gen_random_uuid(), cause = 'restore'
operation_did_what_was_planned: action = 'restore', parent_id = gen_random_uuid(), cause = 'restore', companions_dead = 0, companions_changed = 2
operation_did_what_was_planned: action = 'restore', parent_id = gen_random_uuid(), cause = 'restore', companions_dead = 0, changed = 2
operation_only_an_expire_ends_later: action = 'delete', ends_at = now()
operation_http_caller_is_whole: http_principal = 'p'
operation_http_caller_is_whole: http_peer = '127.0.0.1:1'
operation_http_caller_is_whole: http_credential = 'c', http_request_id = 'r', http_request_digest = 'abababababababababababababababababababababababababababababababab'
operation_http_caller_is_whole: http_principal = 'p', http_request_id = 'r', http_request_digest = 'abababababababababababababababababababababababababababababababab'
operation_http_caller_is_whole: http_principal = 'p', http_credential = 'c', http_request_digest = 'abababababababababababababababababababababababababababababababab'
operation_http_caller_is_whole: http_principal = 'p', http_credential = 'c', http_request_id = 'r', http_peer = '127.0.0.1:1'
operation_http_request_digest_is_sha256: http_principal = 'p', http_credential = 'c', http_request_id = 'r', http_request_digest = 'ab'
operation_http_request_digest_is_sha256: http_principal = 'p', http_credential = 'c', http_request_id = 'r', http_request_digest = 'ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB'
operation_error_code_is_of_an_error: error_code = 'locked'
operation_error_code_is_of_an_error: error_code = 'locked', outcome = 'unchanged', changed = 0, unchanged = 2, companions_changed = 0
";

/// The same for the operation that begins a run.
const HALF_RUNS: &str = "\
operation_begin_is_whole: parent_id = gen_random_uuid(), cause = 're-apply'
operation_begin_is_whole: adapter = null
operation_begin_is_whole: reason = null
operation_begin_is_whole: reason = '  '
operation_begin_is_whole: plan_digest = null
operation_begin_is_whole: planned = 0
operation_begin_is_whole: matched = 1
operation_begin_is_whole: changed = 1
operation_begin_is_whole: error = 'but'
operation_announces_only_signals: action = 'cancel_blocker', parent_id = gen_random_uuid(), cause = 'blocked', adapter = null, plan_digest = null, planned = null
";

/// Batches of a run, as the values of a row.
const HALF_BATCHES: &str = "\
batch_pkey: RUN, 1, '{k}'
batch_belongs_to_operation: gen_random_uuid(), 1, '{k}'
batch_belongs_to_operation: ID, 1, '{k}'
batch_number_is_from_one: RUN, 0, '{k}'
batch_has_keys: RUN, 2, '{}'
batch_has_keys: RUN, 2, '{k,null}'
";

/// Plans that wait, as the values of a row.
const HALF_PLANS: &str = "\
plan_pkey: ID, DIGEST, 'p', 'infinity', '{}'
plan_digest_is_sha256: gen_random_uuid(), 'd', 'p', 'infinity', '{}'
plan_expires_later: gen_random_uuid(), DIGEST, 'p', now(), '{}'
plan_content_is_object: gen_random_uuid(), DIGEST, 'p', 'infinity', '[]'
";

/// sha256 of something.
const DIGEST: &str = "abababababababababababababababababababababababababababababababab";

/// The same for the operation of a signal.
const HALF_SIGNALS: &str = "\
operation_announces_only_signals: outcome = 'unchanged'
operation_announcement_is_whole: reason = null
operation_announcement_is_whole: reason = '  '
operation_announcement_is_whole: error = 'but'
operation_parent_has_cause: parent_id = null
operation_signal_is_for_a_blocked_one: parent_id = null, cause = null
operation_signal_is_for_a_blocked_one: cause = 're-apply'
operation_signal_counts_nothing: planned = 1
operation_signal_counts_nothing: matched = 1
operation_signal_counts_nothing: changed = 0
operation_signal_counts_nothing: unchanged = 0
operation_signal_counts_nothing: still_alive = 0
operation_signal_counts_nothing: companions_planned = 0
operation_signal_counts_nothing: companions_dead = 0
operation_signal_counts_nothing: companions_changed = 0
operation_signal_counts_nothing: cascades = '[]'
operation_signal_counts_nothing: application_audit = 'none'
operation_signal_counts_nothing: plan_digest = 'd'
operation_signal_counts_nothing: secret_verified = true
operation_without_effect_says_why: outcome = 'refused'
";

/// Targets and results of signals, as the values of a row.
const HALF_TARGETS: &str = "\
signal_pkey: SIGNAL, 1, now(), 'cancel'
signal_belongs_to_operation: gen_random_uuid(), 1, now(), 'cancel'
signal_belongs_to_operation: ID, 1, now(), 'cancel'
signal_is_known: gen_random_uuid(), 1, now(), 'kill'
";
const HALF_RESULTS: &str = "\
signal_result_pkey: SIGNAL, 'gone', null
signal_result_belongs_to_signal: ID, 'gone', null
signal_result_is_known: ID, 'lost', null
signal_result_says_why: ID, 'refused', null
signal_result_says_why: ID, 'failed', null
signal_result_says_why: ID, 'sent', 'but'
";

/// The same for changed rows and for what was seen, as the values of a row.
const HALF_CHANGES: &str = "\
change_pkey: ID, 'public.api_keys', 'k', 'token', 'active', 'expired', '{}', '{}'
change_belongs_to_operation: gen_random_uuid(), 't', 'k', 'token', 'active', 'expired', '{}', '{}'
change_is_gone_or_described: ID, 't', 'k', 'token', 'active', 'expired', '{}', null
change_is_gone_or_described: ID, 't', 'k', 'token', 'active', 'deleted', '{}', '{}'
change_columns_are_objects: ID, 't', 'k', 'token', 'active', 'expired', '[]', '{}'
change_columns_are_objects: ID, 't', 'k', 'token', 'active', 'expired', '{}', '1'
";
const HALF_OBSERVATIONS: &str = "\
observation_belongs_to_operation: default, gen_random_uuid(), 'k', 'dead', 'x'
observation_has_known_verdict: default, ID, 'k', 'asleep', 'x'
observation_pkey: (select id from breakglass.observation), ID, 'k', 'dead', 'x'
";

/// Every way of being half-filled that a constraint forbids, by the constraint's name.
fn violations() -> Vec<(&'static str, String)> {
    let lines = |text: &'static str| text.lines().filter_map(|line| line.split_once(": "));
    let operations = lines(HALF_OPERATIONS).map(|(name, other)| (name, operation(other)));
    let values = |text: &str| text.replace("ID", &format!("'{ID}'"));
    let changes = lines(HALF_CHANGES).map(|(name, row)| {
        let columns = "operation_id, relation, key, kind, state_before, state_after, before, after";
        (
            name,
            format!(
                "insert into breakglass.change ({columns}) values ({})",
                values(row)
            ),
        )
    });
    let observations = lines(HALF_OBSERVATIONS).map(|(name, row)| {
        let columns = "id, operation_id, key, verdict, detail";
        let head =
            format!("insert into breakglass.observation ({columns}) overriding system value");
        (name, format!("{head} values ({})", values(row)))
    });
    let signals = lines(HALF_SIGNALS).map(|(name, other)| {
        let id = "id = gen_random_uuid()";
        (name, signal(&format!("{id}, {other}")))
    });
    let runs = lines(HALF_RUNS).map(|(name, other)| {
        let id = "id = gen_random_uuid()";
        (name, run(&format!("{id}, {other}")))
    });
    let values = |text: &str| {
        let text = text.replace("SIGNAL", &format!("'{SIGNAL_ID}'"));
        let text = text.replace("RUN", &format!("'{RUN_ID}'"));
        let text = text.replace("DIGEST", &format!("'{DIGEST}'"));
        text.replace("ID", &format!("'{ID}'"))
    };
    let rows = |table: &str, columns: &str, row: &str| {
        format!(
            "insert into breakglass.{table} ({columns}) values ({})",
            values(row)
        )
    };
    let targets = lines(HALF_TARGETS).map(|(name, row)| {
        let columns = "operation_id, pid, backend_start, signal";
        (name, rows("signal", columns, row))
    });
    let results = lines(HALF_RESULTS).map(|(name, row)| {
        let columns = "operation_id, result, detail";
        (name, rows("signal_result", columns, row))
    });
    let batches = lines(HALF_BATCHES)
        .map(|(name, row)| (name, rows("batch", "operation_id, number, keys", row)));
    let plans = lines(HALF_PLANS).map(|(name, row)| {
        let columns = "operation_id, digest, principal, expires_at, content";
        (name, rows("plan", columns, row))
    });
    let signals: Vec<_> = signals.chain(targets).chain(results).collect();
    operations
        .chain(runs)
        .chain(batches)
        .chain(plans)
        .chain(changes)
        .chain(observations)
        .chain(signals)
        .collect()
}

#[test]
fn a_half_filled_record_is_refused_by_the_constraint_for_it() {
    let database = filled();
    let session = database.session();
    let mut tried = BTreeSet::new();
    for (constraint, insert) in violations() {
        let error = session.try_execute(&insert).expect_err(&insert);
        assert_eq!(violated(&error), constraint, "{insert}");
        tried.insert(constraint.to_owned());
    }
    let constraints = database.query(
        "select conname from pg_constraint as c join pg_class as t on t.oid = conrelid \
          where t.relnamespace = 'breakglass'::regnamespace and t.relname <> 'schema_history' and contype in ('c', 'f', 'p')",
    );
    let all: BTreeSet<String> = constraints.into_iter().flatten().flatten().collect();
    assert_eq!(tried, all, "every constraint has an insert that it refuses");
    assert_eq!(database.operations().len(), 3);
}

#[test]
fn a_batch_of_a_run_is_done_once() {
    let database = filled();
    let session = database.session();
    let batch = |other: &str| {
        operation(&format!(
            "id = gen_random_uuid(), parent_id = '{RUN_ID}', cause = 'batch', batch = 1{other}"
        ))
    };
    let failed = ", outcome = 'failed', error = 'x', changed = 0, companions_changed = 0";
    session.execute(&batch(failed));
    session.execute(&batch(failed));
    session.execute(&batch(""));
    let error = session.try_execute(&batch("")).expect_err("it is done");
    assert_eq!(violated(&error), "operation_batch_is_done_once");
    session.execute(&batch(failed));
    session.execute(&batch(", batch = 2"));
}

#[test]
fn a_whole_record_of_each_outcome_is_accepted() {
    let database = installed();
    let session = database.session();
    session.execute(&operation(""));
    for other in [
        "outcome = 'unchanged', unchanged = 2",
        "outcome = 'refused', error = 'x', planned = null",
        "outcome = 'failed', error = 'x', reason = null",
    ] {
        let none = "id = gen_random_uuid(), changed = 0, companions_changed = 0";
        session.execute(&operation(&format!("{none}, {other}")));
    }
    let http = format!(
        "http_principal = 'p', http_credential = 'c', http_request_id = 'r', \
         http_request_digest = '{DIGEST}'"
    );
    for other in [&http, &format!("{http}, http_peer = 'unix:uid=0,pid=1'")] {
        session.execute(&operation(&format!("id = gen_random_uuid(), {other}")));
    }
    let refused = "outcome = 'refused', error = 'x', error_code = 'locked', planned = null";
    session.execute(&operation(&format!(
        "id = gen_random_uuid(), changed = 0, companions_changed = 0, {http}, {refused}"
    )));
    session.execute(&signal(""));
    for outcome in ["refused", "failed"] {
        let other = format!("id = gen_random_uuid(), outcome = '{outcome}', error = 'x'");
        session.execute(&signal(&other));
    }
    assert_eq!(database.operations().len(), 10);
}

#[test]
fn every_table_and_column_of_the_log_has_a_comment() {
    let database = installed();
    let without = database.query(
        "select t.relname, a.attname from pg_class as t join pg_attribute as a on a.attrelid = t.oid and attnum > 0 \
          where relnamespace = 'breakglass'::regnamespace and relkind = 'r' and relname <> 'schema_history' \
            and (col_description(t.oid, attnum) is null or obj_description(t.oid, 'pg_class') is null)",
    );
    assert!(without.is_empty(), "{without:?}");
}
