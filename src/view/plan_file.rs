//! Plan files: the document itself, where one came from, and what was written.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use super::escape::{json_spelling, visible};
use super::json::document;
use super::time::Clock;
use crate::model::{Effect, JSON_SCHEMA, PlanFile, PlanOrigin};

/// Writes a plan file: a member a line, and of its lists an element a line, so that it can be read
/// and two can be compared.
///
/// # Errors
///
/// When it cannot be written.
pub fn plan_file(out: &mut dyn Write, plan: &PlanFile) -> io::Result<()> {
    let Value::Object(members) = serde_json::to_value(plan)? else {
        return Err(io::Error::other("a plan is an object"));
    };
    let mut separator = "{";
    for (name, value) in members {
        let name = serde_json::to_string(&name)?;
        write!(out, "{separator}\n  {}: ", json_spelling(&name))?;
        match value {
            Value::Array(elements) if !elements.is_empty() => list(out, &elements)?,
            value => write!(out, "{}", json_spelling(&value.to_string()))?,
        }
        separator = ",";
    }
    writeln!(out, "\n}}")
}

fn list(out: &mut dyn Write, elements: &[Value]) -> io::Result<()> {
    let mut separator = "[";
    for element in elements {
        write!(
            out,
            "{separator}\n    {}",
            json_spelling(&element.to_string())
        )?;
        separator = ",";
    }
    write!(out, "\n  ]")
}

/// Writes who planned what is to be carried out, when and why.
pub(super) fn origin(out: &mut dyn Write, plan: &PlanOrigin, clock: Clock) -> io::Result<()> {
    let planner = &plan.planned_by;
    let mut by = planner.os_user.clone().unwrap_or_else(|| "?".to_owned());
    if let Some(host) = &planner.host {
        by = format!("{by} on {host}");
    }
    let by = format!(
        "planned by {by} as role {}, {}, as operation {}",
        planner.db_role,
        clock.full(plan.planned_at),
        plan.operation
    );
    writeln!(out, "{}", visible(&by))?;
    writeln!(out, "valid until {}", clock.full(plan.valid_until))?;
    for (name, text) in [("reason", &plan.reason), ("ticket", &plan.ticket)] {
        if let Some(text) = text {
            writeln!(out, "its {name}: {}", visible(text))?;
        }
    }
    writeln!(out, "tokens named by: {}", visible(&plan.selector))?;
    writeln!(out, "digest {}", plan.digest)
}

/// A plan file that was written.
#[derive(Debug, Serialize)]
pub struct PlanWritten<'a> {
    schema: u32,
    /// Where it is.
    plan_file: &'a str,
    /// What stands for all of it.
    digest: &'a str,
    operation: String,
    planned: usize,
    changes: usize,
    valid_until: chrono::DateTime<chrono::Utc>,
    #[serde(skip)]
    clock: Clock,
}

impl<'a> PlanWritten<'a> {
    /// What there is to tell of a plan in this file.
    #[must_use]
    pub fn new(path: &'a str, plan: &'a PlanFile) -> Self {
        let changes = plan.tokens.iter();
        Self {
            schema: JSON_SCHEMA,
            plan_file: path,
            digest: &plan.digest,
            operation: plan.operation.to_string(),
            planned: plan.tokens.len(),
            changes: changes
                .filter(|planned| planned.effect == Effect::Change)
                .count(),
            valid_until: plan.valid_until,
            clock: Clock::at(plan.planned_at),
        }
    }

    /// Writes it as JSON.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        document(out, self)
    }

    /// Writes it for people.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let plural = if self.planned == 1 { "" } else { "s" };
        writeln!(
            out,
            "plan of {} token{plural} in {}, valid until {}",
            self.planned,
            visible(self.plan_file),
            self.clock.full(self.valid_until)
        )?;
        writeln!(out, "digest {}", self.digest)
    }
}
