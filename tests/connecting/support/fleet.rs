//! The servers: one for each way to have TLS, all behind one process that ends with this one.
//!
//! A shell starts them and then waits for its standard input to close, which it does when the tests
//! end, however they end; it then stops the servers and removes the directory.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use breakglass::cluster::{Search, find};

use super::certificates;
use super::{block_on, connect};

/// `nobody`: PostgreSQL does not run as root.
const UNPRIVILEGED: u32 = 65534;

/// The servers: name, certificate (`-` for none), further settings.
const SERVERS: [(&str, &str, &str); 17] = [
    ("no-tls", "-", ""),
    ("own", "own", ""),
    ("own-tls12", "own", "ssl_max_protocol_version = 'TLSv1.2'"),
    ("signed", "signed", ""),
    ("named", "named", ""),
    ("version1", "version1", ""),
    (
        "version1-tls12",
        "version1",
        "ssl_max_protocol_version = 'TLSv1.2'",
    ),
    ("client", "client", ""),
    ("expired", "expired", ""),
    ("expired1", "expired1", ""),
    ("chain", "chain", ""),
    ("chain1", "chain1", ""),
    ("limited", "limited", ""),
    ("marked-as-ca", "marked-as-ca", ""),
    // No handshake succeeds: neither OpenSSL nor rustls still speaks it.
    (
        "broken",
        "own",
        "ssl_min_protocol_version = 'TLSv1'\nssl_max_protocol_version = 'TLSv1'",
    ),
    // These two, and a standby of the first, tell in their logs who came.
    ("primary", "signed", CLIENTS),
    ("second", "-", TALKATIVE),
];

/// A standby of `primary`, a copy of it with a port of its own.
const STANDBY: &str = "standby";

/// Asks for client certificates, and takes those of `ca`.
const CLIENTS: &str = concat!(
    "ssl_ca_file = 'ca.crt'\n",
    "log_connections = on\nlog_statement = all\nlog_line_prefix = '%p|%h|'\n",
    "hba_file = 'clients'\n"
);

const TALKATIVE: &str = concat!(
    "log_connections = on\nlog_statement = all\nlog_line_prefix = '%p|%h|'\n",
    "hba_file = 'plain'\n"
);

/// Who may log in at `primary` and `standby`; the first two lines are not for `second`.
const CLIENT_LOGINS: &str = "\
hostssl   cert_only  all   127.0.0.1/32 cert
hostssl   any_cert   all   127.0.0.1/32 trust clientcert=verify-ca
hostnossl cert_only  all   127.0.0.1/32 reject
hostnossl any_cert   all   127.0.0.1/32 reject
hostnossl only_tls   all   127.0.0.1/32 reject
hostssl   only_plain all   127.0.0.1/32 reject
hostssl   clerk      scram 127.0.0.1/32 scram-sha-256
hostnossl clerk      scram 127.0.0.1/32 trust
local     replication all  trust
local     all        scram scram-sha-256
local     all        all   trust
host      all        scram 127.0.0.1/32 scram-sha-256
host      all        all   127.0.0.1/32 trust
";

/// Who may log in, and how.
const LOGINS: &str = "\
local     all        all   trust
hostssl   only_tls   all   127.0.0.1/32 trust
hostnossl only_plain all   127.0.0.1/32 trust
host      postgres   scram 127.0.0.1/32 scram-sha-256
host      postgres   all   127.0.0.1/32 trust
host      read_only  all   127.0.0.1/32 trust
host      nowhere    all   127.0.0.1/32 trust
";

const PREPARE: [&str; 13] = [
    "create database only_tls",
    "create database only_plain",
    "create database read_only",
    "alter database read_only set default_transaction_read_only = on",
    "create role scram login password 'correct horse'",
    "create role crowded login connection limit 0",
    "create role root login superuser",
    "create role clerk login superuser",
    "create database root",
    "create database clerk",
    "create database shop",
    "create database cert_only",
    "create database any_cert",
];

