//! `demo`: the incident on a throw-away Postgres, and nothing left of it.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a helper that cannot go on fails the test that called it"
)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::run::{Output, Running};
use crate::support::{Invocation, breakglass};

const PATIENCE: Duration = Duration::from_secs(30);
/// How long a cluster may outlive its owner.
const LEFT_OVER: Duration = Duration::from_secs(2);

/// What a demo says on the way, in order.
const STORY: [&str; 10] = [
    "$ breakglass tokens ls --sort last-used --limit 5\n",
    "d4o6FQe5QT  build-cache  ci-runner  active ",
    "$ breakglass tokens show build-cache\n",
    "$ breakglass tokens rm build-cache --reason 'hot loop since 02:50' --ticket INC-42 --yes\n",
    "expired token d4o6FQe5QT `build-cache` of ci-runner: active -> expired\n",
    "read back on a fresh connection: dead, at each of ",
    "$ breakglass tokens ls --name build-cache --include-expired\n",
    "$ breakglass audit ls\n",
    "$ breakglass audit show ",
    "Coder's own audit log has it too",
];

/// The directory of a demo's cluster, as the output names it.
fn directory_in(text: &str) -> Option<PathBuf> {
    let (_, rest) = text
        .split_once("database coder on ")
        .or_else(|| text.split_once("DATABASE_URL='host="))?;
    let end = rest.find([' ', '\'', '\n'])?;
    let place = &rest[..end];
    let path = place.rsplit_once(':').map_or(place, |(path, _port)| path);
    path.starts_with('/').then(|| PathBuf::from(path))
}

/// The processes that have a directory on their command line.
fn processes(directory: &Path) -> Vec<String> {
    let directory = directory.display().to_string();
    let entries = fs::read_dir("/proc")
        .expect("this is Linux")
        .filter_map(Result::ok);
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&directory))
        .collect()
}

