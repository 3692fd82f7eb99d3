//! The shell in front of a cluster, and the words that pass between it and us.
//!
//! `static` values are not dropped and SIGKILL runs no destructor, so whoever cleans up has to be
//! another process. `PR_SET_PDEATHSIG` would be wrong (it fires when the spawning *thread* ends,
//! and libtest spawns from threads). A pipe is right: the kernel closes it with the process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Error;
use super::place::{Account, Home};

const SCRIPT: &str = include_str!("supervise.sh");

/// initdb takes half a second; a machine that needs more than this is stuck.
const PREPARATION: Duration = Duration::from_mins(2);

/// How often a server that is starting is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// For each of SIGINT, SIGQUIT and SIGKILL, and for the shell's own cleaning.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the shell says.
#[derive(Debug)]
enum Report {
    /// initdb, cp or `pg_basebackup` ended with this status.
    Done(i32),
    /// The server runs with this pid.
    Started(u32),
    /// The server ended with this status (128 + the number of a signal).
    Ended(i32),
}

impl Report {
    fn parse(line: &str) -> Option<Self> {
        let (word, number) = line.split_once(' ')?;
        match word {
            "done" => number.parse().ok().map(Self::Done),
            "started" => number.parse().ok().map(Self::Started),
            "ended" => number.parse().ok().map(Self::Ended),
            _ => None,
        }
    }
}

/// How an attempt to start the server went.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It accepts connections.
    Ready {
        /// The postmaster's.
        pid: u32,
    },
    /// It ended by itself with this status.
    Ended(i32),
    /// It was not ready in time; it still runs.
    TooSlow,
}

#[derive(Debug)]
struct Wire {
    /// None once closed, which is what makes the shell clean up.
    commands: Option<ChildStdin>,
    reports: Receiver<Report>,
    /// Between `started` and `ended`.
    running: bool,
}

impl Wire {
    fn send(&mut self, command: &str) -> Result<(), Error> {
        let commands = self.commands.as_mut().ok_or(Error::Supervisor)?;
        writeln!(commands, "{command}").map_err(|_broken_pipe| Error::Supervisor)
    }

    /// The next report, or None after `patience`.
    fn hear(&mut self, patience: Duration) -> Result<Option<Report>, Error> {
        match self.reports.recv_timeout(patience) {
            Ok(report) => {
                match report {
                    Report::Started(_) => self.running = true,
                    Report::Ended(_) => self.running = false,
                    Report::Done(_) => {}
                }
                Ok(Some(report))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Error::Supervisor),
        }
    }

    /// Hears reports until the server is known to have ended; false if it has not.
    fn hear_the_end(&mut self, patience: Duration) -> Result<bool, Error> {
        let deadline = Instant::now() + patience;
        while self.running {
            if self
                .hear(deadline.saturating_duration_since(Instant::now()))?
                .is_none()
            {
                break;
            }
        }
        Ok(!self.running)
    }
}

/// A shell that guards one [`Home`]. Dropping it ends the server and removes the directory.
#[derive(Debug)]
pub(super) struct Supervisor {
    shell: Child,
    wire: Mutex<Wire>,
}

impl Supervisor {
    /// Puts the shell in front of `home`, with the account of the server.
    pub(super) fn spawn(account: Account, home: &Home, binaries: &Path) -> Result<Self, Error> {
        let mut command = account.command("/bin/sh");
        command
            .args(["-c", SCRIPT, "breakglass-postgres"])
            .args([home.path(), binaries])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(home.log_for_child()?)
            // Ctrl-C goes to the terminal's foreground group. Not to this one.
            .process_group(0);
        let mut shell = command.spawn().map_err(Error::io(format!(
            "starting /bin/sh as uid {}",
            account.server_uid()
        )))?;
        let (sender, reports) = mpsc::channel();
        let commands = shell.stdin.take();
        let output = shell.stdout.take();
        let supervisor = Self {
            shell,
            wire: Mutex::new(Wire {
                commands,
                reports,
                running: false,
            }),
        };
        let lines = BufReader::new(output.ok_or(Error::Supervisor)?).lines();
        // A thread, because a pipe cannot be read with a deadline in std. It ends with the shell.
        thread::Builder::new()
            .name("breakglass-postgres".to_owned())
            .spawn(move || {
                let reports = lines
                    .map_while(Result::ok)
                    .filter_map(|line| Report::parse(&line));
                // Nobody listens any more once the supervisor is gone: also an end.
                reports
                    .map_while(|report| sender.send(report).ok())
                    .for_each(drop);
            })
            .map_err(Error::io("starting the thread that listens to the shell"))?;
        Ok(supervisor)
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `initdb`, `copy PATH` or `backup SOCKETS PORT` and returns its exit status.
    pub(super) fn prepare(&self, command: &str) -> Result<i32, Error> {
        let mut wire = self.wire();
        wire.send(command)?;
        match wire.hear(PREPARATION)? {
            Some(Report::Done(code)) => Ok(code),
            Some(Report::Started(_) | Report::Ended(_)) | None => Err(Error::Supervisor),
        }
    }

    /// Starts the server and waits until `ready` says so of its pid.
    pub(super) fn start(
        &self,
        patience: Duration,
        ready: impl Fn(u32) -> bool,
    ) -> Result<Attempt, Error> {
        let mut wire = self.wire();
        wire.send("start")?;
        let Some(Report::Started(pid)) = wire.hear(PATIENCE)? else {
            return Err(Error::Supervisor);
        };
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(Report::Ended(code)) = wire.hear(LOOK_EVERY)? {
                return Ok(Attempt::Ended(code));
            }
            if ready(pid) {
                return Ok(Attempt::Ready { pid });
            }
        }
        Ok(Attempt::TooSlow)
    }

    /// Kills the postmaster and nothing else; returns when it is dead.
    pub(super) fn kill(&self) -> Result<(), Error> {
        self.end(&["KILL"])
    }

    /// Stops the server and its backends without letting any of them finish.
    pub(super) fn crash(&self) -> Result<(), Error> {
        self.end(&["QUIT", "KILL"])
    }

    /// Stops the server: fast, then immediately, then hard.
    pub(super) fn stop(&self) -> Result<(), Error> {
        self.end(&["INT", "QUIT", "KILL"])
    }

    fn end(&self, signals: &[&str]) -> Result<(), Error> {
        let mut wire = self.wire();
        // It may have ended by itself since.
        if wire.hear_the_end(Duration::ZERO)? {
            return Ok(());
        }
        for signal in signals {
            wire.send(&format!("signal {signal}"))?;
            if wire.hear_the_end(PATIENCE)? {
                return Ok(());
            }
        }
        Err(Error::Supervisor)
    }

    /// Lets the shell clean up and waits for it.
    pub(super) fn close(&mut self) -> Result<(), Error> {
        self.wire().commands = None;
        let deadline = Instant::now() + 3 * PATIENCE;
        while Instant::now() < deadline {
            let ended = self
                .shell
                .try_wait()
                .map_err(Error::io("waiting for the shell"))?;
            if ended.is_some() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(1));
        }
        self.shell.kill().map_err(Error::io("killing the shell"))?;
        self.shell
            .wait()
            .map_err(Error::io("waiting for the shell"))?;
        Err(Error::Supervisor)
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // Whoever wants to know how it went calls these two; here there is nobody to tell.
        drop(self.stop());
        self.close().unwrap_or_default();
    }
}
