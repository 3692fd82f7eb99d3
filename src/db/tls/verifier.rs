//! The rule by which a server's certificate is believed.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use webpki::CertRevocationList;

use super::name::CommonName;
use super::roots::Roots;
use super::{certificate, name, revocation, version1};

/// What is demanded of a certificate.
#[derive(Debug)]
pub(super) enum Check {
    /// Nothing.
    Nothing,
    /// That it comes from an authority, or is trusted itself.
    Chain(Roots),
    /// That besides it names the host.
    ChainAndName(Roots),
}

/// Checks certificates by libpq's modes, and handshakes always.
#[derive(Debug)]
pub(super) struct Verifier {
    check: Check,
    algorithms: WebPkiSupportedAlgorithms,
    revoked: Vec<CertRevocationList<'static>>,
}

impl Verifier {
    pub(super) fn new(check: Check, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self {
            check,
            algorithms,
            revoked: Vec::new(),
        }
    }

    /// The same, with lists of revoked certificates.
    pub(super) fn with_revoked(mut self, revoked: Vec<CertRevocationList<'static>>) -> Self {
        self.revoked = revoked;
        self
    }

    /// Checks that the certificate is to be believed, whoever's it is.
    ///
    /// A certificate that is in the root certificate file is believed as it is, when it is valid
    /// now and for servers. The manual's self-signed one marks itself as an authority, which
    /// webpki does not take from a server.
    fn verify_chain(
        &self,
        roots: &Roots,
        (end_entity, intermediates): (&CertificateDer<'_>, &[CertificateDer<'_>]),
        now: UnixTime,
    ) -> Result<(), Error> {
        let read = certificate::parse(end_entity)?;
        if roots
            .exact
            .iter()
            .any(|trusted| trusted.as_ref() == end_entity.as_ref())
        {
            self.check_unlisted()?;
            return certificate::check_usable(&read, now);
        }
        if version1::is(&read) {
            self.check_unlisted()?;
            let how = (&self.algorithms, now);
            return version1::verify_chain(end_entity, &read, &roots.authorities, how);
        }
        if certificate::is_self_signed(&read) {
            // What webpki says of most of these is that an authority's certificate is misused.
            return Err(CertificateError::UnknownIssuer.into());
        }
        if !self.revoked.is_empty() {
            let how = (self.algorithms.all, now);
            let chain = (end_entity, intermediates);
            let authorities = &roots.authorities.roots;
            return revocation::verify_chain(chain, authorities, &self.revoked, how)
                .map_err(explained);
        }
        let verified = rustls::client::verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(end_entity)?,
            &roots.authorities,
            intermediates,
            now,
            self.algorithms.all,
        );
        verified.map_err(explained)
    }
}

impl Verifier {
    /// What webpki does not look at it cannot look up in a revocation list either.
    fn check_unlisted(&self) -> Result<(), Error> {
        if self.revoked.is_empty() {
            Ok(())
        } else {
            Err(CertificateError::UnknownRevocationStatus.into())
        }
    }
}

/// Puts words to the one common refusal that rustls has none for.
fn explained(error: Error) -> Error {
    let Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) = &error else {
        return error;
    };
    match cause.downcast_ref() {
        Some(webpki::Error::CaUsedAsEndEntity) => Error::Other(OtherError(Arc::new(MarkedAsCa))),
        Some(_) | None => error,
    }
}

/// An authority's certificate where a server's should be.
#[derive(Debug, thiserror::Error)]
#[error(
    "the server's certificate is marked as an authority's (CA:TRUE); it is taken only when it is \
     itself in the root certificate file"
)]
struct MarkedAsCa;

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.check {
            Check::Nothing => {}
            Check::Chain(roots) => self.verify_chain(roots, (end_entity, intermediates), now)?,
            Check::ChainAndName(roots) => {
                self.verify_chain(roots, (end_entity, intermediates), now)?;
                let names = certificate::names(&certificate::parse(end_entity)?)?;
                name::check(&names, server_name, common_name(roots, intermediates))?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match certificate::parse(cert) {
            Ok(read) if version1::is(&read) => {
                version1::verify_tls12(message, &read, dss, &self.algorithms)
            }
            Ok(_) | Err(_) => verify_tls12_signature(message, cert, dss, &self.algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match certificate::parse(cert) {
            Ok(read) if version1::is(&read) => {
                version1::verify_tls13(message, &read, dss, &self.algorithms)
            }
            Ok(_) | Err(_) => verify_tls13_signature(message, cert, dss, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn common_name(roots: &Roots, intermediates: &[CertificateDer<'_>]) -> CommonName {
    let limits = roots
        .authorities
        .roots
        .iter()
        .any(|root| root.name_constraints.is_some())
        || intermediates.iter().any(certificate::may_constrain_names);
    if limits {
        CommonName::Ignored
    } else {
        CommonName::Counts
    }
}
