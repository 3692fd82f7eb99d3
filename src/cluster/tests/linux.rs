//! What only Linux shows in its files: whose a process is, its group, the shared memory.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::super::Options;
use super::{Client, is_alive, template};

#[test]
fn the_socket_is_for_its_account_only() {
    let cluster = template().start(&Options::default()).unwrap();
    let directory = fs::metadata(cluster.socket_directory()).unwrap();
    assert_eq!(directory.permissions().mode() & 0o777, 0o700);
    let us = fs::metadata("/proc/self").unwrap().uid();
    let server = fs::metadata(format!("/proc/{}", cluster.postmaster_pid()))
        .unwrap()
        .uid();
    assert_eq!(server, if us == 0 { 65_534 } else { us });
    assert_eq!(directory.uid(), server);
    let mut client = Client::of(&cluster);
    assert_eq!(
        client.ask("select count(*)::text from pg_hba_file_rules where type <> 'local'"),
        "0"
    );
    assert_eq!(
        client.ask("select count(*)::text from pg_hba_file_rules"),
        "2"
    );
}

#[test]
fn a_killed_server_is_cleaned_up_as_well() {
    let cluster = template().start(&Options::default()).unwrap();
    let directory = cluster.socket_directory().to_owned();
    let pid_file = fs::read_to_string(cluster.data_directory().join("postmaster.pid")).unwrap();
    let segment = pid_file
        .lines()
        .nth(6)
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap();
    // Key, id, mode, …; the bit 01000 of the mode is set once it goes with its last user.
    let exists = || {
        let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap();
        segments.lines().any(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words[1] == segment && u32::from_str_radix(words[2], 8).unwrap() & 0o1000 == 0
        })
    };
    assert!(exists());
    cluster.kill().unwrap();
    assert!(exists());
    drop(cluster);
    assert!(!directory.exists());
    assert!(!exists());
}

#[test]
fn signals_of_a_terminal_do_not_reach_the_server() {
    let cluster = template().start(&Options::default()).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", cluster.postmaster_pid())).unwrap();
    let group = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .nth(2)
        .unwrap();
    let own = fs::read_to_string("/proc/self/stat").unwrap();
    assert_ne!(
        own.rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .nth(2)
            .unwrap(),
        group
    );
    // The shell leads the group; it has to survive what a terminal or a service manager sends it.
    for signal in ["-INT", "-TERM", "-HUP"] {
        assert!(
            Command::new("kill")
                .args([signal, group])
                .status()
                .unwrap()
                .success()
        );
    }
    thread::sleep(Duration::from_millis(100));
    assert_eq!(Client::of(&cluster).ask("select 1"), "1");
    assert!(is_alive(group.parse().unwrap()));
    cluster.stop().unwrap();
}
