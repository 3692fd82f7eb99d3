//! Snapshots that hold on every machine and at any time.

use std::fmt::Display;
use std::process::Command;
use std::sync::LazyLock;

use regex::Regex;

use super::TestDatabase;

/// What differs between any two runs, and what is written in its place; the order counts.
/// `(?-u:\b)`, since the project's regex goes without Unicode's tables.
const PATTERNS: [(&str, &str); 11] = [
    ("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>"),
    ("(?-u:\\b)[0-9a-f]{64}(?-u:\\b)", "<digest>"),
    (
        concat!(
            "[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?",
            "( ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?))?",
        ),
        "<time>",
    ),
    ("(?-u:\\b)[0-9]{4}-[01][0-9]-[0-3][0-9](?-u:\\b)", "<date>"),
    ("(?-u:\\b)[0-9]+ (ms|s|min|h|d|y) ago(?-u:\\b)", "<age>"),
    ("(?-u:\\b)in [0-9]+ (ms|s|min|h|d|y)(?-u:\\b)", "<age>"),
    ("(?-u:\\b)(port|pid)([ =])[0-9]+", "$1$2<$1>"),
    ("<socket>:[0-9]+", "<socket>:<port>"),
    ("(?-u:\\b)plan [0-9a-f]{12}(?-u:\\b)", "plan <plan>"),
    (
        "\"(system_identifier|os_user)\":( ?)\"[^\"]*\"",
        "\"$1\":$2\"<$1>\"",
    ),
    (
        "\"(port|server_port|pid|backend_pid)\":( ?)[0-9]+",
        "\"$1\":$2\"<$1>\"",
    ),
];

static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let host = Command::new("uname")
        .arg("-n")
        .output()
        .expect("uname runs");
    let host = String::from_utf8_lossy(&host.stdout).trim().to_owned();
    let mut rules: Vec<_> = PATTERNS.map(|(pattern, to)| (compiled(pattern), to)).into();
    rules.push((whole(&host), "<host>"));
    rules
});

/// Columns are as wide as what stood in them: runs of spaces within a line, and of rules.
static RUNS: LazyLock<[(Regex, &str); 3]> = LazyLock::new(|| {
    [
        (compiled("([^ \n]) {2,}"), "$1  "),
        (compiled("(?m) +$"), ""),
        (compiled("(─|═|-){3,}"), "$1$1$1"),
    ]
});

/// Replaces what differs from run to run: ids, times, ages, ports, sockets, names.
#[derive(Default)]
pub(crate) struct Redactor {
    rules: Vec<(Regex, String)>,
}

impl Redactor {
    /// For output that may name a database or its server.
    pub(crate) fn of(database: &TestDatabase) -> Self {
        let mut redactor = Self::default()
            .also(
                &database.socket_directory().display().to_string(),
                "<socket>",
            )
            .also(database.name(), "<database>");
        // With what a distribution adds: 15.18 (Debian 15.18-0+deb12u1).
        let version = regex::escape(database.server_version());
        let version = compiled(&format!("(?-u:\\b){version}(?-u:\\b)( \\([^)\n]*\\))?"));
        redactor.rules.push((version, "<version>".to_owned()));
        redactor
    }

    /// Replaces one more text, wherever it stands.
    pub(crate) fn also(mut self, text: &str, placeholder: &str) -> Self {
        self.rules
            .push((compiled(&regex::escape(text)), placeholder.to_owned()));
        self
    }

    /// The text with placeholders, and with runs of spaces and rules made short.
    pub(crate) fn redact(&self, text: impl Display) -> String {
        let own = self
            .rules
            .iter()
            .map(|(pattern, to)| (pattern, to.as_str()));
        let common = RULES
            .iter()
            .chain(&*RUNS)
            .map(|(pattern, to)| (pattern, *to));
        own.chain(common)
            .fold(text.to_string(), |text, (pattern, to)| {
                pattern.replace_all(&text, to).into_owned()
            })
    }
}

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|error| panic!("{error}"))
}

/// A text as a word of its own.
fn whole(text: &str) -> Regex {
    compiled(&format!("(?-u:\\b){}(?-u:\\b)", regex::escape(text)))
}
