//! What the machine has to say.

use std::path::{Path, PathBuf};

/// What the machine has to say; asked for here, so that nothing below touches it.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Reads an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Tells whether a file exists (asked for sockets only).
    pub exists: &'a dyn Fn(&Path) -> bool,
    /// The operating system's user.
    pub os_user: Option<&'a str>,
    /// Its home directory, for `~/.postgresql/root.crt`.
    pub home: Option<&'a Path>,
    /// Where servers put their sockets, the likeliest first.
    pub socket_directories: &'a [PathBuf],
}
