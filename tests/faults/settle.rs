//! The wire, the server or the way to it fails while what was killed is watched.

use super::proxy::{Cut, Proxy};
use crate::support::run::{Invocation, Running};
use crate::support::seed::HOT;
use crate::support::{
    Login, PgBouncer, Template, TestDatabase, breakglass, foreign_cluster, private_cluster,
};

const COMMITTED: &str =
    "select exists (select from breakglass.operation where outcome = 'applied')";

fn installed() -> TestDatabase {
    TestDatabase::prepared(
        "coder_installed_for_settling",
        Template::Coder,
        |database| {
            database.breakglass().arg("init").run().success();
        },
    )
}

/// An expire over a connection string, watched for so long.
fn expire(conninfo: String, window: &str) -> Invocation<'static> {
    breakglass()
        .env("BREAKGLASS_DATABASE_URL", conninfo)
        .args([
            "tokens", "rm", HOT, "--yes", "--reason", "cut", "-o", "json",
        ])
        .args(["--settle", window, "--resolve-timeout", "1s"])
}

fn expire_through(database: &TestDatabase, cut: Cut) -> Running {
    let proxy = Proxy::start(database, cut);
    expire(proxy.conninfo(database, "postgres"), "1s").start()
}

#[test]
fn a_look_that_is_cut_is_taken_again_on_another_connection() {
    let database = installed();
    let receipt = expire_through(&database, Cut::SecondLook)
        .wait()
        .success()
        .json();
    assert_eq!(receipt["verdict"], "dead");
    assert!(receipt["watched_for_ms"].as_u64().unwrap() >= 1_000);
    assert_eq!(database.operations().len(), 1);
}

#[test]
fn a_backend_that_is_ended_between_two_looks_is_replaced() {
    let database = installed();
    let running = expire(database.conninfo("postgres"), "1s").start();
    let looking = "select exists (select pg_terminate_backend(pid) from pg_stat_activity \
                    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend' \
                      and application_name like 'breakglass%')";
    database.wait_for(COMMITTED);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(database.value(looking), "t");
    let receipt = running.wait().success().json();
    assert_eq!(receipt["verdict"], "dead");
}

#[test]
fn looks_that_nobody_answers_any_more_leave_it_unknown() {
    let database = installed();
    let output = expire_through(&database, Cut::SecondLookForGood).wait();
    let receipt = output.code(5).json();
    assert_eq!(
        (&receipt["verdict"], &receipt["looks"]),
        (&"unknown".into(), &1.into())
    );
    assert!(!database.is_alive(HOT));
    let id = database.operation()["id"].as_str().unwrap().to_owned();
    let advice = format!(
        "the change stands, see `breakglass audit show {id}`; look whether it is dead with `breakglass tokens show id:{HOT}`"
    );
    assert_eq!(receipt["advice"], advice);
    assert_eq!(database.operation()["outcome"], "applied");
}

#[test]
fn a_database_that_is_gone_after_the_commit_leaves_it_unknown() {
    for window in ["1s", "0"] {
        let database = installed();
        let proxy = Proxy::start(&database, Cut::ClosedAfterCommit);
        let output = expire(proxy.conninfo(&database, "postgres"), window).run();
        let receipt = output.code(5).json();
        assert_eq!(
            (&receipt["verdict"], &receipt["looks"]),
            (&"unknown".into(), &0.into())
        );
        let detail = receipt["unsettled"][0]["detail"].as_str().unwrap();
        assert!(detail.starts_with("could not be read back: "), "{detail}");
        let advice = receipt["advice"].as_str().unwrap();
        assert!(
            advice.starts_with("the change stands, see `breakglass audit show "),
            "{advice}"
        );
        assert!(!database.is_alive(HOT));
        assert_eq!(database.operation()["outcome"], "applied");
        assert!(database.observations().is_empty());
    }
}

/// Clients of a pooler are not told where they are led. A row that was never touched there, or one
/// that died there too, proves nothing.
#[test]
fn another_server_behind_the_pooler_is_not_believed() {
    let (ours, other) = (private_cluster(), foreign_cluster());
    let database = TestDatabase::create_named(&ours, "coder", Template::Coder);
    let foreign = TestDatabase::create_named(&other, "coder", Template::Coder);
    for database in [&database, &foreign] {
        database.breakglass().arg("init").run().success();
        database.execute("update api_keys set expires_at = '2037-01-01' where id = 'd4o6FQe5QT'");
    }
    foreign.execute("update api_keys set expires_at = '2020-01-01' where id = 'd4o6FQe5QT'");
    let pooler = PgBouncer::start(&ours, Login::Trust);
    let running = expire(pooler.conninfo("postgres", "coder"), "5s").start();
    database.wait_for(COMMITTED);
    pooler.lead_to(&other);
    let output = running.wait();
    let receipt = output.code(5).json();
    assert_eq!(receipt["verdict"], "unknown", "{output}");
    assert!(
        receipt["unsettled"][0]["detail"]
            .as_str()
            .unwrap()
            .contains("another "),
        "{receipt}"
    );
    assert!(foreign.operations().is_empty() && foreign.observations().is_empty());
    assert!(!database.is_alive(HOT));
}
