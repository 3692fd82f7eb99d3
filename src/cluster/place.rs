//! Where a cluster lives and as whom: the account, the directory, what dead runs left behind.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::Error;

/// `nobody`, which has a passwd entry nearly everywhere; Postgres refuses an uid without one.
const NOBODY: u32 = if cfg!(target_os = "macos") {
    u32::MAX - 1
} else {
    65_534
};

/// Every directory of a cluster is called this, then the owner's pid, a dash and a number.
const PREFIX: &str = "breakglass-";

/// A copied cluster, some WAL and a demo's data. Docker's /dev/shm has 64 MB and is passed over.
const ROOM_KIB: u64 = 200 * 1024;

/// Kernels cut unix socket paths at 104 to 108 bytes; the socket's own name takes 14 of these.
const LONGEST_DIRECTORY_BYTES: usize = 84;

/// A directory without a lock may be one that another process is making right now.
const ABANDONED_AFTER: Duration = Duration::from_hours(1);

/// Numbers this process's directories.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Who runs the server: the caller, or `nobody` for a caller that is root, since Postgres refuses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    effective_uid: u32,
}

impl Account {
    /// The account for a server started by this process.
    pub(super) fn current() -> Result<Self, Error> {
        Ok(Self {
            effective_uid: effective_uid()?,
        })
    }

    pub(super) fn is_root(self) -> bool {
        self.effective_uid == 0
    }

    pub(super) fn effective_uid(self) -> u32 {
        self.effective_uid
    }

    pub(super) fn server_uid(self) -> u32 {
        if self.is_root() {
            NOBODY
        } else {
            self.effective_uid
        }
    }

    /// A command that runs as the server does, from a directory that every account can enter.
    pub(super) fn command(self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir("/").stdin(Stdio::null());
        if self.is_root() {
            // std drops the supplementary groups as well.
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    fn give(self, path: &Path) -> Result<(), Error> {
        if !self.is_root() {
            return Ok(());
        }
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).map_err(Error::io(format!(
            "giving `{}` to uid {NOBODY}",
            path.display()
        )))
    }
}

/// The effective uid, without `unsafe`: Linux says it in /proc, `id` says it everywhere.
///
/// The owner of /proc/self would do as well, but for a binary that its user may not read.
fn effective_uid() -> Result<u32, Error> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    if let Some(uid) = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()) {
        return Ok(uid);
    }
    let output = Command::new("id")
        .arg("-u")
        .output()
        .map_err(Error::io("running `id -u`"))?;
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .map_err(|_not_a_number| Error::Io {
            action: "running `id -u`".to_owned(),
            source: io::Error::new(io::ErrorKind::InvalidData, "it did not print a number"),
        })
}

/// One cluster's directory, with its log open and locked; the directory goes with the value.
///
/// The lock is what makes sweeping safe. It belongs to the open file, which is also the standard
/// error of the shell and of every server process, so it is free only when all of them are gone.
#[derive(Debug)]
pub(super) struct Home {
    path: PathBuf,
    log: File,
}

impl Home {
    /// Makes the directory, in `wanted` or else in the best place there is.
    pub(super) fn create(account: Account, wanted: Option<&Path>) -> Result<Self, Error> {
        let candidates = match wanted {
            Some(base) => vec![base.to_owned()],
            None => vec!["/dev/shm".into(), std::env::temp_dir(), "/tmp".into()],
        };
        let mut refused = Vec::new();
        for (rank, base) in candidates.iter().enumerate() {
            let short_of_room = wanted.is_none() && rank == 0 && !has_room(base);
            let attempt = match unfit(account, base) {
                Some(reason) => Err(reason),
                None if short_of_room => Err("less than 200 MB free".to_owned()),
                None => {
                    sweep(account, base);
                    Self::create_in(base).map_err(|error| error.to_string())
                }
            };
            match attempt {
                Ok(home) => return Ok(home),
                Err(reason) => refused.push(format!("{}: {reason}", base.display())),
            }
        }
        Err(Error::NoPlace {
            reason: refused.join("; "),
        })
    }

