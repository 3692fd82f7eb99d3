//! Certificates of X.509 version 1, which webpki refuses to read.
//!
//! They have no extensions, and the PostgreSQL manual's `openssl x509 -req -in server.csr … -CA
//! root.crt` makes one with every OpenSSL before 3.2. Only the case that the manual describes is
//! served: the server's own certificate, signed by a trusted authority itself. A version 1
//! certificate in between is nobody's to trust, since it cannot say that it is an authority.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    CertificateDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime,
};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore};
use webpki::{RawPublicKeyEntity, spki_for_anchor};
use x509_cert::der::asn1::{AnyRef, BitStringRef};
use x509_cert::der::{Decode as _, Encode as _, Reader as _, SliceReader};
use x509_cert::name::Name;
use x509_cert::{Certificate, Version};

use super::certificate;

/// Tells whether a certificate is of version 1.
pub(super) fn is(certificate: &Certificate) -> bool {
    certificate.tbs_certificate.version == Version::V1
}

/// Checks that a trusted authority signed the certificate, and that it is valid now.
pub(super) fn verify_chain(
    der: &CertificateDer<'_>,
    certificate: &Certificate,
    authorities: &RootCertStore,
    (algorithms, now): (&WebPkiSupportedAlgorithms, UnixTime),
) -> Result<(), Error> {
    certificate::check_usable(certificate, now)?;
    let issuer = encoded_content(&certificate.tbs_certificate.issuer)?;
    let signed = Signed::read(der)?;
    let is_issuer = |anchor: &&TrustAnchor<'_>| anchor.subject.as_ref() == issuer;
    for anchor in authorities.roots.iter().filter(is_issuer) {
        if signed.is_by(&spki_for_anchor(anchor), algorithms) {
            return Ok(());
        }
    }
    Err(CertificateError::UnknownIssuer.into())
}

/// Checks a TLS 1.3 handshake's signature with the key of a version 1 certificate.
pub(super) fn verify_tls13(
    message: &[u8],
    certificate: &Certificate,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let key = public_key(certificate)?;
    verify_tls13_signature_with_raw_key(message, &key, signature, algorithms)
}

/// Checks a TLS 1.2 handshake's signature with the key of a version 1 certificate.
///
/// As in rustls: the scheme stands for several algorithms, of which the key picks one.
pub(super) fn verify_tls12(
    message: &[u8],
    certificate: &Certificate,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let key = public_key(certificate)?;
    let key = RawPublicKeyEntity::try_from(&key).map_err(|_details| bad_encoding())?;
    let candidates = algorithms
        .mapping
        .iter()
        .filter(|(scheme, _)| *scheme == signature.scheme);
    for algorithm in candidates.flat_map(|(_, algorithms)| algorithms.iter()) {
        if key
            .verify_signature(*algorithm, message, signature.signature())
            .is_ok()
        {
            return Ok(HandshakeSignatureValid::assertion());
        }
    }
    Err(CertificateError::BadSignature.into())
}

/// The three parts of a certificate, as they are in it.
struct Signed<'d> {
    /// What is signed, tag and length included.
    content: &'d [u8],
    /// With which algorithm, without tag and length, as webpki names algorithms.
    algorithm: &'d [u8],
    /// The signature.
    signature: &'d [u8],
}

impl<'d> Signed<'d> {
    fn read(der: &'d CertificateDer<'_>) -> Result<Self, Error> {
        let read = || {
            SliceReader::new(der)?.sequence(|parts| {
                let content = parts.tlv_bytes()?;
                let algorithm = AnyRef::decode(parts)?.value();
                let signature = BitStringRef::decode(parts)?.raw_bytes();
                Ok(Self {
                    content,
                    algorithm,
                    signature,
                })
            })
        };
        read().map_err(|_details: x509_cert::der::Error| bad_encoding())
    }

    fn is_by(
        &self,
        key: &SubjectPublicKeyInfoDer<'_>,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> bool {
        let Ok(key) = RawPublicKeyEntity::try_from(key) else {
            return false;
        };
        let named = |algorithm: &&&dyn SignatureVerificationAlgorithm| {
            algorithm.signature_alg_id().as_ref() == self.algorithm
        };
        let mut candidates = algorithms.all.iter().filter(named);
        candidates.any(|algorithm| {
            key.verify_signature(*algorithm, self.content, self.signature)
                .is_ok()
        })
    }
}

fn public_key(certificate: &Certificate) -> Result<SubjectPublicKeyInfoDer<'static>, Error> {
    let key = certificate.tbs_certificate.subject_public_key_info.to_der();
    key.map(SubjectPublicKeyInfoDer::from)
        .map_err(|_details| bad_encoding())
}

/// The encoding of a name without its tag and length, as webpki keeps an authority's.
fn encoded_content(name: &Name) -> Result<Vec<u8>, Error> {
    let read = || AnyRef::from_der(&name.to_der()?).map(|any| any.value().to_vec());
    read().map_err(|_details| bad_encoding())
}

fn bad_encoding() -> Error {
    CertificateError::BadEncoding.into()
}
