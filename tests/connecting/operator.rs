//! What the operator is told of the files: by the real program, on standard error.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::fleet;

struct Told {
    code: Option<i32>,
    stderr: String,
}

/// A home with one file in it.
fn home(name: &str, mode: u32, content: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    home
}

fn breakglass(home: &Path, text: &str, more: &[&str]) -> Told {
    let output = Command::new(env!("CARGO_BIN_EXE_breakglass"))
        .args(["tokens", "ls", "-d", text])
        .args(more)
        .env_clear()
        .env("HOME", home)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!format!("{stdout}{stderr}").contains("hunter2"), "{stderr}");
    Told {
        code: output.status.code(),
        stderr,
    }
}

fn scram() -> String {
    format!("{} user=scram", fleet().at("own"))
}

#[test]
fn a_password_file_that_is_not_used() {
    let home = home(".pgpass", 0o644, "*:*:*:*:hunter2\n");
    let path = home.path().join(".pgpass").display().to_string();
    let warning = format!(
        "password file `{path}` has group or world access and is not used; its permissions should \
         be u=rw (0600) or less: chmod 600 {path}"
    );
    let told = breakglass(home.path(), &scram(), &[]);
    assert_eq!(told.code, Some(3), "{}", told.stderr);
    let lines: Vec<_> = told.stderr.lines().collect();
    assert_eq!(lines[0], format!("warning: {warning}"));
    assert!(
        lines[1].starts_with("error: the server asks for a password, and none was given"),
        "{}",
        lines[1]
    );
    // A program gets it in the one object that tells of the failure.
    let told = breakglass(home.path(), &scram(), &["-o", "json"]);
    let error: serde_json::Value = serde_json::from_str(&told.stderr).expect(&told.stderr);
    assert_eq!(
        error.pointer("/error/warnings"),
        Some(&serde_json::json!([warning])),
        "{}",
        told.stderr
    );
    // Where no password is needed the login works, and the warning is there all the same.
    let told = breakglass(home.path(), &fleet().at("own"), &[]);
    assert_eq!(told.code, Some(1), "{}", told.stderr);
    assert!(
        told.stderr.starts_with(&format!("warning: {warning}\n")),
        "{}",
        told.stderr
    );
    assert_eq!(
        told.stderr.matches("warning:").count(),
        1,
        "{}",
        told.stderr
    );
}

#[test]
fn a_wrong_password_from_a_file() {
    let home = home(".pgpass", 0o600, "*:*:*:*:hunter2\n");
    let path = home.path().join(".pgpass").display().to_string();
    let told = breakglass(home.path(), &scram(), &[]);
    assert_eq!(told.code, Some(3), "{}", told.stderr);
    let file = format!("user scram, password from file `{path}`");
    assert!(told.stderr.contains(&file), "{}", told.stderr);
    // From elsewhere: no file is named.
    for text in [
        format!("{} password=hunter2", scram()),
        format!("{} passfile={path}x", scram()),
    ] {
        let told = breakglass(home.path(), &text, &[]);
        assert_eq!(told.code, Some(3), "{}", told.stderr);
        assert!(!told.stderr.contains("from file"), "{}", told.stderr);
    }
}

#[test]
fn a_service_file_that_cannot_be_used() {
    let services = "[good]\nhost=/nonexistent\n[bad]\nhost=h\npassword hunter2\n";
    let home = home(".pg_service.conf", 0o600, services);
    let path = home.path().join(".pg_service.conf").display().to_string();
    let told = breakglass(home.path(), "service=bad", &[]);
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    let line = format!("error: line 5 of service file `{path}` is not `keyword=value`");
    assert!(told.stderr.starts_with(&line), "{}", told.stderr);
    let told = breakglass(home.path(), "service=missing", &[]);
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    let missing = format!("error: service `missing` is in no service file (looked in `{path}` and");
    assert!(told.stderr.starts_with(&missing), "{}", told.stderr);
    let told = breakglass(home.path(), "service=good", &[]);
    assert_eq!(told.code, Some(3), "{}", told.stderr);
}

#[test]
fn going_on_without_tls_is_told() {
    let home = tempfile::tempdir().unwrap();
    let text = format!("{} host=localhost", fleet().at("broken"));
    let told = breakglass(home.path(), &text, &[]);
    assert_eq!(told.code, Some(1), "{}", told.stderr);
    let warning = "warning: connected without TLS, after no TLS connection to the server";
    assert!(told.stderr.starts_with(warning), "{}", told.stderr);
}
