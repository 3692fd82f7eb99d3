//! The files of TLS: whom to trust, what to show, what was revoked.

use std::path::{Path, PathBuf};

use super::error::ConninfoError;
use super::secret::Secret;
use super::value::{SslCertMode, TlsVersion, Values};

/// Where the certificates of trusted authorities are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCertificates {
    /// Nothing was said: `~/.postgresql/root.crt`, where there is a home.
    Default(Option<PathBuf>),
    /// In this file.
    File(PathBuf),
    /// What the operating system trusts (`sslrootcert=system`).
    System,
}

/// The certificate that is shown to a server which asks for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Whether it is shown (`sslcertmode`).
    pub mode: SslCertMode,
    /// The certificate (`sslcert`, else `~/.postgresql/postgresql.crt`); no file there is none.
    pub certificate: Option<PathBuf>,
    /// Its key (`sslkey`, else `~/.postgresql/postgresql.key`).
    pub key: Option<PathBuf>,
    /// What the key is encrypted with (`sslpassword`).
    pub password: Option<Secret>,
}

/// Where the lists of revoked certificates are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevocationLists {
    /// Nothing was said: `~/.postgresql/root.crl`, where there is one.
    Default(Option<PathBuf>),
    /// Here.
    Named {
        /// A file of lists (`sslcrl`).
        file: Option<PathBuf>,
        /// A directory with a file for each list (`sslcrldir`).
        directory: Option<PathBuf>,
    },
}

/// The versions of TLS that will do, from the lowest to the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsVersions {
    /// `ssl_min_protocol_version`.
    pub lowest: TlsVersion,
    /// `ssl_max_protocol_version`.
    pub highest: TlsVersion,
}

impl RootCertificates {
    pub(super) fn read(values: &Values<'_>, home: Option<&Path>) -> Self {
        match values.text("sslrootcert").as_deref() {
            None => Self::Default(at_home(home, "root.crt")),
            Some("system") => Self::System,
            Some(path) => Self::File(PathBuf::from(path)),
        }
    }
}

impl ClientCertificate {
    pub(super) fn read(values: &Values<'_>, home: Option<&Path>) -> Result<Self, ConninfoError> {
        let file = |keyword, name| {
            let named = values.text(keyword).map(PathBuf::from);
            named.or_else(|| at_home(home, name))
        };
        Ok(Self {
            mode: values.sslcertmode()?,
            certificate: file("sslcert", "postgresql.crt"),
            key: file("sslkey", "postgresql.key"),
            password: values.text("sslpassword").map(Secret::new),
        })
    }
}

impl RevocationLists {
    pub(super) fn read(values: &Values<'_>, home: Option<&Path>) -> Self {
        let path = |keyword| values.text(keyword).map(PathBuf::from);
        match (path("sslcrl"), path("sslcrldir")) {
            (None, None) => Self::Default(at_home(home, "root.crl")),
            (file, directory) => Self::Named { file, directory },
        }
    }
}

impl TlsVersions {
    pub(super) fn read(values: &Values<'_>) -> Result<Self, ConninfoError> {
        let lowest = values.tls_version("ssl_min_protocol_version")?;
        let highest = values.tls_version("ssl_max_protocol_version")?;
        let versions = Self {
            lowest: lowest.unwrap_or(TlsVersion::V1_2),
            highest: highest.unwrap_or(TlsVersion::V1_3),
        };
        if versions.lowest > versions.highest {
            return Err(ConninfoError::Conflict(
                "`ssl_min_protocol_version` is above `ssl_max_protocol_version`",
            ));
        }
        Ok(versions)
    }
}

fn at_home(home: Option<&Path>, name: &str) -> Option<PathBuf> {
    home.map(|home| home.join(".postgresql").join(name))
}