/// The running servers.
pub(crate) struct Fleet {
    directory: PathBuf,
    ports: Vec<(&'static str, u16)>,
    /// Closed when this process ends.
    _lifeline: Mutex<(Child, ChildStdin)>,
}

/// Starts the servers once for all tests.
pub(crate) fn fleet() -> &'static Fleet {
    static FLEET: OnceLock<Fleet> = OnceLock::new();
    FLEET.get_or_init(Fleet::start)
}

/// Who uses the servers whose logs are read.
static LOGS: RwLock<()> = RwLock::new(());

/// Nobody else uses `primary`, `second` and `standby` until the value is gone.
pub(crate) fn alone_with_the_logs() -> RwLockWriteGuard<'static, ()> {
    LOGS.write().unwrap_or_else(PoisonError::into_inner)
}

/// Nobody reads the logs of `primary`, `second` and `standby` until the value is gone.
pub(crate) fn beside_the_logs() -> RwLockReadGuard<'static, ()> {
    LOGS.read().unwrap_or_else(PoisonError::into_inner)
}

impl Fleet {
    /// Where to reach a server.
    pub(crate) fn at(&self, server: &str) -> String {
        format!(
            "hostaddr=127.0.0.1 port={} user=postgres dbname=postgres",
            self.port(server)
        )
    }

    pub(crate) fn port(&self, server: &str) -> u16 {
        self.ports
            .iter()
            .find(|(name, _)| *name == server)
            .expect(server)
            .1
    }

    /// The socket's directory.
    pub(crate) fn sockets(&self) -> &Path {
        &self.directory
    }

    /// A file among the certificates.
    pub(crate) fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    fn start() -> Self {
        let program = binaries().join("pg_basebackup");
        assert!(
            program.is_file(),
            "there is no `{}`: apt-get install postgresql",
            program.display()
        );
        let directory = new_directory();
        certificates::make_all(&directory);
        let names = SERVERS.iter().map(|(name, ..)| *name).chain([STANDBY]);
        let ports: Vec<_> = names.zip(free_ports()).collect();
        for ((name, certificate, settings), (_, port)) in SERVERS.iter().zip(&ports) {
            let files = match *certificate {
                "-" => String::new(),
                name => {
                    format!("ssl = on\nssl_cert_file = '{name}.crt'\nssl_key_file = '{name}.key'")
                }
            };
            let settings = format!(
                "{files}\n{settings}\nport = {port}\nlisten_addresses = '127.0.0.1'\n\
                 unix_socket_directories = '{}'\nfsync = off\nmax_connections = 40\nshared_buffers = 16MB\n",
                directory.display()
            );
            fs::write(directory.join(format!("{name}.conf")), settings).unwrap();
        }
        let port = |wanted: &str| ports.iter().find(|(name, _)| *name == wanted).unwrap().1;
        let settings = format!("port = {}\n", port(STANDBY));
        fs::write(directory.join("standby.conf"), settings).unwrap();
        let plain: Vec<_> = CLIENT_LOGINS.lines().skip(2).collect();
        fs::write(directory.join("logins"), LOGINS).unwrap();
        fs::write(directory.join("clients"), CLIENT_LOGINS).unwrap();
        fs::write(directory.join("plain"), plain.join("\n") + "\n").unwrap();
        fs::write(directory.join("run"), script(&directory, port("primary"))).unwrap();
        give_away(&directory);
        let mut child = shell(&directory).spawn().unwrap();
        let lifeline = child.stdin.take().unwrap();
        let mut talk = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        talk.read_line(&mut line).unwrap();
        if line != "ready\n" {
            let mut rest = String::new();
            talk.read_to_string(&mut rest).unwrap();
            panic!("the servers did not start: {line}{rest}");
        }
        let fleet = Self {
            directory,
            ports,
            _lifeline: Mutex::new((child, lifeline)),
        };
        block_on(fleet.prepare());
        fleet
    }

    async fn prepare(&self) {
        for (name, port) in self.ports.iter().filter(|(name, _)| *name != STANDBY) {
            let host = self.directory.display();
            let session = connect(&format!("host={host} port={port} user=postgres")).await;
            let session = session.expect(name);
            for statement in PREPARE {
                session
                    .client
                    .execute_typed(statement, &[])
                    .await
                    .expect(statement);
            }
        }
        self.wait_for_standby().await;
    }

