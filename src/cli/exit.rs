//! Exit codes: one enum, and what it means in one place.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::ops::Class;
use crate::view::JsonError;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done, or already so.
    Done,
    /// Refused or failed: nothing changed.
    Refused,
    /// The command line is wrong.
    Usage,
    /// There is no connection.
    NoConnection,
    /// Whether something changed is not known; the error says how to find out.
    Unknown,
    /// Changed, but not confirmed dead, or not all of it.
    NotConfirmed,
    /// Done, and what was asked about is so: the code that `--exit-code` chose.
    Chosen(u8),
    /// Interrupted.
    Interrupted,
}

impl Exit {
    const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::NoConnection => 3,
            Self::Unknown => 4,
            Self::NotConfirmed => 5,
            Self::Chosen(code) => code,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<Class> for Exit {
    fn from(class: Class) -> Self {
        match class {
            Class::Refused => Self::Refused,
            Class::Usage => Self::Usage,
            Class::NoConnection => Self::NoConnection,
            Class::Unknown => Self::Unknown,
            Class::NotConfirmed => Self::NotConfirmed,
            Class::Interrupted => Self::Interrupted,
        }
    }
}

/// Prints what clap says of a wrong command line (or of `--help`).
pub(super) fn usage(error: &clap::Error, typed: &[OsString]) -> ExitCode {
    if error.exit_code() == 0 {
        // A closed pipe is not an error.
        let _printed = error.print().is_ok();
        return Exit::Done.into();
    }
    if asks_for_json(typed) {
        let text = error.render().to_string();
        let message = text.strip_prefix("error: ").unwrap_or(&text).trim();
        let (message, rest) = message.split_once("\n\n").unwrap_or((message, ""));
        let hint = rest
            .lines()
            .find_map(|line| line.trim().strip_prefix("tip: "))
            .map(str::to_owned);
        let error = JsonError {
            code: "usage".to_owned(),
            message: message.to_owned(),
            hint,
            ..JsonError::default()
        };
        let _written = error.write(&mut std::io::stderr()).is_ok();
    } else {
        let _printed = error.print().is_ok();
    }
    let _flushed = std::io::stderr().flush().is_ok();
    Exit::Usage.into()
}

fn asks_for_json(typed: &[OsString]) -> bool {
    let words: Vec<&str> = typed.iter().filter_map(|word| word.to_str()).collect();
    let is_json = |word: &str| word == "json" || word == "jsonl";
    words
        .windows(2)
        .any(|pair| matches!(pair, ["-o" | "--output", format] if is_json(format)))
        || words.iter().any(|word| {
            word.strip_prefix("--output=")
                .or(word.strip_prefix("-o="))
                .or(word.strip_prefix("-o"))
                .is_some_and(is_json)
        })
}

/// Lets the terminal finish with a Ctrl-C before anything is said: the kernel sends the signal
/// first and throws away pending output after that, and our words with it.
pub(super) async fn after_interrupt() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// What the operating system may interrupt us with. Made before anything else: a signal that came
/// before would end the process without a word.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Option<Signal>,
}

impl Signals {
    /// Starts to listen.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: Some(signal(SignalKind::hangup())?),
        })
    }

    /// The same for a server, which a hang-up tells to read its files again.
    pub(super) fn listen_but_hang_up() -> std::io::Result<Self> {
        Ok(Self {
            hang_up: None,
            ..Self::listen()?
        })
    }

    /// Waits for Ctrl-C, a hang-up or a request to terminate, and tells whether it was the first.
    /// The other two often come together, so a second one says nothing.
    pub(super) async fn any(&mut self) -> bool {
        tokio::select! {
            _ = self.interrupt.recv() => true,
            _ = self.terminate.recv() => false,
            () = hung_up(self.hang_up.as_mut()) => false,
        }
    }
}

/// Waits for a hang-up, for ever where none is listened for.
async fn hung_up(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            let _heard = signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn every_code_is_the_documented_one() {
        let codes = [
            (Exit::Done, 0),
            (Exit::Refused, 1),
            (Exit::Usage, 2),
            (Exit::NoConnection, 3),
            (Exit::Unknown, 4),
            (Exit::NotConfirmed, 5),
            (Exit::Interrupted, 130),
        ];
        for (exit, code) in codes {
            assert_eq!(exit.code(), code);
        }
    }
}
