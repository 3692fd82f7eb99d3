//! The part of `doctor` that every change begins with.

use super::Scope;
use super::objects::objects;
use super::{release, rights, schema, server, writes};
use crate::db::{Installed, Kind, installed};
use crate::model::{Action, Finding, Severity};
use crate::ops::desk::Desk;
use crate::ops::error::Error;

/// Refuses what certainly makes this action fail or its record lie, and returns what may, as warnings
/// to show with the plan. One statement more than the schema's version, in the same round trip.
///
/// # Errors
///
/// When the schema is missing or of another version, or something blocks.
pub(in crate::ops) async fn before_write(
    desk: &Desk,
    action: Action,
    application_audit: bool,
) -> Result<Vec<Finding>, Error> {
    let (session, bound) = (&desk.session, &desk.bound);
    let (history, objects) = tokio::join!(installed(session), objects(session, Some(bound)));
    let objects = objects?;
    let unread = match history {
        Ok(Installed::Current) => None,
        Ok(other) => return Err(Error::NotInstalled(other)),
        // Named below, with what to grant.
        Err(error) if error.kind() == Some(Kind::Permission) => Some(error),
        Err(error) => return Err(error.into()),
    };
    let scope = Scope {
        // A restore writes the same columns.
        expire: matches!(action, Action::Expire | Action::Restore),
        delete: action == Action::Delete,
    };
    let lacks = rights::lacking(Some(bound), &[], &objects);
    let mut findings = rights::missing(&lacks, scope, &desk.identity.role);
    // Told with the plan in its own words, or not wanted.
    findings.retain(|finding| finding.severity == Severity::Blocks);
    findings.extend(server::replication_role(&objects));
    findings.extend(schema::altered(&objects));
    findings.extend(
        writes::rewriting(bound, &objects, scope)
            .into_iter()
            .filter(|finding| {
                application_audit
                    || bound
                        .audit
                        .as_ref()
                        .is_none_or(|audit| finding.subject != audit.display_name())
            }),
    );
    findings.retain(|finding| finding.severity != Severity::Notes);
    let (blocks, warnings): (Vec<Finding>, Vec<Finding>) = findings
        .into_iter()
        .partition(|finding| finding.severity == Severity::Blocks);
    if !blocks.is_empty() {
        return Err(Error::Unfit(blocks));
    }
    match unread {
        Some(error) => Err(error.into()),
        None => Ok(warnings),
    }
}

/// The same for what only an end in the future needs.
///
/// # Errors
///
/// When the role lacks a privilege for it.
pub(in crate::ops) async fn before_schedule(desk: &Desk) -> Result<Vec<Finding>, Error> {
    let (session, bound) = (&desk.session, &desk.bound);
    let (objects, quirks) = tokio::join!(
        objects(session, Some(bound)),
        release::quirks(session, bound)
    );
    let objects = objects?;
    let lacks = rights::lacking(Some(bound), &[], &objects);
    let lacking = rights::missing_for_later(&lacks, &desk.identity.role);
    if !lacking.is_empty() {
        return Err(Error::Unfit(lacking));
    }
    let mut findings = writes::rewriting_later(bound, &objects);
    // An end that this release of the application would not keep.
    findings.append(&mut quirks?);
    findings.retain(|finding| finding.severity != Severity::Notes);
    Ok(findings)
}