    /// Waits until the standby has all that was prepared.
    async fn wait_for_standby(&self) {
        let at = |server: &str| {
            let (host, port) = (self.directory.display(), self.port(server));
            format!("host={host} port={port} user=postgres")
        };
        let primary = connect(&at("primary")).await.unwrap();
        let written = primary.ask("select pg_current_wal_flush_lsn()::text").await;
        let standby = connect(&at(STANDBY)).await.unwrap();
        let question = format!("select (pg_last_wal_replay_lsn() >= '{written}'::pg_lsn)::text");
        for _ in 0..400 {
            if standby.ask(&question).await == "true" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the standby is not at {written}");
    }

    /// What a server has logged so far.
    pub(crate) fn log(&self, server: &str) -> String {
        let path = self.directory.join(format!("{server}.log"));
        String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
    }
}

/// One cluster is made and copied; `cat` ends when the tests do.
fn script(directory: &Path, primary: u16) -> String {
    let names = SERVERS.map(|(name, ..)| name).join(" ");
    format!(
        r#"
trap '' INT TERM HUP
exec 2>&1
bin={bin}
cd {directory}
pids=
leave() {{
    for pid in $pids; do kill -QUIT $pid; done
    wait
    rm -rf {directory}
    exit
}}
"$bin/initdb" -D base -U postgres -A trust -N --locale=C -E UTF8 >initdb.log || {{ cat initdb.log; leave; }}
cp logins base/pg_hba.conf
for name in {names}; do
    cp -a base "$name"
    cat "$name.conf" >>"$name/postgresql.conf"
    cp ./*.crt ./*.key logins clients plain "$name"
    "$bin/postgres" -D "$name" </dev/null >"$name.log" 2>&1 &
    pids="$pids $!"
done
for name in {names}; do
    tries=0
    until grep -q 'ready to accept connections' "$name.log"; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || {{ cat "$name.log"; leave; }}
        sleep 0.05
    done
done
"$bin/pg_basebackup" -D standby -R -X stream -c fast -h {directory} -p {primary} -U postgres \
    >standby.log 2>&1 || {{ cat standby.log; leave; }}
cat standby.conf >>standby/postgresql.conf
"$bin/postgres" -D standby </dev/null >standby.log 2>&1 &
pids="$pids $!"
tries=0
until grep -q 'ready to accept read' standby.log; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || {{ cat standby.log; leave; }}
    sleep 0.05
done
echo ready
cat >/dev/null
leave
"#,
        bin = binaries().display(),
        directory = directory.display(),
    )
}

fn shell(directory: &Path) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell
        .arg(directory.join("run"))
        .current_dir("/")
        .env_clear();
    shell
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    if is_root() {
        shell.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    }
    shell
}

/// On memory where there is some, and short: a socket's path has hardly 100 bytes.
fn new_directory() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    let directory = parent.join(format!("breakglass-connecting-{}", std::process::id()));
    fs::create_dir(&directory).unwrap();
    directory
}

/// Makes a directory and all below the server's, with keys that only it can read.
fn give_away(path: &Path) {
    let owner = is_root().then_some(UNPRIVILEGED);
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give_away(&entry.unwrap().path());
        }
    }
    let is_key = path.extension().is_some_and(|extension| extension == "key");
    let mode = match (path.is_dir(), is_key) {
        (true, _) => 0o755,
        (false, true) => 0o600,
        (false, false) => 0o644,
    };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    chown(path, owner, owner).unwrap();
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// As `breakglass demo` finds them: installed ones first, else those that a package carries.
pub(crate) fn binaries() -> PathBuf {
    let search = Search::from_environment().expect("the environment can be read");
    let found = find(&search, &mut |_announcement| {});
    found
        .expect("a Postgres server to test with")
        .directory()
        .to_owned()
}

/// Ports that were free a moment ago.
fn free_ports() -> Vec<u16> {
    let listeners: Vec<_> = (0..=SERVERS.len())
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    listeners
        .iter()
        .map(|listener| listener.local_addr().unwrap().port())
        .collect()
}
