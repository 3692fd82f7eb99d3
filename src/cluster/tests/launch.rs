//! Starting, stopping, killing and restarting.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::super::{Cluster, Error, Options, Template};
use super::{BINARIES, Client, Scratch, is_alive, template};

#[test]
fn starts_answers_and_is_gone() {
    let cluster = Cluster::start(&BINARIES, &Options::default()).unwrap();
    let directory = cluster.socket_directory().to_owned();
    let pid = cluster.postmaster_pid();
    let name = directory.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("breakglass-"), "{name}");
    assert_eq!(
        cluster.conninfo("app"),
        format!(
            "host={} port=5432 user=postgres dbname=app",
            directory.display()
        )
    );
    let mut client = Client::of(&cluster);
    let settings = "select concat_ws(' ', current_setting('fsync'), \
                    current_setting('synchronous_commit'), current_setting('server_encoding'), \
                    current_setting('listen_addresses'), datcollate, current_user) \
                    from pg_database where datname = 'template1'";
    assert_eq!(client.ask(settings), "off on UTF8  C postgres");
    assert_eq!(client.ask("show server_version_num").len(), 6);
    assert!(client.ask("show data_directory").ends_with("/data"));
    cluster.stop().unwrap();
    assert!(!is_alive(pid));
    assert!(!directory.exists());
}

#[test]
fn it_can_be_shared_by_tests() {
    fn check<T: Send + Sync>() {}
    check::<(Cluster, Template, Error)>();
}

#[test]
fn dropping_does_the_same() {
    let cluster = template().start(&Options::default()).unwrap();
    let (directory, pid) = (
        cluster.socket_directory().to_owned(),
        cluster.postmaster_pid(),
    );
    // A session that is busy does not hold it up.
    let mut client = Client::of(&cluster);
    client.send("select pg_sleep(600)");
    let start = Instant::now();
    drop(cluster);
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    assert!(!is_alive(pid) && !directory.exists());
}

#[test]
fn clusters_of_a_template_are_apart() {
    let mine = Template::new(&BINARIES).unwrap();
    thread::scope(|scope| {
        let starts = (0..3).map(|n: u32| {
            let mine = &mine;
            scope.spawn(move || {
                let cluster = mine.start(&Options::default()).unwrap();
                let mut client = Client::of(&cluster);
                assert_eq!(client.ask("select to_regclass('t') is null"), "t");
                client.ask(&format!("create table t as select {n} as n"));
                assert_eq!(client.ask("select n::text from t"), n.to_string());
                cluster.stop().unwrap();
            })
        });
        starts
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|it| it.join().unwrap());
    });
}

#[test]
fn a_killed_server_starts_again_with_its_data() {
    let mut cluster = template().start(&Options::default()).unwrap();
    Client::of(&cluster).ask("create table kept as select 1 as n");
    let first = cluster.postmaster_pid();
    cluster.kill().unwrap();
    assert!(!is_alive(first));
    cluster.kill().unwrap(); // nobody left to kill, and nobody else was hit
    cluster.restart().unwrap();
    assert_ne!(cluster.postmaster_pid(), first);
    assert_eq!(Client::of(&cluster).ask("select n::text from kept"), "1");
    // And one that runs.
    let second = cluster.postmaster_pid();
    cluster.restart().unwrap();
    assert!(!is_alive(second));
    assert_eq!(Client::of(&cluster).ask("select n::text from kept"), "1");
}

#[test]
fn a_restart_waits_for_a_backend_that_is_busy() {
    let mut cluster = template().start(&Options::default()).unwrap();
    let mut client = Client::of(&cluster);
    client.ask("create table t (n int)");
    let start = Instant::now();
    // Busy: it never waits for anything, so that it does not notice the postmaster's end.
    client.send(
        "do $$ declare stop timestamptz := clock_timestamp() + '1.5 s'; \
         begin while clock_timestamp() < stop loop end loop; insert into t values (1); end $$",
    );
    thread::sleep(Duration::from_millis(200));
    cluster.kill().unwrap();
    cluster.restart().unwrap();
    assert!(
        start.elapsed() > Duration::from_millis(1400),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        Client::of(&cluster).ask("select count(*)::text from t"),
        "1"
    );
}

