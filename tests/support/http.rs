//! An application that answers HTTP as it is told, on threads of its own, with or without TLS.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What the application does with a request.
pub(crate) enum Reply {
    /// A status, with a short body.
    Status(u16),
    /// These bytes, and then the end of the connection.
    Raw(Vec<u8>),
    /// A status whose body never ends.
    Endless(u16),
    /// One byte of the head at a time, and never all of it.
    Trickle,
    /// Nothing, while the client waits.
    Hang,
    /// The end of the connection.
    Close,
}

type Answer = dyn Fn(usize, &str) -> Reply + Send + Sync;

/// An application on loopback. It is gone with the test.
pub(crate) struct App {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
}

impl App {
    /// Starts one that answers the n-th request (from 0) with this head.
    pub(crate) fn start(answer: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(None, Arc::new(answer))
    }

    /// The same over TLS, with `server.crt` and `server.key` of a directory.
    pub(crate) fn start_tls(
        directory: &Path,
        answer: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let chain = CertificateDer::from_pem_file(directory.join("server.crt")).expect("a PEM");
        let key = PrivateKeyDer::from_pem_file(directory.join("server.key")).expect("a PEM");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .expect("they belong together");
        Self::listen(Some(Arc::new(config)), Arc::new(answer))
    }

    /// One that always answers so.
    pub(crate) fn saying(status: u16) -> Self {
        Self::start(move |_, _| Reply::Status(status))
    }

    fn listen(tls: Option<Arc<ServerConfig>>, answer: Arc<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let app = Self {
            port,
            asked: Arc::default(),
            is_over: Arc::default(),
        };
        let (asked, is_over) = (Arc::clone(&app.asked), Arc::clone(&app.is_over));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (tls, answer) = (tls.clone(), Arc::clone(&answer));
                let (asked, is_over) = (Arc::clone(&asked), Arc::clone(&is_over));
                // Whoever hangs up in the middle is no failure of the test.
                thread::spawn(move || drop(serve(stream, tls, &answer, &asked, &is_over)));
            }
        });
        app
    }

    /// Its address without a path.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The heads of the requests that came.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no thread fails with it").clone()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn serve(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    answer: &Arc<Answer>,
    asked: &Mutex<Vec<String>>,
    is_over: &AtomicBool,
) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    match tls {
        None => talk(stream, answer, asked, is_over),
        Some(config) => {
            let connection = ServerConnection::new(config).map_err(io::Error::other)?;
            talk(StreamOwned::new(connection, stream), answer, asked, is_over)
        }
    }
}

fn talk(
    mut stream: impl Read + Write,
    answer: &Arc<Answer>,
    asked: &Mutex<Vec<String>>,
    is_over: &AtomicBool,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Ok(());
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let number = {
        let mut asked = asked.lock().expect("no thread fails with it");
        asked.push(head.clone());
        asked.len() - 1
    };
    let wait = |stream: &mut dyn Write, bytes: &[u8]| -> io::Result<()> {
        while !is_over.load(Ordering::Relaxed) {
            stream.write_all(bytes)?;
            stream.flush()?;
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    };
    match answer(number, &head) {
        Reply::Status(status) => {
            write!(
                stream,
                "HTTP/1.1 {status} Word\r\nContent-Length: 2\r\n\r\n{{}}"
            )?;
            stream.flush()
        }
        Reply::Raw(bytes) => {
            stream.write_all(&bytes)?;
            stream.flush()
        }
        Reply::Endless(status) => {
            write!(
                stream,
                "HTTP/1.1 {status} Word\r\nContent-Length: 9999999999\r\n\r\n"
            )?;
            wait(&mut stream, &[b'x'; 4096])
        }
        Reply::Trickle => {
            write!(stream, "HTTP/1.1 401 Word\r\nX-Slow: ")?;
            wait(&mut stream, b"x")
        }
        Reply::Hang => wait(&mut stream, b""),
        Reply::Close => Ok(()),
    }
}

/// Makes an authority (`ca.crt`) and a certificate of it for 127.0.0.1 (`server.crt`, `server.key`),
/// and one for somewhere else (`elsewhere/`).
pub(crate) fn make_certificates(directory: &Path) {
    let openssl = |arguments: &str| {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(directory)
            .output()
            .expect("the tests need openssl: apt-get install openssl");
        assert!(output.status.success(), "{arguments}: {output:?}");
    };
    let ec = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!(
        "req -new -x509 -days 2 {ec} -out ca.crt -keyout ca.key -subj /CN=ca \
         -addext keyUsage=critical,keyCertSign,cRLSign"
    ));
    std::fs::create_dir(directory.join("elsewhere")).expect("it can be made");
    for (place, name) in [
        ("", "IP:127.0.0.1"),
        ("elsewhere/", "DNS:elsewhere.example"),
    ] {
        std::fs::write(
            directory.join("ext"),
            format!("subjectAltName={name}\nextendedKeyUsage=serverAuth\n"),
        )
        .expect("it can be written");
        openssl(&format!(
            "req -new {ec} -out server.csr -keyout {place}server.key -subj /CN=app"
        ));
        openssl(&format!(
            "x509 -req -days 2 -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial \
             -extfile ext -out {place}server.crt"
        ));
    }
}
