//! Several servers, and the kinds of server that will do.

use std::collections::BTreeSet;

use breakglass::db::open::{Connection, Reason, open};
use tokio_postgres::Client;

use crate::failing::Nobody;
use crate::support::{block_on, connect, fleet, settings};

#[test]
fn the_next_server_is_tried() {
    let fleet = fleet();
    let (dead, live) = (Nobody::port(), fleet.port("own"));
    let text = |rest: &str| {
        format!("host=127.0.0.1,localhost port={dead},{live} user=postgres dbname=postgres {rest}")
    };
    let session = block_on(connect(&text(""))).unwrap();
    assert_eq!(
        session.endpoint,
        format!("host localhost (127.0.0.1) port {live}")
    );
    // A server that answered has the last word, as with libpq.
    let text = format!("host=127.0.0.1,127.0.0.1 port={live},{live} user=postgres dbname=nowhere");
    let error = block_on(connect(&text)).unwrap_err();
    assert_eq!(
        (error.reason(), error.others().len()),
        (&Reason::NoSuchDatabase, 0)
    );
}

#[test]
fn all_that_failed_is_told() {
    let (one, two) = (Nobody::port(), Nobody::port());
    let text =
        format!("host=127.0.0.1,127.0.0.1 port={one},{two} user=u dbname=d password=hunter2");
    let error = block_on(connect(&text)).unwrap_err();
    let refused = "Connection refused (os error 111)";
    assert_eq!(
        error.chain(),
        format!(
            "cannot reach the server: host 127.0.0.1 port {two}, database d, user u (also tried: \
             cannot reach the server: host 127.0.0.1 port {one}, database d, user u: {refused}): \
             {refused}"
        )
    );
}

#[test]
fn chance_picks_a_server() {
    let fleet = fleet();
    let (one, two) = (fleet.port("own"), fleet.port("no-tls"));
    let text = format!(
        "host=127.0.0.1,127.0.0.1 port={one},{two} user=postgres load_balance_hosts=random"
    );
    let found: BTreeSet<_> = (0..40)
        .map(|_| block_on(connect(&text)).unwrap().endpoint)
        .collect();
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn opening_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let settings = settings("host=h").unwrap();
    is_send(&open(&settings));
    is_send::<Option<(Client, Connection)>>(&None);
}
