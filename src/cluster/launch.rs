//! The cluster itself: initdb, start, kill, start again, gone.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::place::{Account, Home};
use super::supervisor::{Attempt, Supervisor};
use super::{Binaries, Error, SUPERUSER};

/// The port of a cluster without TCP: it only names the socket.
const PORT: u16 = 5432;

/// From the start of a server to its first connection, crash recovery included.
const START: Duration = Duration::from_mins(1);

/// How long the backends of a killed server may hold its shared memory, busy in a query.
const OLD_BACKENDS: Duration = Duration::from_mins(1);

/// What a cluster has that is not the default.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Settings for `postgresql.conf`, name and plain value; the last of a name counts. They come
    /// after the launcher's own (`fsync = off`, …), and `ALTER SYSTEM` overrides both.
    pub settings: Vec<(String, String)>,
    /// A TCP port on 127.0.0.1, beside the unix socket. None: no TCP.
    pub listen: Option<u16>,
    /// The text of `pg_hba.conf`. None: trust on the unix socket, whose directory only the server's
    /// account and root can enter, and on TCP a password, which no role has until one is set.
    pub hba: Option<String>,
    /// The directory under which the cluster's own is made. None: /dev/shm where that is writable
    /// and has 200 MB free, else the directory for temporary files.
    pub directory: Option<PathBuf>,
}

/// A shell and the directory it guards, with a data directory in it and no server yet.
#[derive(Debug)]
struct Prepared {
    /// First, so that it is dropped first: the shell removes what `home` would miss.
    supervisor: Supervisor,
    home: Home,
}

/// Where a data directory comes from.
#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    Initdb,
    Copy(&'a Template),
    /// A running primary, which it will follow.
    Backup(&'a Cluster),
}

impl Source<'_> {
    /// What is done, and the supervisor's command for it.
    fn command(self) -> (&'static str, String) {
        match self {
            Self::Initdb => ("initdb", "initdb".to_owned()),
            Self::Copy(template) => {
                let data = template.prepared.data_directory();
                ("copying the template", format!("copy {}", data.display()))
            }
            Self::Backup(primary) => {
                let sockets = primary.socket_directory().display();
                (
                    "pg_basebackup",
                    format!("backup {sockets} {}", primary.port),
                )
            }
        }
    }
}

impl Prepared {
    fn new(binaries: &Binaries, options: &Options, source: Source<'_>) -> Result<Self, Error> {
        let account = Account::current()?;
        let home = Home::create(account, options.directory.as_deref())?;
        let hba = options
            .hba
            .clone()
            .unwrap_or_else(|| default_hba(options.listen));
        home.write(
            account,
            "postgresql.conf",
            &configuration(home.path(), options)?,
        )?;
        home.write(account, "pg_hba.conf", &hba)?;
        home.hand_over(account)?;
        let supervisor = Supervisor::spawn(account, &home, binaries.directory())?;
        let (step, command) = source.command();
        let code = supervisor.prepare(&command)?;
        if code != 0 {
            let log = home.log_tail(0);
            return Err(Error::Failed {
                step,
                outcome: format!("ended with status {code}"),
                log,
            });
        }
        Ok(Self { supervisor, home })
    }

