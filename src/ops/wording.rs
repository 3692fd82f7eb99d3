//! The words of errors that need more than a template: hints, lists, who holds a lock.

use crate::db::{self, Blocker, Installed, Kind, MIGRATED_VERSION};
use crate::model::{Finding, Token};

pub(super) fn database_code(error: &db::Error) -> &'static str {
    match error {
        db::Error::Open(_) => "no_connection",
        db::Error::Lost(_) => "connection_lost",
        db::Error::Deadline(_) => "no_answer",
        db::Error::Interrupted => "interrupted",
        db::Error::Answer(_) => "unexpected_answer",
        db::Error::Server(error) => match error.kind {
            Kind::LockTimeout => "locked",
            Kind::StatementTimeout => "statement_timeout",
            Kind::Permission => "permission_denied",
            Kind::NotAsPlanned => "not_as_planned",
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
        return Some("set PGPASSWORD; ~/.pgpass is not read yet".to_owned());
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
        Kind::LockTimeout | Kind::NotAsPlanned | Kind::Unrecorded | Kind::Missing | Kind::Other => {
            return None;
        }
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

pub(super) fn named(suspects: &[String]) -> String {
    if suspects.is_empty() {
        String::new()
    } else {
        format!(": look at {}", suspects.join(", "))
    }
}

pub(super) fn holders(blockers: &[Blocker]) -> String {
    let named: Vec<String> = blockers
        .iter()
        .map(|blocker| {
            let since = blocker
                .seconds
                .map(|seconds| format!(" for {seconds:.0} s"))
                .unwrap_or_default();
            let role = if blocker.role.is_empty() {
                "somebody this role may not see"
            } else {
                &blocker.role
            };
            let application = if blocker.application.is_empty() {
                "?"
            } else {
                &blocker.application
            };
            format!(
                "pid {} ({role}, application `{application}`, client {}, {}{since})",
                blocker.pid, blocker.client, blocker.state
            )
        })
        .collect();
    if named.is_empty() {
        String::new()
    } else {
        format!(": held by {}", named.join("; "))
    }
}

pub(super) fn locked_hint(blockers: &[Blocker]) -> String {
    match blockers.first() {
        Some(blocker) => format!("wait and run the command again, or end it with `select pg_terminate_backend({})`", blocker.pid),
        None => "run the command again; `grant pg_read_all_stats` would let this role see who holds the lock".to_owned(),
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
