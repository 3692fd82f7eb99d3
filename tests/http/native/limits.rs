//! What keeps one request from the others, and the server from its clients.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{PRINCIPALS, code, coder, expire, get, post, serve};
use crate::support::database::Session;
use crate::support::{Server, TestDatabase, seed};

/// Whether somebody waits for a lock in this database.
const WAITS: &str = "select exists (select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database())";

/// A session that holds the hot token's row.
fn locked(database: &TestDatabase) -> Session {
    let session = database.session();
    session.execute("begin");
    session.execute(&format!(
        "select from api_keys where id = '{}' for update",
        seed::HOT
    ));
    session
}

#[test]
fn more_requests_than_places_are_told_to_come_again() {
    let database = coder();
    let serving = Server::on(&database, PRINCIPALS)
        .args(["--max-requests", "1", "--lock-timeout", "10s"])
        .start();
    let lock = locked(&database);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| expire(&serving, "admin", seed::HOT));
        database.wait_for(WAITS);
        let answer = get(&serving, "admin", "/v1/tokens").status(503);
        assert_eq!(code(&answer), "overloaded");
        assert_eq!(answer.header("retry-after"), Some("1"));
        lock.execute("rollback");
        let _done = waiting.join().unwrap().status(200);
    });
    let _now = get(&serving, "admin", "/v1/tokens").status(200);
}

#[test]
fn a_large_body_and_a_large_head_are_refused() {
    let database = coder();
    let serving = Server::on(&database, PRINCIPALS)
        .args(["--max-body", "1000"])
        .start();
    let ask = serving
        .ask("POST", "/v1/sweeps")
        .by("admin")
        .body("text/plain", "x".repeat(1001));
    assert_eq!(code(&ask.send().status(413)), "too_large");
    let ask = serving
        .ask("GET", "/v1/tokens")
        .by("admin")
        .header("x-long", &"x".repeat(20_000));
    let _refused = ask.send().status(431);
}

#[test]
fn so_many_rows_in_a_request_and_in_an_hour() {
    let database = coder();
    let few = PRINCIPALS.replacen(
        "name = \"admin\"",
        "name = \"admin\"\nmax_rows = 2\nmax_rows_per_hour = 3",
        1,
    );
    let serving = Server::on(&database, &few).start();
    let rows = database.application_rows();
    let three = json!({"action": "expire", "tokens": [{"id": seed::HOT}, {"id": seed::RELEASE}, {"id": seed::SESSION}]});
    let answer = post(&serving, "admin", "/v1/plans", three).status(422);
    assert_eq!(code(&answer), "over_max_rows");
    assert_eq!(database.application_rows(), rows);
    let page = get(&serving, "admin", "/v1/tokens?limit=500")
        .status(200)
        .json();
    assert_eq!(page["tokens"].as_array().unwrap().len(), 2);
    for key in [seed::HOT, seed::RELEASE, seed::SESSION] {
        let _done = expire(&serving, "admin", key).status(200);
    }
    let answer = expire(&serving, "admin", seed::CLI_AUTH).status(429);
    assert_eq!(code(&answer), "over_allowance");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((3_500..=3_600).contains(&wait), "{wait}");
    assert!(database.is_alive(seed::CLI_AUTH));
    let last = database.operations().pop().unwrap();
    assert_eq!(
        (&last["outcome"], &last["error_code"]),
        (&json!("refused"), &json!("over_allowance"))
    );
}

#[test]
fn a_slow_client_is_cut() {
    let database = coder();
    let serving = serve(&database);
    let address = serving.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
        .write_all(b"GET /v1/tokens HTTP/1.1\r\nhost: x\r\n")
        .unwrap();
    let begun = Instant::now();
    let mut rest = Vec::new();
    let _ended = stream.read_to_end(&mut rest);
    let took = begun.elapsed();
    assert!(
        (8..20).contains(&took.as_secs()),
        "{took:?} {}",
        String::from_utf8_lossy(&rest)
    );
    let _others = get(&serving, "admin", "/v1/tokens").status(200);
}

#[test]
fn a_change_outlives_its_client_and_the_end_waits_for_it() {
    let database = coder();
    let serving = Server::on(&database, PRINCIPALS)
        .args(["--lock-timeout", "20s"])
        .start();
    let lock = locked(&database);
    let address = serving.url().strip_prefix("http://").unwrap().to_owned();
    let request = format!(
        "POST /v1/tokens/{}/expire HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nx-breakglass-reason: gone\r\n\
         content-type: application/json\r\ncontent-length: 15\r\n\r\n{{\"settle_ms\":0}}",
        seed::HOT,
        serving.token("admin"),
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    database.wait_for(WAITS);
    drop(stream);
    serving.signal("TERM");
    std::thread::sleep(Duration::from_millis(300));
    lock.execute("rollback");
    assert_eq!(serving.stop().code(), Some(0));
    assert!(!database.is_alive(seed::HOT));
    assert_eq!(database.operation()["outcome"], "applied");
}
