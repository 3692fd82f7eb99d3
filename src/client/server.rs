//! Where a server is.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use reqwest::Url;

use super::builder::BuildError;
use super::error::Error;

/// What stands before the path of a socket.
const UNIX: &str = "unix:";

/// What stands for the host where there is none.
const NOBODY: &str = "http://localhost/";

/// The name that is this machine wherever it would be looked up.
pub(super) const LOCALHOST: &str = "localhost";

/// Where that is; the port is the URL's.
pub(super) const HERE: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0),
];

/// A server's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    base: Url,
    socket: Option<PathBuf>,
}

impl Server {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// When it is none, or holds a password, a query or a fragment.
    pub(super) fn parse(text: &str) -> Result<Self, BuildError> {
        if let Some(path) = text.strip_prefix(UNIX) {
            let path = PathBuf::from(path);
            let base = Url::parse(NOBODY).map_err(|_constant| BuildError::Server)?;
            let socket = Some(path).filter(|path| path.is_absolute());
            let socket = Some(socket.ok_or(BuildError::Server)?);
            return Ok(Self { base, socket });
        }
        let base = Url::parse(text).map_err(|_syntax| BuildError::Server)?;
        let is_http = matches!(base.scheme(), "http" | "https") && base.has_host();
        let has_user = !base.username().is_empty() || base.password().is_some();
        if !is_http || base.query().is_some() || base.fragment().is_some() {
            return Err(BuildError::Server);
        }
        if has_user {
            return Err(BuildError::UserInServer);
        }
        let socket = None;
        Ok(Self { base, socket })
    }

    /// The socket, where it is one.
    pub(super) fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// Whether it is reached by TLS.
    pub(super) fn is_tls(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// Whether what is sent to it does not leave this machine.
    pub(super) fn is_local(&self) -> bool {
        let host = self.base.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let address: Option<IpAddr> = address.parse().ok();
        self.socket.is_some()
            || host == LOCALHOST
            || address.is_some_and(|address| address.to_canonical().is_loopback())
    }

    /// The URL of a path below it.
    ///
    /// # Errors
    ///
    /// When a part of the path is one that no URL can hold.
    pub(super) fn url(&self, path: &[&str]) -> Result<Url, Error> {
        let unfit = path.iter().find(|part| matches!(**part, "" | "." | ".."));
        if let Some(part) = unfit {
            return Err(Error::Path((*part).to_owned()));
        }
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        Ok(url)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Some(path) => write!(f, "{UNIX}{}", path.display()),
            None => f.write_str(self.base.as_str().trim_end_matches('/')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Server;

    #[test]
    fn a_server_is_a_url_or_a_socket() {
        for (text, told, local) in [
            ("https://db1:7345", "https://db1:7345", false),
            ("https://db1/breakglass/", "https://db1/breakglass", false),
            ("http://127.0.0.1:7345", "http://127.0.0.1:7345", true),
            ("http://[::1]:7345/", "http://[::1]:7345", true),
            ("http://localhost:1", "http://localhost:1", true),
            (
                "http://localhost.example",
                "http://localhost.example",
                false,
            ),
            ("http://10.0.0.1", "http://10.0.0.1", false),
            ("unix:/run/b.sock", "unix:/run/b.sock", true),
        ] {
            let server = Server::parse(text).unwrap();
            assert_eq!(
                (server.to_string().as_str(), server.is_local()),
                (told, local)
            );
        }
        for text in [
            "",
            "db1:7345",
            "ftp://db1",
            "unix:relative",
            "https://",
            "https://db1?x",
            "https://db1#x",
            "https://alice:secret@db1",
        ] {
            let error = Server::parse(text).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{text}: {error}");
        }
    }

    #[test]
    fn a_part_of_a_path_stays_one() {
        let server = Server::parse("https://db1/prefix").unwrap();
        let url = server.url(&["v1", "tokens", "a/b?c#d é%"]).unwrap();
        assert_eq!(
            url.as_str(),
            "https://db1/prefix/v1/tokens/a%2Fb%3Fc%23d%20%C3%A9%25"
        );
        for part in ["", ".", ".."] {
            assert!(server.url(&["v1", "tokens", part]).is_err(), "{part}");
        }
    }
}
