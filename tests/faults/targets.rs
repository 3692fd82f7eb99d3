//! A lost COMMIT on a named target: finding out takes a fresh password, and never another cluster.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

use super::proxy::{Cut, Proxy};
use crate::support::config::{File, prod};
use crate::support::run::Invocation;
use crate::support::seed::HOT;
use crate::support::{Template, TestDatabase, foreign_cluster};

const LIMITS: &str =
    "statement_timeout = \"1s\"\nlock_timeout = \"1s\"\nresolve_timeout = \"2s\"\n";

fn installed() -> TestDatabase {
    TestDatabase::prepared("coder_installed_for_targets", Template::Coder, |database| {
        database.breakglass().arg("init").run().success();
    })
}

fn pin(database: &TestDatabase) -> String {
    let identifier = database.value("select system_identifier from pg_control_system()");
    format!("system_identifier = \"{identifier}\"\n")
}

fn expire(file: &File) -> Invocation<'static> {
    let words = ["tokens", "rm", &format!("id:{HOT}"), "--target", "prod"];
    let invocation = file.breakglass().args(words);
    invocation.args(["--yes", "--reason", "cut"])
}

/// A file whose target has a command for its password, which counts its calls.
fn counted(conninfo: &str, fields: &str) -> File {
    let file = File::with("");
    let program = file.directory().join("token");
    fs::write(
        &program,
        "#!/bin/sh\necho call >>\"${0%/*}/calls\"\necho secret\n",
    )
    .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let command = format!("password_command = [\"{}\"]\n", program.display());
    fs::write(file.path(), prod(conninfo, &format!("{command}{fields}"))).unwrap();
    file
}

#[test]
fn what_became_of_a_commit_is_asked_with_a_fresh_password() {
    for (cut, code, outcome, least) in [
        // The plan and its change; the fence; the read-back and its record.
        (Cut::AfterCommit, 0, "applied", 4),
        (Cut::BeforeCommit, 1, "failed", 2),
    ] {
        let database = installed();
        let proxy = Proxy::start(&database, cut);
        let fields = format!("{LIMITS}{}", pin(&database));
        let file = counted(&proxy.conninfo(&database, "postgres"), &fields);
        expire(&file).run().code(code);
        assert_eq!(database.operation()["outcome"], outcome);
        assert_eq!(database.is_alive(HOT), code == 1);
        let called = fs::read_to_string(file.directory().join("calls")).unwrap();
        // More where the machine is slow: then it looks for who holds a lock.
        assert!(called.lines().count() >= least, "{cut:?} {called}");
    }
}

fn lead_to(link: &Path, database: &TestDatabase) {
    drop(fs::remove_file(link));
    symlink(database.socket_directory().join(".s.PGSQL.5432"), link).unwrap();
}

/// The COMMIT arrived and its answer did not; by the time of asking, another cluster stands behind
/// the name. Its log knows nothing of the operation, and the fence would be taken there.
#[test]
fn another_cluster_is_not_asked_what_became_of_a_commit() {
    let ours = installed();
    let cluster = foreign_cluster();
    let other = TestDatabase::on(&cluster, Template::Coder);
    other.breakglass().arg("init").run().success();
    // The same name there, so that only the cluster differs.
    let name = ours.name();
    other.execute(&format!(
        "update pg_database set datname = '{name}' where datname = current_database()"
    ));
    let directory = tempfile::TempDir::with_prefix("breakglass-name-").unwrap();
    let link = directory.path().join("socket");
    lead_to(&link, &ours);
    let proxy = Proxy::before(link.clone(), Cut::BlackHole);
    let fields = format!("{LIMITS}{}", pin(&ours));
    let file = File::with(&prod(&proxy.conninfo(&ours, "postgres"), &fields));
    let running = expire(&file).start();
    // Until it gives up waiting for the answer there is time.
    while proxy.commits() == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    lead_to(&link, &other);
    let output = running.wait();
    output
        .code(4)
        .says("the outcome of operation")
        .says("asking again failed: another cluster answers than the one that is pinned")
        .says("breakglass audit show ");
    assert!(other.is_alive(HOT) && other.operations().is_empty());
    assert!(!ours.is_alive(HOT));
    assert_eq!(ours.operation()["outcome"], "applied");
}
