//! Who is in the way of a lock, for people.

use std::io::{self, Write};

use super::escape::visible;
use super::time::zoned;
use crate::model::{Blocker, Signal};

/// Root blockers that are shown; the JSON has all.
const SHOWN: usize = 10;

/// Writes the chains of waiters, and what is known of those at their roots.
///
/// # Errors
///
/// When it cannot be written.
pub fn blockers(out: &mut dyn Write, blockers: &[Blocker]) -> io::Result<()> {
    let roots: Vec<&Blocker> = blockers.iter().filter(|blocker| blocker.root).collect();
    for root in roots.iter().take(SHOWN) {
        if let Some(chain) = &root.chain {
            writeln!(out, "  {}", visible(chain))?;
        }
        writeln!(out, "  {}", visible(&facts(root)))?;
    }
    if roots.len() > SHOWN {
        writeln!(out, "  and {} more", roots.len() - SHOWN)?;
    }
    Ok(())
}

/// What tells one blocker from another: never its query, which may hold secrets.
fn facts(blocker: &Blocker) -> String {
    let age = |what: &str, seconds: Option<f64>| {
        seconds.map(|seconds| format!("{what} {seconds:.0} s old"))
    };
    let text =
        |what: &str, text: &Option<String>| text.as_ref().map(|text| format!("{what} {text}"));
    let prepared = blocker.pid.is_none();
    let client = match &blocker.client {
        Some(client) => Some(format!("client {client}")),
        None if prepared || blocker.hidden || !blocker.is_client() => None,
        None => Some("client local".to_owned()),
    };
    let facts = [
        text("role", &blocker.role),
        blocker
            .application
            .as_ref()
            .map(|application| format!("application `{application}`")),
        client,
        text("database", &blocker.database),
        text("state", &blocker.state).filter(|_| !prepared),
        text("", &blocker.backend_type)
            .filter(|_| !blocker.is_client())
            .map(|kind| format!("a process of the server itself ({})", kind.trim())),
        text("waits for", &blocker.wait_event),
        age("latest query", blocker.query_seconds),
        age("transaction", blocker.transaction_seconds),
        blocker
            .backend_start
            .map(|start| format!("backend started {}", zoned(start))),
        blocker
            .transaction_start
            .filter(|_| prepared)
            .map(|start| format!("prepared {}", zoned(start))),
        blocker
            .hidden
            .then(|| "this role may not look into it".to_owned()),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    format!("{}: {}", blocker.name(), facts.join(", "))
}

/// What `--cancel-blocker` would do to a blocker, as a question's first half.
#[must_use]
pub fn signal(blocker: &Blocker, signal: Signal) -> String {
    let name = blocker.name();
    match signal {
        Signal::Cancel if blocker.is_client() => {
            format!("cancel the statement of {name}; its transaction is rolled back")
        }
        Signal::Cancel => format!(
            "cancel {name}, a process of the server itself ({})",
            blocker.backend_type.as_deref().unwrap_or("unknown")
        ),
        Signal::Terminate => {
            format!("end the session of {name}; its transaction is rolled back")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{blockers, signal};
    use crate::model::{Blocker, Signal};

    /// The server's own processes are never ended without a word about what they are.
    #[test]
    fn a_process_of_the_server_is_called_one() {
        let worker = Blocker {
            pid: Some(7),
            root: true,
            state: Some("active".to_owned()),
            backend_type: Some("autovacuum worker".to_owned()),
            backend_start: Some(chrono::DateTime::UNIX_EPOCH),
            ..Blocker::default()
        };
        assert_eq!(worker.signal(), Some(Signal::Cancel));
        assert_eq!(
            signal(&worker, Signal::Cancel),
            "cancel pid 7, a process of the server itself (autovacuum worker)"
        );
        let mut shown = Vec::new();
        blockers(&mut shown, &[worker]).unwrap();
        let shown = String::from_utf8(shown).unwrap();
        let begins = "  pid 7: state active, a process of the server itself (autovacuum worker), ";
        assert!(shown.starts_with(begins), "{shown}");
    }

    #[test]
    fn what_a_session_calls_itself_is_escaped() {
        let named = Blocker {
            pid: Some(7),
            root: true,
            application: Some("\u{1b}[2Jpsql".to_owned()),
            ..Blocker::default()
        };
        let mut shown = Vec::new();
        blockers(&mut shown, &[named]).unwrap();
        assert!(!shown.contains(&0x1b));
    }
}