/// Asserts that nothing of a cluster is there, or will be in a moment.
#[track_caller]
fn assert_gone(directory: &Path, within: Duration) {
    let start = Instant::now();
    while directory.exists() || !processes(directory).is_empty() {
        assert!(
            start.elapsed() < within,
            "{} is there: {}; processes: {:#?}",
            directory.display(),
            directory.exists(),
            processes(directory)
        );
        thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn assert_story(output: &Output) -> PathBuf {
    output.success();
    let mut rest = output.stdout.as_str();
    for text in STORY {
        let at = rest
            .find(text)
            .unwrap_or_else(|| panic!("{text:?} does not come\n{output}"));
        rest = &rest[at + text.len()..];
    }
    for text in [
        "\"resource_type\": \"api_key\"",
        "\"ticket\": \"INC-42\"",
        "\"api_key_id\": \"d4o6FQe5QT\"",
    ] {
        assert!(rest.contains(text), "{text} is missing\n{output}");
    }
    let refused = output
        .stdout
        .lines()
        .find(|line| line.contains("were refused since"));
    let counts: Vec<u64> = refused
        .expect("the loop's numbers are told")
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    assert!(
        matches!(counts[..], [accepted, refused] if accepted >= 10 && refused >= 3),
        "{counts:?}"
    );
    output.says("starting a throw-away PostgreSQL ");
    assert!(!output.stdout.contains("until Ctrl-C"));
    directory_in(&output.stderr).expect("the database is named")
}

#[test]
fn without_a_terminal_it_ends_by_itself_and_leaves_nothing() {
    // Whatever the environment says, it is the demo's own server.
    let invocation = breakglass()
        .env("DATABASE_URL", "host=/nowhere")
        .env("PGHOST", "/nowhere");
    let directory = assert_story(&invocation.arg("demo").run());
    assert!(
        directory.starts_with("/dev/shm") || directory.starts_with("/tmp"),
        "{}",
        directory.display()
    );
    assert_gone(&directory, Duration::ZERO);
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// As root the server runs as nobody; here the whole demo does.
#[test]
fn an_ordinary_user_can_run_it() {
    if !is_root() {
        // Then the other tests have done it.
        return;
    }
    let home = TempDir::new().expect("/tmp is writable");
    let program = home.path().join("breakglass");
    fs::copy(env!("CARGO_BIN_EXE_breakglass"), &program).expect("it can be copied");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    chown(home.path(), Some(65_534), Some(65_534)).expect("root may");
    let script =
        "cd \"$HOME\" && exec setpriv --reuid 65534 --regid 65534 --clear-groups ./breakglass demo";
    let invocation = Invocation::new("/bin/sh").args(["-c", script]);
    let output = invocation
        .env("HOME", home.path().display().to_string())
        .run();
    let directory = assert_story(&output);
    assert_gone(&directory, Duration::ZERO);
    let left: Vec<_> = fs::read_dir(home.path())
        .expect("it is there")
        .filter_map(Result::ok)
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(
        left,
        ["breakglass"],
        "nothing is left in the home directory"
    );
}

/// A demo that stays up, the connection string that it names, and its cluster's directory.
fn kept() -> (Running, String, PathBuf, TempDir) {
    let scratch = TempDir::new().expect("/tmp is writable");
    let told = scratch.path().join("told");
    let script = "exec \"$0\" demo --keep >\"$1\"";
    let invocation =
        Invocation::new("/bin/sh").args(["-c", script, env!("CARGO_BIN_EXE_breakglass")]);
    let mut running = invocation.arg(told.display().to_string()).start();
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(&told).unwrap_or_default();
        if let Some((_, rest)) = text.split_once("export BREAKGLASS_DATABASE_URL='")
            && let Some((conninfo, _)) = rest.split_once("'\n")
        {
            let directory = directory_in(&text).expect("it is named");
            return (running, conninfo.to_owned(), directory, scratch);
        }
        assert!(
            running.is_running() && start.elapsed() < PATIENCE,
            "it does not get there:\n{text}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn kept_it_stays_up_for_the_next_command_until_ctrl_c() {
    let (mut running, conninfo, directory, _scratch) = kept();
    for arguments in [
        &["tokens", "ls", "--kind", "all"][..],
        &[
            "tokens",
            "rm",
            "release",
            "--yes",
            "--reason",
            "by the reader",
        ],
        &[
            "tokens",
            "rm",
            "IkQxiy6zav",
            "--delete",
            "--confirm",
            "IkQxiy6zav",
            "--reason",
            "by the reader",
        ],
        &["audit", "ls"],
    ] {
        let invocation = breakglass().env("BREAKGLASS_DATABASE_URL", &conninfo);
        invocation.args(arguments.iter().copied()).run().success();
    }
    assert!(running.is_running() && directory.exists());
    running.signal("INT");
    let output = running.wait();
    output.success().says("clearing away");
    assert_gone(&directory, Duration::ZERO);
}

#[test]
fn on_a_terminal_it_stays_up_by_itself_until_ctrl_c() {
    let mut terminal = breakglass().arg("demo").on_terminal(120);
    terminal.expect("stays up until Ctrl-C");
    let text = terminal.expect("breakglass tokens ls --kind all");
    let directory = directory_in(&text).expect("it is named");
    assert!(directory.exists());
    terminal.interrupt();
    terminal.finish().code(0).says("clearing away");
    assert_gone(&directory, Duration::ZERO);
}

#[test]
fn killed_it_leaves_nothing_either() {
    let (running, _conninfo, directory, _scratch) = kept();
    assert!(!processes(&directory).is_empty());
    running.signal("KILL");
    assert_gone(&directory, LEFT_OVER);
    assert_eq!(running.wait().status.code(), None);
}

#[test]
fn ctrl_c_in_the_middle_clears_away_and_is_an_interruption() {
    let mut terminal = breakglass().arg("demo").on_terminal(120);
    // While it waits for a command of its own, which gets the signal as well.
    terminal.expect("$ breakglass tokens rm build-cache");
    terminal.interrupt();
    let transcript = terminal.finish();
    transcript.code(130);
    if let Some(directory) = directory_in(&transcript.text) {
        assert_gone(&directory, LEFT_OVER);
    }
}

#[test]
fn without_a_server_it_says_what_to_type() {
    let output = breakglass()
        .arg("demo")
        .env("BREAKGLASS_PG_BIN", "/nowhere/bin")
        .run();
    output.code(1).says("/nowhere/bin");
    assert_eq!(output.stdout, "");
}
