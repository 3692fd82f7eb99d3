//! A standby is promoted in the middle of an operation: the tool finds the new primary by its
//! connection string, and its answer is that of the new primary's tables.

use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use breakglass::cluster::Cluster;

use super::proxy::{Cut, Proxy};
use crate::support::run::Invocation;
use crate::support::seed::HOT;
use crate::support::{
    Standby, Template, TestDatabase, breakglass, foreign_cluster, private_cluster,
};

/// A primary and its standby, with the application's database on both.
struct Pair {
    primary: Cluster,
    standby: Standby,
    database: TestDatabase,
    /// The standby's copy of the database.
    copy: TestDatabase,
}

impl Pair {
    fn new() -> Self {
        let primary = private_cluster();
        let database = TestDatabase::on(&primary, Template::Coder);
        database.breakglass().arg("init").run().success();
        let standby = Standby::of(&primary);
        let copy = standby.database(database.name());
        Self {
            primary,
            standby,
            database,
            copy,
        }
    }

    /// A connection string with both hosts, the primary first.
    fn both(&self) -> String {
        let primary = self.primary.socket_directory().display().to_string();
        self.behind(&primary, self.primary.port())
    }

    /// The same, with something before the primary.
    fn behind(&self, first: &str, port: u16) -> String {
        format!(
            "host={first},{} port={port},{} user=postgres dbname={} sslmode=disable \
             target_session_attrs=read-write",
            self.standby.cluster().socket_directory().display(),
            self.standby.cluster().port(),
            self.database.name()
        )
    }

    /// From here on the standby gets nothing.
    fn stop_replication(&self) {
        self.standby.catch_up(&self.primary);
        // Outside a transaction, which two statements in one message would be.
        let session = self.copy.session();
        session.execute("alter system set primary_conninfo = ''");
        session.execute("select pg_reload_conf()");
        self.copy
            .wait_for("select not exists (select from pg_stat_wal_receiver)");
    }

    fn fail_over(&self) {
        self.primary.crash().unwrap();
        self.standby.promote();
    }

    fn assert_done(&self) {
        assert!(!self.copy.is_alive(HOT));
        assert_eq!(self.copy.operation()["outcome"], "applied");
        assert_eq!(self.copy.changes().len(), 1);
        assert_eq!(self.copy.audit_logs().len(), 1);
    }

    fn assert_undone(&self) {
        assert!(self.copy.is_alive(HOT));
        let operation = self.copy.operation();
        assert_eq!(operation["outcome"], "failed");
        assert!(operation["error"].as_str().unwrap().contains("fenced"));
        assert!(self.copy.changes().is_empty());
        assert!(self.copy.audit_logs().is_empty());
    }
}

fn expire(conninfo: String) -> Invocation<'static> {
    breakglass()
        .env("BREAKGLASS_DATABASE_URL", conninfo)
        .args(["tokens", "rm", &format!("id:{HOT}"), "--reason", "failover"])
        .args(["--statement-timeout", "1s", "--lock-timeout", "1s"])
}

#[test]
fn a_commit_that_was_replicated_is_found_on_the_new_primary() {
    let pair = Pair::new();
    let proxy = Proxy::start(&pair.database, Cut::BlackHole);
    let running = expire(pair.behind("127.0.0.1", proxy.port()))
        .arg("--yes")
        .start();
    pair.database
        .wait_for("select exists (select from breakglass.operation where outcome = 'applied')");
    pair.standby.catch_up(&pair.primary);
    pair.fail_over();
    let output = running.wait();
    assert!(
        output
            .success()
            .stdout
            .contains("read back on a fresh connection: dead"),
        "{output}"
    );
    pair.assert_done();
}

/// The primary had committed, and took that with it.
#[test]
fn a_commit_that_was_not_replicated_is_told_as_lost() {
    let pair = Pair::new();
    pair.stop_replication();
    let proxy = Proxy::start(&pair.database, Cut::BlackHole);
    let running = expire(pair.behind("127.0.0.1", proxy.port()))
        .arg("--yes")
        .start();
    pair.database
        .wait_for("select exists (select from breakglass.operation where outcome = 'applied')");
    pair.fail_over();
    running
        .wait()
        .code(1)
        .says("the transaction was not committed, nothing changed");
    pair.assert_undone();
}

/// The COMMIT waits for a standby that does not answer, and the primary dies of it.
#[test]
fn a_commit_that_waits_for_its_standby_is_settled_on_it() {
    let pair = Pair::new();
    pair.stop_replication();
    let session = pair.database.session();
    session.execute("alter system set synchronous_standby_names = '*'");
    session.execute("select pg_reload_conf()");
    let running = expire(pair.both()).arg("--yes").start();
    pair.database
        .wait_for("select exists (select from pg_stat_activity where wait_event = 'SyncRep')");
    pair.fail_over();
    running
        .wait()
        .code(1)
        .says("the transaction was not committed, nothing changed");
    pair.assert_undone();
}

