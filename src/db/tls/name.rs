//! Whether a certificate is a host's, by libpq's rule.
//!
//! webpki looks at `subjectAltName` only. libpq takes the common name too, where the certificate
//! has no alternative name of the host's kind, and many a database server's certificate has none.

use std::net::IpAddr;

use rustls::pki_types::ServerName;
use rustls::{CertificateError, Error};

use super::certificate::Names;

/// Whether the common name counts where there is no alternative name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommonName {
    /// As libpq has it.
    Counts,
    /// An authority in the chain limits names, and webpki holds the alternative names only
    /// against the limits: a common name would get around them.
    Ignored,
}

/// Refuses a certificate that is not the host's.
pub(super) fn check(names: &Names, host: &ServerName<'_>, cn: CommonName) -> Result<(), Error> {
    let text = host.to_str();
    let address: Option<IpAddr> = text.parse().ok();
    let has_kind = if address.is_some() {
        !names.addresses.is_empty()
    } else {
        !names.dns.is_empty()
    };
    let common_name = names
        .common_name
        .as_deref()
        .filter(|_| cn == CommonName::Counts && !has_kind);
    let is_named = names.dns.iter().map(String::as_str).chain(common_name);
    if address.is_some_and(|address| names.addresses.contains(&address))
        || is_named.into_iter().any(|name| is_same_host(name, &text))
    {
        return Ok(());
    }
    let mut presented = names.dns.clone();
    presented.extend(names.addresses.iter().map(ToString::to_string));
    presented.extend(common_name.map(str::to_owned));
    let expected = host.to_owned();
    Err(CertificateError::NotValidForNameContext {
        expected,
        presented,
    }
    .into())
}

/// Compares as libpq does: without case, a leading `*.` standing for one label.
fn is_same_host(pattern: &str, host: &str) -> bool {
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    let Some(domain) = pattern.strip_prefix("*.") else {
        return false;
    };
    let parent = host
        .split_once('.')
        .map(|(label, parent)| (label.is_empty(), parent));
    parent.is_some_and(|(is_empty, parent)| {
        !is_empty && !domain.is_empty() && parent.eq_ignore_ascii_case(domain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dns: &[&str], addresses: &[&str], common_name: Option<&str>) -> Names {
        Names {
            dns: dns.iter().map(|&name| name.to_owned()).collect(),
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            common_name: common_name.map(str::to_owned),
        }
    }

    fn passes(names: &Names, host: &str) -> bool {
        let host = ServerName::try_from(host.to_owned()).unwrap();
        check(names, &host, CommonName::Counts).is_ok()
    }

    #[test]
    fn alternative_names_win_over_the_common_name() {
        let both = names(&["db.example"], &[], Some("other.example"));
        assert!(passes(&both, "db.example"));
        assert!(passes(&both, "DB.Example"));
        assert!(!passes(&both, "other.example"));
        assert!(passes(
            &names(&[], &[], Some("other.example")),
            "other.example"
        ));
        assert!(!passes(&names(&[], &[], None), "other.example"));
    }

    #[test]
    fn addresses_are_compared_as_addresses() {
        let certificate = names(&["db.example"], &["10.0.0.5", "::1"], Some("10.0.0.6"));
        assert!(passes(&certificate, "10.0.0.5"));
        assert!(passes(&certificate, "0:0::1"));
        assert!(
            !passes(&certificate, "10.0.0.6"),
            "there is an address, so the name is out"
        );
        assert!(passes(
            &names(&["db.example"], &[], Some("10.0.0.6")),
            "10.0.0.6"
        ));
        assert!(
            passes(&names(&["10.0.0.7"], &[], None), "10.0.0.7"),
            "as libpq"
        );
    }

    #[test]
    fn a_wildcard_is_one_whole_label() {
        let wildcard = names(&["*.db.example"], &[], None);
        assert!(passes(&wildcard, "a.db.example"));
        for host in ["db.example", "a.b.db.example", "a.xdb.example"] {
            assert!(!passes(&wildcard, host), "{host}");
        }
        assert!(!passes(
            &names(&["a*.db.example"], &[], None),
            "ab.db.example"
        ));
        assert!(!passes(&names(&["*"], &[], None), "localhost"));
    }

    #[test]
    fn a_limited_chain_takes_no_common_name() {
        let certificate = names(&[], &[], Some("db.example"));
        let host = ServerName::try_from("db.example").unwrap();
        assert!(check(&certificate, &host, CommonName::Ignored).is_err());
    }
}
