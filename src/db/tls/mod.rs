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
mod client;
mod error;
mod name;
mod revocation;
mod roots;
mod verifier;
mod version1;

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::conninfo::{
    RootCertificates, Server, Settings, SslMode, SslNegotiation, TlsVersion, TlsVersions,
};
pub(super) use client::Shown;
pub use error::{ClientFile, TlsError};
use roots::Roots;
use verifier::{Check, Verifier};

/// The protocol's name in the handshake, which a server wants where TLS begins unasked.
const ALPN: &[u8] = b"postgresql";

/// What opens TLS, and what becomes of our certificate.
pub(super) struct Connector {
    pub(super) tls: MakeRustlsConnect,
    pub(super) certificate: Arc<Shown>,
}

/// Builds what opens TLS for these settings; `None` where no server can come to use it.
///
/// Root certificates and revocation lists are read here, and only for the modes that check
/// certificates; so are the client's certificate and key.
pub fn connector(settings: &Settings) -> Result<Option<MakeRustlsConnect>, TlsError> {
    Ok(watched_connector(settings)?.map(|connector| connector.tls))
}

/// The same, which tells what becomes of our certificate; for one connection.
pub(super) fn watched_connector(settings: &Settings) -> Result<Option<Connector>, TlsError> {
    if settings.sslmode == SslMode::Disable || !settings.servers.iter().any(Server::is_remote) {
        return Ok(None);
    }
    let provider = Arc::new(ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let check = check(settings)?;
    let revoked = match &check {
        Check::Nothing => Vec::new(),
        Check::Chain(_) | Check::ChainAndName(_) => revocation::load(&settings.sslcrl)?,
    };
    let verifier = Verifier::new(check, algorithms).with_revoked(revoked);
    let certificate = Arc::new(Shown::new(client::load(&settings.sslcert, &provider)?));
    let resolver = Arc::<Shown>::clone(&certificate);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(settings.tls_versions))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(resolver);
    config.enable_sni = settings.sslsni;
    if settings.sslnegotiation == SslNegotiation::Direct {
        config.alpn_protocols = vec![ALPN.to_vec()];
    }
    let tls = MakeRustlsConnect::new(config);
    Ok(Some(Connector { tls, certificate }))
}

fn versions(versions: TlsVersions) -> &'static [&'static SupportedProtocolVersion] {
    const ONLY_1_2: &[&SupportedProtocolVersion] = &[&TLS12];
    const ONLY_1_3: &[&SupportedProtocolVersion] = &[&TLS13];
    match (versions.lowest, versions.highest) {
        (TlsVersion::V1_3, _) => ONLY_1_3,
        (TlsVersion::V1_2, TlsVersion::V1_2) => ONLY_1_2,
        (TlsVersion::V1_2, TlsVersion::V1_3) => rustls::ALL_VERSIONS,
    }
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
