//! A password that a command prints, on a server that wants one (SCRAM).
#![expect(
    clippy::expect_used,
    reason = "a helper that cannot go on fails the test that called it"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use breakglass::cluster::Cluster;

use super::remove::Before;
use crate::support::config::{File, prod};
use crate::support::run::Output;
use crate::support::{Invocation, Template, TestDatabase, private_cluster_with_logins, seed};

/// The tests' own superuser needs no password, everybody else does.
const LOGINS: &str = "local all postgres trust\nlocal all all scram-sha-256\n";

/// A server that wants a password, a role that has one, and a target with a command for it.
struct Guarded {
    database: TestDatabase,
    file: File,
    _cluster: Cluster,
}

/// What every command that is to be run by us begins with: it counts its calls.
const COUNT: &str = "#!/bin/sh\necho call >>\"$(dirname \"$0\")/calls\"\n";

impl Guarded {
    /// With a script as the command, and further fields.
    fn new(script: &str, fields: &str) -> Self {
        let cluster = private_cluster_with_logins(LOGINS);
        let database = TestDatabase::on(&cluster, Template::Coder);
        database.breakglass().arg("init").run().success();
        database.execute("create role guarded login superuser password 'correct horse'");
        let file = File::with("");
        let program = file.directory().join("token");
        let command = format!(
            "password_command = [\"{}\", \"--argument=hunter2\"]\n",
            program.display()
        );
        let text = prod(&database.conninfo("guarded"), &format!("{command}{fields}"));
        fs::write(file.path(), text).expect("it can be written");
        let guarded = Self {
            database,
            file,
            _cluster: cluster,
        };
        guarded.command(script);
        guarded
    }

    /// Makes this script the command.
    fn command(&self, script: &str) {
        let program = self.file.directory().join("token");
        fs::write(&program, format!("{COUNT}{script}\n")).expect("it can be written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("it is ours");
    }

    /// How often the command was run.
    fn calls(&self) -> usize {
        let calls = fs::read_to_string(self.file.directory().join("calls"));
        calls.map_or(0, |calls| calls.lines().count())
    }

    fn remove(&self) -> Invocation<'static> {
        self.file.remove(&["build-cache"])
    }

    /// Runs it, and asserts that there was no connection, and nothing changed or shown.
    #[track_caller]
    fn fails(&self, wanted: &str) {
        drop(self.failure(wanted));
    }

    /// The same, for a closer look at what was said.
    #[track_caller]
    fn failure(&self, wanted: &str) -> Output {
        let before = Before::of(&self.database);
        let output = self.remove().run();
        output
            .code(3)
            .says(wanted)
            .says("hint: run the target's password_command by hand")
            .says("nothing was changed\nnothing was recorded: there is no connection\n")
            .never_says("hunter2")
            .never_says("correct horse");
        before.is_all(&self.database);
        output
    }
}

#[test]
fn the_command_gives_the_password_at_every_connection() {
    let guarded = Guarded::new("echo 'correct horse'", "");
    let list = guarded
        .file
        .breakglass()
        .args(["tokens", "ls", "--target", "prod"]);
    list.run().success();
    assert_eq!(guarded.calls(), 1);
    guarded.remove().run().success().never_says("correct horse");
    assert!(!guarded.database.is_alive(seed::HOT));
    // Planning and changing, reading back, recording what was seen.
    // More where the machine is slow: then it looks for who holds a lock.
    assert!(guarded.calls() > 3, "{}", guarded.calls());
    assert_eq!(guarded.database.observations().len(), 1);
}

