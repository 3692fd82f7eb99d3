//! What is read from a certificate beyond what webpki reads.

use std::net::IpAddr;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, Error};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::der::oid::db::rfc5280::{
    ANY_EXTENDED_KEY_USAGE, ID_CE_NAME_CONSTRAINTS, ID_KP_SERVER_AUTH,
};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, SubjectAltName};

/// The names that a certificate is for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// The host names of `subjectAltName`.
    pub(super) dns: Vec<String>,
    /// The addresses of `subjectAltName`.
    pub(super) addresses: Vec<IpAddr>,
    /// The first common name of the subject.
    pub(super) common_name: Option<String>,
}

/// Reads a certificate.
pub(super) fn parse(der: &CertificateDer<'_>) -> Result<Certificate, Error> {
    Certificate::from_der(der).map_err(|_details| CertificateError::BadEncoding.into())
}

/// Reads the names; what is not a name of a host is left out.
pub(super) fn names(certificate: &Certificate) -> Result<Names, Error> {
    let mut names = Names {
        common_name: common_name(certificate)?,
        ..Names::default()
    };
    let found = certificate.tbs_certificate.get::<SubjectAltName>();
    let alternatives = found.map_err(|_details| CertificateError::BadEncoding)?;
    for name in alternatives
        .map(|(_, SubjectAltName(list))| list)
        .unwrap_or_default()
    {
        if let GeneralName::DnsName(name) = &name {
            names.dns.push(checked(name.as_str())?);
        }
        if let GeneralName::IpAddress(octets) = &name {
            names.addresses.extend(address(octets.as_bytes()));
        }
    }
    Ok(names)
}

/// Checks what webpki checks of a server's own certificate, for one that it does not take.
pub(super) fn check_usable(certificate: &Certificate, now: UnixTime) -> Result<(), Error> {
    let validity = &certificate.tbs_certificate.validity;
    let now = Duration::from_secs(now.as_secs());
    if now < validity.not_before.to_unix_duration() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after.to_unix_duration() {
        return Err(CertificateError::Expired.into());
    }
    let found = certificate.tbs_certificate.get::<ExtendedKeyUsage>();
    let usage = found.map_err(|_details| CertificateError::BadEncoding)?;
    let serves =
        |purpose: &ObjectIdentifier| [ID_KP_SERVER_AUTH, ANY_EXTENDED_KEY_USAGE].contains(purpose);
    if usage.is_some_and(|(_, ExtendedKeyUsage(purposes))| !purposes.iter().any(serves)) {
        return Err(CertificateError::InvalidPurpose.into());
    }
    Ok(())
}

/// Tells whether a certificate names itself as its issuer.
pub(super) fn is_self_signed(certificate: &Certificate) -> bool {
    certificate.tbs_certificate.issuer == certificate.tbs_certificate.subject
}

/// Tells whether a certificate limits the names below it, or cannot be read.
pub(super) fn may_constrain_names(der: &CertificateDer<'_>) -> bool {
    let Ok(certificate) = parse(der) else {
        return true;
    };
    let mut extensions = certificate.tbs_certificate.extensions.iter().flatten();
    extensions.any(|extension| extension.extn_id == ID_CE_NAME_CONSTRAINTS)
}

/// The first common name, as libpq takes it: the bytes, whatever string type they have.
fn common_name(certificate: &Certificate) -> Result<Option<String>, Error> {
    let parts = certificate.tbs_certificate.subject.0.iter();
    let attribute = parts
        .flat_map(|part| part.0.iter())
        .find(|part| part.oid == COMMON_NAME);
    let Some(attribute) = attribute else {
        return Ok(None);
    };
    match std::str::from_utf8(attribute.value.value()) {
        Ok(text) => checked(text).map(Some),
        Err(_not_utf8) => Ok(None),
    }
}

/// A zero byte in a name is an attack on readers that stop there: libpq refuses it too.
fn checked(name: &str) -> Result<String, Error> {
    if name.contains('\0') {
        Err(CertificateError::BadEncoding.into())
    } else {
        Ok(name.to_owned())
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_length| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}
