//! Gone when the owner is gone: this test binary runs itself as the owner, and kills it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::super::place::Account;
use super::super::{Cluster, Options};
use super::{BINARIES, Client, Scratch, is_alive, wait_for};

const DIRECTORY: &str = "BREAKGLASS_TEST_OWNER_DIRECTORY";
const LIMIT: Duration = Duration::from_secs(2);

/// Not a test but the process that [`spawn`] starts.
#[test]
#[ignore = "run by the other tests"]
fn owner() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let options = Options {
        directory: Some(directory.into()),
        ..Options::default()
    };
    let cluster = Cluster::start(&BINARIES, &options).unwrap();
    println!(
        "\nowner: {} {}",
        cluster.postmaster_pid(),
        cluster.socket_directory().display()
    );
    thread::sleep(Duration::from_mins(1));
}

/// The path of these tests as the test binary knows it: without the crate.
fn module() -> &'static str {
    module_path!().split_once("::").unwrap().1
}

fn spawn(directory: &Path) -> Child {
    let module = module_path!().split_once("::").unwrap().1;
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--ignored",
            "--nocapture",
            &format!("{module}::owner"),
        ])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until the owner has a cluster; the pid of its postmaster and the directory.
fn cluster_of(owner: &mut Child) -> (u32, PathBuf) {
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let said = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("owner: ").map(str::to_owned))
        .expect("the owner starts a cluster");
    let (pid, directory) = said.split_once(' ').unwrap();
    (pid.parse().unwrap(), directory.into())
}

fn kill(owner: &mut Child) {
    owner.kill().unwrap();
    owner.wait().unwrap();
}

#[test]
fn a_killed_owner_leaves_nothing() {
    let scratch = Scratch::new();
    let mut owner = spawn(scratch.path());
    let (pid, directory) = cluster_of(&mut owner);
    let mut busy = Client::at(&directory, 5432);
    busy.send("select pg_sleep(600)");
    assert!(is_alive(pid));
    kill(&mut owner);
    let took = wait_for("gone", LIMIT, || !is_alive(pid) && !directory.exists());
    println!("gone {took:?} after the owner's SIGKILL");
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn it_may_die_at_any_moment() {
    let scratch = Scratch::new();
    let is_empty = || fs::read_dir(scratch.path()).unwrap().count() == 0;
    let is_guarded = || {
        let homes = fs::read_dir(scratch.path()).unwrap();
        homes
            .flatten()
            .any(|home| home.path().join("fifo").exists())
    };
    // From the shell's first act over initdb to a server that is about to be ready.
    for step in 0..8 {
        let mut owner = spawn(scratch.path());
        wait_for("a shell", 5 * LIMIT, is_guarded);
        thread::sleep(Duration::from_millis(step * 60));
        kill(&mut owner);
        // An initdb that has begun ends first, and takes its time on a busy disk.
        wait_for("an empty directory", 5 * LIMIT, is_empty);
    }
}

/// Only root can be somebody else; for others all the tests are this one.
#[test]
fn as_an_ordinary_user() {
    let account = Account::current().unwrap();
    if !account.is_root() {
        return;
    }
    let scratch = Scratch::new();
    // A copy, since the build directory may be closed to others.
    let program = scratch.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let tests = module().replace("::owner", "");
    let output = account
        .command(&program)
        .args(
            ["::launch", "::linux", "::carried", "::owner::a_killed"].map(|it| tests.clone() + it),
        )
        .env("HOME", "/nonexistent")
        .env_remove("XDG_CACHE_HOME")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}
