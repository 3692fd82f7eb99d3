//! `doctor` on what stands between it and the server: TLS, poolers, another cluster, clocks.
#![expect(
    clippy::expect_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use breakglass::cluster::{Cluster, Options};
use breakglass::db::Limits;
use breakglass::model::{Code, Diagnosis, Fitness, Severity};
use breakglass::ops::{Context, Doctor, Policy};
use tempfile::TempDir;

use super::doctor::{check, findings, only, tells};
use crate::support::cluster::{runtime, shared_cluster};
use crate::support::pgbouncer::{Login, PgBouncer};
use crate::support::{Invocation, Template, TestDatabase, breakglass, library, private_cluster};

const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *at) {
    int failed = syscall(SYS_clock_gettime, id, at);
    const char *by = getenv("FALSE_CLOCK_SECONDS");
    if (!failed && by && id == CLOCK_REALTIME) at->tv_sec += atol(by);
    return failed;
}
"#;

/// A library that, loaded first, tells a program the wrong time.
pub(super) fn false_clock() -> PathBuf {
    static MADE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_directory, library) = MADE.get_or_init(|| {
        let directory = TempDir::with_prefix("breakglass-clock-").expect("/tmp is writable");
        let (source, library) = (
            directory.path().join("clock.c"),
            directory.path().join("clock.so"),
        );
        fs::write(&source, CLOCK).expect("it can be written");
        let compiler = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(&source)
            .status()
            .expect("the tests need a C compiler, as the build does: apt-get install gcc");
        assert!(compiler.success());
        (directory, library)
    });
    library.clone()
}

/// A cluster of its own that listens on this machine, a Coder database in it, and an operator.
fn listening() -> (Cluster, TestDatabase) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let port = listener.local_addr().expect("it is bound").port();
    drop(listener);
    let options = Options {
        listen: Some(port),
        hba: Some("local all all trust\nhost all all 127.0.0.1/32 trust\n".to_owned()),
        ..Options::default()
    };
    let binaries = shared_cluster().binaries();
    let cluster = Cluster::start(binaries, &options).expect("a throw-away Postgres starts");
    let database = TestDatabase::on(&cluster, Template::Coder);
    let init = ["init", "--operator-role", "operators"];
    database.breakglass().args(init).run().success();
    database.execute("create role alice login in role operators");
    (cluster, database)
}

/// To this machine by an address that does not say so: 0.0.0.0 is not in 127.0.0.0/8.
fn from_afar(database: &TestDatabase, cluster: &Cluster, further: &str) -> Invocation<'static> {
    let text = format!(
        "host=localhost hostaddr=0.0.0.0 port={} user=alice dbname={} {further}",
        cluster.port(),
        database.name()
    );
    breakglass().args(["-d".to_owned(), text])
}

#[test]
fn a_remote_connection_in_the_clear_unverified_and_verified() {
    let (mut cluster, database) = listening();
    let here = format!(
        "host=127.0.0.1 port={} user=alice dbname={}",
        cluster.port(),
        database.name()
    );
    assert!(
        findings(breakglass().args(["-d", &here])).is_empty(),
        "it does not leave this machine"
    );
    let plain = findings(from_afar(&database, &cluster, ""));
    let host = format!("host localhost (0.0.0.0) port {}", cluster.port());
    let finding = only(&plain, "tls_off", "warns", &host);
    tells(&finding, "remedy", "sslmode=verify-full");

    let directory = TempDir::with_prefix("breakglass-tls-").expect("/tmp is writable");
    let file = |name: &str| directory.path().join(name).display().to_string();
    let openssl = Command::new("openssl")
        .args([
            "req", "-new", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-keyout", &file("server.key"), "-out", &file("server.crt")])
        .output()
        .expect("the tests need openssl: apt-get install openssl");
    assert!(openssl.status.success());
    for name in ["server.key", "server.crt"] {
        let text = fs::read_to_string(file(name)).expect("it was written");
        // The server writes it itself, so that it is its own.
        database.execute(&format!(
            "copy (select unnest(string_to_array('{}', E'\n'))) to program 'cat >{name} && chmod 600 {name}'",
            text.trim_end()
        ));
    }
    database.execute("alter system set ssl = on");
    cluster.restart().expect("it starts again");
    let unverified = findings(from_afar(&database, &cluster, "sslmode=require"));
    only(&unverified, "tls_unverified", "warns", &host);
    let verified = format!("sslmode=verify-full sslrootcert={}", file("server.crt"));
    assert!(findings(from_afar(&database, &cluster, &verified)).is_empty());
}

#[test]
fn a_pooler_in_transaction_mode() {
    let cluster = private_cluster();
    let database = TestDatabase::on(&cluster, Template::Coder);
    let init = ["init", "--operator-role", "operators"];
    database.breakglass().args(init).run().success();
    database.execute("create role alice login in role operators");
    let pooler = PgBouncer::start(&cluster, Login::Trust);
    let text = pooler.conninfo("alice", database.name());
    for _ in 0..5 {
        let found = findings(breakglass().args(["-d", &text]));
        let finding = only(&found, "pooler", "notes", "the connection");
        tells(&finding, "what", "for sure");
    }
    let output = breakglass().args(["doctor", "-d", &text]).run();
    output.success();
    let session = PgBouncer::to(
        &cluster.socket_directory().display().to_string(),
        cluster.port(),
        Login::Trust,
        "pool_mode = session",
    );
    let text = session.conninfo("alice", database.name());
    let output = breakglass()
        .args(["doctor", "-o", "json", "-d", &text])
        .run();
    let finding = only(&check(&output), "pooler", "notes", "the connection");
    tells(&finding, "what", "its mode is not known");
}

/// What the target pins is held against what answers. The library is asked, as a front end does.
#[test]
fn another_cluster_than_the_pinned_one() {
    let (cluster, database) = listening();
    let identifier = database.value("select system_identifier from pg_control_system()");
    let pinned = |identifier: &str, role: &str| {
        let text = format!(
            "host={} port={} user={role} dbname={}",
            cluster.socket_directory().display(),
            cluster.port(),
            database.name()
        );
        diagnose(&text, identifier)
    };
    assert!(pinned(&identifier, "alice").findings.is_empty());
    let diagnosis = pinned("7000000000000000001", "alice");
    let [finding] = diagnosis.findings.as_slice() else {
        panic!("not one finding but {:#?}", diagnosis.findings)
    };
    assert_eq!(finding.code, Code::OtherCluster);
    assert_eq!(finding.severity, Severity::Blocks);
    assert_eq!(finding.subject, "target prod");
    assert_eq!(diagnosis.verdict, Fitness::Unfit);
    assert!(finding.what.contains(&identifier) && finding.what.contains("7000000000000000001"));
}

/// Runs `doctor` as the library has it, with a pinned cluster.
fn diagnose(conninfo: &str, identifier: &str) -> Diagnosis {
    // As --target has it: every other command is refused there.
    let database = library::database(conninfo, Limits::default());
    let context = Context {
        policy: Policy {
            target: Some("prod".to_owned()),
            system_identifier: Some(identifier.to_owned()),
            ..Policy::default()
        },
        ..library::context(database.pinned_to(Some(identifier.to_owned())))
    };
    runtime()
        .block_on(Doctor::default().run(&context))
        .expect("there is a connection")
}
