//! Certificates of ours: shown, refused, and not even read.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use breakglass::db::open::{OpenError, Reason};
use tempfile::TempDir;

use crate::support::psql::psql;
use crate::support::{beside_the_logs, block_on, connect, connect_with, fleet, settings_at};

/// A copy of the keys that is ours, as libpq wants it. The fleet's own belong to the server.
fn ours() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(Path::new(&fleet().file(""))).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let is_ours = ["clerk", "rsa", "stranger"]
            .iter()
            .any(|ours| name.starts_with(ours));
        if is_ours {
            let copy = directory.path().join(name);
            fs::copy(&path, &copy).unwrap();
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
    directory
}

/// A connection string with a certificate and a key.
fn with(directory: &TempDir, database: &str, (certificate, key): (&str, &str)) -> String {
    let port = fleet().port("primary");
    let directory = directory.path().display();
    format!(
        "host=127.0.0.1 port={port} user=clerk dbname={database} sslcert={directory}/{certificate} \
         sslkey={directory}/{key}"
    )
}

fn failure(text: &str) -> OpenError {
    block_on(connect(text)).expect_err(text)
}

fn psql_takes(text: &str) -> bool {
    let output = psql()
        .args(["-c", "select 1", text])
        .env("HOME", "/nonexistent")
        .output();
    output.expect("psql").status.success()
}

#[test]
fn keys_in_every_form() {
    let _guard = beside_the_logs();
    let directory = ours();
    for (certificate, key, more) in [
        ("clerk.crt", "clerk.key", ""),
        ("clerk.crt", "clerk-sec1.key", ""),
        ("clerk.crt", "clerk-der.key", ""),
        ("clerk.crt", "clerk-encrypted.key", "sslpassword=sesame"),
        ("clerk.crt", "clerk.key", "sslpassword=useless"),
        ("rsa.crt", "rsa.key", ""),
        ("rsa.crt", "rsa-pkcs1.key", ""),
        ("clerk.crt", "clerk.key", "ssl_max_protocol_version=TLSv1.2"),
        ("rsa.crt", "rsa.key", "ssl_max_protocol_version=TLSv1.2"),
    ] {
        // `cert` believes nothing but the certificate.
        let text = with(&directory, "cert_only", (certificate, key));
        let text = format!("{text} sslmode=require {more}");
        let session = block_on(connect(&text)).unwrap_or_else(|error| {
            panic!("{key} {more}: {}", error.chain());
        });
        assert!(session.is_encrypted);
        assert!(psql_takes(&text), "psql: {key} {more}");
    }
}

#[test]
fn the_servers_refusal() {
    let _guard = beside_the_logs();
    let directory = ours();
    let fleet = fleet();
    let (port, file) = (fleet.port("primary"), "/nonexistent/x");
    let none = format!("host=127.0.0.1 port={port} user=clerk dbname=any_cert sslmode=require");
    let error = failure(&none);
    assert_eq!(*error.reason(), Reason::Authentication);
    let told = "connection requires a valid client certificate";
    assert!(error.chain().contains(told), "{}", error.chain());
    for more in [
        format!("sslcert={file} sslkey={file}"),
        "sslcertmode=disable".to_owned(),
    ] {
        assert_eq!(
            *failure(&format!("{none} {more}")).reason(),
            Reason::Authentication
        );
    }
    // In TLS 1.3 this comes after the handshake, in TLS 1.2 within it.
    for version in ["TLSv1.2", "TLSv1.3"] {
        let text = with(&directory, "any_cert", ("stranger.crt", "stranger.key"));
        let text = format!(
            "{text} sslmode=require ssl_min_protocol_version={version} ssl_max_protocol_version={version}"
        );
        let error = failure(&text);
        assert_eq!(*error.reason(), Reason::Tls, "{}", error.chain());
        // The alert can be lost with the connection that the server closes behind it.
        let told = ["received fatal alert", "Broken pipe", "Connection reset"];
        let is_told = told.iter().any(|text| error.chain().contains(text));
        assert!(is_told, "{}", error.chain());
        assert!(!psql_takes(&text));
    }
    let other = with(&directory, "cert_only", ("clerk.crt", "clerk.key"));
    let error = failure(&other.replace("user=clerk", "user=root"));
    assert_eq!(*error.reason(), Reason::Authentication, "{}", error.chain());
}

