//! When the root certificates are read: only where they are used.

use std::env;
use std::path::Path;
use std::process::Command;

use breakglass::db::open::Reason;
use breakglass::db::tls::connector;

use crate::support::{block_on, connect, connect_with, fleet, settings, settings_at};

fn builds(text: &str) -> Result<bool, String> {
    let settings = settings(text).expect(text);
    connector(&settings)
        .map(|found| found.is_some())
        .map_err(|error| error.to_string())
}

#[test]
fn no_connector_where_there_is_no_tls() {
    assert_eq!(builds("host=h sslmode=disable"), Ok(false));
    assert_eq!(
        builds("host=/run sslmode=verify-full sslrootcert=/nonexistent"),
        Ok(false)
    );
    assert_eq!(builds("host=h"), Ok(true));
}

#[test]
fn files_are_read_only_to_check_certificates() {
    let bad = fleet().file("bad.crt");
    for mode in ["allow", "prefer"] {
        assert_eq!(
            builds(&format!("host=h sslmode={mode} sslrootcert={bad}")),
            Ok(true)
        );
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let error = builds(&format!("host=h sslmode={mode} sslrootcert={bad}")).unwrap_err();
        assert_eq!(
            error,
            format!("root certificate file `{bad}` is not a PEM file")
        );
    }
    let empty = fleet().file("empty.crt");
    let error = builds(&format!("host=h sslmode=verify-ca sslrootcert={empty}")).unwrap_err();
    assert_eq!(
        error,
        format!("root certificate file `{empty}` holds no usable certificate")
    );
    assert_eq!(
        builds("host=h sslmode=require sslrootcert=/nonexistent"),
        Ok(true)
    );
}

#[test]
fn the_file_at_home_counts_as_if_it_were_named() {
    let fleet = fleet();
    let home = fleet.file("home");
    let outcome = |server: &str, mode: &str| {
        let text = format!("{} host=localhost sslmode={mode}", fleet.at(server));
        let settings = settings_at(&text, Path::new(&home)).unwrap();
        block_on(async {
            match connect_with(&settings).await {
                Ok(session) => session.how().await,
                Err(error) if *error.reason() == Reason::Tls => "fails",
                Err(error) => panic!("{}", error.chain()),
            }
        })
    };
    for (server, mode, expected) in [
        ("signed", "verify-full", "tls"),
        ("signed", "require", "tls"),
        ("own", "verify-ca", "fails"),
        ("own", "require", "fails"),
        // libpq checks here too, and then goes on without TLS.
        ("own", "prefer", "tls"),
    ] {
        assert_eq!(outcome(server, mode), expected, "{server} {mode}");
    }
}

/// Starts itself again, since the operating system's authorities are named by a variable.
#[test]
fn the_systems_authorities() {
    const CHILD: &str = "BREAKGLASS_TEST_CHILD";
    if let Some(text) = env::var_os(CHILD) {
        let text = text.into_string().unwrap();
        assert_eq!(
            block_on(async { connect(&text).await.unwrap().how().await }),
            "tls"
        );
        assert!(block_on(connect(&text.replace("host=localhost", "host=elsewhere"))).is_err());
        return;
    }
    let fleet = fleet();
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "tls_files::the_systems_authorities"])
        .env(
            CHILD,
            format!("{} host=localhost sslrootcert=system", fleet.at("signed")),
        )
        .env("SSL_CERT_FILE", fleet.file("ca.crt"))
        .output()
        .unwrap();
    let talk = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && talk.contains("1 passed"),
        "{talk}"
    );
}
