//! `target_session_attrs` with the real program: a primary and its standby, also behind PgBouncer.

use crate::support::{
    Login, PgBouncer, Standby, Template, TestDatabase, breakglass, private_cluster,
};

/// What each kind leads to when the primary or the standby comes first; `-` is a refusal.
const TABLE: [(&str, &str, &str); 6] = [
    ("any", "primary", "standby"),
    ("read-write", "primary", "primary"),
    ("read-only", "standby", "standby"),
    ("primary", "primary", "primary"),
    ("standby", "standby", "standby"),
    ("prefer-standby", "standby", "standby"),
];

#[test]
fn every_kind_in_both_orders_also_behind_pgbouncer() {
    let primary = private_cluster();
    let database = TestDatabase::on(&primary, Template::Coder);
    let standby = Standby::of(&primary);
    let pools =
        [&primary, standby.cluster()].map(|cluster| PgBouncer::start(cluster, Login::Trust));
    let sockets = [&primary, standby.cluster()].map(|cluster| {
        let directory = cluster.socket_directory().display().to_string();
        (directory, cluster.port().to_string())
    });
    let pooled = pools
        .each_ref()
        .map(|pool| ("127.0.0.1".to_owned(), pool.port().to_string()));
    for [first, second] in [sockets, pooled] {
        for (kind, primary_first, standby_first) in TABLE {
            let orders = [
                ([&first, &second], primary_first),
                ([&second, &first], standby_first),
            ];
            for (order, expected) in orders {
                let hosts = order.map(|(host, _)| host.as_str()).join(",");
                let ports = order.map(|(_, port)| port.as_str()).join(",");
                let text = format!(
                    "host={hosts} port={ports} user=postgres dbname={} target_session_attrs={kind}",
                    database.name()
                );
                let output = breakglass().args(["adapters", "ls", "-d", &text]).run();
                output.success().says(&format!("as postgres, {expected}, "));
            }
        }
        // Alone, the one that is not wanted is named.
        let (host, port) = &second;
        let text = format!(
            "host={host} port={port} user=postgres dbname={} target_session_attrs=primary",
            database.name()
        );
        let output = breakglass().args(["adapters", "ls", "-d", &text]).run();
        output
            .code(3)
            .says("the server is not what `target_session_attrs` asks for")
            .says(port)
            .says("it is a standby");
    }
}
