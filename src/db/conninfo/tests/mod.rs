//! Connection strings and what they come to. The expectations of `strings` are libpq 15's own
//! (`PQconninfoParse`), but for the differences that `errors` names.

mod environment;
mod errors;
mod files;
mod passfile;
mod properties;
mod readme;
mod service;
mod strings;

use std::io;
use std::path::{Path, PathBuf};

use super::{ConninfoError, Parameters, Settings, Surroundings};
use crate::db::local_file::LocalFile;

/// A machine with a user `ada`, a home, these variables and these sockets.
fn resolve_on(
    text: &str,
    variables: &[(&str, &str)],
    sockets: &[&str],
) -> Result<Settings, ConninfoError> {
    resolve_with(
        text,
        variables,
        &sockets
            .iter()
            .map(|path| (*path, private("")))
            .collect::<Vec<_>>(),
    )
}

/// The same, with files; their owner alone may read them.
fn resolve_with(
    text: &str,
    variables: &[(&str, &str)],
    files: &[(&str, LocalFile)],
) -> Result<Settings, ConninfoError> {
    let variable = |name: &str| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let at = |path: &Path| files.iter().find(|(known, _)| Path::new(known) == path);
    let exists = |path: &Path| at(path).is_some();
    let read = |path: &Path| match at(path) {
        Some((_, file)) => Ok(file.clone()),
        None => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let socket_directories = ["/var/run/postgresql", "/run/postgresql", "/tmp"].map(PathBuf::from);
    let around = Surroundings {
        variable: &variable,
        exists: &exists,
        read: &read,
        os_user: Some("ada"),
        home: Some(Path::new("/home/ada")),
        socket_directories: &socket_directories,
    };
    Settings::resolve(Parameters::parse(text)?, &around)
}

/// A file that its owner alone may read.
fn private(content: &str) -> LocalFile {
    LocalFile {
        content: content.as_bytes().to_vec(),
        is_plain: true,
        mode: 0o600,
        owner: 1000,
    }
}

fn resolve(text: &str) -> Settings {
    resolve_on(text, &[], &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn error(text: &str) -> String {
    resolve_on(text, &[], &[]).expect_err(text).to_string()
}
