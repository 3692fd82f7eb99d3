//! Running a program, above all the real binary: what goes in, what comes out, how it ends.

use std::fmt;
use std::io::{Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use breakglass::cluster::SUPERUSER;
use serde_json::Value;
use tempfile::TempDir;

use super::TestDatabase;
use super::terminal::Terminal;
use super::via;

/// The longest that a program may run.
pub(super) const TIME_LIMIT: Duration = Duration::from_mins(1);

/// Verbs of `tokens` that change something.
const CHANGING: [&str; 5] = ["rm", "remove", "expire", "delete", "restore"];

/// The binary under test, without a database to talk to.
pub(crate) fn breakglass() -> Invocation<'static> {
    Invocation::new(env!("CARGO_BIN_EXE_breakglass"))
}

/// A program that is about to be run, in an environment of nothing but PATH, a HOME of its own,
/// COLUMNS=120, `NO_COLOR=1` and TZ=UTC.
#[must_use = "it runs with .run(), .start() or .on_terminal(columns)"]
pub(crate) struct Invocation<'a> {
    program: String,
    arguments: Vec<String>,
    environment: Vec<(String, Option<String>)>,
    stdin: String,
    database: Option<&'a TestDatabase>,
    role: String,
    /// Whether a change is watched for as long as it is by default.
    settles: bool,
}

impl Invocation<'static> {
    /// Any program.
    pub(crate) fn new(program: &str) -> Self {
        Self {
            program: program.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            stdin: String::new(),
            database: None,
            role: SUPERUSER.to_owned(),
            settles: false,
        }
    }
}

impl Invocation<'_> {
    /// Sets `BREAKGLASS_DATABASE_URL` to a database.
    pub(crate) fn on(self, database: &TestDatabase) -> Invocation<'_> {
        let Self {
            program,
            arguments,
            environment,
            stdin,
            database: _,
            role,
            settles,
        } = self;
        Invocation {
            program,
            arguments,
            environment,
            stdin,
            database: Some(database),
            role,
            settles,
        }
    }

    /// Logs in to the database as another role.
    #[expect(clippy::wrong_self_convention, reason = "it reads as a sentence")]
    pub(crate) fn as_role(mut self, role: &str) -> Self {
        role.clone_into(&mut self.role);
        self
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    pub(crate) fn args<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Leaves the settle window of a change as it is by default: other tests look once, at once.
    pub(crate) fn settling(mut self) -> Self {
        self.settles = true;
        self
    }

    /// Sets a variable of the environment.
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), Some(value.into())));
        self
    }

    /// Takes a variable out of the environment.
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.environment.push((name.to_owned(), None));
        self
    }

    /// What it reads on standard input, which is else empty (and in no case a terminal).
    pub(crate) fn stdin(mut self, text: impl Into<String>) -> Self {
        self.stdin = text.into();
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Output {
        self.start().wait()
    }

    /// Starts it, for a test that does something meanwhile.
    pub(crate) fn start(self) -> Running {
        let (mut command, home) = self.command();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let Self {
            program,
            stdin: text,
            ..
        } = self;
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let mut stdin = child.stdin.take().expect("it is piped");
        // A program that ends before it has read everything is no failure of the test.
        thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
        let stdout = read(child.stdout.take().expect("it is piped"));
        let stderr = read(child.stderr.take().expect("it is piped"));
        Running {
            child,
            stdout,
            stderr,
            started: Instant::now(),
            _home: home,
        }
    }

    /// Starts it on a terminal so many columns wide.
    pub(crate) fn on_terminal(self, columns: u16) -> Terminal {
        let (mut command, home) = self.command();
        // As wide as the terminal says, and a terminal that can do things.
        command.env_remove("COLUMNS").env("TERM", "xterm-256color");
        Terminal::start(command, columns, home)
    }

    /// The arguments, with `--settle 0` behind the words of a command that changes something, unless
    /// the test says how long.
    fn settled(&self) -> Vec<String> {
        let mut arguments = self.arguments.clone();
        let is_ours = self.program == env!("CARGO_BIN_EXE_breakglass");
        let says = |word: &str| arguments.iter().any(|argument| argument == word);
        let has_window = arguments
            .iter()
            .any(|argument| argument.starts_with("--settle"));
        if !is_ours || self.settles || has_window {
            return arguments;
        }
        let kills = says("--expire") || says("--delete");
        let behind = (0..arguments.len()).find_map(|at| {
            let words: Vec<&str> = arguments[at..].iter().take(2).map(String::as_str).collect();
            match words.as_slice() {
                ["tokens" | "token", "sweep", ..] => kills.then_some(at + 2),
                ["tokens" | "token", verb, ..] => CHANGING.contains(verb).then_some(at + 2),
                ["owners" | "owner", "cut", ..] => Some(at + 2),
                ["apply" | "restore" | "resume", ..] if at == 0 => Some(at + 1),
                _ => None,
            }
        });
        if let Some(at) = behind {
            arguments.insert(at, "--settle=0".to_owned());
        }
        arguments
    }

    /// The arguments with which it goes to a server before its database, where it does.
    fn via(&self, settled: &[String]) -> Option<Vec<String>> {
        let is_ours = self.program == env!("CARGO_BIN_EXE_breakglass");
        let database = self.database.filter(|_| is_ours)?;
        via::arguments(database, &self.role, settled, &self.environment)
    }

    /// What is run, and the HOME that it is given.
    pub(super) fn command(&self) -> (Command, TempDir) {
        let home = TempDir::with_prefix("breakglass-home-").expect("/tmp is writable");
        let mut command = Command::new(&self.program);
        let arguments = self.settled();
        let via = self.via(&arguments);
        let database = self.database.filter(|_| via.is_none());
        command
            .args(via.unwrap_or(arguments))
            .env_clear()
            .current_dir(home.path());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
            .env("HOME", home.path())
            .env("COLUMNS", "120")
            .env("NO_COLOR", "1")
            .env("TZ", "UTC");
        if let Some(database) = database {
            command.env("BREAKGLASS_DATABASE_URL", database.conninfo(&self.role));
        }
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        (command, home)
    }
}

