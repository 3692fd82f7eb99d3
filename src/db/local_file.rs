//! A file of this machine, and who else may read it.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The bits of a file's mode that say what somebody may do.
const PERMISSIONS: u32 = 0o777;

/// What a file holds and who may read it.
#[derive(Clone, PartialEq, Eq)]
pub struct LocalFile {
    /// What is in it; nothing where it is not a plain file.
    pub content: Vec<u8>,
    /// Whether it is a plain file, after links.
    pub is_plain: bool,
    /// Who may do what, as `chmod` takes it.
    pub mode: u32,
    /// The numeric id of its owner.
    pub owner: u32,
}

impl LocalFile {
    /// Reads a file. What is not a plain file (a directory, a pipe) is not opened.
    ///
    /// # Errors
    ///
    /// When it is not there, or may not be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() {
            return Ok(Self::new(&metadata, Vec::new()));
        }
        // Of what was opened, not of what has the name by now.
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        Ok(Self::new(&metadata, content))
    }

    fn new(metadata: &Metadata, content: Vec<u8>) -> Self {
        Self {
            content,
            is_plain: metadata.is_file(),
            mode: metadata.mode() & PERMISSIONS,
            owner: metadata.uid(),
        }
    }
}

/// Shows whose it is, never what is in it: a password or a key.
impl std::fmt::Debug for LocalFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalFile")
            .field("is_plain", &self.is_plain)
            .field("mode", &format_args!("{:04o}", self.mode))
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}
