//! The real `psql`, and not the wrapper that Debian puts on the PATH.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use super::fleet::binaries;

static PSQL: LazyLock<PathBuf> = LazyLock::new(|| {
    let beside = binaries().join("psql");
    if beside.is_file() {
        return beside;
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<_> = versions
        .flatten()
        .map(|version| version.path().join("bin/psql"))
        .filter(|psql| psql.is_file())
        .collect();
    found.sort();
    found
        .pop()
        .expect("the tests compare with psql: apt-get install postgresql-client")
});

/// A `psql` that reads no file of its own, asks nothing, and has nothing in its environment.
pub(crate) fn psql() -> Command {
    let mut command = Command::new(&*PSQL);
    command
        .args(["-X", "-w", "-A", "-t"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    command
}
