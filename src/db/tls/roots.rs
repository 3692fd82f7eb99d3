//! Whom to trust: the certificates of a PEM file, or of the operating system.

use std::fs;
use std::io;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::TlsError;
use crate::db::conninfo::RootCertificates;

/// Whom to trust.
#[derive(Debug)]
pub(super) struct Roots {
    /// Authorities, whose signature on a certificate is believed.
    pub(super) authorities: RootCertStore,
    /// Certificates that are believed as they are, when a server presents one of them.
    pub(super) exact: Vec<CertificateDer<'static>>,
}

/// Reads the trusted certificates; `None` where the file is not there.
pub(super) fn load_if_there(source: &RootCertificates) -> Result<Option<Roots>, TlsError> {
    match source {
        RootCertificates::System => system().map(Some),
        RootCertificates::File(path) | RootCertificates::Default(Some(path)) => file(path),
        RootCertificates::Default(None) => Ok(None),
    }
}

fn file(path: &Path) -> Result<Option<Roots>, TlsError> {
    let pem = match fs::read(path) {
        Ok(pem) => pem,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(TlsError::Unreadable {
                path: path.to_owned(),
                source,
            });
        }
    };
    let exact = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TlsError::Pem {
            path: path.to_owned(),
            source,
        })?;
    let mut authorities = RootCertStore::empty();
    authorities.add_parsable_certificates(exact.iter().cloned());
    if exact.is_empty() {
        return Err(TlsError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(Some(Roots { authorities, exact }))
}

fn system() -> Result<Roots, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut authorities = RootCertStore::empty();
    authorities.add_parsable_certificates(found.certs);
    if authorities.is_empty() {
        let reasons = found.errors.iter().map(|error| format!("; {error}"));
        return Err(TlsError::NoSystemRoots(reasons.collect()));
    }
    // Servers' own certificates are not kept there, so none is believed as it is.
    Ok(Roots {
        authorities,
        exact: Vec::new(),
    })
}
