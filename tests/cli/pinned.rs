//! A pinned cluster: another one behind the same name is refused, and nothing is written to it.

use super::remove::{Before, coder, remove};
use crate::support::config::{File, prod};
use crate::support::{
    Login, PgBouncer, Standby, Template, TestDatabase, foreign_cluster, private_cluster, seed,
};

const IDENTIFIER: &str = "select system_identifier from pg_control_system()";

fn pin(identifier: &str) -> String {
    format!("system_identifier = \"{identifier}\"")
}

/// Every command that talks to a database.
const COMMANDS: [&[&str]; 9] = [
    &["tokens", "ls"],
    &["tokens", "show", "build-cache"],
    &["audit", "ls"],
    &["audit", "show", "0199"],
    &["adapters", "ls"],
    &["adapters", "show", "coder", "--sql"],
    &["init"],
    &["init", "--print"],
    &["init", "--operator-role", "somebody"],
];

#[test]
fn another_cluster_is_refused_by_every_command() {
    let ours = coder();
    let cluster = foreign_cluster();
    let other = TestDatabase::on(&cluster, Template::Coder);
    let [pinned, found] = [&ours, &other].map(|database| database.value(IDENTIFIER));
    assert_ne!(pinned, found);
    let file = File::on(&other, &pin(&pinned));
    let schemas = || other.value("select string_agg(nspname, ',' order by 1) from pg_namespace");
    let (before, before_schemas) = (Before::of(&other), schemas());
    let told = format!(
        "error: another cluster answers than the one that is pinned: its system identifier is \
         {found}, the pinned one {pinned}\nhint: find out what the host name leads to; if the \
         cluster was replaced on purpose, change the target's `system_identifier`\n"
    );
    for command in COMMANDS {
        let output = file
            .breakglass()
            .args(command.iter().copied())
            .args(["--target", "prod"])
            .run();
        output.code(1).says(&told);
        assert_eq!(output.stdout, "", "{command:?}");
    }
    let output = file.remove(&["build-cache"]).run();
    output.code(1).says(&told).says(
        "nothing was changed\nnothing was recorded: nothing is written to a cluster that is not \
         the pinned one\n",
    );
    let json = file.remove(&["build-cache", "-o", "json"]).run();
    let error = json.code(1).json_error();
    assert_eq!(error["error"]["code"], "other_cluster");
    assert_eq!(error["error"]["recorded"], false);
    before.is_all(&other);
    assert_eq!(schemas(), before_schemas);
}

#[test]
fn not_even_where_breakglass_is_installed_is_anything_recorded() {
    let ours = coder();
    let cluster = foreign_cluster();
    let other = TestDatabase::on(&cluster, Template::Coder);
    other.breakglass().arg("init").run().success();
    let file = File::on(&other, &pin(&ours.value(IDENTIFIER)));
    let before = Before::of(&other);
    let output = file.remove(&["build-cache"]).run();
    output.code(1).says("nothing was recorded: ");
    before.is_all(&other);
    assert!(other.operations().is_empty());
    // Unpinned it works, so it was the pin.
    remove(&other, &["build-cache"]).run().success();
}

#[test]
fn the_pinned_cluster_is_worked_on() {
    let database = coder();
    let file = File::on(&database, &pin(&database.value(IDENTIFIER)));
    let list = file.breakglass().args(["tokens", "ls", "--target", "prod"]);
    list.run().success();
    file.remove(&["build-cache"]).run().success();
    assert!(!database.is_alive(seed::HOT));
    assert_eq!(database.operation()["outcome"], "applied");
    assert_eq!(database.observations().len(), 1);
}

/// While somebody thinks, the name comes to lead to another cluster: the answer is found on the
/// session that planned, and the read-back on a fresh one.
#[test]
fn a_cluster_that_changes_behind_the_name_is_not_written_to() {
    let ours = coder();
    let cluster = foreign_cluster();
    let other = TestDatabase::on(&cluster, Template::Coder);
    other.breakglass().arg("init").run().success();
    let before = Before::of(&other);
    // One name for both: a directory whose socket is a link.
    let name = tempfile::TempDir::with_prefix("breakglass-name-").unwrap();
    let lead_to = |database: &TestDatabase| {
        let socket = database.socket_directory().join(".s.PGSQL.5432");
        let link = name.path().join(".s.PGSQL.5432");
        drop(std::fs::remove_file(&link));
        std::os::unix::fs::symlink(socket, link).unwrap();
    };
    let conninfo = |database: &TestDatabase| {
        let place = database.socket_directory().display().to_string();
        let conninfo = database.conninfo("postgres");
        conninfo.replace(&place, &name.path().display().to_string())
    };
    // The same name for the database, so that only the cluster differs.
    other.execute(&format!("create database {}", ours.name()));
    lead_to(&ours);
    let fields = pin(&ours.value(IDENTIFIER));
    let file = File::with(&prod(&conninfo(&ours), &fields));
    let words = ["tokens", "rm", "build-cache", "--target", "prod"];
    let rm = file.breakglass().args(words);
    let mut terminal = rm.args(["--reason", "hot loop"]).on_terminal(200);
    terminal.expect("expire? [y/N]");
    lead_to(&other);
    terminal.send_line("n");
    let transcript = terminal.finish();
    // The refusal has to be recorded on a fresh session, which would be the other cluster's.
    transcript.code(1).says("declined; nothing was changed\n");
    transcript.says("nothing was recorded: another cluster answers than the one that is pinned");
    before.is_all(&other);
    assert!(ours.operations().is_empty() && ours.is_alive(seed::HOT));
}

