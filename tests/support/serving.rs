//! `breakglass serve` as tests run it: on a port or a socket of its own, with principals whose tokens
//! are made for the test, its log at hand.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use breakglass::http::principals::BearerToken;
use serde_json::Value;
use tempfile::TempDir;

use super::TestDatabase;
use super::ask::Ask;
use super::run::{Invocation, ended};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What begins the entry of a principal.
const PRINCIPAL: &str = "[[principal]]";

/// A server that is about to be started.
#[must_use = "it runs with .start()"]
pub(crate) struct Server<'a> {
    invocation: Invocation<'a>,
    directory: TempDir,
    listen: Vec<String>,
    principals: Principals,
}

/// A server that runs. It is killed when the test no longer cares.
pub(crate) struct Serving {
    child: Child,
    /// Where it listens, as it said: `http://127.0.0.1:1234`, `unix:/path`.
    addresses: Vec<String>,
    principals: Principals,
    log: Arc<Lines>,
    directory: TempDir,
    _home: TempDir,
}

impl Serving {
    /// Starts one on a port of its own. `principals` is the text of their file without tokens: each
    /// `[[principal]]` gets one, which [`Serving::token`] tells.
    pub(crate) fn start(database: &TestDatabase, principals: &str) -> Self {
        Server::on(database, principals).start()
    }

    /// Where it listens: `http://127.0.0.1:1234`, or `unix:/path`.
    pub(crate) fn url(&self) -> &str {
        &self.addresses[0]
    }

    /// The bearer token of a principal.
    #[track_caller]
    pub(crate) fn token(&self, principal: &str) -> &str {
        let token = self.principals.tokens.get(principal);
        token.unwrap_or_else(|| panic!("there is no principal {principal}"))
    }

    /// A request as nobody: `serving.ask("GET", "/healthz").send()`.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask<'_> {
        Ask::new(self, method, path)
    }

    /// Writes another file of principals and tells the server to read it. Tokens of those that were
    /// there before stay as they were.
    pub(crate) fn reload(&mut self, principals: &str) {
        self.principals.read(principals);
        self.principals.write(self.directory.path());
        let heard = self.log.count();
        self.signal("HUP");
        self.log.wait(heard, |line| line.contains("principals"));
    }

    /// What it logged so far, one JSON object a line.
    pub(crate) fn log(&self) -> Vec<Value> {
        let parse = |line: &String| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        };
        self.log.so_far().iter().map(parse).collect()
    }

    /// The same as text, whatever it is.
    pub(crate) fn log_text(&self) -> String {
        self.log.so_far().join("\n")
    }

    /// Sends it a signal: `HUP`, `INT`, `TERM`, `STOP`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let kill = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(kill.expect("kill runs").success(), "kill -s {signal} {id}");
    }

    /// Tells it to end, and waits for that.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        ended(&mut self.child, Instant::now())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl<'a> Server<'a> {
    /// A server on a database, for principals as [`Serving::start`] has them.
    pub(crate) fn on(database: &'a TestDatabase, principals: &str) -> Self {
        let mut read = Principals::default();
        read.read(principals);
        Self {
            invocation: database.breakglass().arg("serve"),
            directory: TempDir::with_prefix("breakglass-serving-").expect("/tmp is writable"),
            listen: Vec::new(),
            principals: read,
        }
    }

    /// A place to listen at, besides others that were named; a port of its own where none is.
    pub(crate) fn listen(mut self, address: &str) -> Self {
        self.listen.push(address.to_owned());
        self
    }

    /// Listens on a socket in a directory of its own.
    pub(crate) fn on_socket(self) -> Self {
        let socket = self.directory.path().join("serve.sock");
        self.listen(&format!("unix:{}", socket.display()))
    }

    /// Logs in to the database as another role.
    #[expect(clippy::wrong_self_convention, reason = "it reads as a sentence")]
    pub(crate) fn as_role(mut self, role: &str) -> Self {
        self.invocation = self.invocation.as_role(role);
        self
    }

    /// Adds arguments.
    pub(crate) fn args<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.invocation = self.invocation.args(arguments);
        self
    }

    /// Looks once at what was changed, by an adapter of Coder's that says so: Coder's own clients cannot
    /// say how long it is to be watched.
    pub(crate) fn looking_once(self) -> Self {
        let path = self.directory.path().join("coder.toml");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/adapters/coder.toml");
        let text = fs::read_to_string(source).expect("it is there");
        let once = text.replace("window = \"3s\"", "window = \"0s\"");
        assert_ne!(text, once, "the adapter has another window");
        fs::write(&path, once).expect("it can be written");
        let path = path.display().to_string();
        self.args(["--adapter-file", &path])
    }

    /// Sets a variable of the environment.
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.invocation = self.invocation.env(name, value);
        self
    }

    /// Starts it, and waits until it listens.
    #[track_caller]
    pub(crate) fn start(mut self) -> Serving {
        if self.listen.is_empty() {
            self.listen.push("127.0.0.1:0".to_owned());
        }
        let file = self.principals.write(self.directory.path());
        let mut arguments = vec!["--principals".to_owned(), file.display().to_string()];
        for address in &self.listen {
            arguments.extend(["--listen".to_owned(), address.clone()]);
        }
        let (mut command, home) = self.invocation.args(arguments).command();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary is there");
        let told = Lines::of(child.stdout.take().expect("it is piped"));
        let log = Lines::of(child.stderr.take().expect("it is piped"));
        let places = self.listen.len();
        let is_up = told.wait_until(|lines| lines.len() == places);
        if !is_up {
            drop(child.kill());
            drop(child.wait());
            panic!("it does not listen; it said:\n{}", log.so_far().join("\n"));
        }
        let address = |line: &String| {
            let address = line.strip_prefix("listening at ");
            address
                .unwrap_or_else(|| panic!("no address: {line}"))
                .to_owned()
        };
        Serving {
            child,
            addresses: told.so_far().iter().map(address).collect(),
            principals: self.principals,
            log,
            directory: self.directory,
            _home: home,
        }
    }
}

