//! Who has a say, and in which order.

use std::time::Duration;

use super::resolve_on;
use crate::db::conninfo::{RootCertificates, Secret, SslMode};

const EVERY: [(&str, &str); 15] = [
    ("PGHOST", "envhost"),
    ("PGHOSTADDR", "10.0.0.9"),
    ("PGPORT", "6000"),
    ("PGUSER", "envuser"),
    ("PGPASSWORD", "envpassword"),
    ("PGDATABASE", "envdb"),
    ("PGSSLMODE", "verify-ca"),
    ("PGSSLROOTCERT", "/env.crt"),
    ("PGCONNECT_TIMEOUT", "9"),
    ("PGAPPNAME", "envapp"),
    ("PGOPTIONS", "-cenv=1"),
    ("PGCHANNELBINDING", "disable"),
    ("PGSSLNEGOTIATION", "direct"),
    ("PGTARGETSESSIONATTRS", "read-only"),
    ("PGLOADBALANCEHOSTS", "random"),
];

#[test]
fn every_variable_counts() {
    let settings = resolve_on("", &EVERY, &[]).unwrap();
    let described = settings.describe().to_string();
    assert_eq!(
        described,
        "host envhost (10.0.0.9) port 6000, database envdb, user envuser"
    );
    assert_eq!(
        settings.password.as_ref().map(Secret::expose),
        Some("envpassword")
    );
    assert_eq!(settings.sslmode, SslMode::VerifyCa);
    assert_eq!(
        settings.sslrootcert,
        RootCertificates::File("/env.crt".into())
    );
    assert_eq!(settings.connect_timeout, Some(Duration::from_secs(9)));
    assert_eq!(settings.application_name, "envapp");
    assert_eq!(settings.options.as_deref(), Some("-cenv=1"));
    let shown = format!("{settings:?}");
    for word in [
        "channel_binding: Disable",
        "sslnegotiation: Direct",
        "ReadOnly",
        "Random",
    ] {
        assert!(shown.contains(word), "{word} in {shown}");
    }
}

#[test]
fn what_is_given_wins() {
    let given = "host=h hostaddr=10.0.0.1 port=1 user=u password=p dbname=d sslmode=require \
                 sslrootcert=/r connect_timeout=1 application_name=a options=-cx=y \
                 channel_binding=require sslnegotiation=postgres target_session_attrs=any \
                 load_balance_hosts=disable";
    let with = resolve_on(given, &EVERY, &[]).unwrap();
    assert_eq!(with, resolve_on(given, &[], &[]).unwrap());
    let wrong = EVERY.map(|(name, _)| (name, "nonsense,nonsense"));
    assert_eq!(
        with,
        resolve_on(given, &wrong, &[]).unwrap(),
        "and is not even looked at"
    );
}

#[test]
fn an_empty_value_in_the_string_shuts_the_environment_out() {
    let settings = resolve_on(
        "host='' user='' dbname='' password='' hostaddr='' port=''",
        &EVERY,
        &[],
    );
    let settings = settings.unwrap();
    assert_eq!(
        settings.describe().to_string(),
        "host localhost port 5432, database ada, user ada"
    );
    assert_eq!(settings.password, None);
    let url = resolve_on("postgresql:///", &EVERY, &[]).unwrap();
    assert_eq!(
        (url.dbname.as_str(), url.user.as_str()),
        ("envdb", "envuser")
    );
}

#[test]
fn empty_variables() {
    let empty = [
        ("PGHOST", ""),
        ("PGPORT", ""),
        ("PGUSER", ""),
        ("PGDATABASE", ""),
    ];
    let settings = resolve_on("", &empty, &[]).unwrap();
    assert_eq!(
        settings.describe().to_string(),
        "host localhost port 5432, database ada, user ada"
    );
    let error = resolve_on("", &[("PGSSLMODE", "")], &[])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("environment variable `PGSSLMODE` must be disable, "),
        "{error}"
    );
}

#[test]
fn variables_that_would_be_ignored_are_refused() {
    for name in [
        "PGREQUIREPEER",
        "PGREQUIREAUTH",
        "PGMINPROTOCOLVERSION",
        "PGMAXPROTOCOLVERSION",
        "PGGSSDELEGATION",
    ] {
        let error = resolve_on("host=h", &[(name, "/x")], &[])
            .unwrap_err()
            .to_string();
        let expected = format!("environment variable `{name}` is not supported yet");
        assert!(error.starts_with(&expected), "{error}");
    }
    let require = ("PGGSSENCMODE", "require");
    assert!(resolve_on("", &[require], &[]).is_err());
    assert!(resolve_on("", &[("PGGSSENCMODE", "prefer")], &[]).is_ok());
    assert!(
        resolve_on("gssencmode=disable", &[require], &[]).is_ok(),
        "the string has decided"
    );
}

#[test]
fn the_old_way_to_require_tls() {
    let old = ("PGREQUIRESSL", "1");
    assert_eq!(
        resolve_on("", &[old], &[]).unwrap().sslmode,
        SslMode::Require
    );
    assert_eq!(
        resolve_on("", &[old, ("PGSSLMODE", "allow")], &[])
            .unwrap()
            .sslmode,
        SslMode::Allow
    );
    assert_eq!(
        resolve_on("sslmode=disable", &[old], &[]).unwrap().sslmode,
        SslMode::Disable
    );
}
