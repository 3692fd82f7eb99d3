//! A TLS connector that remembers whether it was used, which the driver does not tell.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::Socket;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connection::Transport;

type Stream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;
type Inner = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;

#[derive(Clone)]
pub(super) struct Watched {
    connector: MakeRustlsConnect,
    saw_tls: Arc<AtomicBool>,
}

impl Watched {
    pub(super) fn new(connector: MakeRustlsConnect) -> Self {
        Self {
            connector,
            saw_tls: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Tells what the connection came to run over.
    pub(super) fn transport(&self) -> Transport {
        if self.saw_tls.load(Ordering::Relaxed) {
            Transport::Tls
        } else {
            Transport::Plain
        }
    }
}

impl MakeTlsConnect<Socket> for Watched {
    type Stream = Stream;
    type TlsConnect = WatchedConnect;
    type Error = Infallible;

    fn make_tls_connect(&mut self, host: &str) -> Result<WatchedConnect, Infallible> {
        let inner = MakeTlsConnect::<Socket>::make_tls_connect(&mut self.connector, host)?;
        Ok(WatchedConnect {
            inner,
            saw_tls: Arc::clone(&self.saw_tls),
        })
    }
}

pub(super) struct WatchedConnect {
    inner: Inner,
    saw_tls: Arc<AtomicBool>,
}

impl TlsConnect<Socket> for WatchedConnect {
    type Stream = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let stream = self.inner.connect(socket).await?;
            self.saw_tls.store(true, Ordering::Relaxed);
            Ok(stream)
        })
    }
}
