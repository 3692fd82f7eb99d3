//! A proxy between the binary and the server that can cut the wire at COMMIT.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::support::TestDatabase;

/// Where the wire is cut, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// COMMIT never reaches the server.
    BeforeCommit,
    /// COMMIT reaches the server, its answer does not reach the client.
    AfterCommit,
    /// The same, and nobody can connect afterwards.
    AfterCommitForGood,
    /// Nothing is cut, but the BEGIN of the change reaches the server misspelt.
    GarbledBegin,
    /// Nothing more passes once COMMIT was sent, and the connection stays open.
    BlackHole,
    /// COMMIT is answered, and nobody can connect afterwards.
    ClosedAfterCommit,
    /// The second look at what was killed never reaches the server.
    SecondLook,
    /// The same, and nobody can connect afterwards.
    SecondLookForGood,
}

/// A proxy; it ends with the test process.
pub(super) struct Proxy {
    port: u16,
    commits: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Wire {
    cut: Cut,
    socket: PathBuf,
    done: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
    commits: Arc<AtomicUsize>,
    looks: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens on loopback, in front of the server of a database.
    pub(super) fn start(database: &TestDatabase, cut: Cut) -> Self {
        Self::before(database.socket_directory().join(".s.PGSQL.5432"), cut)
    }

    /// Listens on loopback, in front of a server's socket.
    pub(super) fn before(socket: PathBuf, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
        let port = listener.local_addr().expect("it is bound").port();
        let wire = Wire {
            cut,
            socket,
            done: Arc::default(),
            closed: Arc::default(),
            commits: Arc::default(),
            looks: Arc::default(),
        };
        let commits = Arc::clone(&wire.commits);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let wire = wire.clone();
                if wire.closed.load(Ordering::SeqCst) {
                    continue;
                }
                thread::spawn(move || wire.serve(client));
            }
        });
        Self { port, commits }
    }

    /// How to reach a database through it.
    pub(super) fn conninfo(&self, database: &TestDatabase, role: &str) -> String {
        let (port, name) = (self.port, database.name());
        format!("host=127.0.0.1 port={port} user={role} dbname={name} sslmode=disable")
    }

    /// The port on 127.0.0.1.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// How often COMMIT was seen on the wire.
    pub(super) fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }
}

impl Wire {
    fn serve(&self, client: TcpStream) {
        let Ok(server) = UnixStream::connect(&self.socket) else {
            return;
        };
        let (mut from_server, mut to_client) = (
            server.try_clone().expect("sockets clone"),
            client.try_clone().expect("sockets clone"),
        );
        // Set once the answers of this connection are to be lost.
        let deaf = Arc::new(AtomicBool::new(false));
        let is_deaf = Arc::clone(&deaf);
        thread::spawn(move || {
            let mut buffer = [0; 16_384];
            while let Ok(count) = from_server.read(&mut buffer) {
                let passes = count > 0 && !is_deaf.load(Ordering::SeqCst);
                if count == 0 || (passes && to_client.write_all(&buffer[..count]).is_err()) {
                    break;
                }
            }
            if !is_deaf.load(Ordering::SeqCst) {
                let _closed = to_client.shutdown(Shutdown::Both);
            }
        });
        self.forward(client, server, &deaf);
    }

    fn forward(&self, mut client: TcpStream, mut server: UnixStream, deaf: &AtomicBool) {
        let mut buffer = [0; 16_384];
        while let Ok(count @ 1..) = client.read(&mut buffer) {
            if self.cut == Cut::GarbledBegin {
                garble(&mut buffer[..count]);
            }
            let message = &buffer[..count];
            let commits = message
                .windows(7)
                .any(|bytes| bytes == b"commit\0" || bytes == b"\ncommit");
            if commits {
                self.commits.fetch_add(1, Ordering::SeqCst);
            }
            let at_commit = !matches!(
                self.cut,
                Cut::GarbledBegin
                    | Cut::ClosedAfterCommit
                    | Cut::SecondLook
                    | Cut::SecondLookForGood
            );
            if commits && self.cut == Cut::ClosedAfterCommit {
                self.closed.store(true, Ordering::SeqCst);
            }
            if self.cuts_look(message) {
                let _closed = client.shutdown(Shutdown::Both);
                break;
            }
            let cuts = commits && at_commit && !self.done.swap(true, Ordering::SeqCst);
            if cuts && self.cut == Cut::BeforeCommit {
                let _closed = client.shutdown(Shutdown::Both);
                break;
            }
            if cuts {
                deaf.store(true, Ordering::SeqCst);
                self.closed
                    .store(self.cut == Cut::AfterCommitForGood, Ordering::SeqCst);
            }
            if server.write_all(message).is_err() {
                break;
            }
            if cuts && self.cut != Cut::BlackHole {
                // Long enough for the server to have committed; then the answer is lost.
                thread::sleep(std::time::Duration::from_millis(300));
                let _closed = client.shutdown(Shutdown::Both);
                break;
            }
        }
        let _closed = server.shutdown(Shutdown::Both);
    }
}

impl Wire {
    /// Whether the wire is cut here, because this is the second look.
    fn cuts_look(&self, message: &[u8]) -> bool {
        let words = b"Looks at tokens that were killed";
        let for_good = self.cut == Cut::SecondLookForGood;
        let looks = for_good || self.cut == Cut::SecondLook;
        if !looks || !message.windows(words.len()).any(|bytes| bytes == words) {
            return false;
        }
        let is_second = self.looks.fetch_add(1, Ordering::SeqCst) == 1;
        if is_second && for_good {
            self.closed.store(true, Ordering::SeqCst);
        }
        is_second
    }
}

/// Misspells the BEGIN of a change, and leaves its length.
fn garble(message: &mut [u8]) {
    let begin = b"begin isolation level read committed read write";
    if let Some(at) = message
        .windows(begin.len())
        .position(|bytes| bytes == begin)
    {
        message[at + 1] = b'o';
    }
}
