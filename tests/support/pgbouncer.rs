//! PgBouncer in transaction mode in front of a cluster: two server connections, shared by all.
//!
//! A shell starts it and then waits for its standard input to close, which it does when the tests
//! end, however they end; the shell then stops it and removes the directory.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use breakglass::cluster::{Cluster, SUPERUSER};
use tempfile::TempDir;

use super::database::Session;

/// Where Debian's package puts it, beside the PATH.
const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// `nobody`: PgBouncer does not run as root.
const UNPRIVILEGED: u32 = 65534;

const PATIENCE: Duration = Duration::from_secs(10);

/// How clients log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// Every role of the server, without a password.
    Trust,
    /// Every role of the server that has a password, by SCRAM; the superuser has none.
    Scram,
}

/// A PgBouncer with a pool of two connections for each database and role.
pub(crate) struct PgBouncer {
    port: u16,
    directory: PathBuf,
    shell: Child,
}

impl PgBouncer {
    /// Starts one in front of a cluster.
    pub(crate) fn start(cluster: &Cluster, login: Login) -> Self {
        Self::with(cluster, login, "")
    }

    /// The same with further settings, one a line.
    pub(crate) fn with(cluster: &Cluster, login: Login, settings: &str) -> Self {
        let sockets = cluster.socket_directory().display().to_string();
        Self::to(&sockets, cluster.port(), login, settings)
    }

    /// Starts one in front of whatever is at a host (or in a directory) and port, with further
    /// settings, one a line.
    pub(crate) fn to(host: &str, server: u16, login: Login, settings: &str) -> Self {
        let port = free_port();
        let directory = new_directory();
        let auth_type = match login {
            Login::Trust => "trust",
            Login::Scram => "scram-sha-256",
        };
        // An unknown role is asked for in the server's own catalogue (its default `auth_query`).
        let configuration = format!(
            "[databases]\n* = host={host} port={server}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = {auth_type}\nauth_file = {directory}/users\nauth_user = {SUPERUSER}\n\
             pool_mode = transaction\ndefault_pool_size = 2\nmax_client_conn = 200\n\
             server_reset_query =\nserver_tls_sslmode = disable\nlogfile = {directory}/log\n{settings}\n",
            directory = directory.display(),
        );
        fs::write(directory.join("pgbouncer.ini"), configuration).expect("it can be written");
        fs::write(directory.join("users"), format!("\"{SUPERUSER}\" \"\"\n"))
            .expect("it can be written");
        give_away(&directory);
        let mut bouncer = Self {
            port,
            shell: shell(&directory),
            directory,
        };
        bouncer.wait_until_it_listens();
        bouncer
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A connection string for a role and a database.
    pub(crate) fn conninfo(&self, role: &str, database: &str) -> String {
        let port = self.port;
        format!("host=127.0.0.1 port={port} user={role} dbname={database} sslmode=disable")
    }

    /// A connection through it.
    pub(crate) fn session(&self, role: &str, database: &str) -> Session {
        let conninfo = self.conninfo(role, database);
        Session::connect(&conninfo.parse().expect("it is a connection string"))
    }

    /// Leads to another cluster from now on, as a change of its configuration does: its clients
    /// stay connected and are told nothing.
    pub(crate) fn lead_to(&self, cluster: &Cluster) {
        let file = self.directory.join("pgbouncer.ini");
        let before = fs::read_to_string(&file).expect("it was written");
        let (host, port) = (cluster.socket_directory().display(), cluster.port());
        let lines = before.lines().map(|line| {
            if line.starts_with("* = ") {
                format!("* = host={host} port={port}\n")
            } else {
                format!("{line}\n")
            }
        });
        fs::write(&file, lines.collect::<String>()).expect("it can be written");
        let pid = fs::read_to_string(self.directory.join("pid")).expect("it was written");
        let told = Command::new("/bin/kill")
            .args(["-HUP", pid.trim()])
            .status();
        assert!(told.expect("there is a kill").success());
    }

    fn wait_until_it_listens(&mut self) {
        let mut talk = BufReader::new(self.shell.stdout.take().expect("it is piped"));
        let mut line = String::new();
        talk.read_line(&mut line).expect("pipes can be read");
        let start = Instant::now();
        let has_started = line == "started\n";
        loop {
            if has_started && TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            let has_ended = self.shell.try_wait().expect("it is our child").is_some();
            if !has_started || has_ended || start.elapsed() > PATIENCE {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let [said, log] = ["talk", "log"]
            .map(|name| fs::read_to_string(self.directory.join(name)).unwrap_or_default());
        panic!("PgBouncer did not start: {line}{said}{log}");
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        drop(self.shell.wait());
    }
}

/// What starts it and outlives us. It holds nothing that a kill could lose, and ignores the kinder
/// signals, as a shell's background jobs do. `ended` exists when it has ended by itself, so that no recycled
/// pid is killed.
const SCRIPT: &str = r#"
trap '' INT TERM HUP PIPE
program=$1 directory=$2
("$program" "$directory/pgbouncer.ini" </dev/null & echo $! >"$directory/pid"; wait $!; : >"$directory/ended") >"$directory/talk" 2>&1 &
until [ -s "$directory/pid" ]; do sleep 0.01; done
echo started
cat >/dev/null
[ -e "$directory/ended" ] || kill -s KILL "$(cat "$directory/pid")"
wait
rm -rf "$directory"
"#;

fn shell(directory: &Path) -> Child {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", SCRIPT, "pgbouncer"])
        .arg(program())
        .arg(directory)
        .current_dir("/")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        // Ctrl-C goes to the terminal's foreground group. Not to this one.
        .process_group(0);
    if is_root() {
        shell.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    }
    shell.spawn().expect("/bin/sh runs")
}

fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|directory| directory.join("pgbouncer"));
    std::iter::once(PathBuf::from(PROGRAM))
        .chain(on_path)
        .find(|program| program.is_file())
        .expect("the tests need PgBouncer: apt-get install pgbouncer")
}

fn new_directory() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("breakglass-pgbouncer-{}-{number}-", std::process::id());
    let directory = TempDir::with_prefix(name).expect("/tmp is writable");
    // The shell removes it.
    directory.keep()
}

/// Makes the directory and its files those of the account that PgBouncer runs as.
fn give_away(directory: &Path) {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).expect("it is ours");
    if !is_root() {
        return;
    }
    let files = fs::read_dir(directory).expect("it can be read");
    for path in files.map(|entry| entry.expect("it can be read").path()) {
        chown(path, Some(UNPRIVILEGED), Some(UNPRIVILEGED)).expect("root can give away");
    }
    chown(directory, Some(UNPRIVILEGED), Some(UNPRIVILEGED)).expect("root can give away");
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    listener.local_addr().expect("it is bound").port()
}
