//! `doctor` on the server and the role's defaults: one fixture for each finding.

use super::doctor::{as_role, check, coder, findings, only, tells};
use crate::support::{Standby, Template, TestDatabase, private_cluster};

#[test]
fn a_standby() {
    let cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    database
        .breakglass()
        .args(["init", "--operator-role", "operators"])
        .run()
        .success();
    database.execute("create role alice login in role operators");
    let standby = Standby::of(&cluster);
    let copy = standby.database(database.name());
    let finding = only(&as_role(&copy, "alice"), "standby", "blocks", "the server");
    tells(&finding, "remedy", "connect to the primary");
    // And the primary that it follows: nobody waits for it.
    let finding = only(
        &as_role(&database, "alice"),
        "record_not_replicated",
        "notes",
        "synchronous_standby_names",
    );
    tells(&finding, "what", "1 standbys follow");
}

#[test]
fn commits_that_wait_for_a_standby_that_is_not_there() {
    let cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    database
        .breakglass()
        .args(["init", "--operator-role", "operators"])
        .run()
        .success();
    database.execute("create role alice login in role operators");
    database.execute("alter system set synchronous_standby_names = 'elsewhere'");
    database.execute("select pg_reload_conf()");
    database.wait_for("select current_setting('synchronous_standby_names') = 'elsewhere'");
    let finding = only(
        &as_role(&database, "alice"),
        "synchronous_standby_missing",
        "blocks",
        "synchronous_standby_names",
    );
    tells(
        &finding,
        "what",
        "COMMIT waits for a standby of `elsewhere`",
    );
}

#[test]
fn read_only_by_default_is_a_note_because_a_change_says_otherwise() {
    let (database, alice) = coder();
    for statement in [
        format!("alter role {alice} set default_transaction_read_only = on"),
        format!(
            "alter role {alice} reset default_transaction_read_only; \
             alter database {} set default_transaction_read_only = on",
            database.name()
        ),
    ] {
        database.session().execute(&format!(
            "set default_transaction_read_only = off; {statement}"
        ));
        let finding = only(
            &as_role(&database, &alice),
            "read_only_by_default",
            "notes",
            "default_transaction_read_only",
        );
        tells(&finding, "what", "by a setting of the ");
        let rm = [
            "tokens",
            "rm",
            "build-cache",
            "--yes",
            "--reason",
            "why",
            "--dry-run",
        ];
        database
            .breakglass()
            .as_role(&alice)
            .args(rm)
            .run()
            .success();
    }
}

#[test]
fn triggers_that_do_not_fire_for_this_role() {
    let (database, alice) = coder();
    database.execute(&format!(
        "alter role {alice} set session_replication_role = replica"
    ));
    let finding = only(
        &as_role(&database, &alice),
        "replication_role",
        "blocks",
        "session_replication_role",
    );
    tells(&finding, "what", "session_replication_role is replica");
}

#[test]
fn commits_that_do_not_wait_by_default() {
    let (database, alice) = coder();
    for mode in ["off", "local"] {
        database.execute(&format!(
            "alter role {alice} set synchronous_commit = {mode}"
        ));
        let finding = only(
            &as_role(&database, &alice),
            "synchronous_commit",
            "notes",
            "synchronous_commit",
        );
        tells(
            &finding,
            "what",
            &format!("synchronous_commit is {mode} by default, by a setting of the "),
        );
        tells(&finding, "why", "wait for the disk all the same");
    }
}

#[test]
fn no_room_for_the_connections_that_a_change_needs() {
    let (database, alice) = coder();
    database.execute(&format!("alter role {alice} connection limit 2"));
    let finding = only(
        &as_role(&database, &alice),
        "connections_short",
        "warns",
        &format!("role {alice}"),
    );
    tells(&finding, "what", "1 of 2 connections");
    database.execute(&format!("alter role {alice} connection limit -1"));
    let name = database.name();
    database.execute(&format!("alter database {name} connection limit 4"));
    let _held = [database.session(), database.session()];
    let findings = as_role(&database, &alice);
    let finding = only(
        &findings,
        "connections_short",
        "warns",
        &format!("database {name}"),
    );
    tells(&finding, "what", "of 4 connections of database");
}

#[test]
fn a_server_whose_connections_are_nearly_all_in_use() {
    let cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    database
        .breakglass()
        .args(["init", "--operator-role", "operators"])
        .run()
        .success();
    database.execute("create role alice login in role operators");
    let held: Vec<_> = (0..185).map(|_| database.session()).collect();
    let finding = only(
        &as_role(&database, "alice"),
        "connections_short",
        "warns",
        "the server",
    );
    tells(&finding, "what", "of 197 connections of the server");
    drop(held);
}

#[test]
fn a_superuser() {
    let (database, _) = coder();
    let finding = only(
        &findings(database.breakglass()),
        "superuser",
        "warns",
        "role postgres",
    );
    tells(&finding, "remedy", "breakglass init --operator-role");
}

/// The view is taken away in this database, and with it what could be known.
#[test]
fn what_may_not_be_looked_at_is_said() {
    for (view, subject) in [
        ("pg_stat_replication", "the server's settings"),
        ("pg_locks", "who holds locks"),
        ("pg_default_acl", "who may rewrite the log"),
    ] {
        let (database, alice) = coder();
        database.execute(&format!("revoke select on pg_catalog.{view} from public"));
        let finding = only(
            &as_role(&database, &alice),
            "could_not_look",
            "warns",
            subject,
        );
        tells(&finding, "what", "permission denied for ");
        tells(&finding, "what", view);
    }
}

/// A clock of its own for the program: a library that is loaded before the system's.
#[test]
fn clocks_that_differ() {
    let (database, alice) = coder();
    let clock = super::doctor_connection::false_clock();
    for (seconds, severity, which) in [
        (-30, "warns", "30 s ahead of"),
        (30, "warns", "30 s behind"),
        (-3600, "blocks", "3600 s ahead of"),
        (3600, "blocks", "3600 s behind"),
    ] {
        let invocation = database.breakglass().as_role(&alice);
        let invocation = invocation
            .env("LD_PRELOAD", clock.display().to_string())
            .env("FALSE_CLOCK_SECONDS", seconds.to_string());
        let output = invocation.args(["doctor", "-o", "json"]).run();
        let finding = only(&check(&output), "clock_skew", severity, "the clocks");
        tells(&finding, "what", which);
    }
}
