//! A proxy that lets an exact number of bytes pass in one direction and then cuts the wire; after
//! that new connections pass, until the next cut if there is one.
//!
//! The bytes of one run count as one stream over all of its connections, because the program waits
//! for the answer on one before it uses the next. So a number names a byte of the planning session,
//! of the change, of its COMMIT, or of either connection of the read-back, and counting up to the
//! total covers them all. The look at who holds a lock, which a slow machine brings about while a
//! statement runs, passes uncounted: else the same number would not name the same byte.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

/// Whose bytes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Server,
    Client,
}

/// How the wire ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Both sides see a connection that was closed (FIN).
    Closed,
    /// The client sees a connection that was reset (RST).
    Reset,
    /// Nobody sees anything: no byte passes any more, and both connections stay open.
    Hole,
}

/// Where and how it is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) stream: Stream,
    /// So many bytes of the stream pass.
    pub(crate) at: usize,
    pub(crate) end: End,
    /// Whether new connections are refused afterwards.
    pub(crate) for_good: bool,
}

impl Cut {
    /// A cut after which new connections pass; every other one resets.
    pub(crate) fn of(stream: Stream, at: usize) -> Self {
        let end = if at.is_multiple_of(2) {
            End::Closed
        } else {
            End::Reset
        };
        Self {
            stream,
            at,
            end,
            for_good: false,
        }
    }
}

/// Where the server is.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Socket(PathBuf),
    Port(u16),
}

impl Target {
    /// The socket of a server.
    pub(crate) fn socket(directory: &Path) -> Self {
        Self::Socket(directory.join(".s.PGSQL.5432"))
    }

    fn connect(&self) -> Option<Side> {
        match self {
            Self::Socket(path) => UnixStream::connect(path).ok().map(Side::Unix),
            Self::Port(port) => TcpStream::connect(("127.0.0.1", *port)).ok().map(Side::Tcp),
        }
    }
}

/// What has passed during one run of the program.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// Those to come.
    cuts: VecDeque<Cut>,
    /// How many there were.
    done: usize,
    /// Whether new connections are refused.
    is_closed: bool,
    keeps_bytes: bool,
    /// How many bytes of the server and of the client since the last cut.
    counts: [usize; 2],
    /// For each counted connection, whether the client waits for an answer on it.
    waiting: Vec<bool>,
    /// The bytes themselves, for a run without a cut.
    pieces: [Vec<Piece>; 2],
}

/// Bytes that passed at once.
#[derive(Debug)]
struct Piece {
    connection: usize,
    /// How many bytes of the stream came before.
    offset: usize,
    bytes: Vec<u8>,
}

impl Passed {
    /// How many bytes of a stream may still pass, where that is limited.
    fn left(&self, stream: Stream) -> Option<usize> {
        let cut = self.cuts.front().filter(|cut| cut.stream == stream)?;
        Some(cut.at - self.counts[stream as usize])
    }

    fn is_due(&self) -> bool {
        self.left(Stream::Server) == Some(0) || self.left(Stream::Client) == Some(0)
    }

    /// Where the messages of one connection end, counted in the stream.
    fn boundaries(&self, stream: Stream, connection: usize) -> Vec<usize> {
        let pieces = self.pieces[stream as usize].iter();
        let (mut bytes, mut offsets) = (Vec::new(), Vec::new());
        for piece in pieces.filter(|piece| piece.connection == connection) {
            bytes.extend_from_slice(&piece.bytes);
            offsets.extend(piece.offset..piece.offset + piece.bytes.len());
        }
        let mut ends = Vec::new();
        let mut at = 0;
        // The first message of a client has no type in front of its length.
        let mut head = usize::from(stream == Stream::Server);
        while at + head + 4 <= bytes.len() {
            let length = &bytes[at + head..at + head + 4];
            let length = u32::from_be_bytes(length.try_into().expect("it has four bytes"));
            at += head + usize::try_from(length).expect("it is in memory");
            head = 1;
            if at <= offsets.len() {
                ends.push(offsets[at - 1] + 1);
            }
        }
        ends
    }
}

