//! What is known of a probe before the secret is: where, in which header, and whom to believe.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::ask::{Probe, Wire};
use super::secret::Secret;
use super::tls;
use super::url::{Url, UrlError};
use crate::model::HeaderTemplate;

/// Where to ask, and how.
#[derive(Clone, Debug)]
pub struct Target {
    url: Url,
    header: Option<HeaderTemplate>,
    /// For `https`.
    tls: Option<Arc<ClientConfig>>,
    /// Whether the secret may leave this machine in clear.
    in_clear: bool,
}

/// Why a probe cannot be made. It repeats nothing that may hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The URL.
    #[error("--probe: {0}")]
    Url(#[from] UrlError),
    /// The header.
    #[error("--probe-header: {0}")]
    Header(&'static str),
    /// The secret would travel in clear.
    #[error("--probe: the secret would travel in clear to another machine")]
    InClear,
    /// The authorities.
    #[error("--probe-ca: cannot use `{}`: {why}", path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The operating system has none.
    #[error("--probe: the operating system has no certificate authorities{0}")]
    NoSystemRoots(String),
    /// TLS is not to be had.
    #[error("--probe: TLS: {0}")]
    Tls(String),
    /// Nobody says which path.
    #[error("--probe names no path, and adapter `{0}` knows of none")]
    NoPath(String),
    /// Nobody says which header.
    #[error("--probe-header is not given, and adapter `{0}` knows of none")]
    NoHeader(String),
    /// No header can carry the secret.
    #[error("the secret holds a character that no header can carry")]
    Unfit,
    /// The URL or the header holds the secret.
    #[error("--probe or --probe-header holds the secret, and would be told and recorded as it is")]
    Told,
}

impl TargetError {
    /// What to type next.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Url(_) => Some("give it as `--probe https://HOST/PATH`"),
            Self::Header(_) => Some("give it as `--probe-header 'Authorization: Bearer {}'`"),
            Self::InClear => {
                Some("use https://, or say with --probe-insecure that it may be read on its way")
            }
            Self::Ca { .. } | Self::NoSystemRoots(_) => {
                Some("give a PEM file with the authority's certificate: `--probe-ca FILE`")
            }
            Self::NoPath(_) => Some(
                "give the whole URL of something that wants a login, such as https://HOST/api/me",
            ),
            Self::NoHeader(_) => Some("add `--probe-header 'Authorization: Bearer {}'`"),
            Self::Told => Some("leave the secret out: `{}` stands for it"),
            Self::Tls(_) | Self::Unfit => None,
        }
    }
}

impl Target {
    /// Reads what the operator gave.
    ///
    /// # Errors
    ///
    /// When it cannot be asked there, or the secret would travel in clear.
    pub fn new(
        url: &str,
        header: Option<&str>,
        ca: Option<&Path>,
        in_clear: bool,
    ) -> Result<Self, TargetError> {
        let url = Url::parse(url)?;
        let header = header.map(HeaderTemplate::parse).transpose();
        let header = header.map_err(TargetError::Header)?;
        if !url.is_tls && !in_clear && !url.is_loopback() {
            return Err(TargetError::InClear);
        }
        let tls = match (url.is_tls, ca) {
            (true, ca) => Some(tls::config(ca)?),
            (false, Some(path)) => {
                return Err(TargetError::Ca {
                    path: path.to_owned(),
                    why: "an http:// URL shows no certificate".to_owned(),
                });
            }
            (false, None) => None,
        };
        Ok(Self {
            url,
            header,
            tls,
            in_clear,
        })
    }

    /// Fills in what the adapter knows, and the secret.
    ///
    /// # Errors
    ///
    /// When nobody says which path or header, or the secret does not go into one.
    pub fn with(
        &self,
        adapter: &str,
        path: Option<&str>,
        header: Option<&str>,
        secret: &Secret,
    ) -> Result<Probe, TargetError> {
        let mut url = self.url.clone();
        if url.path.is_none() {
            let path = path.ok_or_else(|| TargetError::NoPath(adapter.to_owned()))?;
            url.path = Some(path.to_owned());
        }
        let header = match (&self.header, header) {
            (Some(header), _) => header.clone(),
            (None, Some(text)) => HeaderTemplate::parse(text).map_err(TargetError::Header)?,
            (None, None) => return Err(TargetError::NoHeader(adapter.to_owned())),
        };
        let told = [&header.before, &header.after, &url.authority];
        let told = told.into_iter().map(String::as_str).chain([url.path()]);
        if told.into_iter().any(|text| text.contains(secret.expose())) {
            return Err(TargetError::Told);
        }
        let name =
            HeaderName::try_from(header.name.as_str()).map_err(|_other| TargetError::Unfit)?;
        let wire = match &self.tls {
            Some(config) => {
                let server = ServerName::try_from(url.host.clone());
                let server = server.map_err(|_other| TargetError::Url(UrlError::NotAUrl))?;
                Wire::Tls(TlsConnector::from(Arc::clone(config)), server)
            }
            None if self.in_clear => Wire::Clear,
            None => Wire::Loopback,
        };
        Ok(Probe {
            value: value(&header, secret)?,
            url,
            name,
            wire,
        })
    }
}

/// The header's value, whose bytes are wiped with their last owner.
fn value(header: &HeaderTemplate, secret: &Secret) -> Result<HeaderValue, TargetError> {
    struct Wiped(Zeroizing<Vec<u8>>);
    impl AsRef<[u8]> for Wiped {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let parts = [&header.before, secret.expose(), &header.after];
    // Of its final size at once: growing would leave copies.
    let mut text = Zeroizing::new(Vec::with_capacity(
        parts.iter().map(|part| part.len()).sum(),
    ));
    for part in parts {
        text.extend_from_slice(part.as_bytes());
    }
    let value = HeaderValue::from_maybe_shared(Bytes::from_owner(Wiped(text)));
    let mut value = value.map_err(|_other| TargetError::Unfit)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::{Secret, Target};

    #[test]
    fn nothing_of_the_secret_is_shown() {
        let target = Target::new("http://localhost/x", Some("A: b {}"), None, false).unwrap();
        let secret = Secret::new("canary-0123456789");
        let probe = target.with("x", None, None, &secret).unwrap();
        let shown = format!("{target:?} {secret:?} {probe:?}");
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn what_is_missing_is_the_adapters_or_an_error() {
        let target = Target::new("http://localhost", None, None, false).unwrap();
        let secret = Secret::new("s3cret");
        let with = |path, header| target.with("mine", path, header, &secret);
        let error = |path, header| with(path, header).unwrap_err().to_string();
        assert!(error(None, Some("A: {}")).contains("names no path, and adapter `mine`"));
        assert!(error(Some("/me"), None).contains("--probe-header is not given"));
        assert!(error(Some("/s3cret"), Some("A: {}")).contains("holds the secret"));
        assert!(error(Some("/me"), Some("A: s3cret {}")).contains("holds the secret"));
        assert!(with(Some("/me"), Some("A: {}")).is_ok());
        let unfit = Secret::new("a\u{1}b");
        let error = target.with("mine", Some("/me"), Some("A: {}"), &unfit);
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("no header can carry")
        );
    }

    #[test]
    fn a_secret_does_not_leave_the_machine_in_clear() {
        let error = Target::new("http://app.example/", None, None, false).unwrap_err();
        assert!(error.to_string().contains("in clear"));
        assert!(Target::new("http://app.example/", None, None, true).is_ok());
    }
}