#[test]
fn tcp_only_when_asked_and_then_with_a_password() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let options = Options {
        listen: Some(port),
        ..Options::default()
    };
    let cluster = template().start(&options).unwrap();
    assert!(
        cluster
            .conninfo("a b")
            .ends_with(&format!("port={port} user=postgres dbname='a b'"))
    );
    // 10: the server asks for SASL.
    assert_eq!(
        Client::by_tcp(port).start(),
        (b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0".to_vec())
    );
    Client::of(&cluster).ask("select 1");
    cluster.stop().unwrap();
    let hba = Some("local all all trust\nhost all all 127.0.0.1/32 trust\n".to_owned());
    let cluster = template().start(&Options { hba, ..options }).unwrap();
    assert_eq!(Client::by_tcp(port).start(), (b'R', vec![0, 0, 0, 0]));
    cluster.stop().unwrap();
}

#[test]
fn settings_come_last_and_are_quoted() {
    let settings = vec![
        ("cluster_name".to_owned(), "it's \\ here".to_owned()),
        ("breakglass.x".to_owned(), "1".to_owned()),
        ("fsync".to_owned(), "on".to_owned()),
    ];
    let cluster = template()
        .start(&Options {
            settings,
            ..Options::default()
        })
        .unwrap();
    let mut client = Client::of(&cluster);
    assert_eq!(client.ask("show cluster_name"), "it's \\ here");
    assert_eq!(client.ask("show fsync"), "on");
    client.ask("alter system set fsync = off");
    client.ask("select pg_reload_conf()");
    super::wait_for("reload", Duration::from_secs(5), || {
        Client::of(&cluster).ask("show fsync") == "off"
    });
}

#[test]
fn a_failed_start_shows_the_log_and_leaves_nothing() {
    let scratch = Scratch::new();
    let settings = vec![("shared_buffers".to_owned(), "no".to_owned())];
    let directory = Some(scratch.path().to_owned());
    let options = Options {
        settings,
        directory: directory.clone(),
        ..Options::default()
    };
    let error = template().start(&options).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Failed {
                step: "postgres",
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("shared_buffers"), "{error}");
    for (name, value) in [("a b", "1"), ("", "1"), ("a", "1\nfsync = on")] {
        let settings = vec![(name.to_owned(), value.to_owned())];
        let options = Options {
            settings,
            directory: directory.clone(),
            ..Options::default()
        };
        let error = template().start(&options).unwrap_err();
        assert!(matches!(error, Error::Setting { .. }), "{error}");
    }
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn a_place_that_will_not_do_is_named() {
    let long = format!("/tmp/{}", "x".repeat(80));
    for base in [
        "/nonexistent",
        "/tmp/a b",
        "relative",
        "/proc",
        long.as_str(),
    ] {
        let options = Options {
            directory: Some(base.into()),
            ..Options::default()
        };
        let error = template().start(&options).unwrap_err();
        assert!(matches!(error, Error::NoPlace { .. }), "{error}");
        assert!(error.to_string().contains(base), "{error}");
    }
}

#[test]
fn leftovers_are_swept_and_only_those() {
    let scratch = Scratch::new();
    let options = Options {
        directory: Some(scratch.path().to_owned()),
        ..Options::default()
    };
    let alive = template().start(&options).unwrap();
    let make = |name: &str, log: bool| {
        let path = scratch.path().join(name);
        fs::create_dir(&path).unwrap();
        if log {
            File::create(path.join("log")).unwrap();
        }
        path
    };
    let dead = make("breakglass-4000000-1", true);
    let held = make("breakglass-4000000-2", true);
    let log = File::open(held.join("log")).unwrap();
    log.lock().unwrap();
    let fresh = make("breakglass-4000000-3", false);
    let old = make("breakglass-4000000-4", false);
    let hours = std::time::SystemTime::now() - Duration::from_hours(2);
    File::open(&old).unwrap().set_modified(hours).unwrap();
    let others = make("breakglass-notes", true);
    template().start(&options).unwrap().stop().unwrap();
    let is_left = |paths: &[&Path]| paths.iter().map(|path| path.exists()).collect::<Vec<_>>();
    assert_eq!(
        is_left(&[
            &dead,
            &held,
            &fresh,
            &old,
            &others,
            alive.socket_directory()
        ]),
        [false, true, true, false, true, true]
    );
    Client::of(&alive).ask("select 1");
}
