//! The files of TLS that settings name, and the versions.

use std::path::PathBuf;

use super::{private, resolve, resolve_with};
use crate::db::conninfo::{
    ClientCertificate, RevocationLists, Secret, SslCertMode, TlsVersion, TlsVersions,
};

fn at_home(name: &str) -> PathBuf {
    PathBuf::from(format!("/home/ada/.postgresql/{name}"))
}

#[test]
fn the_clients_certificate() {
    let default = ClientCertificate {
        mode: SslCertMode::Allow,
        certificate: Some(at_home("postgresql.crt")),
        key: Some(at_home("postgresql.key")),
        password: None,
    };
    assert_eq!(resolve("").sslcert, default);
    assert_eq!(
        resolve("sslcert='' sslkey='' sslpassword=''").sslcert,
        default
    );
    // As libpq: a certificate without a key takes the key at home.
    let certificate = Some("/c".into());
    let expected = ClientCertificate {
        certificate,
        ..default
    };
    assert_eq!(resolve("sslcert=/c").sslcert, expected);
    let variables = [
        ("PGSSLCERT", "/c"),
        ("PGSSLKEY", "/k"),
        ("PGSSLCERTMODE", "require"),
    ];
    let expected = ClientCertificate {
        mode: SslCertMode::Require,
        certificate: Some("/c".into()),
        key: Some("/k".into()),
        password: Some(Secret::new("hunter2")),
    };
    let settings = resolve_with("sslpassword=hunter2", &variables, &[]).unwrap();
    assert_eq!(settings.sslcert, expected);
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn a_named_certificate_that_is_not_there_is_told() {
    let warnings = |text: &str| {
        let files = [("/there", private(""))];
        let settings = resolve_with(text, &[], &files).unwrap();
        settings.warnings().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        warnings("host=h sslcert=/missing"),
        ["client certificate file `/missing` does not exist: none is shown to the server"]
    );
    for text in [
        "host=h",
        "host=h sslcert=/there",
        "host=h sslcert=/missing sslmode=disable",
        "host=h sslcert=/missing sslcertmode=disable",
        "host=/run sslcert=/missing",
    ] {
        assert_eq!(warnings(text), [""; 0], "{text}");
    }
}

#[test]
fn revocation_lists() {
    let named = |file: Option<&str>, directory: Option<&str>| RevocationLists::Named {
        file: file.map(PathBuf::from),
        directory: directory.map(PathBuf::from),
    };
    let default = RevocationLists::Default(Some(at_home("root.crl")));
    assert_eq!(resolve("").sslcrl, default);
    assert_eq!(resolve("sslcrl='' sslcrldir=''").sslcrl, default);
    assert_eq!(resolve("sslcrl=/f").sslcrl, named(Some("/f"), None));
    assert_eq!(
        resolve("sslcrl=/f sslcrldir=/d").sslcrl,
        named(Some("/f"), Some("/d"))
    );
    let variables = [("PGSSLCRLDIR", "/d")];
    let settings = resolve_with("", &variables, &[]).unwrap();
    assert_eq!(settings.sslcrl, named(None, Some("/d")));
}

#[test]
fn versions_and_the_name_in_the_handshake() {
    use TlsVersion::{V1_2, V1_3};
    for (text, lowest, highest) in [
        ("", V1_2, V1_3),
        ("ssl_min_protocol_version=TLSv1.3", V1_3, V1_3),
        ("ssl_min_protocol_version=tlsv1.3", V1_3, V1_3),
        ("ssl_max_protocol_version=TLSv1.2", V1_2, V1_2),
        ("ssl_min_protocol_version=TLSv1", V1_2, V1_3),
        ("ssl_min_protocol_version=''", V1_2, V1_3),
    ] {
        let expected = TlsVersions { lowest, highest };
        assert_eq!(resolve(text).tls_versions, expected, "{text}");
    }
    for (text, expected) in [("", true), ("sslsni=1", true), ("sslsni=0", false)] {
        assert_eq!(resolve(text).sslsni, expected, "{text}");
    }
}
