//! TLS in libpq's modes, over rustls.
//!
//! | `sslmode` | the server's certificate |
//! | --- | --- |
//! | `allow`, `prefer` | is not checked |
//! | `require` | is not checked, unless the root certificate file exists: then as `verify-ca` |
//! | `verify-ca` | must come from an authority in the root certificate file, or be in it itself |
//! | `verify-full` | must besides name the host (`subjectAltName`, else the common name) |
//!
//! Whatever the mode, the server has to prove that it holds the certificate's key: handshake
//! signatures are always checked. Here is no decision whether TLS is tried at all, or tried again
//! without: that is `db::open`'s.

mod certificate;
mod name;
mod roots;
mod verifier;
mod version1;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::conninfo::{RootCertificates, Server, Settings, SslMode, SslNegotiation};
use roots::Roots;
use verifier::{Check, Verifier};

/// The protocol's name in the handshake, which a server wants where TLS begins unasked.
const ALPN: &[u8] = b"postgresql";

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
    /// The TLS library refused its configuration.
    #[error("cannot set up TLS")]
    Setup(#[from] rustls::Error),
}

/// Builds what opens TLS for these settings; `None` where no server can come to use it.
///
/// Root certificates are read here, and only for the modes that check certificates.
pub fn connector(settings: &Settings) -> Result<Option<MakeRustlsConnect>, TlsError> {
    if settings.sslmode == SslMode::Disable || !settings.servers.iter().any(Server::is_remote) {
        return Ok(None);
    }
    let provider = Arc::new(ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let verifier = Verifier::new(check(settings)?, algorithms);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    if settings.sslnegotiation == SslNegotiation::Direct {
        config.alpn_protocols = vec![ALPN.to_vec()];
    }
    Ok(Some(MakeRustlsConnect::new(config)))
}

/// What the mode demands of a certificate.
fn check(settings: &Settings) -> Result<Check, TlsError> {
    match settings.sslmode {
        SslMode::Disable | SslMode::Allow | SslMode::Prefer => Ok(Check::Nothing),
        SslMode::Require => Ok(match roots::load_if_there(&settings.sslrootcert)? {
            Some(roots) => Check::Chain(roots),
            None => Check::Nothing,
        }),
        SslMode::VerifyCa => Ok(Check::Chain(load(&settings.sslrootcert, "verify-ca")?)),
        SslMode::VerifyFull => Ok(Check::ChainAndName(load(
            &settings.sslrootcert,
            "verify-full",
        )?)),
    }
}

fn load(source: &RootCertificates, sslmode: &'static str) -> Result<Roots, TlsError> {
    match roots::load_if_there(source)? {
        Some(roots) => Ok(roots),
        None => Err(match source {
            RootCertificates::Default(Some(path)) | RootCertificates::File(path) => {
                TlsError::NoRootFile {
                    path: path.clone(),
                    sslmode,
                }
            }
            RootCertificates::Default(None) | RootCertificates::System => {
                TlsError::NoHome { sslmode }
            }
        }),
    }
}
