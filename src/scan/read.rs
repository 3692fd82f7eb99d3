//! Reading a leak, chunk by chunk, in one buffer that is wiped.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use zeroize::{Zeroize as _, Zeroizing};

use super::finder::{CONTEXT, Finder, Span};
use super::format::{Format, HEAD};
use super::leak::{Leak, Mask};
use super::place::{Around, Seen, Tracker};
use crate::adapter::SecretShape;

/// Read at once: more than fits into the processor's cache would be slower.
const CHUNK: usize = 1 << 18;

/// Secrets of one finding that wait for its end; behind them the finding is told as far as it goes.
const WAITING: usize = 10_000;

/// How to read.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The format, where somebody knows it.
    pub format: Option<Format>,
    /// How many places of one secret are kept.
    pub places: usize,
    /// Bytes that are read at once.
    pub chunk: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: None,
            places: 100,
            chunk: CHUNK,
        }
    }
}

/// How far it has come, and whether it shall go on; looked at and set from outside.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes so far.
    pub bytes: AtomicU64,
    /// Different secrets so far.
    pub secrets: AtomicU64,
    /// Whether it shall stop.
    pub stop: AtomicBool,
}

/// Why a leak was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Somebody asked for it.
    #[error("stopped")]
    Stopped,
    /// The adapter's pattern is not one that can be searched for.
    #[error("the pattern of the adapter's secrets cannot be searched for")]
    Pattern,
}

/// Finds every secret of a shape in what can be read. The number of the leak's bytes and the length
/// of its lines do not matter: one chunk is held at a time.
///
/// # Errors
///
/// When reading fails, or it was stopped.
pub fn scan(
    input: &mut dyn Read,
    shape: &SecretShape<'_>,
    options: Options,
    progress: &Progress,
) -> Result<(Leak, Format), Error> {
    let finder = Finder::new(shape.pattern()).ok_or(Error::Pattern)?;
    let room = options.chunk.max(1) + finder.longest() + 1 + CONTEXT;
    let mut buffer = Buffer {
        bytes: Zeroizing::new(vec![0; room.max(HEAD)]),
        filled: 0,
        base: 0,
    };
    let mut ends = buffer.fill(input, HEAD)?;
    let format = options
        .format
        .unwrap_or_else(|| Format::detect(buffer.text()));
    let mut sweep = Sweep {
        finder: &finder,
        shape,
        leak: Leak::new(options.places.max(1)),
        tracker: Tracker::new(format),
        waiting: Vec::new(),
    };
    let mut from = 0;
    loop {
        if progress.stop.load(Ordering::Relaxed) {
            return Err(Error::Stopped);
        }
        let text = buffer.text();
        // A secret is whole in the buffer, and so is the byte behind it, which may matter.
        let limit = if ends {
            text.len()
        } else {
            text.len().saturating_sub(finder.longest())
        };
        let limit = limit.max(from);
        let next = sweep.chunk(text, from, limit, buffer.base);
        let read = buffer.base + text.len() as u64;
        progress.bytes.store(read, Ordering::Relaxed);
        progress
            .secrets
            .store(sweep.leak.len() as u64, Ordering::Relaxed);
        sweep.leak.read(read);
        if ends {
            break;
        }
        let done = next.saturating_sub(CONTEXT);
        buffer.forget(done);
        from = next - done;
        ends = buffer.fill(input, 1)?;
    }
    let around = sweep.tracker.cut();
    sweep.tell(&around);
    Ok((sweep.leak, format))
}

/// The one place where secrets are held.
struct Buffer {
    bytes: Zeroizing<Vec<u8>>,
    filled: usize,
    /// Bytes that came before it.
    base: u64,
}

impl Buffer {
    fn text(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    /// Reads until so many bytes came, or what there is; tells whether the input has ended.
    fn fill(&mut self, input: &mut dyn Read, least: usize) -> io::Result<bool> {
        let mut came = 0;
        while came < least {
            let room = self.bytes.get_mut(self.filled..).unwrap_or_default();
            match input.read(room) {
                Ok(0) => return Ok(!room.is_empty()),
                Ok(read) => {
                    came += read;
                    self.filled += read;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Takes the first bytes away.
    fn forget(&mut self, done: usize) {
        self.bytes.copy_within(done..self.filled, 0);
        let left = self.filled - done;
        // What is left behind would outlive the next chunk where that is shorter.
        if let Some(old) = self.bytes.get_mut(left.max(done)..self.filled) {
            old.zeroize();
        }
        self.filled = left;
        self.base += done as u64;
    }
}

/// A reading under way.
struct Sweep<'a> {
    finder: &'a Finder,
    shape: &'a SecretShape<'a>,
    leak: Leak,
    tracker: Tracker,
    /// Secrets of a finding that has not ended: number and offset.
    waiting: Vec<(u32, u64)>,
}

impl Sweep<'_> {
    /// Looks at everything that begins in `from..limit`, and returns where to go on.
    fn chunk(&mut self, text: &[u8], from: usize, limit: usize, base: u64) -> usize {
        let mut next = from;
        let mut told = from;
        while let Some(found) = self.finder.find(text, next, limit) {
            self.advance(text, told, found.start);
            told = found.start;
            self.found(text, found, base);
            next = found.end;
        }
        let end = limit.max(next);
        self.advance(text, told, end);
        end
    }

    fn advance(&mut self, text: &[u8], from: usize, to: usize) {
        let bytes = text.get(from..to).unwrap_or_default();
        let Self {
            finder,
            leak,
            tracker,
            waiting,
            ..
        } = self;
        let mask = Mask { finder };
        tracker.advance(bytes, |around| {
            for (number, offset) in waiting.drain(..) {
                leak.place(number, offset, &around, mask);
            }
        });
    }

    fn found(&mut self, text: &[u8], found: Span, base: u64) {
        let Some(secret) = text.get(found.start..found.end) else {
            return;
        };
        let seen = self.tracker.here();
        if matches!(seen, Seen::Id) {
            return;
        }
        let Some(number) = self.leak.number(secret, self.shape) else {
            return;
        };
        let offset = base + found.start as u64;
        match seen {
            Seen::Here(around) => {
                let mask = Mask {
                    finder: self.finder,
                };
                self.leak.place(number, offset, &around, mask);
            }
            // A finding names its secret more than once: that is one place.
            Seen::Later if self.waiting.iter().any(|(known, _)| *known == number) => {}
            Seen::Later => {
                if self.waiting.len() >= WAITING {
                    let around: Around = self.tracker.cut();
                    self.tell(&around);
                }
                self.waiting.push((number, offset));
            }
            Seen::Id => {}
        }
    }

    /// Notes the places of a finding.
    fn tell(&mut self, around: &Around) {
        let mask = Mask {
            finder: self.finder,
        };
        for (number, offset) in std::mem::take(&mut self.waiting) {
            self.leak.place(number, offset, around, mask);
        }
    }
}
