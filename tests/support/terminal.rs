//! A program on a terminal: what it asks, what is typed, what then stands there.

use std::io::{ErrorKind, Read as _, Write as _};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use dialoguer::console::strip_ansi_codes;
use pty_process::Size;
use pty_process::blocking::{self, Pty};
use tempfile::TempDir;

use super::run::ended;

/// How long the program may take to say what is expected.
const PATIENCE: Duration = Duration::from_secs(15);

/// A program on a terminal; it is killed when the test no longer cares.
#[must_use = "see how it ends with .finish()"]
pub(crate) struct Terminal {
    child: Child,
    pty: Arc<Pty>,
    output: Receiver<Vec<u8>>,
    /// Everything that came, escape sequences and all.
    raw: Vec<u8>,
    /// How much of the text has been expected.
    seen_bytes: usize,
    started: Instant,
    _home: TempDir,
}

impl Terminal {
    pub(super) fn start(command: Command, columns: u16, home: TempDir) -> Self {
        let (pty, inner) = blocking::open().expect("there is a terminal to be had");
        pty.resize(Size::new(50, columns))
            .expect("it can be resized");
        let started = Instant::now();
        let child = blocking::Command::from(command)
            .spawn(inner)
            .expect("it can be started");
        let pty = Arc::new(pty);
        let (sender, output) = channel();
        let from = Arc::clone(&pty);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                match (&*from).read(&mut bytes) {
                    Ok(0) => return,
                    Ok(length) => drop(sender.send(bytes[..length].to_vec())),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    // Linux says EIO when nobody has the other side open any more.
                    Err(_) => return,
                }
            }
        });
        Self {
            child,
            pty,
            output,
            raw: Vec::new(),
            seen_bytes: 0,
            started,
            _home: home,
        }
    }

    /// Everything that came so far, without colours, cursor movements and carriage returns.
    fn text(&self) -> String {
        let raw = String::from_utf8_lossy(&self.raw);
        strip_ansi_codes(&raw).replace('\r', "")
    }

    /// Waits until the program has written this, and returns what it wrote up to there since the
    /// last time.
    #[track_caller]
    pub(crate) fn expect(&mut self, wanted: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.text();
            let fresh = &text[self.seen_bytes..];
            if let Some(at) = fresh.find(wanted) {
                let end = at + wanted.len();
                self.seen_bytes += end;
                return fresh[..end].to_owned();
            }
            match self
                .output
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(bytes) => self.raw.extend(bytes),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{wanted:?} does not come within {PATIENCE:?}; there stands:\n{text}")
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{wanted:?} never came; there stands:\n{text}")
                }
            }
        }
    }

    /// Types.
    pub(crate) fn send(&self, keys: &str) {
        (&*self.pty)
            .write_all(keys.as_bytes())
            .expect("it can be typed on");
    }

    /// Types a line.
    pub(crate) fn send_line(&self, line: &str) {
        self.send(&format!("{line}\r"));
    }

    /// Types Ctrl-C.
    pub(crate) fn interrupt(&self) {
        self.send("\x03");
    }

    /// Types Ctrl-D.
    pub(crate) fn end_of_input(&self) {
        self.send("\x04");
    }

    /// Waits for the program's end; it is killed and the test fails when that takes too long.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Transcript {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self
                .output
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(bytes) => self.raw.extend(bytes),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!(
                        "it does not end within {PATIENCE:?}; there stands:\n{}",
                        self.text()
                    )
                }
            }
        }
        let status = ended(&mut self.child, self.started);
        let raw = String::from_utf8(self.raw.clone()).expect("the program prints UTF-8");
        Transcript {
            status,
            text: self.text(),
            raw,
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// All that stood on the terminal, and how the program ended.
#[must_use = "assert the exit status with .code(n)"]
#[derive(Debug)]
pub(crate) struct Transcript {
    pub(crate) status: ExitStatus,
    /// Without colours, cursor movements and carriage returns; what was typed is in it too.
    pub(crate) text: String,
    /// As the terminal got it.
    pub(crate) raw: String,
}

impl Transcript {
    /// Asserts that it ended with this exit code.
    #[track_caller]
    pub(crate) fn code(&self, code: i32) -> &Self {
        assert_eq!(
            self.status.code(),
            Some(code),
            "wrong exit code; there stands:\n{}",
            self.text
        );
        self
    }

    /// Asserts that this stands there.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(
            self.text.contains(text),
            "{text:?} is missing; there stands:\n{}",
            self.text
        );
        self
    }

    /// Asserts that this stands nowhere: a secret, above all.
    #[track_caller]
    pub(crate) fn never_says(&self, text: &str) -> &Self {
        let is_said = self.text.contains(text) || self.raw.contains(text);
        assert!(!is_said, "{text:?} was shown; there stands:\n{}", self.text);
        self
    }
}
