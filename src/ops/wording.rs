//! The words of errors that need more than a template: hints, lists, who holds a lock.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

use super::error::Locked;
use crate::db::{self, Installed, Kind, MIGRATED_VERSION};
use crate::model::{Blocker, Finding, Owner, Signal, Token};

/// A time in words, to the second, in UTC.
pub(super) fn rfc3339(time: &DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(super) fn database_code(error: &db::Error) -> &'static str {
    match error {
        db::Error::Open(_) | db::Error::Password(_) => "no_connection",
        db::Error::NoSession { .. } => "no_session",
        db::Error::OtherCluster { .. } => "other_cluster",
        db::Error::ClusterNotTold { .. } => "cluster_not_told",
        db::Error::OtherDatabase { .. } => "other_database",
        db::Error::Lost(_) => "connection_lost",
        db::Error::Deadline(_) => "no_answer",
        db::Error::Interrupted | db::Error::Cancelled { .. } => "interrupted",
        db::Error::Answer(_) => "unexpected_answer",
        db::Error::Server(error) => match error.kind {
            Kind::LockTimeout => "locked",
            Kind::StatementTimeout => "statement_timeout",
            Kind::Permission => "permission_denied",
            Kind::NotAsPlanned => "not_as_planned",
            Kind::BatchDone => "batch_done",
            Kind::Unrecorded => "unrecorded",
            Kind::ReadOnly => "read_only",
            Kind::Conflict => "conflict",
            Kind::Referenced => "referenced",
            Kind::Missing => "missing",
            Kind::Shutdown => "shutdown",
            Kind::Other => "database_error",
        },
    }
}

pub(super) fn database_hint(error: &db::Error) -> Option<String> {
    if let db::Error::Open(error) = error
        && *error.reason() == db::open::Reason::PasswordNeeded
    {
        return Some(
            "set PGPASSWORD, or add a line to ~/.pgpass that only you may read".to_owned(),
        );
    }
    match error {
        db::Error::Password(_) => {
            return Some("run the target's password_command by hand: it must print the password and nothing else".to_owned());
        }
        db::Error::NoSession { .. } => {
            return Some("try again in a moment; `--pool-size` says how many connections `breakglass serve` may have".to_owned());
        }
        db::Error::OtherCluster { .. } => {
            return Some("find out what the host name leads to; if the cluster was replaced on purpose, change the target's `system_identifier`".to_owned());
        }
        db::Error::ClusterNotTold { .. } => {
            return Some("run `grant execute on function pg_control_system() to ROLE` there, or connect to the server itself".to_owned());
        }
        db::Error::OtherDatabase { .. } => {
            return Some("a pooler, a proxy or a host name leads elsewhere now: find out where, and run the command again".to_owned());
        }
        _ => {}
    }
    let hint = match error.kind()? {
        Kind::Permission => {
            "run `breakglass init --operator-role ROLE` as the tables' owner (for a delete with --allow-delete), and connect as a member of that role"
        }
        Kind::ReadOnly => "connect to the primary, or to a database that can be written",
        Kind::Conflict | Kind::Shutdown => "run the command again",
        Kind::Referenced => "rows of other tables still point at it: expire it instead",
        Kind::StatementTimeout => {
            "the server was too slow: run the command again, or raise --statement-timeout"
        }
        Kind::LockTimeout
        | Kind::NotAsPlanned
        | Kind::BatchDone
        | Kind::Unrecorded
        | Kind::Missing
        | Kind::Other => return None,
    };
    Some(hint.to_owned())
}

pub(super) fn installed_words(installed: &Installed) -> String {
    match installed {
        Installed::No => "breakglass is not installed in this database, so nothing can be recorded, and nothing was changed".to_owned(),
        Installed::Current => "breakglass is installed".to_owned(),
        Installed::Older(version) => format!("breakglass's schema here is version {version}, older than this build's {MIGRATED_VERSION}"),
        Installed::Newer(version) => format!("breakglass's schema here is version {version}, newer than this build's {MIGRATED_VERSION}"),
        Installed::Divergent(migration) => format!("breakglass's schema here has another migration {migration} than this build"),
    }
}

/// The first few of them, on one line.
pub(super) fn listed(tokens: &[Token]) -> String {
    const FIRST: usize = 5;
    let mut names: Vec<String> = tokens
        .iter()
        .take(FIRST)
        .map(|token| {
            let owner = token
                .owner
                .as_ref()
                .map(|owner| format!(" of {}", owner.login.as_ref().unwrap_or(&owner.id)));
            format!(
                "id:{} ({}{})",
                token.key,
                token.kind,
                owner.unwrap_or_default()
            )
        })
        .collect();
    if tokens.len() > FIRST {
        names.push(format!("and {} more", tokens.len() - FIRST));
    }
    names.join(", ")
}