#[test]
fn a_server_that_does_not_tell_is_read_and_not_written_to() {
    let cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    database.breakglass().arg("init").run().success();
    let file = File::on(&database, &pin(&database.value(IDENTIFIER)));
    let role = "teller";
    database.execute(&format!(
        "create role {role} login in role pg_read_all_data"
    ));
    database.execute("revoke execute on function pg_control_system() from public");
    let conninfo = database.conninfo(role);
    let fields = pin(&database.value(IDENTIFIER));
    let blind = File::with(&prod(&conninfo, &fields));
    let told = "the server does not tell whether it is the pinned cluster (system identifier ";
    for command in [
        &["tokens", "ls"][..],
        &["audit", "ls"],
        &["tokens", "show", "build-cache"],
    ] {
        let output = blind
            .breakglass()
            .args(command.iter().copied())
            .args(["--target", "prod"])
            .run();
        output.success().says(&format!("warning: {told}"));
    }
    let before = Before::of(&database);
    let output = blind.remove(&["build-cache"]).run();
    output
        .code(1)
        .says(&format!("error: {told}"))
        .says("hint: run `grant execute on function pg_control_system() to ROLE` there")
        .says("nothing was changed\nnothing was recorded: only the pinned cluster is written to");
    let init = blind.breakglass().args(["init", "--target", "prod"]).run();
    init.code(1).says(told);
    let json = blind.remove(&["build-cache", "-o", "json"]).run();
    assert_eq!(
        json.code(1).json_error()["error"]["code"],
        "cluster_not_told"
    );
    before.is_all(&database);
    // Whoever may know may write.
    file.remove(&["build-cache"]).run().success();
    assert!(!database.is_alive(seed::HOT));
}

/// Two server connections for six operators at once: what one asks must not be answered to
/// another.
#[test]
fn behind_a_pooler_the_cluster_is_asked_as_well() {
    let cluster = foreign_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    database.breakglass().arg("init").run().success();
    let pooler = PgBouncer::start(&cluster, Login::Trust);
    let conninfo = pooler.conninfo("postgres", database.name());
    let ours = File::with(&prod(&conninfo, &pin(&database.value(IDENTIFIER))));
    let theirs = File::with(&prod(&conninfo, &pin("7312345678901234567")));
    let list = |file: &File| file.breakglass().args(["tokens", "ls", "--target", "prod"]);
    for _round in 0..5 {
        let running: Vec<_> = (0..6)
            .map(|n| {
                (
                    n % 3 == 0,
                    if n % 3 == 0 {
                        list(&theirs)
                    } else {
                        list(&ours)
                    }
                    .start(),
                )
            })
            .collect();
        for (is_theirs, running) in running {
            let output = running.wait();
            if is_theirs {
                output.code(1).says("another cluster answers");
            } else {
                output.success();
            }
        }
    }
    ours.remove(&["build-cache"]).run().success();
    assert!(!database.is_alive(seed::HOT));
    theirs
        .remove(&["release"])
        .run()
        .code(1)
        .says("nothing was recorded: ");
    assert!(database.is_alive(seed::RELEASE));
    assert_eq!(database.operation()["outcome"], "applied");
}

/// A standby is the same cluster, and so is what it becomes.
#[test]
fn a_failover_stays_on_the_pinned_cluster() {
    let cluster = private_cluster();
    let primary = TestDatabase::on(&cluster, Template::Coder);
    primary.breakglass().arg("init").run().success();
    let standby = Standby::of(&cluster);
    standby.catch_up(&cluster);
    let copy = standby.database(primary.name());
    let file = File::on(&copy, &pin(&primary.value(IDENTIFIER)));
    let list = file.breakglass().args(["tokens", "ls", "--target", "prod"]);
    list.run().success();
    file.remove(&["build-cache"])
        .run()
        .code(1)
        .says("the server is a read-only standby");
    assert!(primary.operations().is_empty());
    standby.promote();
    file.remove(&["build-cache"]).run().success();
    assert!(!copy.is_alive(seed::HOT) && primary.is_alive(seed::HOT));
    assert_eq!(copy.operation()["outcome"], "applied");
}

/// A pooler leads elsewhere while a person thinks: its clients stay connected and are told nothing,
/// so the change itself has to ask where it is.
#[test]
fn a_pooler_that_leads_elsewhere_before_the_change_is_noticed() {
    let (first, second) = (private_cluster(), foreign_cluster());
    let shown = TestDatabase::on(&first, Template::Coder);
    let other = TestDatabase::create_named(&second, shown.name(), Template::Coder);
    for database in [&shown, &other] {
        database.breakglass().arg("init").run().success();
    }
    let pooler = PgBouncer::start(&first, Login::Trust);
    let conninfo = pooler.conninfo("postgres", shown.name());
    let file = File::with(&prod(&conninfo, &pin(&shown.value(IDENTIFIER))));
    for is_pinned in [true, false] {
        let before = [&shown, &other].map(Before::of);
        let command = ["tokens", "rm", "build-cache", "--reason", "hot loop"];
        let place = if is_pinned {
            ["--target", "prod"]
        } else {
            ["-d", conninfo.as_str()]
        };
        let mut terminal = file.breakglass().args(command).args(place).on_terminal(120);
        terminal.expect("expire? [y/N]");
        pooler.lead_to(&second);
        // It reads its configuration when it gets around to it.
        std::thread::sleep(std::time::Duration::from_secs(1));
        terminal.send_line("y");
        let said = terminal.finish();
        said.code(1)
            .says("another database answers than the one that was shown");
        said.says("nothing was recorded")
            .never_says("expired token");
        for (before, database) in before.iter().zip([&shown, &other]) {
            before.is_all(database);
        }
        pooler.lead_to(&first);
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}
