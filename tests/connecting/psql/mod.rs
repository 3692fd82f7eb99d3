//! Everything that psql reads, held against psql itself: strings, variables, services, password
//! files, certificates. Each row runs through `psql` and through the real `breakglass`, with the
//! same arguments, environment and home, and the servers' own logs say who arrived where.

mod differences;
mod files;
mod hosts;
mod strings;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::failing::Nobody;
use crate::support::psql::psql;
use crate::support::{alone_with_the_logs, fleet};

/// The servers whose logs tell.
const SERVERS: [&str; 3] = ["primary", "second", "standby"];

/// Statements that only ask which kind of server it is, ours and libpq's.
const PROBES: [&str; 4] = [
    "-- Whether this server is a standby",
    "-- Whether a transaction of this session",
    "SHOW transaction_read_only",
    "SELECT pg_catalog.pg_is_in_recovery()",
];

/// One way to say where to go.
///
/// In every text `{p}`, `{q}`, `{s}` are the ports of `primary`, `second` and `standby`, `{dead}`
/// one where nobody listens, `{run}` the sockets' directory, `{run%}` the same in a URL, `{certs}` the certificates', `{home}`
/// the home.
#[derive(Clone)]
struct Row {
    name: &'static str,
    string: Option<&'static str>,
    variables: Vec<(&'static str, &'static str)>,
    files: Vec<(&'static str, u32, &'static str)>,
    ends: &'static str,
}

/// A row; `ends` is server, transport, security, user, database and application name, where `own`
/// is the program's own; or `refused`.
fn row(name: &'static str, ends: &'static str) -> Row {
    Row {
        name,
        string: None,
        variables: Vec::new(),
        files: Vec::new(),
        ends,
    }
}

impl Row {
    /// The connection string.
    fn string(mut self, string: &'static str) -> Self {
        self.string = Some(string);
        self
    }

    /// A variable.
    fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    /// A file in the home that its owner alone may read.
    fn file(self, name: &'static str, content: &'static str) -> Self {
        self.file_for(0o600, name, content)
    }

    /// A file in the home.
    fn file_for(mut self, mode: u32, name: &'static str, content: &'static str) -> Self {
        self.files.push((name, mode, content));
        self
    }
}

/// A row with its home, ready to be run.
struct Staged<'r> {
    row: &'r Row,
    home: TempDir,
    dead: u16,
}

impl<'r> Staged<'r> {
    fn new(row: &'r Row) -> Self {
        let home = tempfile::tempdir().unwrap();
        let staged = Self {
            row,
            home,
            dead: Nobody::port(),
        };
        for (name, mode, content) in &row.files {
            let path = staged.home.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, staged.filled_in(content)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        }
        staged
    }

    fn filled_in(&self, text: &str) -> String {
        let fleet = fleet();
        let directory = fleet.sockets().display().to_string();
        text.replace("{p}", &fleet.port("primary").to_string())
            .replace("{q}", &fleet.port("second").to_string())
            .replace("{s}", &fleet.port("standby").to_string())
            .replace("{dead}", &self.dead.to_string())
            .replace("{run}", &directory)
            .replace("{run%}", &directory.replace('/', "%2F"))
            .replace("{certs}", &directory)
            .replace("{home}", &self.home.path().display().to_string())
    }

    fn by_psql(&self) -> Ended {
        let mut command = psql();
        command.args(["-c", "select 1"]);
        command.args(self.row.string.map(|text| self.filled_in(text)));
        self.run(&mut command, |output| output.status.success())
    }

    fn by_breakglass(&self) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_breakglass"));
        command.args(["tokens", "ls"]);
        command.env_clear().env("PATH", "/usr/bin:/bin");
        if let Some(text) = self.row.string {
            command.args(["-d", &self.filled_in(text)]);
        }
        // Whatever it thinks of the database that it found there.
        let is_connected = |output: &Output| !matches!(output.status.code(), Some(2 | 3));
        self.run(&mut command, is_connected)
    }

    fn run(&self, command: &mut Command, is_connected: impl Fn(&Output) -> bool) -> Ended {
        command.env("HOME", self.home.path()).stdin(Stdio::null());
        for (name, value) in &self.row.variables {
            command.env(name, self.filled_in(value));
        }
        let before = SERVERS.map(|server| fleet().log(server).len());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if !is_connected(&output) {
            let place = "refused".to_owned();
            return Ended { place, said };
        }
        let logs = SERVERS.map(|server| fleet().log(server));
        let places: Vec<_> = SERVERS
            .iter()
            .zip(logs.iter().zip(before))
            .flat_map(|(server, (log, before))| places(server, &log[before..]))
            .collect();
        let place = match places.as_slice() {
            [first, rest @ ..] if rest.iter().all(|place| place == first) => first.clone(),
            _ => format!("{places:?}"),
        };
        Ended { place, said }
    }
}

/// Where a program ended up, and what it said.
struct Ended {
    place: String,
    said: String,
}

/// The sessions in a log that did something, as a row writes them.
fn places(server: &str, log: &str) -> Vec<String> {
    let mut sessions = BTreeMap::new();
    let mut places = Vec::new();
    for line in log.lines() {
        let mut parts = line.splitn(3, '|');
        let (Some(pid), Some(host), Some(said)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        if let Some(who) = said.strip_prefix("LOG:  connection authorized: ") {
            sessions.insert(pid, place(server, host, who));
        }
        let does_something =
            said.starts_with("LOG:  statement: ") || said.starts_with("LOG:  execute ");
        if does_something && !PROBES.iter().any(|probe| said.contains(probe)) {
            places.extend(sessions.get(pid).cloned());
        }
    }
    places
}

fn place(server: &str, host: &str, who: &str) -> String {
    let (who, tls) = match who.split_once(" SSL enabled") {
        Some((who, _)) => (who, "tls"),
        None => (who, "plain"),
    };
    let (who, application) = who.split_once(" application_name=").unwrap_or((who, ""));
    let (user, database) = who.split_once(" database=").expect(who);
    let user = user.strip_prefix("user=").expect(user);
    let transport = if host == "[local]" { "socket" } else { "tcp" };
    let application = match application {
        "psql" | "breakglass" => "own",
        other => other,
    };
    format!("{server} {transport} {tls} {user} {database} {application}")
}

/// Runs rows and says which are not as they should be.
fn hold(rows: &[Row], agrees: impl Fn(&str, &str) -> bool) {
    let _alone = alone_with_the_logs();
    let mut wrong = Vec::new();
    for row in rows {
        let staged = Staged::new(row);
        let (theirs, ours) = (staged.by_psql(), staged.by_breakglass());
        if ours.place != row.ends || !agrees(&theirs.place, &ours.place) {
            wrong.push(format!(
                "{}: should be {}; breakglass: {} ({}); psql: {} ({})",
                row.name, row.ends, ours.place, ours.said, theirs.place, theirs.said
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn everything_ends_up_where_psql_does() {
    let rows = [strings::rows(), files::rows(), hosts::rows()];
    let rows: Vec<_> = rows.into_iter().flatten().collect();
    assert!(rows.len() >= 45, "{} rows", rows.len());
    println!("{} rows end up where psql does", rows.len());
    hold(&rows, |theirs, ours| theirs == ours);
}

#[test]
fn the_differences_are_those_that_the_readme_lists() {
    hold(&differences::rows(), |theirs, ours| theirs != ours);
}

/// The machine's own files would have a say in every row.
#[test]
fn this_machine_has_no_services_of_its_own() {
    let path = Path::new("/etc/postgresql-common/pg_service.conf");
    assert!(!path.exists(), "`{}` is in the way", path.display());
}
