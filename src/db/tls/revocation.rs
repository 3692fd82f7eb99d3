//! Certificates that were revoked: `sslcrl`, `sslcrldir`, `~/.postgresql/root.crl`.
//!
//! As with libpq, once there is a list every certificate below the trusted authority needs one of
//! its issuer's that has not expired.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor, UnixTime};
use rustls::{CertificateError, Error};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, OwnedCertRevocationList,
    RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy,
};

use super::error::TlsError;
use crate::db::conninfo::RevocationLists;

/// Reads the lists; none where nothing was named and there is no file at home.
pub(super) fn load(source: &RevocationLists) -> Result<Vec<CertRevocationList<'static>>, TlsError> {
    match source {
        RevocationLists::Default(None) => Ok(Vec::new()),
        RevocationLists::Default(Some(path)) => match from_file(path) {
            Err(TlsError::UnreadableList { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Ok(Vec::new())
            }
            read => read,
        },
        RevocationLists::Named { file, directory } => {
            let mut lists = Vec::new();
            if let Some(path) = file {
                lists.extend(from_file(path)?);
            }
            if let Some(path) = directory {
                lists.extend(from_directory(path)?);
            }
            Ok(lists)
        }
    }
}

fn from_file(path: &Path) -> Result<Vec<CertRevocationList<'static>>, TlsError> {
    let pem = fs::read(path).map_err(|source| unreadable(path, source))?;
    let lists: Vec<_> = CertificateRevocationListDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| bad(path, &error))?;
    if lists.is_empty() {
        return Err(bad(path, &"it has none in PEM form"));
    }
    let read = |list: CertificateRevocationListDer<'_>| {
        OwnedCertRevocationList::from_der(list.as_ref())
            .map(CertRevocationList::from)
            .map_err(|error| match error {
                webpki::Error::UnsupportedCrlVersion => bad(path, &"it is of version 1"),
                other => bad(path, &other),
            })
    };
    lists.into_iter().map(read).collect()
}

/// Reads every file of a directory that OpenSSL would look up by its name: `HASH.r0`, `.r1`, …
fn from_directory(path: &Path) -> Result<Vec<CertRevocationList<'static>>, TlsError> {
    let entries = fs::read_dir(path).map_err(|source| unreadable(path, source))?;
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in entries {
        files.push(entry.map_err(|source| unreadable(path, source))?.path());
    }
    files.retain(|file| is_hashed(file));
    files.sort();
    let mut lists = Vec::new();
    for file in &files {
        lists.extend(from_file(file)?);
    }
    if lists.is_empty() {
        return Err(bad(path, &"no file in it has a name such as 0a1b2c3d.r0"));
    }
    Ok(lists)
}

fn is_hashed(file: &Path) -> bool {
    let extension = file.extension().and_then(|extension| extension.to_str());
    let number = extension.and_then(|extension| extension.strip_prefix('r'));
    number.is_some_and(|number| {
        !number.is_empty() && number.chars().all(|digit| digit.is_ascii_digit())
    })
}

fn bad(path: &Path, problem: &dyn fmt::Display) -> TlsError {
    TlsError::BadList {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}

fn unreadable(path: &Path, source: io::Error) -> TlsError {
    TlsError::UnreadableList {
        path: path.to_owned(),
        source,
    }
}

/// Checks the way from a server's certificate to an authority, lists included.
pub(super) fn verify_chain(
    (end_entity, intermediates): (&CertificateDer<'_>, &[CertificateDer<'_>]),
    authorities: &[TrustAnchor<'_>],
    lists: &[CertRevocationList<'static>],
    (algorithms, now): (
        &[&dyn rustls::pki_types::SignatureVerificationAlgorithm],
        UnixTime,
    ),
) -> Result<(), Error> {
    let lists: Vec<_> = lists.iter().collect();
    let options = RevocationOptionsBuilder::new(&lists)
        .map_err(|_none| Error::from(CertificateError::UnknownRevocationStatus))?
        .with_depth(RevocationCheckDepth::Chain)
        .with_status_policy(UnknownStatusPolicy::Deny)
        .with_expiration_policy(ExpirationPolicy::Enforce)
        .build();
    let certificate = EndEntityCert::try_from(end_entity)
        .map_err(|_details| Error::from(CertificateError::BadEncoding))?;
    certificate
        .verify_for_usage(
            algorithms,
            authorities,
            intermediates,
            now,
            KeyUsage::server_auth(),
            Some(options),
            None,
        )
        .map(|_path| ())
        .map_err(|error| refusal(error).into())
}

fn refusal(error: webpki::Error) -> CertificateError {
    match error {
        webpki::Error::CertRevoked => CertificateError::Revoked,
        webpki::Error::UnknownRevocationStatus => CertificateError::UnknownRevocationStatus,
        webpki::Error::CrlExpired { time, next_update } => {
            CertificateError::ExpiredRevocationListContext { time, next_update }
        }
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer,
        webpki::Error::CertExpired { time, not_after } => {
            CertificateError::ExpiredContext { time, not_after }
        }
        other => CertificateError::Other(rustls::OtherError(std::sync::Arc::new(other))),
    }
}