/// The proxy; it ends with the process of the tests.
pub(crate) struct Wire {
    port: u16,
    run: Arc<Mutex<Run>>,
}

#[derive(Default)]
struct Run {
    passed: Arc<Mutex<Passed>>,
    /// Their threads hold them, so that the last one to end closes the sockets.
    lines: Vec<Weak<Line>>,
}

impl Wire {
    /// Listens on loopback in front of a server.
    pub(crate) fn to(target: Target) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
        let port = listener.local_addr().expect("it is bound").port();
        let run: Arc<Mutex<Run>> = Arc::default();
        let current = Arc::clone(&run);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let mut run = lock(&current);
                if let Some(line) = Line::open(&target, client, &run.passed) {
                    run.lines.retain(|line| line.strong_count() > 0);
                    run.lines.push(Arc::downgrade(&line));
                }
            }
        });
        Self { port, run }
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Begins a run with these cuts, one after the other; the bytes of each are counted from the
    /// one before. The connections of the last run are closed.
    pub(crate) fn arm(&self, cuts: &[Cut]) {
        let passed = Passed {
            cuts: cuts.iter().copied().collect(),
            keeps_bytes: cuts.len() < 2,
            ..Passed::default()
        };
        let mut run = lock(&self.run);
        for line in run.lines.drain(..).filter_map(|line| line.upgrade()) {
            line.client.shut(Shutdown::Both);
            line.server.shut(Shutdown::Both);
        }
        run.passed = Arc::new(Mutex::new(passed));
    }

    /// How many of the armed cuts came to pass.
    pub(crate) fn cuts(&self) -> usize {
        lock(&lock(&self.run).passed).done
    }

    /// How many bytes of the client passed up to the end of this text, and to the end of all that
    /// was sent with it.
    pub(crate) fn find(&self, text: &[u8]) -> (usize, usize) {
        let run = lock(&self.run);
        let passed = lock(&run.passed);
        let mut pieces = passed.pieces[Stream::Client as usize].iter();
        let found = pieces.find_map(|piece| {
            let at = piece
                .bytes
                .windows(text.len())
                .position(|bytes| bytes == text)?;
            Some((
                piece.offset + at + text.len(),
                piece.offset + piece.bytes.len(),
            ))
        });
        found.expect("it passed in one piece")
    }

    /// Where the messages of a stream end, since the last cut if there was one.
    pub(crate) fn boundaries(&self, stream: Stream) -> Vec<usize> {
        let run = lock(&self.run);
        let passed = lock(&run.passed);
        let connections = 0..passed.waiting.len();
        let ends = connections.flat_map(|connection| passed.boundaries(stream, connection));
        let mut ends: Vec<usize> = std::iter::once(0).chain(ends).collect();
        ends.sort_unstable();
        ends
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A socket of either kind, shared by two threads.
#[derive(Debug)]
enum Side {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Side {
    fn read(&self, buffer: &mut [u8]) -> usize {
        let read = match self {
            Self::Tcp(stream) => (&*stream).read(buffer),
            Self::Unix(stream) => (&*stream).read(buffer),
        };
        read.unwrap_or(0)
    }

    fn write(&self, bytes: &[u8]) {
        // Who no longer listens has closed, and that is seen by reading.
        drop(match self {
            Self::Tcp(stream) => (&*stream).write_all(bytes),
            Self::Unix(stream) => (&*stream).write_all(bytes),
        });
    }

    fn shut(&self, how: Shutdown) {
        drop(match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        });
    }

    /// Closing it will reset it.
    fn will_reset(&self) {
        if let Self::Tcp(stream) = self {
            set_socket_linger(stream, Some(Duration::ZERO)).expect("sockets linger");
        }
    }
}

/// One connection of a run.
struct Line {
    client: Side,
    server: Side,
    passed: Arc<Mutex<Passed>>,
    /// Its number among those that count, and the number of cuts before it.
    number: Option<(usize, usize)>,
    /// Whether no byte passes any more.
    dead: Mutex<bool>,
}

impl Line {
    fn open(target: &Target, client: TcpStream, passed: &Arc<Mutex<Passed>>) -> Option<Arc<Self>> {
        client.set_nodelay(true).expect("sockets take options");
        let number = {
            let mut passed = lock(passed);
            if passed.is_closed {
                return None;
            }
            let counts = !passed.waiting.contains(&true);
            counts.then(|| {
                passed.waiting.push(true);
                (passed.done, passed.waiting.len() - 1)
            })
        };
        let line = Arc::new(Self {
            client: Side::Tcp(client),
            server: target.connect()?,
            passed: Arc::clone(passed),
            number,
            dead: Mutex::new(false),
        });
        line.cut_if_due();
        for stream in [Stream::Server, Stream::Client] {
            let line = Arc::clone(&line);
            thread::spawn(move || line.carry(stream));
        }
        Some(line)
    }

    /// Forwards one direction to its end.
    fn carry(&self, stream: Stream) {
        let (from, to) = match stream {
            Stream::Server => (&self.server, &self.client),
            Stream::Client => (&self.client, &self.server),
        };
        let mut buffer = [0; 16_384];
        loop {
            let count = from.read(&mut buffer);
            if count == 0 {
                break;
            }
            // Held while bytes are written, so that the other direction stops at once too.
            let dead = lock(&self.dead);
            if !*dead {
                let allowed = self.count(stream, &buffer[..count]);
                to.write(&buffer[..allowed]);
                drop(dead);
                self.cut_if_due();
            }
        }
        if stream == Stream::Client
            && let Some((done, connection)) = self.number
        {
            let mut passed = lock(&self.passed);
            if passed.done == done {
                passed.waiting[connection] = false;
            }
        }
        // In a hole nobody hears of the other's end either.
        if !*lock(&self.dead) {
            to.shut(Shutdown::Both);
        }
    }

    /// Counts bytes that are about to pass, and says how many of them may.
    fn count(&self, stream: Stream, bytes: &[u8]) -> usize {
        const TERMINATE: &[u8] = b"X\0\0\0\x04";
        let mut passed = lock(&self.passed);
        let Some((_, connection)) = self.number.filter(|(done, _)| *done == passed.done) else {
            return bytes.len();
        };
        let left = passed.left(stream);
        let allowed = left.map_or(bytes.len(), |left| left.min(bytes.len()));
        let offset = passed.counts[stream as usize];
        passed.counts[stream as usize] += allowed;
        passed.waiting[connection] = stream == Stream::Client && bytes != TERMINATE;
        if passed.keeps_bytes {
            let bytes = bytes[..allowed].to_vec();
            passed.pieces[stream as usize].push(Piece {
                connection,
                offset,
                bytes,
            });
        }
        allowed
    }

    fn cut_if_due(&self) {
        let cut = {
            let mut passed = lock(&self.passed);
            let is_counted = self.number.is_some_and(|(done, _)| done == passed.done);
            if !is_counted || !passed.is_due() {
                return;
            }
            passed.done += 1;
            passed.counts = [0; 2];
            passed.waiting.clear();
            passed.pieces = Default::default();
            let cut = passed.cuts.pop_front().expect("one is due");
            passed.is_closed = cut.for_good;
            cut
        };
        *lock(&self.dead) = true;
        match cut.end {
            End::Hole => {}
            End::Closed => {
                self.server.shut(Shutdown::Both);
                self.client.shut(Shutdown::Write);
            }
            End::Reset => {
                self.server.shut(Shutdown::Both);
                self.client.will_reset();
                // Wakes the other thread, and tells the client nothing.
                self.client.shut(Shutdown::Read);
            }
        }
    }
}
