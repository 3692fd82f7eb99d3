//! `tokens sweep` that ends early, or that nobody listens to: Ctrl-C, a closed pipe, a full disk.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::ctrl_c::{CANCELLED, interrupt, slow};
use super::remove::{Before, REASON, coder};
use crate::support::run::Output;
use crate::support::{Invocation, TestDatabase, breakglass, seed};

const EXPIRE: [&str; 4] = ["--expire", "--yes", "--reason", REASON];

/// More than a pipe holds: written once somebody has begun to read.
const LARGER_THAN_A_PIPE: usize = 1 << 18;

#[test]
fn ctrl_c_ends_the_reading_and_nothing_is_judged() {
    let database = coder();
    let before = Before::of(&database);
    let directory = TempDir::with_prefix("breakglass-leak-").unwrap();
    let path = directory.path().join("leak");
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success(), "mkfifo of coreutils is there");
    // Open on both sides, so that neither waits for the other, and no end comes.
    let mut leak = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let running = database
        .breakglass()
        .args(["tokens", "sweep"])
        .arg(path.display().to_string())
        .args(EXPIRE)
        .start();
    let (sender, written) = channel();
    thread::spawn(move || {
        let text = format!(
            "{}\n{}",
            seed::token_of(seed::HOT),
            " ".repeat(LARGER_THAN_A_PIPE)
        );
        let done = leak.write_all(text.as_bytes());
        drop(sender.send((done, leak)));
    });
    let (done, _open) = written.recv_timeout(Duration::from_mins(1)).unwrap();
    done.unwrap();
    let pressed = Instant::now();
    running.signal("INT");
    let output = running.wait();
    assert!(pressed.elapsed() < Duration::from_secs(3));
    output
        .code(130)
        .says("error: interrupted; nothing was changed\n");
    assert_eq!(output.stdout, "");
    output.never_says(&seed::secret_of(seed::HOT));
    before.is_all(&database);
}

/// Two round trips under way, each with a row that the sleeping view is asked about.
#[test]
fn ctrl_c_ends_every_lookup_on_the_server() {
    let database = coder();
    slow(&database, "users");
    let unknown = (0..4096).map(|number| format!("{number:010}-{number:022}"));
    let mut leak = vec![seed::token_of(seed::HOT)];
    leak.extend(unknown);
    leak.push(seed::token_of(seed::EXPIRED));
    let sweep = database.breakglass().args(["tokens", "sweep"]).args(EXPIRE);
    let output = interrupt(&database, sweep.stdin(leak.join("\n")));
    assert_eq!(output.code(130).stderr, CANCELLED);
    assert!(database.operations().is_empty() && database.is_alive(seed::HOT));
    assert_eq!(
        database.value(
            "select count(*) from pg_stat_activity where datname = current_database() \
                and wait_event = 'PgSleep'"
        ),
        "0"
    );
}

#[test]
fn without_a_server_it_says_so_and_reads_nothing() {
    let nowhere = breakglass().env(
        "BREAKGLASS_DATABASE_URL",
        "host=/nonexistent dbname=x user=x",
    );
    let output = nowhere.args(["tokens", "sweep", "/no/such/file"]).run();
    output.code(3).never_says("/no/such/file");
    assert_eq!(output.stdout, "");
}

/// Sweeps in a shell with standard output led elsewhere; the shell tells how it ended.
fn led_elsewhere(database: &TestDatabase, words: &[&str], elsewhere: &str) -> Output {
    let script = format!("{{ \"$@\"; echo \"ended with $?\" >&2; }} {elsewhere}");
    let shell = Invocation::new("/bin/sh").on(database);
    let shell = shell.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_breakglass")]);
    let shell = shell.args(["tokens", "sweep"]).args(words.to_vec());
    shell.stdin(seed::token_of(seed::HOT)).run()
}

#[test]
fn a_closed_pipe_is_no_failure_and_prevents_no_kill() {
    let database = coder();
    let before = Before::of(&database);
    for format in ["table", "json", "jsonl", "csv"] {
        let output = led_elsewhere(&database, &["-o", format], "| true");
        output.says("ended with 0").never_says("error");
        before.is_all(&database);
        let database = coder();
        let words = [&EXPIRE[..], &["-o", format]].concat();
        let output = led_elsewhere(&database, &words, "| true");
        output.says("ended with 0").never_says("error");
        assert!(!database.is_alive(seed::HOT));
        assert_eq!(database.operation()["outcome"], "applied");
    }
}

/// The report comes before the question, so where it cannot be written nothing is killed.
#[test]
fn a_full_disk_is_told_before_anything_is_killed() {
    let database = coder();
    let before = Before::of(&database);
    for kill in [&[][..], &EXPIRE] {
        let words = [kill, &["-o", "json"]].concat();
        let output = led_elsewhere(&database, &words, ">/dev/full");
        output.says("ended with 1").says("cannot write the output");
        before.is_all(&database);
    }
}
