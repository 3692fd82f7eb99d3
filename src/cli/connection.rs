//! From flags and environment to a database and the adapters. The one place that reads the
//! environment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::failure::Failure;
use crate::adapter::{Choice, builtin, load};
use crate::db::conninfo::{Parameters, Settings, Surroundings};
use crate::db::{Database, Interrupt, Limits};
use crate::ops::{Context, Policy};

/// Variables that hold a whole connection string, the strongest first.
const VARIABLES: [&str; 3] = [
    "BREAKGLASS_DATABASE_URL",
    "DATABASE_URL",
    "CODER_PG_CONNECTION_URL",
];

const SOCKET_DIRECTORIES: [&str; 3] = ["/var/run/postgresql", "/run/postgresql", "/tmp"];

#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct Connecting {
    /// Where the database is: a URL or a conninfo string; else `BREAKGLASS_DATABASE_URL`,
    /// `DATABASE_URL`, `CODER_PG_CONNECTION_URL`, and the PG* variables
    #[arg(short, long, value_name = "URL|CONNINFO", global = true)]
    database_url: Option<String>,
    /// The adapter to use, where more than one fits
    #[arg(long, value_name = "NAME", global = true)]
    adapter: Option<String>,
    /// An adapter for an in-house table
    #[arg(long, value_name = "FILE", global = true)]
    adapter_file: Option<PathBuf>,
    /// The schema of the application's tables, where more than one fits
    #[arg(long, value_name = "SCHEMA", global = true)]
    schema: Option<String>,
    /// How long to wait for a lock
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = humantime::parse_duration, global = true)]
    lock_timeout: Duration,
    /// How long a statement may run
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration, global = true)]
    statement_timeout: Duration,
    /// How long to look for the outcome of a COMMIT whose answer was lost
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration, global = true)]
    resolve_timeout: Duration,
}

impl Connecting {
    /// The context of an operation. Connects to nothing yet.
    pub(super) fn context(&self, interrupt: &Interrupt) -> Result<Context, Failure> {
        let limits = Limits {
            lock: self.lock_timeout,
            statement: self.statement_timeout.max(self.lock_timeout),
            resolve: self.resolve_timeout,
            ..Limits::default()
        };
        let mut adapters = builtin()?;
        let mut choice = Choice {
            adapter: self.adapter.clone(),
            schema: self.schema.clone(),
        };
        if let Some(path) = &self.adapter_file {
            let adapter = load(path)?;
            // A file that is named is meant, unless --adapter says otherwise.
            choice.adapter.get_or_insert_with(|| adapter.name.clone());
            adapters.retain(|known| known.name != adapter.name);
            adapters.push(adapter);
        }
        Ok(Context {
            database: Database::new(self.settings()?, limits, interrupt.clone()),
            adapters,
            choice,
            policy: Policy::default(),
        })
    }

    /// Whether anything says where a database is; without it libpq's defaults would be tried.
    pub(super) fn names_a_database(&self) -> bool {
        self.given().is_some()
            || ["PGHOST", "PGDATABASE", "PGSERVICE", "PGHOSTADDR"]
                .iter()
                .any(|name| variable(name).is_some())
    }

    /// A connection string with a password, given where `ps` shows it.
    pub(super) fn shows_password(&self) -> bool {
        let parsed = self.database_url.as_deref().map(Parameters::parse);
        matches!(parsed, Some(Ok(parameters)) if parameters.get("password").is_some())
    }

    fn given(&self) -> Option<String> {
        self.database_url
            .clone()
            .or_else(|| VARIABLES.iter().find_map(|name| variable(name)))
    }

    fn settings(&self) -> Result<Settings, Failure> {
        if self
            .database_url
            .as_deref()
            .is_some_and(|text| text.trim().is_empty())
        {
            return Err(Failure::usage(
                "--database-url is empty",
                "a variable may be unset; leave the flag out to use the environment",
            ));
        }
        let given = match self.given() {
            Some(text) => Parameters::parse(&text)?,
            None => Parameters::default(),
        };
        let os_user = os_user();
        let home = variable("HOME").map(PathBuf::from);
        let around = Surroundings {
            variable: &variable,
            exists: &|path: &Path| path.exists(),
            os_user: os_user.as_deref(),
            home: home.as_deref(),
            socket_directories: &SOCKET_DIRECTORIES.map(PathBuf::from),
        };
        Ok(Settings::resolve(given, &around)?)
    }
}

/// A variable of the environment; an empty one counts as unset.
#[expect(clippy::disallowed_methods, reason = "the environment is read here")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The operating system's user, by the owner of this process rather than by what a variable says.
fn os_user() -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let uid = std::fs::metadata("/proc/self")
        .ok()
        .map(|metadata| metadata.uid());
    let by_uid = uid.and_then(|uid| {
        let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
        accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse::<u32>().ok()? == uid).then(|| name.to_owned())
        })
    });
    by_uid
        .or_else(|| variable("USER"))
        .or_else(|| variable("LOGNAME"))
}

/// Who is told as the actor: behind sudo also the person who called it.
pub(super) fn actor() -> Option<String> {
    match (os_user(), variable("SUDO_USER")) {
        (Some(name), Some(caller)) if name == "root" => Some(format!("{caller} (sudo)")),
        (name, _) => name,
    }
}

/// This machine's name.
pub(super) fn host_name() -> Option<String> {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    kernel
        .map(|name| name.trim().to_owned())
        .or_else(|| variable("HOSTNAME"))
        .filter(|name| !name.is_empty())
}
