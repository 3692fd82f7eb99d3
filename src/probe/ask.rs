//! Asking once: one connection, one request, and of the answer its status.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::url::Url;

/// The longest that an answer is waited for, from the name to the status.
const ANSWER: Duration = Duration::from_secs(10);

/// The longest that all addresses of a host are tried.
const CONNECT: Duration = Duration::from_secs(5);

/// The most that the head of an answer may take.
const LARGEST_HEAD: usize = 64 << 10;

const USER: &str = concat!("breakglass/", env!("CARGO_PKG_VERSION"), " (probe)");

/// A question that can be asked again and again.
#[derive(Clone)]
pub struct Probe {
    pub(super) url: Url,
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
    pub(super) wire: Wire,
}

/// How the secret travels.
#[derive(Clone)]
pub(super) enum Wire {
    /// Over TLS, to a server of this name.
    Tls(TlsConnector, ServerName<'static>),
    /// In clear, on this machine only.
    Loopback,
    /// In clear, wherever it is.
    Clear,
}

/// What an application says to a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A status.
    Status(u16),
    /// None, and why.
    Silence(String),
}

impl Answer {
    /// Whether the application took the secret.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Status(200..=299))
    }

    /// Whether it refused it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Status(401 | 403))
    }

    /// The status, where there is one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(*status),
            Self::Silence(_) => None,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status @ 300..=399) => {
                write!(
                    f,
                    "{status}, a redirect (to a login page?), which is not followed"
                )
            }
            Self::Status(status) => write!(f, "{status}"),
            Self::Silence(why) => write!(f, "no answer ({why})"),
        }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Probe {
    /// Where it asks.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Asks once, and waits no longer than this, nor than ten seconds.
    pub async fn ask(&self, limit: Duration) -> Answer {
        let limit = limit.min(ANSWER);
        match timeout(limit, self.exchange()).await {
            Ok(Ok(status)) => Answer::Status(status),
            Ok(Err(why)) => Answer::Silence(why),
            Err(_late) => Answer::Silence(format!("nothing within {:.1} s", limit.as_secs_f64())),
        }
    }

    async fn exchange(&self) -> Result<u16, String> {
        let stream = self.connect().await?;
        match &self.wire {
            Wire::Tls(tls, server) => {
                let stream = tls.connect(server.clone(), stream).await;
                let stream = stream.map_err(|error| format!("TLS: {error}"))?;
                self.send(TokioIo::new(stream)).await
            }
            Wire::Loopback | Wire::Clear => self.send(TokioIo::new(stream)).await,
        }
    }

    /// Connects to the first address that answers.
    async fn connect(&self) -> Result<TcpStream, String> {
        let found = timeout(
            CONNECT,
            lookup_host((self.url.host.as_str(), self.url.port)),
        )
        .await;
        let found: Vec<SocketAddr> = match found {
            Ok(Ok(found)) => found.collect(),
            Ok(Err(error)) => return Err(format!("the host's name is not found: {error}")),
            Err(_late) => return Err("the host's name is not found in time".to_owned()),
        };
        if matches!(self.wire, Wire::Loopback)
            && found.iter().any(|found| !found.ip().is_loopback())
        {
            return Err("the name leads to another machine, and it is http://".to_owned());
        }
        let share = u32::try_from(found.len().max(1)).unwrap_or(u32::MAX);
        let mut last = "the host's name has no address".to_owned();
        for address in found {
            match timeout(CONNECT / share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = connecting(&error),
                Err(_late) => "no connection in time".clone_into(&mut last),
            }
        }
        Err(last)
    }

    /// Sends the request and waits for the head of the answer. The connection is closed then.
    async fn send<S: Read + Write + Unpin>(&self, io: S) -> Result<u16, String> {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(LARGEST_HEAD);
        let (mut sender, connection) = builder
            .handshake(io)
            .await
            .map_err(|error| not_http(&error))?;
        let request = Request::get(self.url.path())
            .header(HOST, self.url.authority.as_str())
            .header(USER_AGENT, USER)
            .header(ACCEPT, "*/*")
            .header(CONNECTION, "close")
            .header(self.name.clone(), self.value.clone())
            .body(String::new())
            .map_err(|error| error.to_string())?;
        let mut answer = pin!(sender.send_request(request));
        let answer = tokio::select! {
            biased;
            answer = &mut answer => answer,
            // What the server said before it closed is there by now.
            _ended = connection => answer.await,
        };
        Ok(answer.map_err(|error| not_http(&error))?.status().as_u16())
    }
}

fn connecting(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        _ => error.to_string(),
    }
}

/// What went wrong with the answer. Nothing of the answer itself is in these words.
fn not_http(error: &hyper::Error) -> String {
    let why = if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        "the connection was closed"
    } else if error.is_parse() {
        "what answers does not speak HTTP as it should"
    } else {
        "the connection broke"
    };
    why.to_owned()
}