/// Certificate, key, further parameters, and what is said of them.
const WRONG: [(&str, &str, &str, &str); 8] = [
    (
        "no.crt",
        "clerk.key",
        "",
        "client certificate file `DIR/no.crt` holds no certificate in PEM form",
    ),
    (
        "clerk.crt",
        "missing.key",
        "",
        "private key file `DIR/missing.key` does not exist, and certificate `DIR/clerk.crt` needs its key",
    ),
    (
        "clerk.crt",
        "no.key",
        "",
        "private key file `DIR/no.key` holds no private key (PKCS#8, PKCS#1 or SEC1, in PEM or DER)",
    ),
    (
        "clerk.crt",
        "rsa.key",
        "",
        "private key file `DIR/rsa.key` is not the key of certificate `DIR/clerk.crt`",
    ),
    (
        "clerk.crt",
        "folder.key",
        "",
        "private key file `DIR/folder.key` is not a plain file",
    ),
    (
        "clerk.crt",
        "clerk-encrypted.key",
        "",
        "private key file `DIR/clerk-encrypted.key` is encrypted, and needs `sslpassword`",
    ),
    (
        "clerk.crt",
        "clerk-encrypted.key",
        "sslpassword=hunter2",
        "private key file `DIR/clerk-encrypted.key` cannot be decrypted with `sslpassword`: ",
    ),
    (
        "clerk.crt",
        "clerk-old.key",
        "sslpassword=sesame",
        "private key file `DIR/clerk-old.key` is encrypted in OpenSSL's old form, which is not supported (openssl pkcs8 -topk8 -v2 aes-256-cbc rewrites it)",
    ),
];

