//! Whom to believe, and what to show: the authorities of a file or of the operating system, and a
//! client certificate.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::builder::{BuildError, Identity};

/// What opens TLS. The server's certificate must come from an authority and name the host, always.
pub(super) fn config(
    ca: Option<&Path>,
    identity: Option<&Identity>,
) -> Result<ClientConfig, BuildError> {
    let roots = match ca {
        Some(path) => file(path)?,
        None => system()?,
    };
    with(roots, identity)
}

/// The same where there will be no TLS: nobody is believed.
pub(super) fn nobody() -> Result<ClientConfig, BuildError> {
    with(RootCertStore::empty(), None)
}

fn with(roots: RootCertStore, identity: Option<&Identity>) -> Result<ClientConfig, BuildError> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| BuildError::Tls(error.to_string()))?
        .with_root_certificates(roots);
    let mut config = match identity {
        None => config.with_no_client_auth(),
        Some(Identity { certificate, key }) => {
            let chain = certificates(certificate)?;
            let key_file = key;
            let key = PrivateKeyDer::from_pem_file(key_file)
                .map_err(|error| BuildError::file(key_file, format!("no private key: {error}")))?;
            config
                .with_client_auth_cert(chain, key)
                .map_err(|error| BuildError::file(certificate, error.to_string()))?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn file(path: &Path) -> Result<RootCertStore, BuildError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| BuildError::file(path, error.to_string()))?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BuildError> {
    let pem = std::fs::read(path).map_err(|error| BuildError::file(path, error.to_string()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => {
            let why = "there is no certificate in it".to_owned();
            Err(BuildError::file(path, why))
        }
        Err(error) => Err(BuildError::file(path, error.to_string())),
    }
}

fn system() -> Result<RootCertStore, BuildError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reasons = found.errors.iter().map(|error| format!("; {error}"));
        return Err(BuildError::NoSystemRoots(reasons.collect()));
    }
    Ok(roots)
}
