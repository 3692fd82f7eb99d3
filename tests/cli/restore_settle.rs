//! The settle window of a restore: that what was put back stays.

use std::time::{Duration, Instant};

use super::remove::coder;
use super::restore::{expire, restore};
use super::settle::seen_of;
use crate::support::run::Running;
use crate::support::{TestDatabase, seed};

/// Starts a restore of the hot token in JSON, and waits until it has committed.
fn restoring(database: &TestDatabase, window: &str) -> Running {
    let expired = expire(database, &["build-cache"]);
    let words = [expired.as_str(), "-o", "json", "--settle", window];
    let running = restore(database, &words).start();
    database.wait_for(
        "select exists (select from breakglass.operation where action = 'restore' and outcome = 'applied')",
    );
    running
}

#[test]
fn the_window_is_the_adapters_by_default() {
    let database = coder();
    let expired = expire(&database, &["build-cache"]);
    let started = Instant::now();
    let output = restore(&database, &[&expired, "-o", "json"])
        .settling()
        .run();
    assert!(started.elapsed() >= Duration::from_secs(3));
    let receipt = output.success().json();
    let watched = receipt["watched_for_ms"].as_u64().unwrap_or_default();
    assert!((3_000..10_000).contains(&watched), "{receipt}");
    assert!(receipt["looks"].as_u64() >= Some(4), "{receipt}");
    assert!(receipt["watched_until"].is_string(), "{receipt}");
    assert_eq!(receipt["verdict"], "restored");
    let seen = seen_of(&database, &receipt["operation"]);
    assert_eq!(seen, [[seed::HOT, "restored", "active"]]);
    // For people too.
    let expired = expire(&database, &["build-cache"]);
    let output = restore(&database, &[&expired, "--settle", "200ms"]).run();
    let told = &output.success().stdout;
    let line = "\nread back on a fresh connection: as it was put back, at each of ";
    assert!(told.contains(line), "{told}");
}

#[test]
fn no_window_is_one_look() {
    let database = coder();
    let expired = expire(&database, &["build-cache"]);
    let words = [expired.as_str(), "-o", "json", "--settle", "0"];
    let receipt = restore(&database, &words).run().success().json();
    assert_eq!(
        (&receipt["looks"], &receipt["watched_for_ms"]),
        (&1.into(), &0.into())
    );
}

#[test]
fn what_is_written_over_it_in_the_window_is_told_and_not_put_back_again() {
    let database = coder();
    let running = restoring(&database, "30s");
    database.execute("update api_keys set expires_at = '2031-01-01+00' where id = 'd4o6FQe5QT'");
    let receipt = running.wait().code(5).json();
    assert_eq!(receipt["verdict"], "changed");
    assert_eq!(receipt["unsettled"][0]["key"], seed::HOT);
    assert_eq!(receipt["unsettled"][0]["verdict"], "changed");
    let id = receipt["operation"]["id"].as_str().unwrap_or_default();
    assert_eq!(
        receipt["advice"],
        format!("something else writes there; see what with `breakglass audit show {id}`")
    );
    let [seen] = seen_of(&database, &receipt["operation"])
        .try_into()
        .unwrap_or_default();
    assert_eq!(seen[1], "changed");
    assert!(seen[2].ends_with(" -> 2031-01-01 00:00:00+00"), "{seen:?}");
    assert_eq!(database.operations().len(), 2);
    let ends = "select expires_at at time zone 'UTC' from api_keys where id = 'd4o6FQe5QT'";
    assert_eq!(database.value(ends), "2031-01-01 00:00:00");
}

#[test]
fn a_row_that_goes_in_the_window_is_told() {
    let database = coder();
    let running = restoring(&database, "30s");
    database.execute("delete from api_keys where id = 'd4o6FQe5QT'");
    let receipt = running.wait().code(5).json();
    assert_eq!(receipt["verdict"], "gone");
}

#[test]
fn ctrl_c_ends_the_watch_and_the_restore_stands() {
    let database = coder();
    let running = restoring(&database, "30s");
    std::thread::sleep(Duration::from_millis(500));
    running.signal("INT");
    let receipt = running.wait().code(5).json();
    assert_eq!(receipt["verdict"], "unknown");
    assert!(database.is_alive(seed::HOT));
    let [seen] = seen_of(&database, &receipt["operation"])
        .try_into()
        .unwrap_or_default();
    assert_eq!(seen[2], "not watched to the end of the settle window");
}