/// As with a token of minutes: each call makes another password, and the one before is void.
#[test]
fn a_password_of_one_connection_is_asked_for_anew() {
    let guarded = Guarded::new("", "");
    guarded.database.execute(
        "create sequence passwords;
         create function rotate() returns text language plpgsql as $$
         declare secret text := 'token-' || nextval('passwords');
         begin execute format('alter role guarded password %L', secret); return secret; end $$",
    );
    let before = guarded.database.value("select rotate()");
    // The script asks by a file, and the test answers with another.
    let waiting = guarded.file.directory().join("next");
    guarded.command(&format!(
        "n=$(wc -l <\"$(dirname \"$0\")/calls\")\n: >\"{0}.$n\"\n\
         until [ -s \"{0}.$n.made\" ]; do sleep 0.01; done\ncat \"{0}.$n.made\"",
        waiting.display()
    ));
    let mut running = guarded.remove().start();
    let mut made = Vec::new();
    while running.is_running() {
        let n = made.len() + 1;
        if fs::exists(format!("{}.{n}", waiting.display())).expect("it can be looked at") {
            let secret = guarded.database.value("select rotate()");
            let part = format!("{}.part", waiting.display());
            fs::write(&part, format!("{secret}\n")).expect("it can be written");
            fs::rename(&part, format!("{}.{n}.made", waiting.display())).expect("it can be moved");
            made.push(secret);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = running.wait();
    output.success();
    assert!(made.len() >= 3 && !made.contains(&before), "{made:?}");
    assert_eq!(guarded.calls(), made.len());
    for secret in &made {
        output.never_says(secret);
    }
    assert!(!guarded.database.is_alive(seed::HOT));
}

#[test]
fn the_commands_word_beats_every_other() {
    let guarded = Guarded::new("echo 'correct horse'", "");
    let list = guarded
        .file
        .breakglass()
        .args(["tokens", "ls", "--target", "prod"]);
    list.env("PGPASSWORD", "wrong").run().success();
    let guarded = Guarded::new("echo wrong", "");
    let list = guarded
        .file
        .breakglass()
        .args(["tokens", "ls", "--target", "prod"]);
    let output = list.env("PGPASSWORD", "correct horse").run();
    output.code(3).says("password authentication failed");
}

#[test]
fn a_command_that_fails_is_told_with_what_it_said() {
    let guarded = Guarded::new(
        "echo 'no session:' >&2; printf '\\033[31mlog in\\n' >&2; exit 3",
        "",
    );
    let program = guarded.file.directory().join("token").display().to_string();
    guarded
        .failure(&format!(
            "error: password_command: `{program}` ended with exit status: 3: no session:; \
             \\u{{1b}}[31mlog in\n"
        ))
        .never_says("\u{1b}");
    guarded.command("echo 'correct horse'; echo 'it is correct horse' >&2; exit 1");
    guarded.fails("ended with exit status: 1: it is ***\n");
    guarded.command("head -c 300000 /dev/zero | tr '\\0' x >&2; exit 1");
    let output = guarded.failure("ended with exit status: 1: xxxxx");
    assert!(output.stderr.len() < 2_000, "{}", output.stderr.len());
    guarded.command("kill -9 $$");
    guarded.fails("ended with signal: 9");
}

#[test]
fn what_is_not_one_line_is_no_password() {
    let guarded = Guarded::new("", "");
    for (script, found) in [
        ("true", "nothing"),
        ("echo", "nothing"),
        ("printf 'correct horse\\nbattery\\n'", "more than one line"),
        ("printf '\\377\\n'", "something that is not UTF-8"),
        ("head -c 70000 /dev/zero | tr '\\0' x", "more than 64 KiB"),
    ] {
        guarded.command(script);
        guarded.fails(&format!(
            "printed {found} instead of one line with the password"
        ));
    }
    guarded.command("printf 'correct horse'");
    guarded.remove().run().success();
}

#[test]
fn a_program_that_is_not_there_is_told_by_its_name() {
    let guarded = Guarded::new("true", "");
    let text = fs::read_to_string(guarded.file.path()).expect("it is there");
    let text = text.replace("/token\"", "/nothing\"");
    fs::write(guarded.file.path(), text).expect("it can be written");
    guarded.fails("password_command: cannot run `/");
}

/// The program's process is gone, not only left alone.
#[track_caller]
fn is_gone(guarded: &Guarded) {
    let pid = fs::read_to_string(guarded.file.directory().join("pid")).expect("it has begun");
    let start = Instant::now();
    while fs::exists(format!("/proc/{}", pid.trim())).expect("/proc can be read") {
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{pid} is still there"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Not itself but what it has started.
const ENDLESS: &str = "sleep 60 & echo $! >\"$(dirname \"$0\")/pid\"; wait; echo late";

#[test]
fn a_command_has_as_long_as_a_connection() {
    let guarded = Guarded::new(ENDLESS, "connect_timeout = \"700ms\"");
    let start = Instant::now();
    guarded.fails("did not end within 0.7 s\n");
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    is_gone(&guarded);
}

#[test]
fn ctrl_c_ends_the_command_too() {
    let guarded = Guarded::new(ENDLESS, "connect_timeout = \"50s\"");
    for words in [
        &["tokens", "ls"][..],
        &["tokens", "rm", "build-cache", "--yes", "--reason", "x"],
    ] {
        drop(fs::remove_file(guarded.file.directory().join("pid")));
        let command = guarded.file.breakglass().args(words.to_vec());
        let running = command.args(["--target", "prod"]).start();
        let start = Instant::now();
        while fs::read_to_string(guarded.file.directory().join("pid"))
            .unwrap_or_default()
            .is_empty()
        {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "it does not begin"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        running.signal("INT");
        let output = running.wait();
        output.code(130).says("interrupted; nothing was changed");
        assert!(start.elapsed() < Duration::from_secs(12));
        is_gone(&guarded);
    }
    assert!(guarded.database.is_alive(seed::HOT) && guarded.database.operations().is_empty());
}

#[test]
fn the_command_reads_nothing_of_ours() {
    let guarded = Guarded::new("cat; echo 'correct horse'", "");
    let secret = seed::token_of(seed::HOT);
    let remove = guarded.file.remove(&["-"]);
    remove.stdin(format!("{secret}\n")).run().success();
    assert!(!guarded.database.is_alive(seed::HOT));
}
