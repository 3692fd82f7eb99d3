//! Who is at the tables right now.

use tokio_postgres::types::Type;

use super::objects::names;
use super::schema;
use crate::adapter::Bound;
use crate::db::{self, Session};
use crate::model::{Code, Finding};

const NOW: &str = include_str!("../../../sql/doctor/now.sql");

/// A transaction that writes for longer than this is in the way, in seconds.
const LONG: f64 = 5.0;

/// So many locks are told at most; the rest is counted.
const SHOWN: usize = 10;

/// A lock of somebody's on one of our tables.
struct Lock {
    relation: String,
    mode: String,
    granted: bool,
    pid: i32,
    role: String,
    application: String,
    state: String,
    seconds: Option<f64>,
    /// When its session began, in RFC 3339; a process id is used again.
    started: String,
    prepared: String,
}

/// Locks that a write would wait for, or may.
pub(super) async fn locks(session: &Session, bound: &Bound) -> Result<Vec<Finding>, db::Error> {
    let (mut schemas, mut tables) = names(bound.written());
    for table in schema::tables() {
        schemas.push("breakglass".to_owned());
        tables.push(table.to_owned());
    }
    let parameters: [db::Parameter<'_>; 2] =
        [(&schemas, Type::TEXT_ARRAY), (&tables, Type::TEXT_ARRAY)];
    let rows = session.read(NOW, &parameters).await?;
    let mut findings = Vec::new();
    for row in rows {
        let (schema, relation): (String, String) =
            (row.try_get("schema")?, row.try_get("relation")?);
        let lock = Lock {
            relation: format!("{schema}.{relation}"),
            mode: row.try_get("mode")?,
            granted: row.try_get("granted")?,
            pid: row.try_get("pid")?,
            role: row.try_get("role")?,
            application: row.try_get("application")?,
            state: row.try_get("state")?,
            seconds: row.try_get("seconds")?,
            started: row.try_get("started")?,
            prepared: row.try_get("prepared")?,
        };
        findings.extend(lock.judge());
    }
    // The oldest come first.
    let more = findings.len().saturating_sub(SHOWN);
    findings.truncate(SHOWN);
    if let (Some(last), true) = (findings.last_mut(), more > 0) {
        last.what = format!("{}; and {more} more like it", last.what);
    }
    Ok(findings)
}

impl Lock {
    fn judge(&self) -> Option<Finding> {
        let blocks = !matches!(self.mode.as_str(), "RowShareLock" | "RowExclusiveLock");
        if blocks {
            return Some(
                Finding::warns(Code::TableLocked, self.relation.clone())
                    .what(self.words())
                    .why("a change waits for it, and fails when it does not come within --lock-timeout")
                    .remedy(self.remedy()),
            );
        }
        // Whose transaction's age is hidden is in the way as well as not.
        match self.seconds {
            Some(seconds) if seconds < LONG => return None,
            None if !self.state.is_empty() => return None,
            _ => {}
        }
        let found = if self.seconds.is_some() {
            Finding::warns(Code::LongTransaction, self.relation.clone())
        } else {
            Finding::notes(Code::LongTransaction, self.relation.clone())
        };
        Some(
            found
                .what(self.words())
                .why("it may hold the very row that is to die: a change of it waits, and fails when the lock does not come within --lock-timeout")
                .remedy(self.remedy()),
        )
    }

    fn words(&self) -> String {
        let holds = if self.granted { "holds" } else { "waits for" };
        let (mode, relation) = (&self.mode, &self.relation);
        if self.pid == 0 {
            let prepared = &self.prepared;
            return format!(
                "prepared transaction `{prepared}`{} {holds} {mode} on {relation}",
                self.age()
            );
        }
        let or = |text: &str, hidden: &str| {
            if text.is_empty() {
                hidden.to_owned()
            } else {
                text.to_owned()
            }
        };
        format!(
            "pid {} ({}, application `{}`, {}{}) {holds} {mode} on {relation}{}",
            self.pid,
            or(&self.role, "a role that is hidden"),
            or(&self.application, "?"),
            or(&self.state, "state hidden"),
            self.age(),
            if self.state.is_empty() {
                "; details need pg_read_all_stats"
            } else {
                ""
            },
        )
    }

    fn age(&self) -> String {
        self.seconds
            .map(|seconds| format!(", for {seconds:.0} s"))
            .unwrap_or_default()
    }

    fn remedy(&self) -> String {
        if self.pid == 0 {
            return format!(
                "`rollback prepared '{}'`, or `commit prepared`, by who prepared it",
                self.prepared.replace('\'', "''")
            );
        }
        if self.state.is_empty() || self.started.is_empty() {
            return "wait, or ask a superuser to `grant pg_read_all_stats to ROLE`, which shows who it is"
                .to_owned();
        }
        format!(
            "wait, or end it with `select pg_terminate_backend(pid) from pg_stat_activity where pid = {} and backend_start = '{}';`",
            self.pid, self.started
        )
    }
}
