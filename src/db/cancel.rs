//! Cancelling what a session runs, at the very server that runs it.
//!
//! A cancel is a connection of its own that sends one message. The driver sends and closes at
//! once; a pooler then forgets the message together with its sender. As libpq does, this waits
//! until the server closes, which it does after it has passed the signal on, so that a late cancel
//! cannot hit the next statement either.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{CancelToken, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::conninfo::{Place, Settings};
use super::open::Endpoint;
use super::tls;

/// How long one cancel may take: a server that is not there must not hold up whoever leaves.
pub(super) const CANCEL_LIMIT: Duration = Duration::from_secs(2);

/// What is needed to cancel what one session runs.
#[derive(Clone)]
pub(super) struct Canceller {
    token: CancelToken,
    settings: Settings,
    endpoint: Endpoint,
}

impl Canceller {
    pub(super) fn new(token: CancelToken, settings: &Settings, endpoint: &Endpoint) -> Self {
        Self {
            token,
            settings: settings.clone(),
            endpoint: endpoint.clone(),
        }
    }

    /// Asks the server to stop the statement that runs, if any. Whether it did is seen from the
    /// statement's own answer; this says whether the server took the message.
    pub(super) async fn cancel(&self) -> bool {
        let sent = tokio::time::timeout(CANCEL_LIMIT, self.send()).await;
        matches!(sent, Ok(Ok(())))
    }

    /// Over the way that the session itself took: same server, same address, same TLS.
    async fn send(&self) -> io::Result<()> {
        let server = self.endpoint.server();
        match &server.place {
            Place::Socket { directory, .. } => {
                let path = format!("{directory}/.s.PGSQL.{}", server.port);
                let stream = UntilEnd(UnixStream::connect(path).await?);
                self.send_on(stream, NoTls).await
            }
            Place::Network { host, address } => {
                let address = self.endpoint.address().or(*address);
                let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
                let stream = UntilEnd(TcpStream::connect((address, server.port)).await?);
                match tls::connector(&self.settings).map_err(io::Error::other)? {
                    Some(connector) => self.send_on(stream, Patient::new(connector, host)?).await,
                    None => self.send_on(stream, NoTls).await,
                }
            }
        }
    }

    /// The token knows by itself whether the session ran over TLS.
    async fn send_on<S, T>(&self, stream: S, tls: T) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        T: TlsConnect<S>,
    {
        let sent = self.token.cancel_query_raw(stream, tls).await;
        sent.map_err(io::Error::other)
    }
}

/// A stream whose shutdown waits until the other side has closed it.
struct UntilEnd<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for UntilEnd<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for UntilEnd<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut bytes = [0; 64];
            let mut buffer = ReadBuf::new(&mut bytes);
            // A reset, or TLS that ends without a word, is an end as well.
            if ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer)).is_err()
                || buffer.filled().is_empty()
            {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: TlsStream + Unpin> TlsStream for UntilEnd<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.0.channel_binding()
    }
}

/// A TLS handshake whose stream waits for the end inside of TLS: a `close_notify` that came before
/// would be taken for the client's leaving.
struct Patient<T>(T);

type Handshake = <MakeRustlsConnect as MakeTlsConnect<UntilEnd<TcpStream>>>::TlsConnect;

impl Patient<Handshake> {
    fn new(mut connector: MakeRustlsConnect, host: &str) -> io::Result<Self> {
        MakeTlsConnect::<UntilEnd<TcpStream>>::make_tls_connect(&mut connector, host)
            .map(Self)
            .map_err(io::Error::other)
    }
}

impl<S, T> TlsConnect<S> for Patient<T>
where
    T: TlsConnect<S>,
    T::Stream: Unpin,
    T::Future: Send + 'static,
{
    type Stream = UntilEnd<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, T::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let handshake = self.0.connect(stream);
        Box::pin(async move { handshake.await.map(UntilEnd) })
    }
}
