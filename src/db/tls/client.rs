//! The certificate that we show to a server which asks for one.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pkcs8::{EncryptedPrivateKeyInfo, SecretDocument};
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use x509_cert::der::Encode as _;

use super::certificate;
use super::error::{ClientFile, TlsError};
use crate::db::conninfo::{ClientCertificate, Secret, SslCertMode};
use crate::db::local_file::LocalFile;

/// What others may not do with a key: the group and everybody else, anything.
const OTHERS: u32 = 0o077;
/// The same for a key of root's: its group may read it.
const OTHERS_BUT_READING_GROUP: u32 = 0o037;
const ROOT: u32 = 0;

/// A certificate on offer, and what became of the offer.
#[derive(Debug)]
pub(in crate::db) struct Shown {
    certificate: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
    sent: AtomicBool,
}

impl Shown {
    pub(super) fn new(certificate: Option<CertifiedKey>) -> Self {
        Self {
            certificate: certificate.map(Arc::new),
            asked: AtomicBool::new(false),
            sent: AtomicBool::new(false),
        }
    }

    /// Tells whether the server asked for a certificate.
    pub(in crate::db) fn was_asked_for(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Tells whether it got one.
    pub(in crate::db) fn was_shown(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for Shown {
    /// As libpq: what there is, whichever authorities the server names.
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        let certificate = self.certificate.as_ref()?;
        certificate.key.choose_scheme(schemes)?;
        self.sent.store(true, Ordering::Relaxed);
        Some(Arc::clone(certificate))
    }

    fn has_certs(&self) -> bool {
        // Also without one: whether the server asks is of interest.
        true
    }
}

/// Reads certificate and key; `None` where there is no certificate to show.
pub(super) fn load(
    files: &ClientCertificate,
    provider: &CryptoProvider,
) -> Result<Option<CertifiedKey>, TlsError> {
    let path = files.certificate.as_deref();
    let Some(path) = path.filter(|_| files.mode != SslCertMode::Disable) else {
        return Ok(None);
    };
    let Some(chain) = chain(path)? else {
        return Ok(None);
    };
    let Some(key_path) = &files.key else {
        return Err(refused(ClientFile::Certificate, path)("has no `sslkey`"));
    };
    let refused = refused(ClientFile::Key, key_path);
    let key = key(key_path, files.password.as_ref(), path)?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|error| refused(&format!("cannot be used: {error}")))?;
    let certified = CertifiedKey::new(chain, key);
    if belongs(&certified) {
        return Ok(Some(certified));
    }
    let certificate = path.display();
    Err(refused(&format!(
        "is not the key of certificate `{certificate}`"
    )))
}

/// Tells whether key and certificate belong together.
///
/// Not rustls's own check: that cannot read certificates of version 1, which the PostgreSQL
/// manual's commands make with every OpenSSL before 3.2.
fn belongs(certified: &CertifiedKey) -> bool {
    let certificate = certified.cert.first().map(certificate::parse);
    let (Some(Ok(certificate)), Some(ours)) = (certificate, certified.key.public_key()) else {
        return false;
    };
    let theirs = certificate.tbs_certificate.subject_public_key_info.to_der();
    theirs.is_ok_and(|theirs| theirs == ours.as_ref())
}

fn chain(path: &Path) -> Result<Option<Vec<CertificateDer<'static>>>, TlsError> {
    let refused = refused(ClientFile::Certificate, path);
    let pem = match fs::read(path) {
        Ok(pem) => pem,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(refused(&format!("cannot be read: {error}"))),
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(Some(chain)),
        Ok(_) => Err(refused("holds no certificate in PEM form")),
        Err(error) => Err(refused(&format!("is not a PEM file: {error}"))),
    }
}

fn key(
    path: &Path,
    password: Option<&Secret>,
    certificate: &Path,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    let refused = refused(ClientFile::Key, path);
    let file = LocalFile::read(path).map_err(|error| {
        refused(&if is_missing(&error) {
            let certificate = certificate.display();
            format!("does not exist, and certificate `{certificate}` needs its key")
        } else {
            format!("cannot be read: {error}")
        })
    })?;
    if let Some(problem) = unfit(&file) {
        return Err(refused(problem));
    }
    if contains(&file.content, "Proc-Type: 4,ENCRYPTED") {
        return Err(refused(
            "is encrypted in OpenSSL's old form, which is not supported \
             (openssl pkcs8 -topk8 -v2 aes-256-cbc rewrites it)",
        ));
    }
    if let Ok(key) = PrivateKeyDer::from_pem_slice(&file.content) {
        return Ok(key);
    }
    if contains(&file.content, "BEGIN ENCRYPTED PRIVATE KEY") {
        let password = password.ok_or_else(|| refused("is encrypted, and needs `sslpassword`"))?;
        return decrypted(&file.content, password).map_err(|problem| refused(&problem));
    }
    // As libpq, also without the letters around it.
    PrivateKeyDer::try_from(file.content)
        .map_err(|_form| refused("holds no private key (PKCS#8, PKCS#1 or SEC1, in PEM or DER)"))
}

/// Opens a key in PKCS#8 form; the words of an error hold no part of it.
fn decrypted(pem: &[u8], password: &Secret) -> Result<PrivateKeyDer<'static>, String> {
    let text = str::from_utf8(pem).map_err(|_bytes| "is not a PEM file".to_owned())?;
    let begin = text.find("-----BEGIN ENCRYPTED").unwrap_or(0);
    let text = text.get(begin..).unwrap_or(text).trim_end();
    let (_, document) = SecretDocument::from_pem(text)
        .map_err(|error| format!("is not an encrypted private key: {error}"))?;
    let encrypted = EncryptedPrivateKeyInfo::try_from(document.as_bytes())
        .map_err(|error| format!("is not an encrypted private key: {error}"))?;
    let key = encrypted
        .decrypt(password.expose())
        .map_err(|error| format!("cannot be decrypted with `sslpassword`: {error}"))?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}

/// Why a key is not to be used, by libpq's rule.
fn unfit(file: &LocalFile) -> Option<&'static str> {
    let forbidden = if file.owner == ROOT {
        OTHERS_BUT_READING_GROUP
    } else {
        OTHERS
    };
    if !file.is_plain {
        Some("is not a plain file")
    } else if file.mode & forbidden != 0 {
        Some(
            "has group or world access; its permissions must be u=rw (0600) or less, or u=rw,g=r \
             (0640) or less where root owns it",
        )
    } else {
        None
    }
}

fn contains(content: &[u8], text: &str) -> bool {
    content
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn refused(what: ClientFile, path: &Path) -> impl Fn(&str) -> TlsError {
    move |problem| TlsError::Client {
        what,
        path: path.to_owned(),
        problem: problem.to_owned(),
    }
}
