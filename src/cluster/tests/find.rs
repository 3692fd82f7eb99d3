//! Where binaries are found, and what is said when there are none.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::super::{Binaries, Error, Search, find};
use super::{BINARIES, Scratch};

/// Scripts that know their version and nothing else.
fn server(scratch: &Scratch, directory: &str, version: &str) -> PathBuf {
    for program in ["postgres", "initdb"] {
        let body = format!("echo '{program} (PostgreSQL) {version} (Somebody 1)'");
        scratch.script(&format!("{directory}/{program}"), &body);
    }
    scratch.path().join(directory)
}

fn found(search: &Search) -> Result<Binaries, Error> {
    find(search, &mut |line| {
        panic!("nothing is carried here: {line}")
    })
}

fn on_path(directory: &Path) -> Search {
    Search {
        path: Some(directory.into()),
        ..Search::default()
    }
}

#[test]
fn this_machine_has_one() {
    assert!(BINARIES.major() >= 13);
    assert!(
        BINARIES
            .version()
            .starts_with(&BINARIES.major().to_string())
    );
    assert!(BINARIES.directory().join("initdb").is_file());
}

#[test]
fn what_is_named_is_used_or_refused() {
    let scratch = Scratch::new();
    let good = server(&scratch, "good", "16.2");
    let other = server(&scratch, "other", "17.1");
    let search = Search {
        explicit: Some(good.clone()),
        ..on_path(&other)
    };
    let binaries = found(&search).unwrap();
    assert_eq!((binaries.version(), binaries.major()), ("16.2", 16));
    assert_eq!(binaries.directory(), good);
    fs::remove_file(good.join("initdb")).unwrap();
    let error = found(&search).unwrap_err();
    assert!(matches!(error, Error::Explicit { .. }));
    let text = error.to_string();
    assert!(
        text.contains("BREAKGLASS_PG_BIN") && text.contains("good/initdb"),
        "{text}"
    );
    let old = Search {
        explicit: Some(server(&scratch, "old", "12.22")),
        ..Search::default()
    };
    assert!(
        found(&old)
            .unwrap_err()
            .to_string()
            .contains("12.22 is older than 13")
    );
}

#[test]
fn a_link_on_the_path_leads_to_the_server() {
    let scratch = Scratch::new();
    let real = server(&scratch, "lib/16/bin", "16.2");
    fs::create_dir(scratch.path().join("bin")).unwrap();
    symlink(real.join("postgres"), scratch.path().join("bin/postgres")).unwrap();
    let binaries = found(&on_path(&scratch.path().join("bin"))).unwrap();
    assert_eq!(binaries.directory(), real);
}

#[test]
fn pg_config_is_asked() {
    let scratch = Scratch::new();
    let real = server(&scratch, "lib/16/bin", "16.2");
    scratch.script("bin/pg_config", &format!("echo {}", real.display()));
    let binaries = found(&on_path(&scratch.path().join("bin"))).unwrap();
    assert_eq!(binaries.directory(), real);
}

#[test]
fn the_newest_of_the_directories_wins() {
    let scratch = Scratch::new();
    for version in ["9.6.24", "12.22", "15.18", "17.2", "17.10", "17beta1"] {
        server(&scratch, &format!("postgresql/{version}/bin"), version);
    }
    fs::create_dir_all(scratch.path().join("postgresql/99/bin")).unwrap();
    server(&scratch, "opt/postgresql@16/bin", "16.1");
    let directories = ["postgresql/*/bin", "opt/postgresql@*/bin", "nothing/*/bin"]
        .map(|pattern| scratch.path().join(pattern))
        .to_vec();
    let mut search = Search {
        directories,
        ..Search::default()
    };
    assert_eq!(found(&search).unwrap().version(), "17.10");
    search.directories.remove(0);
    assert_eq!(found(&search).unwrap().version(), "16.1");
    // What the PATH says goes before what is newer.
    search.path = Some(server(&scratch, "bin", "15.1").into());
    assert_eq!(found(&search).unwrap().version(), "15.1");
    // But not if it is too old.
    search.path = Some(server(&scratch, "bin", "11.1").into());
    assert_eq!(found(&search).unwrap().version(), "16.1");
}

#[test]
fn none_is_an_error_with_the_command_to_type() {
    let scratch = Scratch::new();
    for (manager, command) in [
        ("apt-get", "apt-get install postgresql"),
        ("apk", "apk add"),
    ] {
        scratch.script(&format!("{manager}-bin/{manager}"), "");
        let cache = scratch.path().join("cache");
        let path = scratch.path().join(format!("{manager}-bin"));
        let error = found(&Search {
            cache: cache.clone(),
            ..on_path(&path)
        })
        .unwrap_err();
        assert!(error.to_string().contains(command), "{error}");
        assert!(
            !cache.exists(),
            "nothing is made where nothing can be fetched"
        );
    }
}
