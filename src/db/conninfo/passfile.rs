//! The password file: `~/.pgpass`, or what `passfile` names.
//!
//! The rules are those of libpq's `passwordFromFile`: a line is
//! `host:port:database:user:password`, where a field of `*` fits all and a backslash takes the
//! character behind it as it is. The first line that fits a server is its. A file that others may
//! read is not used, and the operator is told.

use std::path::{Path, PathBuf};

use super::parameters::Parameters;
use super::secret::Secret;
use super::server::Server;
use super::surroundings::Surroundings;

/// What the group and everybody else may do with a file.
const OTHERS: u32 = 0o077;

/// The passwords that a file has for the servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordFile {
    path: PathBuf,
    passwords: Vec<(Server, Secret)>,
    warnings: Vec<String>,
}

impl PasswordFile {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with it, for the operator.
    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The password for a server, where the file has one.
    #[must_use]
    pub fn password(&self, server: &Server) -> Option<&Secret> {
        let mut passwords = self.passwords.iter();
        passwords
            .find(|(known, _)| known == server)
            .map(|(_, password)| password)
    }
}

/// What a login is looked up by, beside its server.
pub(super) struct Login<'l> {
    pub(super) dbname: &'l str,
    pub(super) user: &'l str,
}

/// Looks the servers' passwords up; `names` has, for each of them, its name in the file.
pub(super) fn look_up(
    parameters: &Parameters,
    around: &Surroundings<'_>,
    (servers, names): (&[Server], &[String]),
    login: &Login<'_>,
) -> Option<PasswordFile> {
    let given = parameters.get("passfile").filter(|path| !path.is_empty());
    let at_home = || around.home.map(|home| home.join(".pgpass"));
    let path = given.map(PathBuf::from).or_else(at_home)?;
    // As libpq: a file that cannot be read is as good as none.
    let file = (around.read)(&path).ok()?;
    let mut passwords = Vec::new();
    let mut warnings = Vec::new();
    if let Some(warning) = unfit(&path, file.is_plain, file.mode) {
        warnings.push(warning);
        return Some(PasswordFile {
            path,
            passwords,
            warnings,
        });
    }
    for (server, name) in servers.iter().zip(names) {
        let port = server.port.to_string();
        let fields = [name.as_str(), &port, login.dbname, login.user];
        match find(&file.content, fields) {
            Found::Password(password) => passwords.push((server.clone(), password)),
            Found::Unreadable(line) => warnings.push(format!(
                "the password in line {line} of password file `{}` is not UTF-8 and is not used",
                path.display()
            )),
            Found::Nothing => {}
        }
    }
    Some(PasswordFile {
        path,
        passwords,
        warnings,
    })
}

/// Why a file is not to be used.
fn unfit(path: &Path, is_plain: bool, mode: u32) -> Option<String> {
    let path = path.display();
    if !is_plain {
        return Some(format!(
            "password file `{path}` is not a plain file and is not used"
        ));
    }
    (mode & OTHERS != 0).then(|| {
        format!(
            "password file `{path}` has group or world access and is not used; its permissions \
             should be u=rw (0600) or less: chmod 600 {path}"
        )
    })
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Password(Secret),
    /// The number of the line.
    Unreadable(usize),
    Nothing,
}

/// The password in the first line whose four fields fit.
pub(super) fn find(content: &[u8], fields: [&str; 4]) -> Found {
    for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
        let end = line.iter().rposition(|byte| *byte != b'\r');
        let line = end.and_then(|end| line.get(..=end)).unwrap_or_default();
        if line.starts_with(b"#") {
            continue;
        }
        let rest = fields
            .iter()
            .try_fold(line, |rest, field| after_field(rest, field.as_bytes()));
        if let Some(rest) = rest {
            return match String::from_utf8(unescaped(rest)) {
                Ok(password) => Found::Password(Secret::new(password)),
                Err(_bytes) => Found::Unreadable(index + 1),
            };
        }
    }
    Found::Nothing
}

/// What comes behind a field, where the field fits.
fn after_field<'l>(line: &'l [u8], wanted: &[u8]) -> Option<&'l [u8]> {
    if let Some(rest) = line.strip_prefix(b"*:") {
        return Some(rest);
    }
    let mut rest = line;
    let mut wanted = wanted.iter();
    loop {
        let (&byte, behind) = rest.split_first()?;
        if byte == b':' && wanted.as_slice().is_empty() {
            return Some(behind);
        }
        let (&byte, behind) = if byte == b'\\' {
            behind.split_first()?
        } else {
            (&byte, behind)
        };
        if wanted.next() != Some(&byte) {
            return None;
        }
        rest = behind;
    }
}

/// The last field: up to a colon, with the backslashes taken away.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut password = Vec::new();
    let mut bytes = field.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b':' => break,
            // One at the very end stands for itself.
            b'\\' => password.push(bytes.next().unwrap_or(byte)),
            byte => password.push(byte),
        }
    }
    password
}
