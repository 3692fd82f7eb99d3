//! `doctor`: everything that would make a write fail or lie, found before anybody writes.
//!
//! Each file judges one subject. What is read is read in pipelines, one round trip for all that
//! needs no adapter and one for all that does; every statement has a transaction of its own, so that
//! one which the role may not run costs no other. [`before_write()`] is the part of it that every
//! change begins with.

mod before_write;
mod connection;
mod constraints;
mod lookups;
mod now;
mod objects;
mod release;
mod rights;
mod schema;
mod server;
mod tables;
mod writes;

use std::time::{Instant, SystemTime};

use crate::adapter::{Bound, detect};
use crate::db::{self, Identity, Kind, Session, catalogue, installed, referencing};
use crate::model::{Ability, Code, Diagnosis, Finding, Fitness, JSON_SCHEMA, Severity};

use super::constants::taken;
use super::desk::Context;
use super::error::Error;
pub(super) use before_write::{before_schedule, before_write};
use connection::RoundTrip;
use objects::objects;
use server::Server;
pub(super) use tables::hidden;

/// A request to look at everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Doctor {
    /// Whether deletes must be possible too; else they are looked at where the role may delete.
    pub delete: bool,
}

/// What is to be possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) expire: bool,
    pub(super) delete: bool,
}

impl Scope {
    fn of(doctor: Doctor, bound: &Bound) -> Self {
        let expire = bound.adapter.expire.is_some();
        Self {
            expire,
            delete: doctor.delete || !expire || bound.token.may_delete,
        }
    }
}

impl Doctor {
    /// Connects and looks.
    ///
    /// # Errors
    ///
    /// When there is no connection, or it breaks, or `--adapter` names none. What the role may not
    /// look at is a finding.
    pub async fn run(self, context: &Context) -> Result<Diagnosis, Error> {
        // Which cluster answers is a finding here, and nothing is written.
        let session = context.database.of_any_cluster().session().await?;
        let (before, begun) = (SystemTime::now(), Instant::now());
        let identity = Identity::read(&session).await?;
        let trip = RoundTrip {
            before: before.into(),
            took: begun.elapsed(),
        };
        let mut findings = server::place(&identity, &context.policy);
        findings.extend(connection::clock(trip, identity.as_of));
        findings.extend(connection::tls(&session, &context.database));
        findings.extend(rights::superuser(&identity));

        let tables = detect::tables(&context.adapters);
        let (server, catalogue, login_pid) = tokio::join!(
            Server::read(&session, &identity),
            catalogue(&session, &tables),
            session.login_pid(),
        );
        let server = looked(server, "the server's settings", &mut findings)?;
        findings.extend(server.iter().flat_map(|server| server.findings(&identity)));
        findings.extend(connection::pooler(
            &session,
            &identity,
            server.as_ref(),
            login_pid,
        ));
        let catalogue = looked(catalogue, "the catalogue", &mut findings)?.unwrap_or_default();
        let chosen = match detect::choose(&context.adapters, &catalogue, &context.choice) {
            Ok(bound) => taken(&session, bound).await?,
            Err(error) => Err(error),
        };
        let bound = match chosen {
            Ok(bound) => Some(bound),
            Err(error @ detect::Error::Unknown(_)) => return Err(error.into()),
            Err(error) => {
                findings.extend(tables::undetected(
                    &error,
                    &context.adapters,
                    &catalogue,
                    &context.choice,
                ));
                None
            }
        };
        let abilities = self
            .inspect(&session, &identity, bound.as_ref(), &mut findings)
            .await?;
        Ok(diagnosis(identity, bound.as_ref(), abilities, findings))
    }

