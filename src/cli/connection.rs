//! From flags and environment to a database and the adapters. The one place that reads the
//! environment.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use clap::Args;

use super::failure::Failure;
use super::way::{SaidOfServer, ServerArgs, Way};
use crate::adapter::{Adapter, Choice, builtin, load};
use crate::config::{self, Config, Target};
use crate::db::conninfo::{Parameters, Settings, Surroundings};
use crate::db::local_file::LocalFile;
use crate::db::{Database, Interrupt, Said, Warnings, parse_limit};
use crate::ops::{Context, Policy, Scope};

/// Variables that hold a whole connection string, the strongest first.
const VARIABLES: [&str; 3] = [
    "BREAKGLASS_DATABASE_URL",
    "DATABASE_URL",
    "CODER_PG_CONNECTION_URL",
];

/// Names the configuration file.
const CONFIG: &str = "BREAKGLASS_CONFIG";

const SOCKET_DIRECTORIES: [&str; 3] = ["/var/run/postgresql", "/run/postgresql", "/tmp"];

/// The target, where no flag names one.
const TARGET: &str = "BREAKGLASS_TARGET";

/// The server, where no flag names one or a database.
const SERVER: &str = "BREAKGLASS_SERVER";

/// The server's bearer token.
const TOKEN: &str = "BREAKGLASS_TOKEN";

#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct Connecting {
    /// A target of the configuration file, see `breakglass targets ls`; else `BREAKGLASS_TARGET`
    #[arg(long, value_name = "NAME", global = true)]
    target: Option<String>,
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
    /// How long one server may take until it can be asked [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = parse_limit, global = true)]
    connect_timeout: Option<Duration>,
    /// How long to wait for a lock [default: 5s]
    #[arg(long, value_name = "DURATION", value_parser = parse_limit, global = true)]
    lock_timeout: Option<Duration>,
    /// How long a statement may run [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = parse_limit, global = true)]
    statement_timeout: Option<Duration>,
    /// How long the server lets a transaction of ours sit idle [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = parse_limit, global = true)]
    idle_in_transaction_timeout: Option<Duration>,
    /// How long to look for the outcome of a COMMIT whose answer was lost [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = parse_limit, global = true)]
    resolve_timeout: Option<Duration>,
    #[command(flatten)]
    server: ServerArgs,
    /// What the operator should know of the connections.
    #[arg(skip)]
    warnings: Warnings,
}

/// What was said of the database, and by whom.
struct Chosen {
    /// The target, if one is used.
    target: Option<Target>,
    /// The connection string; `None` leaves everything to the `PG*` variables.
    database: Option<String>,
    /// What else named one and is not used.
    instead_of: Vec<String>,
}

impl Connecting {
    /// Where a command works: a database, or a server. Connects to nothing yet, and runs nothing.
    pub(super) fn way(&self, interrupt: &Interrupt) -> Result<Way, Failure> {
        let Some(server) = self.server() else {
            return match self.server.given() {
                None => Ok(Way::Here(Box::new(self.context(interrupt)?))),
                Some(flag) => Err(Failure::usage(
                    format!("{flag} goes with a server, and none is named"),
                    "add `--server URL`",
                )),
            };
        };
        self.only_server()?;
        let said = SaidOfServer {
            server,
            token: variable(TOKEN),
            connect_timeout: self.connect_timeout,
        };
        Way::there(said, &self.server, interrupt)
    }

    /// The server, if one is meant. A flag has more say than a variable.
    fn server(&self) -> Option<String> {
        let by_flag = self.database_url.is_some() || self.target.is_some();
        let by_variable = || variable(SERVER).filter(|_| !by_flag);
        self.server.server.clone().or_else(by_variable)
    }

