//! A password that a command prints: run before every connection, since what it prints may be a
//! token of minutes.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use super::conninfo::Secret;

/// The longest password, in bytes. A token of a cloud has about two thousand.
const LONGEST_BYTES: usize = 64 * 1024;

/// How much of what the command says of an error is passed on, in characters.
const SAID_CHARACTERS: usize = 300;

/// A command whose standard output is the password: a program and its arguments, no shell.
///
/// `Debug` shows the program only; the arguments may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordCommand {
    program: String,
    arguments: Vec<String>,
}

/// Why a command gave no password. It names the program, never its arguments.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It could not be started.
    #[error("password_command: cannot run `{program}`")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It did not end in time, and was killed.
    #[error("password_command: `{program}` did not end within {} s", .after.as_secs_f64())]
    Timeout {
        /// The program.
        program: String,
        /// How long it was given.
        after: Duration,
    },
    /// It ended with an error.
    #[error("password_command: `{program}` ended with {status}{said}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said, behind a colon; empty where it said nothing.
        said: String,
    },
    /// What it printed is no password.
    #[error("password_command: `{program}` printed {found} instead of one line with the password")]
    NotAPassword {
        /// The program.
        program: String,
        /// What it printed, in words that show nothing of it.
        found: &'static str,
    },
}

impl PasswordCommand {
    /// A command of a program and its arguments; `None` where there is no program, or one that a
    /// shell would have to find.
    #[must_use]
    pub fn new(words: &[String]) -> Option<Self> {
        let (program, arguments) = words.split_first()?;
        // A path from here would be another program in another directory.
        let is_found = !program.contains('/') || program.starts_with('/');
        (is_found && !program.is_empty()).then(|| Self {
            program: program.clone(),
            arguments: arguments.to_vec(),
        })
    }

    /// The program.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Runs it and takes what it prints. Dropped, it kills the program and what that has started:
    /// they are a process group of their own, which a Ctrl-C on the terminal does not reach.
    ///
    /// # Errors
    ///
    /// When it cannot be run, does not end in time or not well, or prints no password.
    pub(super) async fn run(&self, limit: Duration) -> Result<Secret, PasswordError> {
        let ran = tokio::time::timeout(limit, self.output()).await;
        let (status, stdout, stderr) = ran.map_err(|_elapsed| PasswordError::Timeout {
            program: self.program.clone(),
            after: limit,
        })??;
        if !status.success() {
            return Err(PasswordError::Failed {
                program: self.program.clone(),
                status,
                said: said(&stderr, &stdout),
            });
        }
        password(stdout).map_err(|found| PasswordError::NotAPassword {
            program: self.program.clone(),
            found,
        })
    }

    async fn output(&self) -> Result<(ExitStatus, Vec<u8>, Vec<u8>), PasswordError> {
        let failed = |source| PasswordError::Start {
            program: self.program.clone(),
            source,
        };
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let mut group = Group::of(&child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (stdout, stderr, status) =
            tokio::join!(beginning(stdout), beginning(stderr), child.wait());
        group.leave_alone();
        Ok((
            status.map_err(failed)?,
            stdout.map_err(failed)?,
            stderr.map_err(failed)?,
        ))
    }
}

/// The process group of a program that was started as the first of one; killed when dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    /// The program has ended by itself; what it left behind was meant to stay.
    fn leave_alone(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // There may be nobody left.
            let _killed = kill_process_group(group, Signal::KILL).is_ok();
        }
    }
}

impl std::fmt::Debug for PasswordCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordCommand")
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

/// Reads to the end and keeps what is not too long: a pipe that is closed early would end the
/// program in its own way.
async fn beginning(from: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let Some(mut from) = from else {
        return Ok(kept);
    };
    let most = u64::try_from(LONGEST_BYTES).unwrap_or(u64::MAX) + 1;
    (&mut from).take(most).read_to_end(&mut kept).await?;
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    Ok(kept)
}

/// The one line of an output, without its end.
fn password(stdout: Vec<u8>) -> Result<Secret, &'static str> {
    if stdout.len() > LONGEST_BYTES {
        return Err("more than 64 KiB");
    }
    let text = String::from_utf8(stdout).map_err(|_error| "something that is not UTF-8")?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        Err("nothing")
    } else if line.contains(['\n', '\r']) {
        Err("more than one line")
    } else if line.contains('\0') {
        Err("a zero byte")
    } else {
        Ok(Secret::new(line))
    }
}

/// What a program says of its error, on one line and not too much of it. What it printed as the
/// password is not shown for being repeated there.
fn said(stderr: &[u8], stdout: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr).into_owned();
    let printed = String::from_utf8_lossy(stdout);
    let hidden = printed
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .fold(text, |text, line| text.replace(line, "***"));
    let lines: Vec<&str> = hidden
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let joined = lines.join("; ");
    if joined.is_empty() {
        return joined;
    }
    let mut short: String = joined.chars().take(SAID_CHARACTERS).collect();
    if short.len() < joined.len() {
        short.push('…');
    }
    format!(": {short}")
}

#[cfg(test)]
mod tests {
    use super::{PasswordCommand, SAID_CHARACTERS, password, said};

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn one_line_is_a_password() {
        for (text, wanted) in [
            ("x", "x"),
            ("x\n", "x"),
            ("x\r\n", "x"),
            (" a b \n", " a b "),
        ] {
            let found = password(text.into()).map(|secret| secret.expose().to_owned());
            assert_eq!(found, Ok(wanted.to_owned()));
        }
        for (text, why) in [
            ("", "nothing"),
            ("\n", "nothing"),
            ("a\nb\n", "more than one line"),
            ("a\n\n", "more than one line"),
            ("a\0b", "a zero byte"),
        ] {
            assert_eq!(password(text.into()).err(), Some(why), "{text:?}");
        }
        assert!(password(vec![0xff]).is_err());
        assert!(password(vec![b'x'; 64 * 1024 + 1]).is_err());
    }

    #[test]
    fn the_program_must_be_found_without_a_shell() {
        for good in [&["aws", "rds"][..], &["/usr/bin/pass"]] {
            assert!(PasswordCommand::new(&words(good)).is_some());
        }
        for bad in [&[][..], &[""], &["./here"], &["~/bin/pass"], &["bin/pass"]] {
            assert!(PasswordCommand::new(&words(bad)).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn what_a_program_says_is_short_and_without_the_password() {
        assert_eq!(said(b"", b""), "");
        assert_eq!(said(b"no\n\n  luck\n", b""), ": no; luck");
        assert_eq!(
            said(b"bad token hunter2\n", b"hunter2\n"),
            ": bad token ***"
        );
        let long = said(&[b'x'; 5_000], b"");
        assert_eq!(long.chars().count(), SAID_CHARACTERS + 3);
    }

    #[test]
    fn arguments_are_never_shown() {
        let command = PasswordCommand::new(&words(&["vault", "--token=hunter2"]));
        assert!(!format!("{command:?}").contains("hunter2"));
    }
}
