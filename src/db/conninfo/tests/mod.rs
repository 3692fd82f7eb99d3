//! Connection strings and what they come to. The expectations of `strings` are libpq 15's own
//! (`PQconninfoParse`), but for the differences that `errors` names.

mod environment;
mod errors;
mod properties;
mod strings;

use std::path::{Path, PathBuf};

use super::{ConninfoError, Parameters, Settings, Surroundings};

/// A machine with a user `ada`, a home, these variables and these sockets.
fn resolve_on(
    text: &str,
    variables: &[(&str, &str)],
    sockets: &[&str],
) -> Result<Settings, ConninfoError> {
    let variable = |name: &str| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let exists = |path: &Path| sockets.iter().any(|socket| Path::new(socket) == path);
    let socket_directories = ["/var/run/postgresql", "/run/postgresql", "/tmp"].map(PathBuf::from);
    let around = Surroundings {
        variable: &variable,
        exists: &exists,
        os_user: Some("ada"),
        home: Some(Path::new("/home/ada")),
        socket_directories: &socket_directories,
    };
    Settings::resolve(Parameters::parse(text)?, &around)
}

fn resolve(text: &str) -> Settings {
    resolve_on(text, &[], &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn error(text: &str) -> String {
    resolve_on(text, &[], &[]).expect_err(text).to_string()
}
