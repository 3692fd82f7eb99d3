//! The loop that takes connections, and lets them end.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::address::Address;
use super::impatient::Impatient;
use super::peer::Peer;
use super::tls::{ServerTls, subject};

/// Header fields that a request may have.
const HEADERS: usize = 64;

/// Bytes of a request's head, all fields together.
const HEAD_BYTES: usize = 16 * 1024;

/// How long to wait after the machine had no connection to give.
const PAUSE: Duration = Duration::from_millis(50);

/// What may be read and written through a socket: who owns it and their group.
const SOCKET_MODE: u32 = 0o660;

/// How long and how many.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a handshake, and for the head of a request.
    pub head: Duration,
    /// For a client to take some of what it is sent.
    pub write: Duration,
    /// For requests under way when the server is to end.
    pub drain: Duration,
    /// Connections at once; further ones wait.
    pub connections: usize,
}

/// Tells the server to end. It ends also when the sender is gone.
pub type Stop = watch::Receiver<bool>;

/// A place that is listened at.
#[derive(Debug)]
pub struct Bound {
    listener: Listener,
    address: Address,
}

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// Held for its drop.
        #[expect(dead_code, reason = "it removes the file when the listener is gone")]
        remove: Remove,
    },
}

/// A socket's file, gone with the server.
#[derive(Debug)]
struct Remove(PathBuf);

impl Drop for Remove {
    fn drop(&mut self) {
        // Whoever removed it first wanted the same.
        let _gone = std::fs::remove_file(&self.0).is_ok();
    }
}

impl Bound {
    /// Where it is, with the port that was taken where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }
}

/// Begins to listen.
///
/// # Errors
///
/// When the address cannot be had, or somebody listens there.
pub async fn bind(address: &Address) -> io::Result<Bound> {
    match address {
        Address::Tcp(wanted) => {
            let listener = TcpListener::bind(wanted).await?;
            let address = Address::Tcp(listener.local_addr()?);
            let listener = Listener::Tcp(listener);
            Ok(Bound { listener, address })
        }
        Address::Unix(path) => {
            clear(path).await?;
            let listener = UnixListener::bind(path)?;
            let remove = Remove(path.clone());
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(SOCKET_MODE))?;
            Ok(Bound {
                listener: Listener::Unix { listener, remove },
                address: address.clone(),
            })
        }
    }
}

/// Removes the socket that a server left which did not come to an orderly end.
async fn clear(path: &Path) -> io::Result<()> {
    let Ok(found) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is something else than a socket",
        ));
    }
    match UnixStream::connect(path).await {
        Ok(_answers) => Err(io::ErrorKind::AddrInUse.into()),
        Err(_nobody) => std::fs::remove_file(path),
    }
}

/// Takes connections until it is told to stop, then lets the requests that are under way end.
pub async fn serve(
    bound: Bound,
    tls: Option<ServerTls>,
    router: Router,
    patience: Patience,
    mut stop: Stop,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(patience.connections));
    let acceptor = tls.map(|ServerTls(config)| TlsAcceptor::from(config));
    loop {
        let taken = tokio::select! {
            _ended = stop.wait_for(|stop| *stop) => break,
            taken = take(&bound.listener, &places) => taken,
        };
        let (stream, peer, place) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                sleep(PAUSE).await;
                continue;
            }
        };
        let line = Line {
            router: router.clone(),
            patience,
            watcher: graceful.watcher(),
            _place: place,
        };
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            match (stream, acceptor) {
                (Stream::Unix(stream), _) => line.serve(stream, peer).await,
                (Stream::Tcp(stream), None) => line.serve(stream, peer).await,
                (Stream::Tcp(stream), Some(acceptor)) => {
                    let shaken = timeout(patience.head, acceptor.accept(stream)).await;
                    let Ok(Ok(stream)) = shaken else {
                        tracing::debug!(%peer, "no TLS came about");
                        return;
                    };
                    let shown = stream.get_ref().1.peer_certificates();
                    let subject = shown.and_then(<[_]>::first).and_then(subject);
                    line.serve(stream, peer.named(subject)).await;
                }
            }
        });
    }
    // No new connection finds the server, while those that are there end.
    drop(bound);
    if timeout(patience.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were under way for too long, and are cut");
    }
}

enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(UnixStream),
}

impl Peer {
    /// The same, with whom its certificate names.
    fn named(self, subject: Option<Arc<str>>) -> Self {
        match self {
            Self::Network { address, .. } => Self::Network { address, subject },
            local @ Self::Local { .. } => local,
        }
    }
}

/// The next connection, once there is a place for it.
async fn take(
    listener: &Listener,
    places: &Arc<Semaphore>,
) -> io::Result<(Stream, Peer, OwnedSemaphorePermit)> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    match listener {
        Listener::Tcp(listener) => {
            let (stream, address) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let subject = None;
            Ok((
                Stream::Tcp(stream),
                Peer::Network { address, subject },
                place,
            ))
        }
        Listener::Unix { listener, .. } => {
            let (stream, _) = listener.accept().await?;
            let who = stream.peer_cred()?;
            let (uid, pid) = (who.uid(), who.pid());
            Ok((Stream::Unix(stream), Peer::Local { uid, pid }, place))
        }
    }
}

/// What a connection is served with.
struct Line {
    router: Router,
    patience: Patience,
    watcher: hyper_util::server::graceful::Watcher,
    _place: OwnedSemaphorePermit,
}

impl Line {
    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer) {
        let Self {
            router,
            patience,
            watcher,
            _place,
        } = self;
        let stream = TokioIo::new(Impatient::new(stream, patience.write));
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            router.clone().oneshot(request.map(axum::body::Body::new))
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience.head)
            .max_headers(HEADERS)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(stream, service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, "a connection broke");
        }
    }
}
