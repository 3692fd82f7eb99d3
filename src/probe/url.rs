//! Where to ask: an `http` or `https` URL without a user, a password or a secret in it.

use std::fmt;
use std::net::IpAddr;

use hyper::Uri;

/// Where to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub(super) is_tls: bool,
    /// Host and port as given, for the `Host` header.
    pub(super) authority: String,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query; `None` where the URL ends with its host.
    pub(super) path: Option<String>,
}

/// Why a URL cannot be asked. It repeats nothing of the URL, which may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It cannot be parsed.
    #[error("it is not a URL such as https://coder.example")]
    NotAUrl,
    /// Another scheme.
    #[error("only https:// and http:// can be asked")]
    Scheme,
    /// It has a user or a password.
    #[error("it holds a user name or password, which would be recorded")]
    User,
}

impl Url {
    /// Reads a URL. A fragment is dropped; a bare `/` counts as no path.
    ///
    /// # Errors
    ///
    /// When it is none, of another scheme, or holds a user name.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::NotAUrl)?;
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(UrlError::Scheme),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(UrlError::User);
        }
        let uri: Uri = rest_uri(authority, path).ok_or(UrlError::NotAUrl)?;
        let host = uri.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
        let after_host = authority.strip_prefix(host).unwrap_or_default();
        let port_is_right =
            after_host.is_empty() || after_host.strip_prefix(':').is_some_and(is_port);
        if bare.is_empty() || !port_is_right {
            return Err(UrlError::NotAUrl);
        }
        let path = match path {
            "" | "/" => None,
            query if query.starts_with('?') => Some(format!("/{query}")),
            path => Some(path.to_owned()),
        };
        Ok(Self {
            is_tls,
            authority: authority.to_owned(),
            host: bare.to_owned(),
            port: uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            path,
        })
    }

    /// Whether it names a path.
    #[must_use]
    pub fn has_path(&self) -> bool {
        self.path.is_some()
    }

    /// Whether the host is this machine by its very name; what the name leads to is looked at again
    /// when it is connected to.
    pub(super) fn is_loopback(&self) -> bool {
        let name = self.host.trim_end_matches('.').to_ascii_lowercase();
        name == "localhost"
            || name.ends_with(".localhost")
            || self
                .host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    pub(super) fn path(&self) -> &str {
        self.path.as_deref().unwrap_or("/")
    }
}

fn rest_uri(authority: &str, path: &str) -> Option<Uri> {
    let path = if path.starts_with('/') { "" } else { "/" }.to_owned() + path;
    let uri = Uri::builder()
        .scheme("http")
        .authority(authority)
        .path_and_query(path);
    uri.build().ok()
}

/// As it is told and recorded: what stands behind a `?` may be anything.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        let (path, query) = match self.path().split_once('?') {
            Some((path, _)) => (path, "?…"),
            None => (self.path(), ""),
        };
        write!(f, "{scheme}://{}{path}{query}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::{Url, UrlError};

    #[test]
    fn a_url_is_taken_apart() {
        let url = Url::parse("HTTPS://coder.example").unwrap();
        assert_eq!(
            (url.host.as_str(), url.port, url.has_path()),
            ("coder.example", 443, false)
        );
        assert_eq!(url.to_string(), "https://coder.example/");
        let url = Url::parse("http://[::1]:8080/a/b?c=d#e").unwrap();
        assert_eq!(
            (url.host.as_str(), url.port, url.path()),
            ("::1", 8080, "/a/b?c=d")
        );
        assert_eq!(url.to_string(), "http://[::1]:8080/a/b?…");
        assert!(!Url::parse("https://x/").unwrap().has_path());
        assert_eq!(Url::parse("https://x?y").unwrap().path(), "/?y");
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        for (text, error) in [
            ("coder.example", UrlError::NotAUrl),
            ("https://", UrlError::NotAUrl),
            ("https:///path", UrlError::NotAUrl),
            ("https://a b/", UrlError::NotAUrl),
            ("https://a/ b", UrlError::NotAUrl),
            ("https://a:x/", UrlError::NotAUrl),
            ("https://a:99999/", UrlError::NotAUrl),
            ("https://a:/", UrlError::NotAUrl),
            ("https://a:0/", UrlError::NotAUrl),
            ("ftp://a/", UrlError::Scheme),
            ("https://me:pw@a/", UrlError::User),
            ("https://me@a/", UrlError::User),
        ] {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for (text, is) in [
            ("http://localhost/", true),
            ("http://app.localhost:80/", true),
            ("http://LOCALHOST./", true),
            ("http://127.8.9.1/", true),
            ("http://[::1]/", true),
            ("http://localhost.example/", false),
            ("http://10.0.0.1/", false),
            ("http://127.0.0.1.example/", false),
        ] {
            assert_eq!(Url::parse(text).unwrap().is_loopback(), is, "{text}");
        }
    }
}
