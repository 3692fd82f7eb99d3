//! An open connection, whatever it runs over.

use std::fmt;
use std::future::poll_fn;
use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{AsyncMessage, Error};

use crate::db::conninfo::{Place, Server};

/// How long the goodbye to a server may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// The half of a connection that does the work: the client gets answers while this is polled.
pub struct Connection {
    driver: Box<dyn Driver + Send>,
    endpoint: Endpoint,
    transport: Transport,
    warnings: Vec<String>,
}

/// What a connection runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Plain,
    Tls,
}

impl Connection {
    pub(super) fn new(
        driver: Box<dyn Driver + Send>,
        endpoint: Endpoint,
        transport: Transport,
    ) -> Self {
        Self {
            driver,
            endpoint,
            transport,
            warnings: Vec::new(),
        }
    }

    pub(super) fn with_warning(mut self, warning: String) -> Self {
        self.warnings.push(warning);
        self
    }

    /// Says goodbye, once the client is gone.
    pub(super) async fn close(mut self) {
        let end = async { while let Some(Ok(_)) = poll_fn(|cx| self.poll_message(cx)).await {} };
        // A server that does not take it is left without.
        let _in_time = tokio::time::timeout(GOODBYE, end).await.is_ok();
    }

    pub(super) fn transport(&self) -> Transport {
        self.transport
    }

    /// Does the work that can be done now, and hands out what the server says unasked.
    ///
    /// `None` and an error are the end: this must not be called again.
    pub fn poll_message(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<AsyncMessage, Error>>> {
        self.driver.poll_message(context)
    }

    /// A setting that the server reports, as `server_version` or `in_hot_standby`.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.driver.parameter(name)
    }

    /// Which of the servers this is, and at which address.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Tells whether it runs over TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.transport == Transport::Tls
    }

    /// What the operator should know of how it came about.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            driver: _,
            endpoint,
            transport,
            warnings,
        } = self;
        f.debug_struct("Connection")
            .field("endpoint", endpoint)
            .field("transport", transport)
            .field("warnings", warnings)
            .finish()
    }
}

/// The driver's connection, without the type of its stream.
pub(super) trait Driver {
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<AsyncMessage, Error>>>;
    fn parameter(&self, name: &str) -> Option<&str>;
}

impl<S, T> Driver for tokio_postgres::Connection<S, T>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<AsyncMessage, Error>>> {
        Self::poll_message(self, cx)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        Self::parameter(self, name)
    }
}

/// A server at one of its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    server: Server,
    address: Option<IpAddr>,
}

impl Endpoint {
    pub(super) fn new(server: &Server, address: Option<IpAddr>) -> Self {
        Self {
            server: server.clone(),
            address,
        }
    }

    /// The server, as it was asked for.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The address that was connected to; `None` for a Unix socket.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.server.clone();
        if let Place::Network { address, .. } = &mut shown.place {
            *address = self.address;
        }
        shown.fmt(f)
    }
}