/// Differences on one line: a few hundred of them are read by nobody, and the count is.
pub(super) fn first_of(differences: &[String]) -> String {
    const FIRST: usize = 20;
    let mut told: Vec<&str> = differences.iter().take(FIRST).map(String::as_str).collect();
    let more = differences.len().saturating_sub(FIRST);
    let rest = format!("and {more} more");
    if more > 0 {
        told.push(&rest);
    }
    told.join("; ")
}

pub(super) fn at_least(cut: bool) -> &'static str {
    if cut { "at least " } else { "" }
}

/// Owners to choose from: the first few of them.
pub(super) fn owners(found: &[String]) -> String {
    const FIRST: usize = 5;
    let mut names: Vec<String> = found.iter().take(FIRST).cloned().collect();
    if found.len() > FIRST {
        names.push(format!("and {} more", found.len() - FIRST));
    }
    names.join("; ")
}

/// An owner by what tells it from another: key, login, address, and what the adapter shows.
pub(super) fn owner(owner: &Owner, details: &Map<String, Value>) -> String {
    let login = owner.login.as_deref().unwrap_or("no such owner");
    let email = owner.email.as_deref().filter(|email| !email.is_empty());
    let email = email.map(|email| format!(", {email}")).unwrap_or_default();
    let details: String = details
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => format!(", {name} {text}"),
            other => format!(", {name} {other}"),
        })
        .collect();
    format!("{} ({login}{email}{details})", owner.id)
}

pub(super) fn named(suspects: &[String]) -> String {
    if suspects.is_empty() {
        String::new()
    } else {
        format!(": look at {}", suspects.join(", "))
    }
}

/// Root blockers that are named in one message.
const NAMED: usize = 3;

pub(super) fn holders(locked: &Locked) -> String {
    let mut named: Vec<String> = locked.roots().take(NAMED).map(holder).collect();
    let others = locked.roots().count().saturating_sub(NAMED);
    if others > 0 {
        named.push(format!("{others} more"));
    }
    if named.is_empty() {
        String::new()
    } else {
        format!(": held by {}", named.join("; "))
    }
}

fn holder(blocker: &Blocker) -> String {
    let since = blocker
        .transaction_seconds
        .map(|seconds| format!(" for {seconds:.0} s"))
        .unwrap_or_default();
    let role = blocker.role.as_deref().unwrap_or("role unknown");
    if blocker.pid.is_none() {
        return format!("{} ({role}{since})", blocker.name());
    }
    let application = blocker.application.as_deref().unwrap_or("?");
    let client = match &blocker.client {
        Some(client) => client,
        None if blocker.hidden => "?",
        None => "local",
    };
    let state = blocker.state.as_deref().unwrap_or("state hidden");
    match &blocker.backend_type {
        Some(kind) if !blocker.is_client() => format!("{} ({kind}{since})", blocker.name()),
        _ => format!(
            "{} ({role}, application `{application}`, client {client}, {state}{since})",
            blocker.name()
        ),
    }
}

pub(super) fn locked_hint(locked: &Locked) -> String {
    let again = "wait and run the command again";
    if locked.roots().any(|root| root.hidden) {
        return format!(
            "{again}; `grant pg_read_all_stats` to this role would show who it is and what ends it"
        );
    }
    if let Some(unseen) = &locked.unseen {
        return format!("{again}; who holds the lock could not be asked: {unseen}");
    }
    let commands: Vec<String> = locked
        .roots()
        .take(NAMED)
        .filter_map(|root| {
            let place = match (&root.gid, &root.database) {
                (Some(_), Some(database)) => format!(" in database {database}"),
                _ => String::new(),
            };
            root.command
                .as_ref()
                .map(|command| format!("`{command};`{place}"))
        })
        .collect();
    if commands.is_empty() {
        return again.to_owned();
    }
    let ours = if locked.roots().any(|root| root.signal().is_some()) {
        ", or add --cancel-blocker to `tokens rm`"
    } else {
        ""
    };
    format!("{again}, or end it with {}{ours}", commands.join(" and "))
}

pub(super) fn roots(locked: &Locked) -> String {
    let names: Vec<String> = locked.roots().map(Blocker::name).collect();
    if names.is_empty() {
        "who is could not be seen".to_owned()
    } else {
        format!("that is {}", names.join(" and "))
    }
}

pub(super) fn signalled(signal: Signal) -> &'static str {
    match signal {
        Signal::Cancel => "cancelled",
        Signal::Terminate => "terminated",
    }
}

/// What was found: the first few of it.
pub(super) fn unfit(findings: &[Finding]) -> String {
    const FIRST: usize = 3;
    let first = findings.iter().take(FIRST);
    let mut what: Vec<String> = first.map(|finding| finding.what.clone()).collect();
    if findings.len() > FIRST {
        what.push(format!("and {} more", findings.len() - FIRST));
    }
    what.join("; ")
}

pub(super) fn unfit_hint(findings: &[Finding]) -> Option<String> {
    let first = findings.first()?;
    Some(format!(
        "{}; `breakglass doctor` shows everything",
        first.remedy
    ))
}
