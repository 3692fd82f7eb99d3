//! A service: parameters that a file gives under a name.
//!
//! The rules are those of libpq's `parseServiceInfo`: the user's file first, then the system's; of
//! one service the first section counts, and in it the first value of a keyword. No blanks around
//! the equals sign, no quotes, no comments behind a value.

use std::io;
use std::path::{Path, PathBuf};

use super::error::{ConninfoError, Origin};
use super::parameters::Parameters;
use super::surroundings::Surroundings;

/// Where Debian's libpq looks; other builds have their own, which `PGSYSCONFDIR` names.
const SYSTEM_DIRECTORY: &str = "/etc/postgresql-common";

/// Reads the service that was asked for, as far as `given` leaves room.
pub(super) fn parameters(
    given: &Parameters,
    around: &Surroundings<'_>,
) -> Result<Parameters, ConninfoError> {
    let named = given.get("service").map(str::to_owned);
    let Some(service) = named.or_else(|| (around.variable)("PGSERVICE")) else {
        return Ok(Parameters::default());
    };
    let mut files = Vec::new();
    for (path, may_be_missing) in places(given, around) {
        let content = match (around.read)(&path) {
            Ok(file) if file.is_plain => file.content,
            Ok(_) => {
                let problem = "it is not a plain file".to_owned();
                return Err(ConninfoError::ServiceFile { path, problem });
            }
            Err(error) if may_be_missing && is_missing(&error) => Vec::new(),
            Err(error) => {
                let problem = error.kind().to_string();
                return Err(ConninfoError::ServiceFile { path, problem });
            }
        };
        let file = ServiceFile { path, content };
        if let Some(parameters) = file.section(&service, given)? {
            return Ok(parameters);
        }
        files.push(file.path);
    }
    Err(ConninfoError::NoService { service, files })
}

/// Where to look, in this order; a file that was named must be there.
fn places(given: &Parameters, around: &Surroundings<'_>) -> Vec<(PathBuf, bool)> {
    let named = given.get("servicefile").filter(|path| !path.is_empty());
    let users = named
        .map(str::to_owned)
        .or_else(|| (around.variable)("PGSERVICEFILE"))
        .map(|path| (PathBuf::from(path), false));
    let at_home = || {
        let home = around.home?;
        Some((home.join(".pg_service.conf"), true))
    };
    let directory = (around.variable)("PGSYSCONFDIR");
    let directory = directory.unwrap_or_else(|| SYSTEM_DIRECTORY.to_owned());
    let systems = (Path::new(&directory).join("pg_service.conf"), true);
    users
        .or_else(at_home)
        .into_iter()
        .chain([systems])
        .collect()
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

struct ServiceFile {
    path: PathBuf,
    content: Vec<u8>,
}

impl ServiceFile {
    /// What it says of a service; `None` where it does not know it.
    fn section(
        &self,
        service: &str,
        given: &Parameters,
    ) -> Result<Option<Parameters>, ConninfoError> {
        let mut found = None;
        for (index, line) in self.content.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            match (&mut found, line.strip_prefix(b"[")) {
                (Some(_), Some(_)) => break,
                (None, Some(header)) if is_of(header, service) => {
                    found = Some(Parameters::default());
                }
                (Some(parameters), None) => self.add(parameters, (line, index + 1), given)?,
                (None, _) => {}
            }
        }
        Ok(found)
    }

    fn add(
        &self,
        parameters: &mut Parameters,
        (line, number): (&[u8], usize),
        given: &Parameters,
    ) -> Result<(), ConninfoError> {
        let error = |problem| ConninfoError::ServiceLine {
            path: self.path.clone(),
            line: number,
            problem,
        };
        let line = str::from_utf8(line).map_err(|_bytes| error("is not UTF-8"))?;
        if line.starts_with("ldap") {
            return Err(error("asks an LDAP server, which is not supported yet"));
        }
        let (keyword, value) = line
            .split_once('=')
            .ok_or_else(|| error("is not `keyword=value`"))?;
        if keyword == "service" || keyword == "servicefile" {
            return Err(error("names another service, and services do not nest"));
        }
        if given.get(keyword).is_some() || parameters.get(keyword).is_some() {
            return Ok(());
        }
        // As libpq: the old word for `sslmode` is known in connection strings only.
        let unknown = "has a keyword that is no connection parameter (no blank may be before `=`)";
        if keyword == "requiressl" {
            return Err(error(unknown));
        }
        let origin = |keyword| Origin::Service {
            keyword,
            path: self.path.clone(),
            line: number,
        };
        parameters
            .set_from(keyword, value, origin)
            .map_err(|refused| match refused {
                ConninfoError::Unknown(_) => error(unknown),
                other => other,
            })
    }
}

/// Tells whether a header, without its bracket, is this service's; libpq looks no further than to
/// the closing bracket.
fn is_of(header: &[u8], service: &str) -> bool {
    header
        .strip_prefix(service.as_bytes())
        .is_some_and(|rest| rest.starts_with(b"]"))
}