    /// Refuses flags about a database, which is the server's own matter.
    fn only_server(&self) -> Result<(), Failure> {
        let given = [
            ("--database-url", self.database_url.is_some()),
            ("--target", self.target.is_some()),
            ("--adapter", self.adapter.is_some()),
            ("--adapter-file", self.adapter_file.is_some()),
            ("--schema", self.schema.is_some()),
            ("--lock-timeout", self.lock_timeout.is_some()),
            ("--statement-timeout", self.statement_timeout.is_some()),
            (
                "--idle-in-transaction-timeout",
                self.idle_in_transaction_timeout.is_some(),
            ),
            ("--resolve-timeout", self.resolve_timeout.is_some()),
        ];
        let given = given.iter().find(|(_, is_given)| *is_given);
        let Some((flag, _)) = given else {
            return Ok(());
        };
        let server = match &self.server.server {
            Some(_) => "--server",
            None => SERVER,
        };
        Err(Failure::usage(
            format!("{flag} is about a database, and {server} names a server that has its own"),
            "leave one of them out",
        ))
    }

    /// The context of an operation at a database. Connects to nothing yet, and runs nothing.
    pub(super) fn context(&self, interrupt: &Interrupt) -> Result<Context, Failure> {
        if let Some(flag) = self.server.given() {
            return Err(Failure::usage(
                format!("{flag} does not go with this command, which needs the database itself"),
                "leave it out, and name the database with `-d URL` or a variable",
            ));
        }
        let Chosen {
            target,
            database,
            instead_of,
        } = self.choose()?;
        let said = target.as_ref().map(|target| target.limits);
        let said = self.said().or(said.unwrap_or_default());
        let mut settings = self.settings(database.as_deref())?;
        // Zero is libpq's word for ever, and nothing here waits for ever.
        let given = settings.connect_timeout.filter(|limit| !limit.is_zero());
        settings.connect_timeout = said.connect.or(given);
        let (adapters, choice) = self.adapters(target.as_ref())?;
        let (policy, password_command) = target.map_or_else(Default::default, |target| {
            (target.policy, target.password_command)
        });
        let database = Database::new(settings, said.limits(), interrupt.clone())
            .with_warnings(self.warnings.clone())
            .with_password_command(password_command)
            .pinned_to(policy.system_identifier.clone());
        Ok(Context {
            database,
            adapters,
            choice,
            policy: Policy {
                instead_of,
                ..policy
            },
            scope: Scope::default(),
            detected: None,
        })
    }

    /// The flags' limits.
    fn said(&self) -> Said {
        Said {
            connect: self.connect_timeout,
            lock: self.lock_timeout,
            statement: self.statement_timeout,
            idle_in_transaction: self.idle_in_transaction_timeout,
            resolve: self.resolve_timeout,
        }
    }

    /// A flag has more say than a variable, and a target more than a connection string.
    fn choose(&self) -> Result<Chosen, Failure> {
        if self.target.is_some() && self.database_url.is_some() {
            return Err(Failure::usage(
                "--target and --database-url both say where the database is",
                "leave one of them out",
            ));
        }
        let by_variable = || variable(TARGET).filter(|_| self.database_url.is_none());
        let Some(name) = self.target.clone().or_else(by_variable) else {
            let ignored = self.database_url.is_some() && variable(TARGET).is_some();
            return Ok(Chosen {
                target: None,
                database: self.given(),
                instead_of: ignored.then(|| TARGET.to_owned()).into_iter().collect(),
            });
        };
        if name.trim().is_empty() {
            return Err(Failure::usage(
                "--target is empty",
                "a variable may be unset; see `breakglass targets ls`",
            ));
        }
        let target = Config::load(&config_path()?)?.target(&name)?.clone();
        let ignored = VARIABLES.iter().filter(|name| variable(name).is_some());
        Ok(Chosen {
            database: Some(target.database.clone()),
            target: Some(target),
            instead_of: ignored.map(|name| (*name).to_owned()).collect(),
        })
    }

    fn adapters(&self, target: Option<&Target>) -> Result<(Vec<Adapter>, Choice), Failure> {
        let mut adapters = builtin()?;
        // A file on the command line stands for both of the target's.
        let target_file = target.and_then(|target| target.adapter_file.as_ref());
        let target_adapter = target
            .filter(|_| self.adapter_file.is_none())
            .and_then(|target| target.adapter.clone());
        let target_schema = target.and_then(|target| target.schema.clone());
        let mut choice = Choice {
            adapter: self.adapter.clone().or(target_adapter),
            schema: self.schema.clone().or(target_schema),
        };
        if let Some(path) = self.adapter_file.as_ref().or(target_file) {
            let adapter = load(path)?;
            // A file that is named is meant, unless --adapter says otherwise.
            choice.adapter.get_or_insert_with(|| adapter.name.clone());
            adapters.retain(|known| known.name != adapter.name);
            adapters.push(adapter);
        }
        Ok((adapters, choice))
    }