/// A program that runs; it is killed when the test no longer cares.
#[must_use = "see how it ends with .wait()"]
pub(crate) struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    started: Instant,
    _home: TempDir,
}

impl Running {
    /// Whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal: `INT`, `TERM`, `KILL`, `STOP`, `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let kill = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(kill.expect("kill runs").success(), "kill -s {signal} {id}");
    }

    /// Waits for its end; it is killed and the test fails when that takes a minute.
    pub(crate) fn wait(mut self) -> Output {
        let mut rest = |from: &Receiver<String>| {
            let left = TIME_LIMIT.saturating_sub(self.started.elapsed());
            from.recv_timeout(left).unwrap_or_else(|_| {
                drop(self.child.kill());
                let text = from.recv().unwrap_or_default();
                panic!("it did not end in {TIME_LIMIT:?}; it said:\n{text}")
            })
        };
        let (stderr, stdout) = (rest(&self.stderr), rest(&self.stdout));
        let status = ended(&mut self.child, self.started);
        Output {
            status,
            stdout,
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a program said and how it ended.
#[must_use = "assert the exit status with .success() or .code(n), or take a snapshot"]
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// Asserts that it ended with 0.
    #[track_caller]
    pub(crate) fn success(&self) -> &Self {
        self.code(0)
    }

    /// Asserts that it ended with this exit code.
    #[track_caller]
    pub(crate) fn code(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "wrong exit code\n{self}");
        self
    }

    /// Asserts that this stands on standard error.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(
            self.stderr.contains(text),
            "standard error lacks {text:?}\n{self}"
        );
        self
    }

    /// Asserts that this stands nowhere: a secret, above all.
    #[track_caller]
    pub(crate) fn never_says(&self, text: &str) -> &Self {
        let is_said = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(!is_said, "{text:?} was printed\n{self}");
        self
    }

    /// Standard output as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("standard output is not JSON: {error}\n{self}"))
    }

    /// Standard output as one JSON value a line.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let line = |line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON: {error}\n{self}"))
        };
        self.stdout.lines().map(line).collect()
    }

    /// The one line of standard error that is a JSON value, among whatever notes.
    #[track_caller]
    pub(crate) fn json_error(&self) -> Value {
        let mut values = self
            .stderr
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        match (values.next(), values.next()) {
            (Some(value), None) => value,
            _ => panic!("standard error has not one line of JSON\n{self}"),
        }
    }
}

/// All three, for a snapshot.
impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            stdout,
            stderr,
        } = self;
        match (status.code(), status.signal()) {
            (Some(code), _) => writeln!(f, "status: {code}")?,
            (None, signal) => writeln!(f, "status: killed by signal {}", signal.unwrap_or(0))?,
        }
        write!(f, "--- stdout\n{stdout}--- stderr\n{stderr}")
    }
}

/// Reads to the end on a thread of its own, so that no pipe fills up.
fn read(mut from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("pipes can be read");
        // Nobody is there any more when the test has failed.
        drop(sender.send(String::from_utf8(bytes).expect("the program prints UTF-8")));
    });
    receiver
}

/// Waits for a child that has closed its output.
pub(super) fn ended(child: &mut Child, started: Instant) -> ExitStatus {
    loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            return status;
        }
        if started.elapsed() > TIME_LIMIT {
            drop(child.kill());
            panic!("it closed its output but did not end in {TIME_LIMIT:?}");
        }
        thread::sleep(Duration::from_millis(1));
    }
}
