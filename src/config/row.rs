//! A target as it is listed.

use std::time::Duration;

use serde::Serialize;

use super::target::Target;
use crate::model::Colour;
use crate::ops::{Pattern, Policy};

/// A target as programs see it. There is no password in it, and of the command only the program:
/// its arguments may hold one.
#[derive(Debug, Default, Serialize)]
pub struct TargetRow {
    /// Where it leads, in short: for people; the whole string is for programs.
    #[serde(skip)]
    pub place: String,
    /// Its name.
    pub name: String,
    /// What it is, such as production.
    pub environment: Option<String>,
    /// The colour that the environment is shown in.
    pub colour: Option<&'static str>,
    /// The connection string as written.
    pub database: String,
    /// The adapter to use, where more than one fits.
    pub adapter: Option<String>,
    /// An adapter for an in-house table.
    pub adapter_file: Option<String>,
    /// The schema of the application's tables.
    pub schema: Option<String>,
    /// The only cluster that will do.
    pub system_identifier: Option<String>,
    /// Whether an operation needs a ticket.
    pub require_ticket: bool,
    /// What a ticket must match.
    pub ticket_pattern: Option<String>,
    /// What a reason must match.
    pub reason_pattern: Option<String>,
    /// How many characters a reason must have.
    pub min_reason_length: usize,
    /// How many tokens one operation may change at most.
    pub max_rows: Option<usize>,
    /// The program that prints the password.
    pub password_command: Option<String>,
    /// How long connecting may take, in milliseconds.
    pub connect_timeout_ms: Option<u64>,
    /// How long a lock is waited for.
    pub lock_timeout_ms: Option<u64>,
    /// How long a statement may take.
    pub statement_timeout_ms: Option<u64>,
    /// How long a transaction may do nothing.
    pub idle_in_transaction_timeout_ms: Option<u64>,
    /// How long the outcome of a lost COMMIT is looked for.
    pub resolve_timeout_ms: Option<u64>,
}

impl From<&Target> for TargetRow {
    fn from(target: &Target) -> Self {
        let Target {
            name,
            database,
            adapter,
            adapter_file,
            schema,
            password_command,
            limits,
            policy,
        } = target;
        let Policy {
            target: _,
            environment,
            system_identifier,
            require_ticket,
            ticket_pattern,
            reason_pattern,
            min_reason_length,
            max_rows,
            instead_of: _,
        } = policy;
        let milliseconds = |limit: Option<Duration>| {
            limit.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
        };
        let colour = environment.as_ref().and_then(|named| named.colour);
        Self {
            place: target.place(),
            name: name.clone(),
            environment: environment.as_ref().map(|named| named.name.clone()),
            colour: colour.map(Colour::name),
            database: database.clone(),
            adapter: adapter.clone(),
            adapter_file: adapter_file.as_ref().map(|file| file.display().to_string()),
            schema: schema.clone(),
            system_identifier: system_identifier.clone(),
            require_ticket: *require_ticket,
            ticket_pattern: ticket_pattern.as_ref().map(Pattern::to_string),
            reason_pattern: reason_pattern.as_ref().map(Pattern::to_string),
            min_reason_length: *min_reason_length,
            max_rows: *max_rows,
            password_command: password_command
                .as_ref()
                .map(|command| command.program().to_owned()),
            connect_timeout_ms: milliseconds(limits.connect),
            lock_timeout_ms: milliseconds(limits.lock),
            statement_timeout_ms: milliseconds(limits.statement),
            idle_in_transaction_timeout_ms: milliseconds(limits.idle_in_transaction),
            resolve_timeout_ms: milliseconds(limits.resolve),
        }
    }
}

impl TargetRow {
    /// What must be given with every change.
    #[must_use]
    pub fn demands(&self) -> String {
        let ticket = match (self.require_ticket, &self.ticket_pattern) {
            (true, Some(pattern)) => Some(format!("ticket {pattern}")),
            (true, None) => Some("ticket".to_owned()),
            (false, Some(pattern)) => Some(format!("ticket, if any, {pattern}")),
            (false, None) => None,
        };
        let pattern = self.reason_pattern.as_ref();
        let reason = pattern.map(|pattern| format!("reason {pattern}"));
        let length = (self.min_reason_length > 0)
            .then(|| format!("reason of {} characters", self.min_reason_length));
        let demands: Vec<String> = [ticket, reason, length].into_iter().flatten().collect();
        demands.join("; ")
    }
}
