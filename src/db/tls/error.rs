//! Why TLS could not even be set up: the files, above all.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why TLS could not even be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The root certificate file is not there.
    #[error(
        "root certificate file `{}` does not exist, and `sslmode={sslmode}` needs one \
         (`sslrootcert=system` trusts what the operating system trusts)",
        .path.display()
    )]
    NoRootFile {
        /// The file.
        path: PathBuf,
        /// The mode that needs it.
        sslmode: &'static str,
    },
    /// No root certificate file was named and there is no home to look in.
    #[error("`sslmode={sslmode}` needs `sslrootcert`: there is no home directory to look in")]
    NoHome {
        /// The mode that needs it.
        sslmode: &'static str,
    },
    /// The root certificate file cannot be read.
    #[error("cannot read root certificate file `{}`", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The root certificate file is not in PEM form.
    #[error("root certificate file `{}` is not a PEM file", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// The root certificate file has nothing to trust in it.
    #[error("root certificate file `{}` holds no usable certificate", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The operating system trusts nobody.
    #[error("`sslrootcert=system`: the operating system has no trusted certificates{0}")]
    NoSystemRoots(String),
    /// The revocation lists cannot be read.
    #[error("cannot read certificate revocation list `{}`", .path.display())]
    UnreadableList {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of revocation lists has none in it, or one that cannot be used.
    #[error("`{}` holds no usable certificate revocation list: {problem}", .path.display())]
    BadList {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The client's certificate or its key cannot be used.
    #[error("{what} `{}` {problem}", .path.display())]
    Client {
        /// Which of the two.
        what: ClientFile,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The TLS library refused its configuration.
    #[error("cannot set up TLS")]
    Setup(#[from] rustls::Error),
}

/// The two files of a client certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientFile {
    /// `sslcert`.
    Certificate,
    /// `sslkey`.
    Key,
}

impl fmt::Display for ClientFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "client certificate file",
            Self::Key => "private key file",
        })
    }
}
