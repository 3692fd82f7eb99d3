//! What the machine has to say.

use std::io;
use std::path::{Path, PathBuf};

use crate::db::local_file::LocalFile;

/// What the machine has to say; asked for here, so that nothing below touches it.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Reads an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Tells whether a file exists (sockets, a client certificate).
    pub exists: &'a dyn Fn(&Path) -> bool,
    /// Reads a file (service files, the password file).
    pub read: &'a dyn Fn(&Path) -> io::Result<LocalFile>,
    /// The operating system's user.
    pub os_user: Option<&'a str>,
    /// Its home directory, for `~/.postgresql`, `~/.pgpass` and `~/.pg_service.conf`.
    pub home: Option<&'a Path>,
    /// Where servers put their sockets, the likeliest first.
    pub socket_directories: &'a [PathBuf],
}
