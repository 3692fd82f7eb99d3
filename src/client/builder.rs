//! How a client is made.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::redirect::Policy;
use zeroize::Zeroizing;

use super::server::{HERE, LOCALHOST, Server};
use super::{Client, Inner, tls};

/// How long an answer may take, unless said otherwise: a little longer than the server's own limit, so
/// that it is the server that tells of it.
pub const TIMEOUT: Duration = Duration::from_secs(130);

/// How long a connection may take to come about, unless said otherwise.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a call is sent again, unless said otherwise.
pub const RETRIES: u32 = 2;

/// A client that is to be made.
#[must_use = "a client is made by .build()"]
pub struct Builder {
    server: String,
    token: Option<Zeroizing<String>>,
    ca: Option<PathBuf>,
    identity: Option<Identity>,
    timeout: Duration,
    connect_timeout: Duration,
    retries: u32,
    in_clear: bool,
}

/// The files of a client certificate.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// Never the token, nor a URL that may hold one.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}

/// Why no client can be made. It repeats nothing that may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The server's address is none.
    #[error("that is no server: give https://HOST[:PORT], http://HOST[:PORT] or unix:/PATH")]
    Server,
    /// The server's address holds a user.
    #[error("a URL with a user or a password is no server: who calls is told by a token")]
    UserInServer,
    /// The token would travel in clear.
    #[error("the token would travel in clear to another machine")]
    InClear,
    /// No header can carry the token.
    #[error("the token holds a character that no header can carry, or is empty")]
    Token,
    /// A file cannot be used.
    #[error("cannot use `{}`: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Certificates where there is no TLS.
    #[error("certificates go with an https:// URL")]
    NoTls,
    /// The operating system has no authorities.
    #[error("the operating system has no certificate authorities{0}")]
    NoSystemRoots(String),
    /// TLS is not to be had.
    #[error("TLS: {0}")]
    Tls(String),
}

impl BuildError {
    pub(super) fn file(path: &Path, why: String) -> Self {
        let path = path.to_owned();
        Self::File { path, why }
    }
}

impl Builder {
    pub(super) fn new(server: &str) -> Self {
        Self {
            server: server.to_owned(),
            token: None,
            ca: None,
            identity: None,
            timeout: TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            retries: RETRIES,
            in_clear: false,
        }
    }

    /// The bearer token; blanks around it do not count.
    pub fn bearer_token(mut self, token: &str) -> Self {
        self.token = Some(Zeroizing::new(token.trim().to_owned()));
        self
    }

    /// The authorities of the server's certificate, in PEM form, instead of the operating system's.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca = Some(path.into());
        self
    }

    /// A client certificate and its private key, in PEM form.
    pub fn identity_files(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.identity = Some(Identity {
            certificate: certificate.into(),
            key: key.into(),
        });
        self
    }

    /// How long an answer may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a connection may take to come about.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How often a call is sent again where nothing answered, or a server that will soon do so.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Lets the token travel in clear to an `http://` URL on another machine.
    pub fn insecure(mut self) -> Self {
        self.in_clear = true;
        self
    }

    /// Makes the client. It connects with its first call.
    ///
    /// # Errors
    ///
    /// When something of what was given cannot be used, or the token would travel in clear.
    pub fn build(self) -> Result<Client, BuildError> {
        let server = Server::parse(&self.server)?;
        if !server.is_tls() && !server.is_local() && !self.in_clear {
            return Err(BuildError::InClear);
        }
        let shows = self.ca.is_some() || self.identity.is_some();
        let tls = match (server.is_tls(), shows) {
            (true, _) => tls::config(self.ca.as_deref(), self.identity.as_ref())?,
            (false, true) => return Err(BuildError::NoTls),
            (false, false) => tls::nobody()?,
        };
        let bearer = self
            .token
            .as_deref()
            .map(|token| bearer(token))
            .transpose()?;
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("breakglass/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .http1_only()
            .connect_timeout(self.connect_timeout)
            .resolve_to_addrs(LOCALHOST, &HERE);
        if let Some(socket) = server.socket() {
            http = http.unix_socket(socket);
        }
        let http = http
            .build()
            .map_err(|error| BuildError::Tls(error.to_string()))?;
        Ok(Client(Arc::new(Inner {
            http,
            server,
            bearer,
            timeout: self.timeout,
            retries: self.retries,
        })))
    }
}

/// The header that proves who calls. What it is copied into on its way is not wiped.
fn bearer(token: &str) -> Result<HeaderValue, BuildError> {
    let text = Zeroizing::new(format!("Bearer {token}"));
    let value = HeaderValue::try_from(text.as_str()).ok();
    let mut value = value
        .filter(|_| !token.is_empty())
        .ok_or(BuildError::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::super::Client;
    use super::BuildError;

    #[test]
    fn a_token_does_not_leave_the_machine_in_clear() {
        let built = |server: &str| Client::builder(server).bearer_token("canary").build();
        let error = built("http://db1:7345").unwrap_err();
        assert_eq!(error, BuildError::InClear);
        for server in ["http://127.0.0.1:1", "http://localhost:1", "unix:/run/x"] {
            let client = built(server).unwrap();
            assert!(!format!("{client:?}").contains("canary"));
        }
        let insecure = Client::builder("http://db1:7345")
            .bearer_token("canary")
            .insecure();
        assert!(!format!("{insecure:?}").contains("canary"));
        assert!(insecure.build().is_ok());
    }

    #[test]
    fn what_no_header_carries_is_no_token() {
        for token in ["", " \n", "a\nb", "é\u{1}"] {
            let error = Client::builder("unix:/x")
                .bearer_token(token)
                .build()
                .unwrap_err();
            assert_eq!(error, BuildError::Token, "{token:?}");
        }
    }

    #[test]
    fn certificates_go_with_tls() {
        let built = Client::builder("unix:/x").ca_file("/none").build();
        assert_eq!(built.unwrap_err(), BuildError::NoTls);
        let built = Client::builder("https://db1").ca_file("/none").build();
        assert!(matches!(built, Err(BuildError::File { .. })));
    }
}
