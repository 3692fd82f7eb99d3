//! Revoked certificates.

use std::fs;

use crate::support::{block_on, fleet};
use crate::tls::{ends_by_psql, outcome};

/// Server, mode, root certificate file, revocation list, what comes of it.
const TABLE: &str = "
signed verify-full ca.crt   none.crl     tls
signed verify-full ca.crt   named.crl    tls
signed verify-ca   ca.crt   wrong-ca.crl fails
signed verify-ca   ca.crt   old.crl      fails
signed require     ca.crt   old.crl      fails
signed require     -        named.crl    tls
signed prefer      -        named.crl    tls
named  verify-full ca.crt   none.crl     tls
named  verify-full ca.crt   named.crl    fails
named  verify-ca   ca.crt   named.crl    fails
named  require     ca.crt   named.crl    fails
named  require     -        named.crl    tls
chain  verify-ca   ca.crt   none.crl     fails
";

/// The same, where libpq says otherwise: what it cannot read it leaves unused, and what webpki does
/// not look at is not looked up in a list here.
const DIFFERENCES: &str = "
signed   verify-ca   ca.crt   missing.crl fails
signed   verify-ca   ca.crt   empty.crt   fails
version1 verify-ca   ca.crt   none.crl    fails
";

#[test]
fn lists() {
    hold_against(TABLE, |psql, expected| psql == expected);
}

#[test]
fn differences_to_libpq() {
    hold_against(DIFFERENCES, |psql, expected| psql != expected);
}

fn hold_against(table: &str, agrees: impl Fn(&str, &str) -> bool) {
    let fleet = fleet();
    let mut wrong = Vec::new();
    for line in table.lines().filter(|line| !line.is_empty()) {
        let words: Vec<_> = line.split_whitespace().collect();
        let [server, mode, root, list, expected] = words.try_into().expect(line);
        let root = match root {
            "-" => String::new(),
            file => format!("sslrootcert={}", fleet.file(file)),
        };
        let (at, list) = (fleet.at(server), fleet.file(list));
        let text = format!("{at} host=localhost sslmode={mode} {root} sslcrl={list}");
        let found = block_on(outcome(&text));
        if found != expected {
            wrong.push(format!("{line}: {found}"));
        }
        if !agrees(ends_by_psql(&text), expected) {
            wrong.push(format!("{line}: psql says {}", ends_by_psql(&text)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_directory_of_lists() {
    let fleet = fleet();
    for (name, expected) in [("none", "tls"), ("named", "fails")] {
        let directory = tempfile::tempdir().unwrap();
        let list = fs::read(fleet.file(&format!("{name}.crl"))).unwrap();
        fs::write(directory.path().join("12345678.r0"), &list).unwrap();
        // As OpenSSL: what does not have such a name is not looked at.
        fs::write(directory.path().join("notes"), "no list").unwrap();
        let text = format!(
            "{} host=localhost sslmode=verify-ca sslrootcert={} sslcrldir={}",
            fleet.at("named"),
            fleet.file("ca.crt"),
            directory.path().display()
        );
        assert_eq!(block_on(outcome(&text)), expected, "{name}");
    }
    let empty = tempfile::tempdir().unwrap();
    let text = format!(
        "{} host=localhost sslmode=verify-ca sslrootcert={} sslcrldir={}",
        fleet.at("named"),
        fleet.file("ca.crt"),
        empty.path().display()
    );
    assert_eq!(block_on(outcome(&text)), "fails");
}
