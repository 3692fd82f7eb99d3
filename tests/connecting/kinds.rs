//! Kinds of servers: a primary and its standby, in both orders, alone, and behind a dead one.

use breakglass::db::open::Reason;

use crate::failing::Nobody;
use crate::support::psql::psql;
use crate::support::{beside_the_logs, block_on, connect, fleet};

const KINDS: [&str; 6] = [
    "any",
    "read-write",
    "read-only",
    "primary",
    "standby",
    "prefer-standby",
];

/// A list of servers, and where each of the kinds leads: `P`rimary, `S`tandby, or nowhere.
const TABLE: [(&str, [char; 6]); 8] = [
    ("primary standby", ['P', 'P', 'S', 'P', 'S', 'S']),
    ("standby primary", ['S', 'P', 'S', 'P', 'S', 'S']),
    ("primary", ['P', 'P', '-', 'P', '-', 'P']),
    ("standby", ['S', '-', 'S', '-', 'S', 'S']),
    ("dead primary", ['P', 'P', '-', 'P', '-', 'P']),
    ("dead standby primary", ['S', 'P', 'S', 'P', 'S', 'S']),
    ("primary dead standby", ['P', 'P', 'S', 'P', 'S', 'S']),
    ("dead", ['-', '-', '-', '-', '-', '-']),
];

fn port(name: &str) -> u16 {
    match name {
        "dead" => Nobody::port(),
        name => fleet().port(name),
    }
}

fn text(servers: &str, rest: &str) -> String {
    let ports: Vec<_> = servers
        .split(' ')
        .map(|name| port(name).to_string())
        .collect();
    let hosts = vec!["127.0.0.1"; ports.len()].join(",");
    let ports = ports.join(",");
    format!("host={hosts} port={ports} user=postgres dbname=postgres {rest}")
}

fn name(port: &str) -> char {
    match port.trim() {
        "" => '-',
        port if port == fleet().port("primary").to_string() => 'P',
        port if port == fleet().port("standby").to_string() => 'S',
        other => panic!("{other}"),
    }
}

async fn ends(text: &str) -> char {
    match connect(text).await {
        Ok(session) => name(&session.ask("select inet_server_port()::text").await),
        Err(_) => '-',
    }
}

fn ends_by_psql(text: &str) -> char {
    let query = "select inet_server_port()";
    let output = psql().args(["-c", query, text]).output().expect("psql");
    name(&String::from_utf8_lossy(&output.stdout))
}

#[test]
fn every_kind_in_every_order() {
    let _guard = beside_the_logs();
    let mut wrong = Vec::new();
    for (servers, expected) in TABLE {
        for (kind, expected) in KINDS.iter().zip(expected) {
            let text = text(servers, &format!("target_session_attrs={kind}"));
            let found = (block_on(ends(&text)), ends_by_psql(&text));
            if found != (expected, expected) {
                wrong.push(format!("{servers} {kind}: {found:?}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_default_can_make_a_primary_read_only() {
    let _guard = beside_the_logs();
    let fleet = fleet();
    for (database, kind, fits) in [
        ("postgres", "read-write", true),
        ("postgres", "read-only", false),
        ("read_only", "read-only", true),
        ("read_only", "read-write", false),
        ("read_only", "primary", true),
        ("read_only", "standby", false),
    ] {
        let at = fleet
            .at("own")
            .replace("dbname=postgres", &format!("dbname={database}"));
        let text = format!("{at} target_session_attrs={kind}");
        let query = "select 1";
        let output = psql().args(["-c", query, &text]).output().expect("psql");
        assert_eq!(output.status.success(), fits, "psql: {database} {kind}");
        match block_on(connect(&text)) {
            Ok(_) => assert!(fits, "{database} {kind}"),
            Err(error) => {
                assert!(!fits, "{database} {kind}: {error}");
                assert_eq!(*error.reason(), Reason::SessionAttributes);
            }
        }
    }
    let text = format!(
        "{} options=-cdefault_transaction_read_only=on target_session_attrs=read-write",
        fleet.at("own")
    );
    assert!(block_on(connect(&text)).is_err());
}

#[test]
fn the_error_says_which_server_was_what() {
    let _guard = beside_the_logs();
    let fleet = fleet();
    let (primary, standby) = (fleet.port("primary"), fleet.port("standby"));
    let wrong = "the server is not what `target_session_attrs` asks for: host 127.0.0.1 port";
    let login = "database postgres, user postgres";
    for (kind, server, port, what) in [
        ("standby", "primary", primary, "it is a primary"),
        ("primary", "standby", standby, "it is a standby"),
        ("read-only", "primary", primary, "its sessions can write"),
        (
            "read-write",
            "standby",
            standby,
            "its sessions are read-only",
        ),
    ] {
        let text = text(server, &format!("target_session_attrs={kind}"));
        let error = block_on(connect(&text)).unwrap_err();
        assert_eq!(error.chain(), format!("{wrong} {port}, {login}: {what}"));
    }
    let text = text("standby dead", "target_session_attrs=primary");
    let error = block_on(connect(&text)).unwrap_err();
    assert_eq!(*error.reason(), Reason::Unreachable);
    let told = format!("(also tried: {wrong} {standby}, {login}: it is a standby)");
    assert!(error.chain().contains(&told), "{}", error.chain());
}

#[test]
fn a_refused_login_ends_the_search() {
    let _guard = beside_the_logs();
    for kind in ["primary", "prefer-standby"] {
        let rest = format!("user=scram password=wrong target_session_attrs={kind}");
        for servers in ["standby primary", "primary standby"] {
            let text = text(servers, &rest);
            let error = block_on(connect(&text)).unwrap_err();
            assert_eq!(*error.reason(), Reason::Authentication, "{servers} {kind}");
        }
    }
}
