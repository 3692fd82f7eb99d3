//! Reading a file that commands are run from: only where nobody else could have written it.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::error::Error;

/// The longest file, in bytes.
const LONGEST_BYTES: u64 = 1024 * 1024;

/// Bits of the mode that let the group or everybody write.
const OTHERS_WRITE: u32 = 0o022;

/// Reads a file that nobody else could have written, of 1 MiB at most.
///
/// # Errors
///
/// When it cannot be read, or somebody else than its reader and root may write it.
pub fn read(path: &Path) -> Result<String, Error> {
    let failed = |source: io::Error| {
        if source.kind() == io::ErrorKind::NotFound {
            Error::Missing(path.to_owned())
        } else {
            Error::Read {
                path: path.to_owned(),
                source,
            }
        }
    };
    // Before it is opened: a named pipe would keep us waiting for a writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    let file = File::open(path).map_err(failed)?;
    // Of the open file, so that it cannot be another one by now.
    let metadata = file.metadata().map_err(failed)?;
    let ours = rustix::process::geteuid().as_raw();
    if let Some(why) = distrust(metadata.mode(), metadata.uid(), ours) {
        return Err(Error::Untrusted {
            path: path.to_owned(),
            why,
        });
    }
    let mut text = String::new();
    file.take(LONGEST_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > LONGEST_BYTES) {
        return Err(failed(io::Error::other("it is larger than 1 MiB")));
    }
    Ok(text)
}

/// Why a file of this mode and owner is not to be trusted by the user `ours`.
pub(super) fn distrust(mode: u32, owner: u32, ours: u32) -> Option<String> {
    if owner != ours && owner != 0 {
        return Some(format!("belongs to another user (uid {owner})"));
    }
    (mode & OTHERS_WRITE != 0)
        .then(|| format!("can be written by others (mode {:03o})", mode & 0o777))
}