    fn create_in(base: &Path) -> io::Result<Self> {
        let path = loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = base.join(format!("{PREFIX}{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                // Left by a dead process that had our pid, or made in another pid namespace.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(()) => break path,
            }
        };
        // Locked before it has its name: whoever sees a log also sees whether it is held.
        let unlocked = path.join("log.new");
        let made = OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&unlocked)
            .and_then(|log| {
                log.try_lock()?;
                fs::rename(&unlocked, path.join("log"))?;
                Ok(log)
            });
        match made {
            Ok(log) => Ok(Self { path, log }),
            Err(error) => {
                fs::remove_dir_all(&path)?;
                Err(error)
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file of the cluster's. Only before [`Home::hand_over`]: afterwards root would
    /// follow whatever links another process of `nobody` has put there.
    pub(super) fn write(&self, account: Account, name: &str, text: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        fs::write(&path, text).map_err(Error::io(format!("writing `{}`", path.display())))?;
        account.give(&path)
    }

    /// Gives the directory to the account of the server.
    pub(super) fn hand_over(&self, account: Account) -> Result<(), Error> {
        account.give(&self.path.join("log"))?;
        account.give(&self.path)
    }

    /// The log as the standard error of a child.
    pub(super) fn log_for_child(&self) -> Result<Stdio, Error> {
        self.log
            .try_clone()
            .map(Stdio::from)
            .map_err(Error::io("sharing the log"))
    }

    pub(super) fn log_bytes(&self) -> u64 {
        self.log.metadata().map_or(0, |metadata| metadata.len())
    }

    /// The last lines of the log, but nothing before `from_bytes`.
    pub(super) fn log_tail(&self, from_bytes: u64) -> String {
        const TAIL_BYTES: u64 = 4096;
        const TAIL_LINES: usize = 20;
        let end = self.log_bytes();
        let start = end.saturating_sub(TAIL_BYTES).max(from_bytes);
        let mut bytes = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or(0)];
        // Read through our own descriptor: the path is in another account's directory.
        let read = self.log.read_at(&mut bytes, start).unwrap_or(0);
        bytes.truncate(read);
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines
            .get(lines.len().saturating_sub(TAIL_LINES)..)
            .unwrap_or_default()
            .join("\n")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Usually gone already: the shell removes it. This is for a start that did not get so far,
        // and for a shell that was killed.
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Says why a cluster cannot live under `base`, if it cannot.
fn unfit(account: Account, base: &Path) -> Option<String> {
    let Some(text) = base.to_str() else {
        return Some("not UTF-8".to_owned());
    };
    // It goes into a connection string, a configuration file and a line of commands.
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@~".contains(c);
    if !base.is_absolute() || !text.chars().all(plain) {
        return Some("not an absolute path of plain characters".to_owned());
    }
    // The longest name: "breakglass-", a pid, "-", a number.
    if text.len() + "/breakglass-4194304-99999".len() > LONGEST_DIRECTORY_BYTES {
        return Some("too long for a unix socket".to_owned());
    }
    if !base.is_dir() {
        return Some("not a directory".to_owned());
    }
    let closed = |path: &Path| fs::metadata(path).map_or(true, |found| found.mode() & 0o001 == 0);
    let real = fs::canonicalize(base).unwrap_or_else(|_| base.to_owned());
    let blocked = real
        .ancestors()
        .find(|path| account.is_root() && closed(path))?;
    Some(format!("uid {NOBODY} cannot pass `{}`", blocked.display()))
}

/// Asks `df`, since statvfs is not in std.
fn has_room(base: &Path) -> bool {
    // By its path, in case the PATH is an odd one.
    let df = |program| {
        Command::new(program)
            .arg("-Pk")
            .arg(base)
            .stderr(Stdio::null())
            .output()
    };
    let Some(output) = ["/bin/df", "/usr/bin/df", "df"]
        .iter()
        .find_map(|it| df(it).ok())
    else {
        return false;
    };
    // Filesystem 1024-blocks Used Available Capacity% Mounted; the first may contain spaces.
    let text = String::from_utf8_lossy(&output.stdout);
    let words: Vec<&str> = text
        .lines()
        .last()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let capacity = words.iter().rposition(|word| word.ends_with('%'));
    let free = capacity.and_then(|at| words.get(at.checked_sub(1)?)?.parse::<u64>().ok());
    free.is_some_and(|free_kib| free_kib >= ROOM_KIB)
}

/// Removes what earlier runs left when even their shell was killed; nothing that anybody holds.
fn sweep(account: Account, base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some((pid, number)) = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX))
            .and_then(|rest| rest.split_once('-'))
        else {
            continue;
        };
        if pid.parse::<u32>().is_ok() && number.parse::<u32>().is_ok() {
            sweep_one(account, &entry.path());
        }
    }
}

fn sweep_one(account: Account, path: &Path) {
    let Ok(found) = fs::symlink_metadata(path) else {
        return;
    };
    let ours = [account.effective_uid(), account.server_uid()].contains(&found.uid());
    if !found.is_dir() || !ours {
        return;
    }
    let log_path = path.join("log");
    if fs::symlink_metadata(&log_path).is_ok_and(|log| log.is_file()) {
        let Ok(log) = File::open(&log_path) else {
            return;
        };
        if log.try_lock().is_ok() {
            // A failure is left for the next sweep. std follows no links below `path`.
            drop(fs::remove_dir_all(path));
        }
        return;
    }
    let age = found
        .modified()
        .ok()
        .and_then(|modified| modified.elapsed().ok());
    if age.is_some_and(|age| age > ABANDONED_AFTER) {
        drop(fs::remove_dir_all(path));
    }
}