#[test]
fn what_is_wrong_with_the_files() {
    let _guard = beside_the_logs();
    let directory = ours();
    let file = |name: &str| directory.path().join(name);
    fs::write(file("no.crt"), "nothing").unwrap();
    fs::write(file("no.key"), "nothing").unwrap();
    fs::set_permissions(file("no.key"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(file("folder.key")).unwrap();
    for (certificate, key, more, expected) in WRONG {
        let text = with(&directory, "any_cert", (certificate, key));
        let text = format!("{text} sslmode=require {more}");
        let error = failure(&text);
        assert_eq!(*error.reason(), Reason::Tls, "{key}");
        let expected = expected.replace("DIR", &directory.path().display().to_string());
        assert!(error.chain().contains(&expected), "{}", error.chain());
        assert!(!format!("{} {error:?}", error.chain()).contains("hunter2"));
        // The one that libpq can read and rustls cannot.
        assert_eq!(
            psql_takes(&text),
            key == "clerk-old.key",
            "psql: {key} {more}"
        );
        // With `prefer` TLS that cannot be set up is gone without, as with libpq, and told.
        let text = text
            .replace("sslmode=require", "sslmode=prefer")
            .replace("any_cert", "shop");
        let session = block_on(connect(&text)).unwrap();
        assert!(!session.is_encrypted);
        let [warning] = session.warnings.as_slice() else {
            panic!("{:?}", session.warnings)
        };
        assert!(warning.contains(&expected), "{warning}");
    }
}

#[test]
fn a_key_that_others_may_read() {
    let _guard = beside_the_logs();
    let directory = ours();
    let key = directory.path().join("clerk.key");
    let text = with(&directory, "any_cert", ("clerk.crt", "clerk.key"));
    let text = format!("{text} sslmode=require");
    let is_root = fs::metadata("/proc/self")
        .is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0);
    // Only root can make files of others, and read them all the same.
    let owners: &[u32] = if is_root { &[0, 65534] } else { &[] };
    for owner in owners {
        chown(&key, Some(*owner), Some(*owner)).unwrap();
        for mode in [0o600, 0o400, 0o640, 0o660, 0o650, 0o604, 0o644] {
            fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
            let fits = [0o600, 0o400].contains(&mode) || (*owner == 0 && mode == 0o640);
            assert_eq!(psql_takes(&text), fits, "psql: {owner} {mode:o}");
            match block_on(connect(&text)) {
                Ok(_) => assert!(fits, "{owner} {mode:o}"),
                Err(error) => {
                    assert!(!fits, "{owner} {mode:o}: {}", error.chain());
                    let told = format!("private key file `{}` has group or world", key.display());
                    assert!(error.chain().contains(&told), "{}", error.chain());
                }
            }
        }
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(*failure(&text).reason(), Reason::Tls);
}

#[test]
fn the_certificate_at_home() {
    let _guard = beside_the_logs();
    let directory = ours();
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".postgresql");
    fs::create_dir(&folder).unwrap();
    symlink(
        directory.path().join("clerk.crt"),
        folder.join("postgresql.crt"),
    )
    .unwrap();
    symlink(
        directory.path().join("clerk.key"),
        folder.join("postgresql.key"),
    )
    .unwrap();
    let port = fleet().port("primary");
    let text = format!("host=127.0.0.1 port={port} user=clerk dbname=cert_only");
    let settings = settings_at(&text, home.path()).unwrap();
    assert!(block_on(connect_with(&settings)).is_ok());
    let hidden = settings_at(&format!("{text} sslcertmode=disable"), home.path()).unwrap();
    assert!(block_on(connect_with(&hidden)).is_err());
    assert!(block_on(connect(&text)).is_err(), "another home");
}

#[test]
fn a_certificate_can_be_required() {
    let _guard = beside_the_logs();
    let directory = ours();
    let fleet = fleet();
    let require = |text: &str| format!("{text} sslcertmode=require");
    let good = with(&directory, "any_cert", ("clerk.crt", "clerk.key"));
    assert!(block_on(connect(&require(&good))).is_ok());
    let primary = fleet.port("primary");
    let sockets = fleet.sockets().display();
    let text = |server: &str| format!("{} host=127.0.0.1", fleet.at(server));
    for (text, told) in [
        (
            format!("host=127.0.0.1 port={primary} user=clerk dbname=shop"),
            "`sslcertmode=require`: the server let us in without a certificate",
        ),
        (
            text("signed"),
            "`sslcertmode=require`: the server asked for no certificate",
        ),
        (
            text("no-tls"),
            "`sslcertmode=require`: the server asked for no certificate",
        ),
        (
            format!("host={sockets} port={primary} user=clerk dbname=shop"),
            "`sslcertmode=require`: the server asked for no certificate",
        ),
    ] {
        assert!(block_on(connect(&text)).is_ok(), "{text}");
        let error = failure(&require(&text));
        assert_eq!(*error.reason(), Reason::Authentication, "{text}");
        assert!(error.chain().ends_with(told), "{}", error.chain());
    }
}

#[test]
fn versions_of_tls() {
    let _guard = beside_the_logs();
    let fleet = fleet();
    for (server, more, fits) in [
        ("own", "ssl_min_protocol_version=TLSv1.3", true),
        ("own", "ssl_max_protocol_version=TLSv1.2", true),
        ("own", "ssl_min_protocol_version=TLSv1", true),
        ("own-tls12", "ssl_min_protocol_version=TLSv1.3", false),
        ("own-tls12", "ssl_min_protocol_version=TLSv1.2", true),
        ("own", "sslsni=0", true),
    ] {
        let text = format!("{} sslmode=require {more}", fleet.at(server));
        assert_eq!(psql_takes(&text), fits, "psql: {server} {more}");
        let query = "select version from pg_stat_ssl where pid = pg_backend_pid()";
        let found = block_on(async {
            match connect(&text).await {
                Ok(session) => session.ask(query).await,
                Err(error) => error.chain(),
            }
        });
        let expected = match more {
            _ if !fits => "no TLS connection to the server",
            "ssl_max_protocol_version=TLSv1.2" => "TLSv1.2",
            _ if server == "own-tls12" => "TLSv1.2",
            _ => "TLSv1.3",
        };
        assert!(found.starts_with(expected), "{server} {more}: {found}");
    }
}
