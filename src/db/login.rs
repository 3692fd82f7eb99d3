//! What the server said at the login, and the driver keeps to itself: the process id that a
//! cancel would name. Behind a pooler it is not that of the backend that answers.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex,
};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::session::Session;

/// The code that asks for TLS, and what a server answers that has it.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
const TLS_ANSWER: &[u8] = b"S";

impl Session {
    /// The process id that the server gave at the login; `None` where it cannot be known.
    ///
    /// The driver writes it into a cancel request and nowhere else, so one is written, to nobody.
    pub async fn login_pid(&self) -> Option<i32> {
        let (near, far) = duplex(64);
        let token = self.wire().ok()?.client.cancel_token();
        let (_sent, pid) = tokio::join!(token.cancel_query_raw(near, Pretend), read_pid(far));
        pid
    }
}

/// Reads a cancel request: its length, its code, the process id, and the key.
async fn read_pid(mut stream: DuplexStream) -> Option<i32> {
    let mut head = [0; 8];
    stream.read_exact(&mut head).await.ok()?;
    if head == TLS_REQUEST {
        stream.write_all(TLS_ANSWER).await.ok()?;
        stream.read_exact(&mut head).await.ok()?;
    }
    stream.read_i32().await.ok()
}

/// TLS to nobody: nothing leaves the process.
struct Pretend;

impl TlsConnect<DuplexStream> for Pretend {
    type Stream = Clear;
    type Error = Infallible;
    type Future = Ready<Result<Clear, Infallible>>;

    fn connect(self, stream: DuplexStream) -> Self::Future {
        ready(Ok(Clear(stream)))
    }
}

struct Clear(DuplexStream);

impl TlsStream for Clear {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Clear {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Clear {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
