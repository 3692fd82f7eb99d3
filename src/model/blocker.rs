//! Who holds a lock that somebody waits for: sessions, prepared transactions, and who waits for whom.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::SignalResult;

/// One session, or one prepared transaction, in the way of a lock. What the role may not see is
/// `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Blocker {
    /// Process id of the backend; `None` for a prepared transaction.
    pub pid: Option<i32>,
    /// Name of the prepared transaction; `None` for a session.
    pub gid: Option<String>,
    /// Whether it waits for nobody itself, so that everything hangs on it.
    pub root: bool,
    /// Process ids of those that it waits for.
    pub waits_for: Vec<i32>,
    /// Its role; of a prepared transaction the owner.
    pub role: Option<String>,
    /// Its `application_name`.
    pub application: Option<String>,
    /// Where it connects from; `None` also for a unix socket.
    pub client: Option<String>,
    /// Its database.
    pub database: Option<String>,
    /// Its state, such as `idle in transaction`.
    pub state: Option<String>,
    /// What it waits for, such as `Client: ClientRead`.
    pub wait_event: Option<String>,
    /// What it is, such as `client backend` or `autovacuum worker`.
    pub backend_type: Option<String>,
    /// Age of its latest query, in seconds.
    pub query_seconds: Option<f64>,
    /// Age of its transaction, in seconds.
    pub transaction_seconds: Option<f64>,
    /// When its backend was started, which tells it from a later one with the same pid.
    pub backend_start: Option<DateTime<Utc>>,
    /// When its transaction was opened or prepared.
    pub transaction_start: Option<DateTime<Utc>>,
    /// Whether the role may not look into it (no `pg_read_all_stats`).
    pub hidden: bool,
    /// Who blocks whom from it down to us; for a root.
    pub chain: Option<String>,
    /// What ends it, safe to paste: it hits nobody else. For a root.
    pub command: Option<String>,
}

/// What would end a blocker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Cancel its statement; the session stays.
    Cancel,
    /// End the session: it runs nothing that could be cancelled.
    Terminate,
}

impl Signal {
    /// The word in the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Terminate => "terminate",
        }
    }
}

/// What became of a signal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signalled {
    /// The operation that announced it.
    pub operation: Uuid,
    /// What was sent.
    pub signal: Signal,
    /// What came of it.
    pub result: SignalResult,
    /// Why, for a refusal or a failure.
    pub detail: Option<String>,
    /// Whether the result is on record too.
    pub recorded: bool,
}

impl Blocker {
    /// `4711`, or a prepared transaction's name.
    #[must_use]
    pub fn name(&self) -> String {
        match (self.pid, &self.gid) {
            (Some(pid), _) => format!("pid {pid}"),
            (None, Some(gid)) => format!("prepared transaction `{gid}`"),
            (None, None) => "somebody".to_owned(),
        }
    }

    /// Whether a person or an application is behind it, rather than the server itself.
    #[must_use]
    pub fn is_client(&self) -> bool {
        self.backend_type
            .as_deref()
            .is_none_or(|kind| kind == "client backend")
    }

    /// What would end it, by its state; `None` for a prepared transaction, a session that cannot be
    /// looked into, and a state that holds no lock.
    #[must_use]
    pub fn signal(&self) -> Option<Signal> {
        self.pid?;
        self.backend_start?;
        match self.state.as_deref() {
            Some("active" | "fastpath function call") => Some(Signal::Cancel),
            Some(state) if state.starts_with("idle in transaction") => Some(Signal::Terminate),
            // Processes of the server itself have none.
            None if !self.is_client() => Some(Signal::Cancel),
            _ => None,
        }
    }

    /// `idle in transaction, coderd`.
    fn brief(&self) -> String {
        let state = self.state.as_deref().or(self.backend_type.as_deref());
        let state = state.unwrap_or("state hidden");
        match (&self.application, self.is_client()) {
            (Some(application), true) => format!("({state}, {application})"),
            (None, true) => format!("({state})"),
            (_, false) => {
                let kind = self.backend_type.as_deref().unwrap_or_default();
                format!("({state}, {kind})")
            }
        }
    }

    fn link(&self) -> String {
        match (self.pid, &self.gid) {
            (Some(pid), _) => format!("{pid} {}", self.brief()),
            (None, gid) => format!("prepared `{}`", gid.as_deref().unwrap_or_default()),
        }
    }

    fn ending(&self) -> Option<String> {
        if let Some(gid) = &self.gid {
            return Some(format!("rollback prepared '{}'", gid.replace('\'', "''")));
        }
        let (pid, start) = (self.pid?, self.backend_start?);
        let function = match self.signal()? {
            Signal::Cancel => "pg_cancel_backend",
            Signal::Terminate => "pg_terminate_backend",
        };
        Some(format!(
            "select {function}(pid) from pg_stat_activity where pid = {pid} and backend_start = '{}'",
            start.to_rfc3339_opts(SecondsFormat::Micros, true)
        ))
    }
}

