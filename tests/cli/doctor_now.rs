//! `doctor` on who is at the tables right now.

use super::doctor::{as_role, coder, only, tells};

#[test]
fn a_lock_that_a_write_would_wait_for() {
    for mode in [
        "share",
        "share row exclusive",
        "exclusive",
        "access exclusive",
    ] {
        let (database, alice) = coder();
        database.execute(&format!("grant pg_read_all_stats to {alice}"));
        let holder = database.session();
        let pid = holder.value("select pg_backend_pid()");
        holder.execute(&format!("begin; lock table api_keys in {mode} mode"));
        let finding = only(
            &as_role(&database, &alice),
            "table_locked",
            "warns",
            "public.api_keys",
        );
        tells(
            &finding,
            "what",
            &format!(
                "pid {pid} (postgres, application `breakglass tests`, idle in transaction, for "
            ),
        );
        let word = mode
            .split(' ')
            .map(|word| word[..1].to_uppercase() + &word[1..])
            .collect::<String>();
        tells(
            &finding,
            "what",
            &format!("holds {word}Lock on public.api_keys"),
        );
        tells(
            &finding,
            "remedy",
            &format!(
                "pg_terminate_backend(pid) from pg_stat_activity where pid = {pid} and backend_start = "
            ),
        );
    }
}

#[test]
fn a_lock_on_the_log_itself() {
    let (database, alice) = coder();
    let holder = database.session();
    holder.execute("begin; lock table breakglass.operation in exclusive mode");
    only(
        &as_role(&database, &alice),
        "table_locked",
        "warns",
        "breakglass.operation",
    );
}

#[test]
fn details_that_are_hidden_are_said_to_be() {
    let (database, alice) = coder();
    let holder = database.session();
    holder.execute("begin; lock table api_keys in exclusive mode");
    let finding = only(
        &as_role(&database, &alice),
        "table_locked",
        "warns",
        "public.api_keys",
    );
    tells(&finding, "what", "state hidden");
    tells(&finding, "what", "details need pg_read_all_stats");
    tells(&finding, "remedy", "grant pg_read_all_stats to");
    // Of a writer nobody knows then for how long.
    drop(holder);
    let writer = database.session();
    database.wait_for("select not exists (select from pg_locks where relation = 'api_keys'::regclass and mode = 'ExclusiveLock')");
    writer.execute("begin; update api_keys set last_used = now() where id = 'd4o6FQe5QT'");
    let finding = only(
        &as_role(&database, &alice),
        "long_transaction",
        "notes",
        "public.api_keys",
    );
    tells(&finding, "what", "details need pg_read_all_stats");
}

#[test]
fn a_transaction_that_has_been_writing_for_long() {
    let (database, alice) = coder();
    database.execute(&format!("grant pg_read_all_stats to {alice}"));
    let writer = database.session();
    writer.execute("begin; update api_keys set last_used = now() where id = 'd4o6FQe5QT'");
    assert!(
        as_role(&database, &alice).is_empty(),
        "one that has just begun is in nobody's way"
    );
    database.wait_for(
        "select exists (select from pg_stat_activity where state = 'idle in transaction' \
           and datname = current_database() and xact_start < clock_timestamp() - interval '5.2 s')",
    );
    let finding = only(
        &as_role(&database, &alice),
        "long_transaction",
        "warns",
        "public.api_keys",
    );
    tells(
        &finding,
        "what",
        "holds RowExclusiveLock on public.api_keys",
    );
}

#[test]
fn a_prepared_transaction_that_nobody_ends() {
    let (database, alice) = coder();
    let name = format!("lost {}", database.name());
    let session = database.session();
    session.execute("begin; lock table api_keys in share mode");
    session.execute(&format!("prepare transaction '{name}'"));
    let found = as_role(&database, &alice);
    session.execute(&format!("rollback prepared '{name}'"));
    let finding = only(&found, "table_locked", "warns", "public.api_keys");
    tells(&finding, "what", &format!("prepared transaction `{name}`"));
    tells(&finding, "remedy", &format!("rollback prepared '{name}'"));
}

#[test]
fn of_many_the_first_are_told_and_the_rest_counted() {
    let (database, alice) = coder();
    let holders: Vec<_> = (0..13).map(|_| database.session()).collect();
    for holder in &holders {
        holder.execute("begin; lock table api_keys in share mode");
    }
    let found = as_role(&database, &alice);
    assert_eq!(found.len(), 10, "{found:#?}");
    tells(&found[9], "what", "; and 3 more like it");
}
