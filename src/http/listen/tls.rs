//! The server's certificate, and whose certificates it asks for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// Where certificates are.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The server's certificate, and those between it and an authority, in PEM form.
    pub certificate: PathBuf,
    /// Its private key, in PEM form.
    pub key: PathBuf,
    /// The authorities of clients' certificates; without them none is asked for.
    pub client_ca: Option<PathBuf>,
}

/// What answers a TLS handshake.
#[derive(Clone, Debug)]
pub struct ServerTls(pub(super) Arc<ServerConfig>);

/// A file that no TLS can be made of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{flag} `{}`: {problem}", .path.display())]
pub struct TlsFileError {
    /// The flag that named it.
    pub flag: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: String,
}

const CERTIFICATE: &str = "--tls-cert";
const KEY: &str = "--tls-key";
const CLIENT_CA: &str = "--tls-client-ca";

impl TlsFiles {
    /// Reads them. A client's certificate is asked for, not demanded: who shows none can still have a
    /// bearer token.
    ///
    /// # Errors
    ///
    /// When one cannot be read, or they do not belong together.
    pub fn load(&self) -> Result<ServerTls, TlsFileError> {
        let provider = Arc::new(ring::default_provider());
        let refused = |flag, path: &Path, problem: String| TlsFileError {
            flag,
            path: path.to_owned(),
            problem,
        };
        let chain = certificates(CERTIFICATE, &self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| refused(KEY, &self.key, format!("no private key: {error}")))?;
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| refused(CERTIFICATE, &self.certificate, error.to_string()))?;
        let config = match &self.client_ca {
            None => config.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(CLIENT_CA, path)? {
                    roots
                        .add(certificate)
                        .map_err(|error| refused(CLIENT_CA, path, error.to_string()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| refused(CLIENT_CA, path, error.to_string()))?;
                config.with_client_cert_verifier(verifier)
            }
        };
        let mut config = config
            .with_single_cert(chain, key)
            .map_err(|error| refused(KEY, &self.key, error.to_string()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(ServerTls(Arc::new(config)))
    }
}

fn certificates(
    flag: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let refused = |problem: String| TlsFileError {
        flag,
        path: path.to_owned(),
        problem,
    };
    let pem = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(refused("no certificate in PEM form is in it".to_owned())),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// Whom a certificate names, in RFC 4514's form: `CN=scanner,O=Example`. `None` where it cannot be read.
pub(super) fn subject(certificate: &CertificateDer<'_>) -> Option<Arc<str>> {
    let certificate = Certificate::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate.subject.to_string().into())
}