/// Puts together what was found: who is a root, by which chain it blocks us, and what ends it.
///
/// `ours` are those that we wait for ourselves; with each blocker come the pids that wait for it
/// where it is a prepared transaction, which has none itself.
#[must_use]
pub fn blockers(us: i32, ours: &[i32], mut found: Vec<(Blocker, Vec<i32>)>) -> Vec<Blocker> {
    let prepared: Vec<i32> = found
        .iter()
        .flat_map(|(_, blocks)| blocks.iter().copied())
        .collect();
    for (blocker, _) in &mut found {
        let waits = blocker.pid.is_some_and(|pid| prepared.contains(&pid));
        blocker.root = blocker.waits_for.is_empty() && !waits;
        blocker.command = blocker.root.then(|| blocker.ending()).flatten();
    }
    let chains: Vec<Option<String>> = found
        .iter()
        .map(|(blocker, blocks)| {
            blocker
                .root
                .then(|| chain(us, ours, blocker, blocks, &found))
                .flatten()
        })
        .collect();
    let mut blockers: Vec<Blocker> = found
        .into_iter()
        .zip(chains)
        .map(|((blocker, _), chain)| Blocker { chain, ..blocker })
        .collect();
    blockers.sort_by_key(|blocker| (!blocker.root, blocker.pid));
    blockers
}

/// The shortest way from a root to us.
fn chain(
    us: i32,
    ours: &[i32],
    root: &Blocker,
    blocks: &[i32],
    found: &[(Blocker, Vec<i32>)],
) -> Option<String> {
    let waits_for_root = |pid: i32, waits_for: &[i32]| {
        blocks.contains(&pid) || root.pid.is_some_and(|root| waits_for.contains(&root))
    };
    // Who hangs on the root, each with who hangs on it in turn, outwards from the root.
    let mut ways: Vec<Vec<i32>> = vec![Vec::new()];
    let mut seen: Vec<i32> = Vec::new();
    while let Some(way) = ways.first().cloned() {
        ways.remove(0);
        let hangs = |pid: i32, waits_for: &[i32]| match way.last() {
            None => waits_for_root(pid, waits_for),
            Some(last) => waits_for.contains(last),
        };
        if hangs(us, ours) {
            let names = way.iter().filter_map(|pid| {
                found
                    .iter()
                    .find(|(blocker, _)| blocker.pid == Some(*pid))
                    .map(|(blocker, _)| format!(" blocks {}", blocker.link()))
            });
            return Some(format!(
                "{}{} blocks us",
                root.link(),
                names.collect::<String>()
            ));
        }
        for (blocker, _) in found {
            if let Some(pid) = blocker.pid
                && !seen.contains(&pid)
                && hangs(pid, &blocker.waits_for)
            {
                seen.push(pid);
                ways.push(way.iter().copied().chain([pid]).collect());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Blocker, Signal, blockers};

    fn session(pid: i32, waits_for: &[i32], state: &str, application: &str) -> Blocker {
        Blocker {
            pid: Some(pid),
            waits_for: waits_for.to_vec(),
            state: Some(state.to_owned()),
            application: Some(application.to_owned()),
            backend_start: Some(chrono::DateTime::UNIX_EPOCH),
            ..Blocker::default()
        }
    }

    #[test]
    fn the_shortest_chain_from_each_root_is_told() {
        let found = vec![
            (session(2, &[1], "active", "vacuum"), vec![]),
            (session(1, &[], "idle in transaction", "coderd"), vec![]),
            (session(3, &[2, 1], "active", "psql"), vec![]),
        ];
        let told = blockers(9, &[2, 3], found);
        let chains: Vec<_> = told
            .iter()
            .map(|blocker| blocker.chain.as_deref())
            .collect();
        let chain = "1 (idle in transaction, coderd) blocks 2 (active, vacuum) blocks us";
        assert_eq!(chains, [Some(chain), None, None]);
        assert_eq!(told[0].signal(), Some(Signal::Terminate));
        assert_eq!(
            told[0].command.as_deref(),
            Some(
                "select pg_terminate_backend(pid) from pg_stat_activity where pid = 1 \
                 and backend_start = '1970-01-01T00:00:00.000000Z'"
            )
        );
    }

    #[test]
    fn whoever_waits_for_a_prepared_transaction_is_no_root() {
        let prepared = Blocker {
            gid: Some("o'clock".to_owned()),
            ..Blocker::default()
        };
        let waiter = session(2, &[], "active", "psql");
        let told = blockers(9, &[2], vec![(waiter, vec![]), (prepared, vec![2])]);
        assert_eq!(told[0].gid.as_deref(), Some("o'clock"));
        assert_eq!(
            told[0].command.as_deref(),
            Some("rollback prepared 'o''clock'")
        );
        assert_eq!(
            told[0].chain.as_deref(),
            Some("prepared `o'clock` blocks 2 (active, psql) blocks us")
        );
        assert!(!told[1].root && told[1].command.is_none());
    }

    #[test]
    fn nobody_is_ended_by_guess() {
        let hidden = Blocker {
            backend_start: None,
            ..session(1, &[], "active", "psql")
        };
        assert_eq!(hidden.signal(), None);
        assert_eq!(session(1, &[], "idle", "psql").signal(), None);
        assert_eq!(session(1, &[], "disabled", "psql").signal(), None);
    }
}
