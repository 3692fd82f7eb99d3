//! The database goes away, comes back, or another server is the primary: the server needs no restart.

use super::{PRINCIPALS, REASON, code, expire, get};
use crate::support::{Server, Standby, Template, TestDatabase, private_cluster, seed};

#[test]
fn a_database_that_comes_back_is_used_again() {
    let mut cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    database.breakglass().arg("init").run().success();
    let serving = Server::on(&database, PRINCIPALS).start();
    let _ready = get(&serving, "admin", "/readyz").status(200);
    cluster.kill().unwrap();
    for path in ["/readyz", "/v1/tokens", "/v1/doctor"] {
        let answer = get(&serving, "admin", path).status(503);
        assert!(
            ["no_connection", "connection_lost"].contains(&code(&answer).as_str()),
            "{answer}"
        );
        assert!(answer.header("retry-after").is_some());
    }
    let answer = expire(&serving, "admin", seed::HOT).status(503);
    assert_eq!(answer.json()["record"]["state"], "impossible");
    let _alive = serving.ask("GET", "/healthz").send().status(200);
    cluster.restart().unwrap();
    let _ready = get(&serving, "admin", "/readyz").status(200);
    let _done = expire(&serving, "admin", seed::HOT).status(200);
    assert_eq!(database.operation()["reason"], REASON);
}

#[test]
fn a_standby_that_was_promoted_is_used_instead() {
    let primary = private_cluster();
    let database = TestDatabase::on(&primary, Template::Coder);
    database.breakglass().arg("init").run().success();
    let standby = Standby::of(&primary);
    let both = format!(
        "host={},{} port={},{} user=postgres dbname={} sslmode=disable target_session_attrs=read-write",
        primary.socket_directory().display(),
        standby.cluster().socket_directory().display(),
        primary.port(),
        standby.cluster().port(),
        database.name(),
    );
    let serving = Server::on(&database, PRINCIPALS)
        .env("BREAKGLASS_DATABASE_URL", both)
        .start();
    let _first = expire(&serving, "admin", seed::HOT).status(200);
    standby.catch_up(&primary);
    primary.crash().unwrap();
    let _between = get(&serving, "admin", "/readyz").status(503);
    let copy = standby.database(database.name());
    copy.value("select pg_promote()");
    let _ready = get(&serving, "admin", "/readyz").status(200);
    let _second = expire(&serving, "admin", seed::RELEASE).status(200);
    assert!(!copy.is_alive(seed::HOT) && !copy.is_alive(seed::RELEASE));
    assert_eq!(copy.operations().len(), 2);
}
