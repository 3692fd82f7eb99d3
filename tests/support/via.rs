//! The suite the other way round: with `BREAKGLASS_TEST_VIA=server` a command of a test that would go to
//! the test's database goes to a `breakglass serve` before it, which has the same login.
//!
//! What stays at the database is said here, and nowhere else, with its reason.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};
use std::thread;

use super::TestDatabase;
use super::serving::{Server, Serving};

/// Commands that go to a server too; all others need the database itself, or nothing.
const COMMANDS: [&str; 9] = [
    "tokens", "token", "owners", "owner", "apply", "restore", "audit", "doctor", "adapters",
];

/// Flags that say where the database is, or ask for what a server does not do: such a command is run
/// at the database.
const HERE: [&str; 9] = [
    "-d",
    "--database-url",
    "--target",
    "--server",
    "--batch-size",
    "--probe",
    "--cancel-blocker",
    "--sql",
    "--connect-timeout",
];

/// Flags that are the server's when there is one; each has a value.
const SERVERS: [&str; 7] = [
    "--adapter",
    "--adapter-file",
    "--schema",
    "--lock-timeout",
    "--statement-timeout",
    "--idle-in-transaction-timeout",
    "--resolve-timeout",
];

/// Variables that say where the database is; a test that sets one is about that.
const VARIABLES: [&str; 5] = ["BREAKGLASS_", "DATABASE_URL", "CODER_PG_", "PG", "HOME"];

/// Tests that are run at the database in any case: how their names begin, and why.
const AT_THE_DATABASE: [(&str, &str); 5] = [
    (
        "cli::audit::an_operation_in_json_has_exactly_these_fields",
        WHO,
    ),
    ("cli::audit::operations_as_a_table_are_one_line_each", WHO),
    (
        "cli::audit_show::one_operation_is_shown_with_its_rows_and_what_was_seen",
        WHO,
    ),
    (
        "cli::remove::an_expire_is_recorded_with_all_its_fields",
        WHO,
    ),
    (
        "cli::remove::the_receipt_in_json_tells_what_is_recorded",
        WHO,
    ),
];

/// Why a test that holds the whole of a record is not run at a server.
const WHO: &str = "the record of a server has who asked it besides, which tests/http holds";

/// Whether the suite is run this way.
static WANTED: LazyLock<bool> = LazyLock::new(|| {
    let wanted = std::env::var_os("BREAKGLASS_TEST_VIA").and_then(|text| text.into_string().ok());
    match wanted.as_deref() {
        None | Some("") => false,
        Some("server") => true,
        Some(other) => panic!("BREAKGLASS_TEST_VIA={other} is not `server`"),
    }
});

/// The servers before a test's database, each with its login and flags. They go with it.
pub(super) struct Servers {
    /// Whether the test goes to one.
    wanted: bool,
    running: Mutex<BTreeMap<(String, Vec<String>), Serving>>,
}

impl Servers {
    /// Those of a database that is made by the test of this thread.
    pub(super) fn of_this_test() -> Self {
        Self {
            wanted: *WANTED && !is_at_the_database(),
            running: Mutex::default(),
        }
    }

    /// Ends them all.
    pub(super) fn stop(&self) {
        self.running
            .lock()
            .expect("no thread panicked with it")
            .clear();
    }
}

/// Whether the test of this thread is run at the database in any case. A thread without a test's name
/// is one that a test began; it uses what the test made.
fn is_at_the_database() -> bool {
    let thread = thread::current();
    let name = thread.name().unwrap_or_default();
    assert_ne!(
        name, "main",
        "with BREAKGLASS_TEST_VIA tests need threads of their own: not --test-threads=1"
    );
    AT_THE_DATABASE
        .iter()
        .any(|(test, _why)| name.starts_with(test))
}

/// The arguments with which a command goes to a server before the database; `None` where it does not.
pub(super) fn arguments(
    database: &TestDatabase,
    role: &str,
    arguments: &[String],
    environment: &[(String, Option<String>)],
) -> Option<Vec<String>> {
    let servers = database.servers();
    let is_about_connecting = environment.iter().any(|(name, _value)| {
        let mut known = VARIABLES.iter();
        known.any(|known| name.starts_with(known))
    });
    if !servers.wanted || is_about_connecting || !goes_there(arguments) {
        return None;
    }
    let (mut ours, theirs) = divided(arguments);
    let mut running = servers.running.lock().expect("no thread panicked with it");
    let key = (role.to_owned(), theirs);
    let serving = running
        .entry(key)
        .or_insert_with_key(|(role, theirs)| serve(database, role, theirs));
    ours.splice(0..0, ["--server".to_owned(), serving.url().to_owned()]);
    Some(ours)
}

/// Whether a command makes sense there.
fn goes_there(arguments: &[String]) -> bool {
    let has = |flag: &str| {
        let mut all = arguments.iter();
        all.any(|word| {
            let value = word.strip_prefix(flag);
            value.is_some_and(|value| value.is_empty() || value.starts_with('='))
        })
    };
    let command = arguments.iter().find(|word| !word.starts_with('-'));
    let is_one = command.is_some_and(|command| COMMANDS.contains(&command.as_str()));
    is_one && !HERE.iter().any(|flag| has(flag))
}

/// The command's arguments, and those that are its server's.
fn divided(arguments: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        if !SERVERS.contains(&flag) {
            ours.push(word.clone());
            continue;
        }
        let value = value.or_else(|| words.next().cloned());
        theirs.push(format!("{flag}={}", value.expect("the flag has a value")));
    }
    theirs.sort();
    (ours, theirs)
}

/// A server that lets the user of the tests do everything, however much of it.
fn serve(database: &TestDatabase, role: &str, flags: &[String]) -> Serving {
    let uid = rustix::process::geteuid().as_raw();
    let principals = format!(
        "[[principal]]\nname = \"tests\"\nuids = [{uid}]\npermissions = [\"list\", \"show\", \
         \"expire\", \"delete\", \"restore\", \"sweep\", \"audit\"]\n"
    );
    let limits = ["--max-rows=50000", "--max-body=134217728", "--pool-size=4"];
    Server::on(database, &principals)
        .as_role(role)
        .on_socket()
        .args(limits)
        .args(flags.iter().cloned())
        .start()
}