/// The file of principals, and the tokens that were made for it.
#[derive(Default)]
struct Principals {
    text: String,
    tokens: BTreeMap<String, String>,
}

impl Principals {
    /// Gives every principal of a text a token, unless it brings its own.
    fn read(&mut self, text: &str) {
        let mut entries = text.split(PRINCIPAL);
        entries
            .next()
            .unwrap_or_default()
            .clone_into(&mut self.text);
        for entry in entries {
            self.text.extend([PRINCIPAL, entry]);
            if entry.contains("[[principal.token]]") {
                continue;
            }
            let name = name(entry);
            let token = self.tokens.entry(name.clone()).or_insert_with(|| {
                let token = BearerToken::generate().expect("there is randomness");
                token.expose().to_owned()
            });
            let digest = BearerToken::received(token).digest();
            let token =
                format!("\n[[principal.token]]\nid = \"{name}-1\"\nsha256 = \"{digest}\"\n");
            self.text.push_str(&token);
        }
    }

    /// Writes it where nobody else can.
    fn write(&self, directory: &Path) -> PathBuf {
        let path = directory.join("principals.toml");
        fs::write(&path, &self.text).expect("it can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is our file");
        path
    }
}

/// The name of a principal's entry.
fn name(entry: &str) -> String {
    let line = entry
        .lines()
        .find_map(|line| line.strip_prefix("name = \""));
    let name = line.and_then(|rest| rest.strip_suffix('"'));
    name.unwrap_or_else(|| panic!("a principal without `name = \"…\"`:\n{entry}"))
        .to_owned()
}

/// What a program prints, line by line, as it comes.
struct Lines {
    lines: Mutex<(Vec<String>, bool)>,
    changed: Condvar,
}

impl Lines {
    /// Reads on a thread of its own, so that no pipe fills up.
    fn of(from: impl Read + Send + 'static) -> Arc<Self> {
        let lines = Arc::new(Self {
            lines: Mutex::default(),
            changed: Condvar::new(),
        });
        let ours = Arc::clone(&lines);
        thread::spawn(move || {
            for line in BufReader::new(from).lines() {
                let Ok(line) = line else { break };
                ours.lines
                    .lock()
                    .expect("no thread fails with it")
                    .0
                    .push(line);
                ours.changed.notify_all();
            }
            ours.lines.lock().expect("no thread fails with it").1 = true;
            ours.changed.notify_all();
        });
        lines
    }

    fn so_far(&self) -> Vec<String> {
        self.lines
            .lock()
            .expect("no thread fails with it")
            .0
            .clone()
    }

    fn count(&self) -> usize {
        self.lines.lock().expect("no thread fails with it").0.len()
    }

    /// Waits; `false` where it ended, or took too long.
    fn wait_until(&self, is_so: impl Fn(&[String]) -> bool) -> bool {
        let lines = self.lines.lock().expect("no thread fails with it");
        let waits = |(lines, is_over): &mut (Vec<String>, bool)| !is_so(lines) && !*is_over;
        let waited = self.changed.wait_timeout_while(lines, PATIENCE, waits);
        let (lines, _elapsed) = waited.expect("no thread fails with it");
        is_so(&lines.0)
    }

    /// Waits for a line, behind so many others.
    #[track_caller]
    fn wait(&self, behind: usize, is_it: impl Fn(&str) -> bool) {
        let found = self.wait_until(|lines| lines.iter().skip(behind).any(|line| is_it(line)));
        assert!(found, "no such line:\n{}", self.so_far().join("\n"));
    }
}