    /// Where what the operator should know of the connections arrives.
    pub(super) fn warnings(&self) -> Warnings {
        self.warnings.clone()
    }

    /// Whether anything says where a database is; without it libpq's defaults would be tried.
    pub(super) fn names_a_database(&self) -> bool {
        self.server().is_some()
            || self.target.is_some()
            || variable(TARGET).is_some()
            || self.given().is_some()
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

    fn settings(&self, database: Option<&str>) -> Result<Settings, Failure> {
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
        let given = match database {
            Some(text) => Parameters::parse(text)?,
            None => Parameters::default(),
        };
        let os_user = os_user();
        let home = home();
        let around = Surroundings {
            variable: &variable,
            exists: &|path: &Path| path.exists(),
            read: &LocalFile::read,
            os_user: os_user.as_deref(),
            home: home.as_deref(),
            socket_directories: &SOCKET_DIRECTORIES.map(PathBuf::from),
        };
        Ok(Settings::resolve(given, &around)?)
    }
}

/// The configuration file; an empty one where none was named and there is none.
pub(super) fn configuration() -> Result<(Config, PathBuf), Failure> {
    let path = config_path()?;
    match Config::load(&path) {
        Err(config::Error::Missing(_)) if variable(CONFIG).is_none() => {
            Ok((Config::default(), path))
        }
        loaded => Ok((loaded?, path)),
    }
}

/// Where the configuration file is: `BREAKGLASS_CONFIG`, else below the XDG directory.
fn config_path() -> Result<PathBuf, Failure> {
    if let Some(path) = variable(CONFIG) {
        return Ok(PathBuf::from(path));
    }
    // By its rules a relative directory is to be ignored.
    let xdg = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let xdg = xdg.filter(|directory| directory.is_absolute());
    let home = || variable("HOME").map(|home| Path::new(&home).join(".config"));
    let directory = xdg.or_else(home).ok_or_else(|| {
        Failure::usage(
            "there is no home directory to look for the configuration file in",
            "name the file with BREAKGLASS_CONFIG",
        )
    })?;
    Ok(directory.join("breakglass/config.toml"))
}

/// Whether the operator wants colours (<https://no-color.org>) and the terminal has them.
pub(super) fn wants_colours() -> bool {
    variable("NO_COLOR").is_none() && variable("TERM").is_some_and(|terminal| terminal != "dumb")
}

/// A variable of the environment; an empty one counts as unset.
#[expect(clippy::disallowed_methods, reason = "the environment is read here")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The operating system's user, by the owner of this process rather than by what a variable says.
fn os_user() -> Option<String> {
    let by_uid = account().and_then(|fields| fields.into_iter().next());
    by_uid
        .or_else(|| variable("USER"))
        .or_else(|| variable("LOGNAME"))
}

/// The home directory; as libpq, the account's where no variable says one.
fn home() -> Option<PathBuf> {
    let by_uid = || account().and_then(|fields| fields.into_iter().nth(5));
    let home = variable("HOME").or_else(by_uid);
    home.filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The line of `/etc/passwd` for the owner of this process, read once: without core dumps the files
/// under `/proc/self` belong to root.
fn account() -> Option<Vec<String>> {
    static ACCOUNT: OnceLock<Option<Vec<String>>> = OnceLock::new();
    ACCOUNT.get_or_init(read_account).clone()
}

fn read_account() -> Option<Vec<String>> {
    use std::os::unix::fs::MetadataExt as _;
    let uid = std::fs::metadata("/proc/self").ok()?.uid();
    let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
    accounts.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').map(str::to_owned).collect();
        (fields.get(2)?.parse::<u32>().ok()? == uid).then_some(fields)
    })
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
