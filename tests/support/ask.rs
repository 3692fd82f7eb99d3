//! One request to a server, and what it answers. Every request has a connection of its own.

use std::fmt;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::cluster::runtime;
use super::serving::Serving;

/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A request that is about to be sent.
#[must_use = "it is sent with .send()"]
pub(crate) struct Ask<'a> {
    serving: &'a Serving,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl<'a> Ask<'a> {
    pub(super) fn new(serving: &'a Serving, method: &str, path: &str) -> Self {
        Self {
            serving,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// As a principal, by its bearer token.
    pub(crate) fn by(self, principal: &str) -> Self {
        let token = self.serving.token(principal);
        let value = format!("Bearer {token}");
        self.header("authorization", &value)
    }

    /// As a principal, in the way of Coder's own clients.
    pub(crate) fn session_of(self, principal: &str) -> Self {
        let token = self.serving.token(principal).to_owned();
        self.header("coder-session-token", &token)
    }

    /// Adds a field to the head.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Says why.
    pub(crate) fn reason(self, reason: &str) -> Self {
        self.header("x-breakglass-reason", reason)
    }

    /// Sends a JSON value along.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sends a body along, whatever it is.
    pub(crate) fn body(mut self, kind: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", kind)
    }

    /// Sends it, and waits for the answer.
    #[track_caller]
    pub(crate) fn send(self) -> Answer {
        let told = format!("{} {}", self.method, self.path);
        let answer = async move { tokio::time::timeout(PATIENCE, self.answer()).await };
        let answer = runtime().block_on(answer);
        let answer = answer.unwrap_or_else(|_elapsed| panic!("{told}: no answer in {PATIENCE:?}"));
        answer.unwrap_or_else(|error| panic!("{told}: {error}"))
    }

    async fn answer(self) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let address = self.serving.url();
        let (host, path) = match (
            address.strip_prefix("http://"),
            address.strip_prefix("unix:"),
        ) {
            (Some(host), _) => (host.to_owned(), None),
            (None, Some(path)) => ("localhost".to_owned(), Some(path.to_owned())),
            (None, None) => panic!("{address} is no place that tests can ask at"),
        };
        let mut request = Request::builder()
            .method(self.method.as_str())
            .uri(&self.path)
            .header("host", &host);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(self.body))?;
        match path {
            Some(path) => exchange(UnixStream::connect(path).await?, request).await,
            None => exchange(TcpStream::connect(host).await?, request).await,
        }
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = runtime().spawn(connection);
    let (head, body) = sender.send_request(request).await?.into_parts();
    let bytes = body.collect().await?.to_bytes();
    connection.abort();
    let headers = head.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.to_string(), value)
    });
    Ok(Answer {
        code: head.status.as_u16(),
        headers: headers.collect(),
        body: String::from_utf8(bytes.to_vec())?,
    })
}

impl Answer {
    /// Asserts the status.
    #[track_caller]
    pub(crate) fn status(self, code: u16) -> Self {
        assert_eq!(self.code, code, "wrong status\n{self}");
        self
    }

    /// A field of the head.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(known, _)| known == name);
        named.next().map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("the body is not JSON: {error}\n{self}"))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.code)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        write!(f, "\n{}", self.body)
    }
}