    /// The part that looks at tables, breakglass's and the application's.
    async fn inspect(
        self,
        session: &Session,
        identity: &Identity,
        bound: Option<&Bound>,
        findings: &mut Vec<Finding>,
    ) -> Result<Vec<Ability>, Error> {
        let (objects, history, log, references, application) = tokio::join!(
            objects(session, bound),
            installed(session),
            rights::log_rights(session, identity, bound),
            references(session, bound),
            self.application(session, bound),
        );
        let objects =
            looked(objects, "the tables' triggers and constraints", findings)?.unwrap_or_default();
        let references = looked(references, "foreign keys", findings)?.unwrap_or_default();
        let log = looked(log, "who may rewrite the log", findings)?;
        findings.extend(log.into_iter().flatten());
        findings.extend(server::replication_role(&objects));
        match history {
            Ok(history) => {
                if history == db::Installed::Current {
                    findings.extend(schema::altered(&objects));
                }
                findings.extend(schema::history(&history));
            }
            // The missing privilege is told below.
            Err(error) if error.kind() == Some(Kind::Permission) => {}
            Err(error) => return Err(error.into()),
        }
        let lacks = rights::lacking(bound, &references, &objects);
        let scope = bound.map_or(
            Scope {
                expire: false,
                delete: false,
            },
            |bound| Scope::of(self, bound),
        );
        findings.extend(rights::missing(&lacks, scope, &identity.role));
        if let Some(bound) = bound {
            findings.extend(tables::row_security(bound, identity));
            findings.extend(writes::rewriting(bound, &objects, scope));
        }
        findings.append(&mut application?);
        Ok(rights::abilities(&lacks, bound))
    }

    /// What needs an adapter and nothing else.
    async fn application(
        self,
        session: &Session,
        bound: Option<&Bound>,
    ) -> Result<Vec<Finding>, Error> {
        let Some(bound) = bound else {
            return Ok(Vec::new());
        };
        let scope = Scope::of(self, bound);
        let (sizes, zones, locks, keys, quirks) = tokio::join!(
            tables::sizes(session, bound),
            tables::time_zones(session, bound),
            now::locks(session, bound),
            constraints::foreign_keys(session, bound),
            release::quirks(session, bound),
        );
        let mut findings = Vec::new();
        let sizes = looked(sizes, "the tables' sizes", &mut findings)?.unwrap_or_default();
        findings.extend(tables::kinds(&sizes));
        for (found, what) in [
            (zones, "the time zones"),
            (locks, "who holds locks"),
            (keys, "foreign keys"),
        ] {
            let found = looked(found, what, &mut findings)?;
            let is_for_deletes = what == "foreign keys" && !scope.delete;
            findings.extend(found.into_iter().flatten().filter(|_| !is_for_deletes));
        }
        findings.append(&mut quirks?);
        findings.append(&mut lookups::scans(session, bound, &sizes).await?);
        Ok(findings)
    }
}

async fn references(
    session: &Session,
    bound: Option<&Bound>,
) -> Result<Vec<crate::adapter::ForeignKey>, db::Error> {
    match bound {
        Some(bound) => referencing(session, &bound.token).await,
        None => Ok(Vec::new()),
    }
}

/// What was looked at; a refusal of the server is a finding, anything else ends the visit.
fn looked<T>(
    result: Result<T, db::Error>,
    what: &str,
    findings: &mut Vec<Finding>,
) -> Result<Option<T>, Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(db::Error::Server(refused)) => {
            findings.push(could_not_look(what, &refused.message));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// That something could not be looked at, and what it needs.
fn could_not_look(what: &str, needs: &str) -> Finding {
    Finding::warns(Code::CouldNotLook, what)
        .what(format!("could not look at {what}: {needs}"))
        .why("what is not seen may make a change fail, or lie")
        .remedy("run `breakglass doctor` as a role that may, or have the privilege granted")
}

fn diagnosis(
    identity: Identity,
    bound: Option<&Bound>,
    abilities: Vec<Ability>,
    mut findings: Vec<Finding>,
) -> Diagnosis {
    // Stable: within one weight in the order of looking.
    findings.sort_by_key(|finding| finding.severity);
    let unfit = findings
        .iter()
        .any(|finding| finding.severity == Severity::Blocks);
    Diagnosis {
        schema: JSON_SCHEMA,
        identity: identity.line(),
        database: identity.database,
        role: identity.role,
        adapter: bound.map(|bound| bound.adapter.name.clone()),
        verdict: if unfit { Fitness::Unfit } else { Fitness::Fit },
        abilities,
        findings,
    }
}
