//! Ctrl-C cancels on the server itself, whatever the connection runs over.

use std::time::{Duration, Instant};

use breakglass::db::{Database, Error, Interrupt, Limits};

use crate::support::{Session, block_on, connect, fleet, settings};

const SLEEP: &str = "select pg_sleep(60)";

/// Whether the statement still runs, as another connection sees it.
async fn sleeps(watcher: &Session, name: &str) -> bool {
    let query = format!(
        "select exists (select from pg_stat_activity \
          where application_name = '{name}' and wait_event = 'PgSleep')::text"
    );
    watcher.ask(&query).await == "true"
}

/// Interrupts a read while it sleeps; the statement is gone within a second.
async fn interrupt(text: &str, name: &str) {
    let interrupt = Interrupt::default();
    let text = format!("{text} application_name={name}");
    let settings = settings(&text).expect(&text);
    let database = Database::new(settings, Limits::default(), interrupt.clone());
    let watcher = connect(&text.replace(name, "watcher")).await.expect(&text);
    let session = database.session().await.expect(&text);
    let reading = session.read(SLEEP, &[]);
    let watching = async {
        while !sleeps(&watcher, name).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let pressed = Instant::now();
        interrupt.raise();
        while sleeps(&watcher, name).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        pressed.elapsed()
    };
    let (read, took) = tokio::join!(reading, watching);
    assert!(
        matches!(read, Err(Error::Cancelled { confirmed: true })),
        "{text}: {read:?}"
    );
    assert!(took < Duration::from_secs(1), "{text}: {took:?}");
}

#[test]
fn a_statement_is_cancelled_over_tls_without_it_and_on_a_socket() {
    let fleet = fleet();
    let root = fleet.file("own.crt");
    let socket = format!(
        "host={} port={} user=postgres dbname=postgres",
        fleet.sockets().display(),
        fleet.port("own")
    );
    let full = format!(
        "host=localhost {} sslmode=verify-full sslrootcert={root}",
        fleet.at("own")
    );
    let cases = [
        (socket, "cancel_socket"),
        (
            format!("{} sslmode=disable", fleet.at("own")),
            "cancel_plain",
        ),
        (format!("{} sslmode=allow", fleet.at("own")), "cancel_allow"),
        (
            format!("{} sslmode=prefer", fleet.at("own")),
            "cancel_prefer",
        ),
        (
            format!("{} sslmode=prefer", fleet.at("no-tls")),
            "cancel_prefer_plain",
        ),
        (
            format!("{} sslmode=prefer", fleet.at("broken")),
            "cancel_prefer_broken",
        ),
        (
            format!("{} sslmode=require", fleet.at("own-tls12")),
            "cancel_tls12",
        ),
        (full, "cancel_full"),
    ];
    for (text, name) in cases {
        block_on(interrupt(&text, name));
    }
}
