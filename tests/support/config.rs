//! A configuration file with a target in it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::TestDatabase;
use super::run::{Invocation, breakglass};

/// A configuration file of a test's own.
pub(crate) struct File {
    directory: TempDir,
}

impl File {
    /// A file with this text.
    pub(crate) fn with(text: &str) -> Self {
        let directory = TempDir::with_prefix("breakglass-config-").expect("/tmp is writable");
        let file = Self { directory };
        fs::write(file.path(), text).expect("it can be written");
        file.mode(0o600);
        file
    }

    /// A file with one target, `prod`, on a database, with further fields.
    pub(crate) fn on(database: &TestDatabase, fields: &str) -> Self {
        Self::with(&prod(&database.conninfo("postgres"), fields))
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("config.toml")
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn mode(&self, mode: u32) {
        fs::set_permissions(self.path(), fs::Permissions::from_mode(mode)).expect("it is our file");
    }

    /// The binary with this file.
    pub(crate) fn breakglass(&self) -> Invocation<'static> {
        breakglass().env("BREAKGLASS_CONFIG", self.path().display().to_string())
    }

    /// `tokens rm WORDS --target prod` with a reason and `--yes`.
    pub(crate) fn remove(&self, words: &[&str]) -> Invocation<'static> {
        let invocation = self.breakglass().args(["tokens", "rm", "--yes"]);
        let invocation = invocation.args(["--reason", "hot loop, INC-42", "--target", "prod"]);
        invocation.args(words.to_vec())
    }
}

/// The text of a file with one target, `prod`.
pub(crate) fn prod(conninfo: &str, fields: &str) -> String {
    format!("[targets.prod]\ndatabase = \"{conninfo}\"\n{fields}\n")
}