    fn data_directory(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Starts the server and returns its pid, trying again while the backends of a killed one
    /// still hold the shared memory block that guards this data directory.
    fn start(&self) -> Result<u32, Error> {
        let pid_file = self.data_directory().join("postmaster.pid");
        let deadline = Instant::now() + OLD_BACKENDS;
        loop {
            let before = self.home.log_bytes();
            let attempt = self
                .supervisor
                .start(START, |pid| is_ready(&pid_file, pid))?;
            let log = self.home.log_tail(before);
            let (outcome, may_try_again) = match attempt {
                Attempt::Ready { pid } => return Ok(pid),
                Attempt::Ended(code) => (format!("ended with status {code}"), true),
                Attempt::TooSlow => (format!("not ready in {} s", START.as_secs()), false),
            };
            let old_backends = log.contains("pre-existing shared memory block");
            if !(may_try_again && old_backends && Instant::now() < deadline) {
                return Err(Error::Failed {
                    step: "postgres",
                    outcome,
                    log,
                });
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// An initdb'ed data directory to start clusters from, without a server of its own.
///
/// A further cluster then costs a copy and a start, a sixth of what initdb costs. It lives as long
/// as the value, or as this process: good in a `static`, which is never dropped.
#[derive(Debug)]
pub struct Template {
    prepared: Prepared,
    binaries: Binaries,
}

impl Template {
    /// Runs initdb.
    pub fn new(binaries: &Binaries) -> Result<Self, Error> {
        let prepared = Prepared::new(binaries, &Options::default(), Source::Initdb)?;
        Ok(Self {
            prepared,
            binaries: binaries.clone(),
        })
    }

    /// Starts a cluster of its own on a copy.
    pub fn start(&self, options: &Options) -> Result<Cluster, Error> {
        let prepared = Prepared::new(&self.binaries, options, Source::Copy(self))?;
        Cluster::run(prepared, &self.binaries, options)
    }
}

/// A running throw-away Postgres; its server, data and socket are gone with the value or with this
/// process, whichever goes first and however it goes.
///
/// Only the SIGKILL of the shell in front of it (not of this process) leaves it behind; the next
/// cluster started in the same place then removes the directory as soon as nothing uses it.
#[derive(Debug)]
pub struct Cluster {
    prepared: Prepared,
    binaries: Binaries,
    port: u16,
    pid: u32,
}

impl Cluster {
    /// Makes a cluster with UTF8, locale C and the superuser [`SUPERUSER`], and starts it.
    ///
    /// It does not survive a crash of the machine (`fsync = off`), but every crash of the server.
    /// Started by root it runs as `nobody`, because Postgres refuses to run as root.
    pub fn start(binaries: &Binaries, options: &Options) -> Result<Self, Error> {
        let prepared = Prepared::new(binaries, options, Source::Initdb)?;
        Self::run(prepared, binaries, options)
    }

    /// Starts a streaming standby of this cluster on a backup of it (`pg_basebackup`, by the unix
    /// socket). It needs settings that allow at least what the primary's allow, `max_connections`
    /// above all. `pg_promote()` makes it a primary of its own.
    pub fn standby(&self, options: &Options) -> Result<Self, Error> {
        let prepared = Prepared::new(&self.binaries, options, Source::Backup(self))?;
        Self::run(prepared, &self.binaries, options)
    }

    fn run(prepared: Prepared, binaries: &Binaries, options: &Options) -> Result<Self, Error> {
        let pid = prepared.start()?;
        let port = options.listen.unwrap_or(PORT);
        Ok(Self {
            prepared,
            binaries: binaries.clone(),
            port,
            pid,
        })
    }

    /// A connection string (keywords, as libpq reads them) for the superuser, by the unix socket.
    #[must_use]
    pub fn conninfo(&self, database: &str) -> String {
        let host = self.socket_directory().display();
        let port = self.port;
        format!(
            "host={host} port={port} user={SUPERUSER} dbname={}",
            quoted_word(database)
        )
    }

    /// The directory of the unix socket; only the server's account and root can enter it.
    #[must_use]
    pub fn socket_directory(&self) -> &Path {
        self.prepared.home.path()
    }

    /// The data directory. `postgresql.conf`, `pg_hba.conf` and the log are not in it but beside.
    #[must_use]
    pub fn data_directory(&self) -> PathBuf {
        self.prepared.data_directory()
    }

    /// The server's log.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.prepared.home.path().join("log")
    }

    /// The port: that of TCP if there is one, and part of the socket's name in any case.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The binaries it runs from.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The process id of the postmaster, as of the last start.
    #[must_use]
    pub fn postmaster_pid(&self) -> u32 {
        self.pid
    }

    /// Kills the postmaster with SIGKILL, for tests of faults; returns when it is dead.
    ///
    /// Backends are not killed: an idle one ends at once, one busy in a query ends with it, and may
    /// still commit before it does.
    pub fn kill(&self) -> Result<(), Error> {
        self.prepared.supervisor.kill()
    }

    /// Stops the server as a crash would (immediate shutdown), for tests of faults: no backend
    /// finishes what it is at, and no client is answered. Returns when the postmaster is gone.
    pub fn crash(&self) -> Result<(), Error> {
        self.prepared.supervisor.crash()
    }

    /// Starts the server again on the same data and the same socket, after a [`Cluster::kill`] or
    /// a crash; one that runs is stopped first. Waits up to a minute for old backends to end (which
    /// before version 15 can take 20 s: an autovacuum launcher killed young waits for statistics).
    pub fn restart(&mut self) -> Result<(), Error> {
        self.prepared.supervisor.stop()?;
        self.pid = self.prepared.start()?;
        Ok(())
    }

    /// Stops the server (fast), removes the directory and returns when both are gone.
    pub fn stop(mut self) -> Result<(), Error> {
        self.prepared.supervisor.stop()?;
        self.prepared.supervisor.close()
    }
}

/// The postmaster says in its pid file whose it is (first line) and how far it is (eighth).
///
/// Neither the log will do for this, which settings can silence, nor the socket, which answers
/// before the server is ready.
fn is_ready(pid_file: &Path, pid: u32) -> bool {
    // A file of another account: a fifo in its place would hold us for ever.
    if !fs::symlink_metadata(pid_file).is_ok_and(|found| found.is_file()) {
        return false;
    }
    let text = fs::read_to_string(pid_file).unwrap_or_default();
    let mut lines = text.lines();
    let owner = lines.next().and_then(|line| line.trim().parse().ok());
    owner == Some(pid) && lines.nth(6).is_some_and(|status| status.trim() == "ready")
}

fn default_hba(listen: Option<u16>) -> String {
    let mut hba = "local all all trust\nlocal replication all trust\n".to_owned();
    if listen.is_some() {
        hba.push_str("host all all 127.0.0.1/32 scram-sha-256\n");
    }
    hba
}

/// The text of `postgresql.conf`; the one in the data directory is not read.
fn configuration(home: &Path, options: &Options) -> Result<String, Error> {
    let port = options.listen.unwrap_or(PORT).to_string();
    let home = home.display().to_string();
    let own = [
        ("unix_socket_directories", home.as_str()),
        (
            "listen_addresses",
            if options.listen.is_some() {
                "127.0.0.1"
            } else {
                ""
            },
        ),
        ("port", port.as_str()),
        ("cluster_name", "breakglass"),
        ("max_connections", "100"),
        ("shared_buffers", "16MB"),
        ("huge_pages", "off"),
        // In the data directory: segments in /dev/shm would outlive a killed server.
        ("dynamic_shared_memory_type", "mmap"),
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("synchronous_commit", "on"),
        // initdb's choice for its small WAL segments would make a checkpoint every 64 MB.
        ("max_wal_size", "256MB"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("lc_messages", "C"),
    ];
    let mut lines = Vec::new();
    let theirs = options
        .settings
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in own.into_iter().chain(theirs) {
        if name.is_empty()
            || !name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.".contains(&b))
        {
            let reason = "a name is made of letters, digits, `_` and `.`";
            return Err(Error::Setting {
                name: name.to_owned(),
                reason,
            });
        }
        if value.chars().any(char::is_control) {
            let reason = "its value contains a control character";
            return Err(Error::Setting {
                name: name.to_owned(),
                reason,
            });
        }
        let value = value.replace('\\', "\\\\").replace('\'', "''");
        lines.push(format!("{name} = '{value}'\n"));
    }
    Ok(lines.concat())
}

/// Quotes a value of a connection string unless it is a plain word.
fn quoted_word(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./".contains(&b);
    if !value.is_empty() && value.bytes().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}