/// Nobody can be asked until the standby is promoted, and that takes a while.
#[test]
fn a_failover_that_takes_its_time_is_waited_for() {
    let pair = Pair::new();
    let proxy = Proxy::start(&pair.database, Cut::BlackHole);
    let running = expire(pair.behind("127.0.0.1", proxy.port()))
        .arg("--yes")
        .start();
    pair.database
        .wait_for("select exists (select from breakglass.operation where outcome = 'applied')");
    pair.standby.catch_up(&pair.primary);
    pair.primary.crash().unwrap();
    // Past the limit of the answer (6 s), so that the fence has to wait.
    thread::sleep(Duration::from_secs(9));
    pair.standby.promote();
    running.wait().success();
    pair.assert_done();
}

#[test]
fn a_standby_promoted_at_the_prompt_is_the_same_database() {
    let pair = Pair::new();
    let mut terminal = expire(pair.both()).on_terminal(120);
    terminal.expect("expire?");
    pair.standby.catch_up(&pair.primary);
    pair.fail_over();
    terminal.send_line("y");
    terminal
        .finish()
        .code(0)
        .says("read back on a fresh connection: dead");
    pair.assert_done();
}

#[test]
fn a_row_that_differs_on_the_new_primary_is_left_alone() {
    let pair = Pair::new();
    let mut terminal = expire(pair.both()).on_terminal(120);
    terminal.expect("expire?");
    pair.standby.catch_up(&pair.primary);
    pair.fail_over();
    pair.copy.execute(&format!(
        "update api_keys set expires_at = expires_at + interval '1 day' where id = '{HOT}'"
    ));
    terminal.send_line("y");
    terminal.finish().code(1).says("nothing was changed");
    assert!(pair.copy.is_alive(HOT));
    assert_eq!(pair.copy.operation()["outcome"], "refused");
    assert!(pair.copy.changes().is_empty());
}

/// It comes back as a standby, still named first, and is passed over.
#[test]
fn an_old_primary_that_comes_back_is_passed_over() {
    let mut pair = Pair::new();
    let mut terminal = expire(pair.both()).on_terminal(120);
    terminal.expect("expire?");
    pair.standby.catch_up(&pair.primary);
    pair.fail_over();
    let signal = pair.primary.data_directory().join("standby.signal");
    std::fs::write(signal, "").unwrap();
    pair.primary.restart().unwrap();
    terminal.send_line("y");
    terminal
        .finish()
        .code(0)
        .says("read back on a fresh connection: dead");
    pair.assert_done();
    assert!(pair.database.is_alive(HOT));
}

/// Another cluster under the same name is not the one that was shown, whatever its rows are.
#[test]
fn another_cluster_at_the_same_address_is_refused() {
    let pair = Pair::new();
    let stranger = foreign_cluster();
    let other = TestDatabase::create_named(&stranger, pair.database.name(), Template::Coder);
    other.breakglass().arg("init").run().success();
    let conninfo = format!(
        "host={},{} port=5432 user=postgres dbname={} target_session_attrs=read-write",
        pair.primary.socket_directory().display(),
        stranger.socket_directory().display(),
        pair.database.name()
    );
    let mut terminal = expire(conninfo).on_terminal(120);
    terminal.expect("expire?");
    pair.primary.crash().unwrap();
    terminal.send_line("y");
    terminal
        .finish()
        .code(1)
        .says("another database answers than the one that was shown")
        .says("nothing was recorded");
    assert!(other.is_alive(HOT));
    assert!(other.operations().is_empty());
}

#[test]
fn a_dead_host_before_the_living_one_costs_little() {
    let pair = Pair::new();
    let refusing = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    // The kernel accepts; nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = (silent.local_addr().unwrap().port(), silent);
    let socket = pair.primary.socket_directory().display();
    let name = pair.database.name();
    for (port, limit) in [
        (refusing, Duration::from_secs(3)),
        (silent.0, Duration::from_secs(10)),
    ] {
        let before = pair.database.operations().len();
        let conninfo = format!(
            "host=127.0.0.1,{socket} port={port},5432 user=postgres dbname={name} sslmode=disable \
             connect_timeout=1"
        );
        let start = Instant::now();
        expire(conninfo).arg("--yes").run().success();
        assert!(start.elapsed() < limit, "{:?}", start.elapsed());
        assert_eq!(pair.database.operations().len(), before + 1);
    }
    assert!(!pair.database.is_alive(HOT));
}
