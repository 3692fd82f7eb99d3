//! The audit log as a caller may read it: a bound one sees what changed their own tokens, and nothing
//! that changed anybody else's.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use tokio_postgres::types::Type;

use super::desk::{Context, Desk};
use super::error::Error;
use super::scope::Scope;
use crate::adapter::Bound;
use crate::db::{Identity, Parameter, Session};
use crate::model::{Change, Observation, Operation};

/// What is told instead of a selector that may name tokens of others.
const WITHHELD: &str = "(withheld: it may name tokens of others)";

/// The audit log of a database. There is none without a [`Context`] or [`Desk`], whose scope it keeps.
#[derive(Debug)]
pub struct Log<'a> {
    pub(super) session: &'a Session,
    /// The database's clock, where it was asked.
    pub(super) as_of: Option<DateTime<Utc>>,
    bounds: Option<Bounds>,
}

/// What a bound caller may read of. An owner's key means nobody in another application, so the adapter
/// is part of it.
#[derive(Clone, Debug)]
struct Bounds {
    scope: Scope,
    adapter: String,
    /// The token table, as the log has it: rows of other tables are companions.
    relation: String,
}

impl Bounds {
    fn of(scope: &Scope, bound: &Bound) -> Option<Self> {
        (!scope.is_open()).then(|| Self {
            scope: scope.clone(),
            adapter: bound.adapter.name.clone(),
            relation: bound.token.display_name(),
        })
    }
}

impl Context {
    /// The audit log on a session. For a bound caller the adapter is chosen, whose tokens are theirs.
    ///
    /// # Errors
    ///
    /// When the caller is bound, and not exactly one adapter fits.
    pub async fn log<'a>(
        &self,
        session: &'a Session,
        identity: &Identity,
    ) -> Result<Log<'a>, Error> {
        let bounds = if self.scope.is_open() {
            None
        } else {
            let bound = self.detect(session, identity).await?;
            Bounds::of(&self.scope, &bound)
        };
        Ok(Log {
            session,
            as_of: Some(identity.as_of),
            bounds,
        })
    }
}

impl Desk {
    /// The audit log of its database.
    #[must_use]
    pub fn log(&self) -> Log<'_> {
        Log {
            session: &self.session,
            as_of: Some(self.identity.as_of),
            bounds: Bounds::of(&self.scope, &self.bound),
        }
    }
}

impl<'a> Log<'a> {
    /// All of it, for an operation about itself.
    pub(super) fn whole(session: &'a Session) -> Self {
        Self {
            session,
            as_of: None,
            bounds: None,
        }
    }

    /// What goes into a statement with `sql/audit/scoped.sql` in it: adapter, owner, kinds, token table.
    pub(super) fn parameters(&self) -> Parameters<'_> {
        let bounds = self.bounds.as_ref();
        Parameters {
            adapter: bounds.map(|bounds| bounds.adapter.as_str()),
            owner: bounds.and_then(|bounds| bounds.scope.owner.as_deref()),
            kinds: bounds.and_then(|bounds| bounds.scope.kinds.as_deref()),
            relation: bounds.map(|bounds| bounds.relation.as_str()),
        }
    }

    /// An operation as it is told: where some of several tokens needed no change, nothing on record
    /// says whose they are.
    pub(super) fn tell(&self, mut operation: Operation) -> Operation {
        if self.withholds(&operation) {
            WITHHELD.clone_into(&mut operation.selector);
            operation.planned = None;
            operation.matched = None;
            operation.unchanged = None;
        }
        operation
    }

    /// What was seen after an operation, of the rows that it changed alone where the others may be
    /// anybody's.
    pub(super) fn tell_of(
        &self,
        operation: &Operation,
        changes: &[Change],
        mut seen: Vec<Observation>,
    ) -> Vec<Observation> {
        if self.withholds(operation) {
            let known: HashSet<&str> = changes.iter().map(|it| it.key.as_str()).collect();
            seen.retain(|observation| known.contains(observation.key.as_str()));
        }
        seen
    }

    fn withholds(&self, operation: &Operation) -> bool {
        self.bounds.is_some()
            && operation.planned != Some(1)
            && operation.planned != operation.changed
    }
}

/// The scope as parameters of a statement.
#[derive(Debug)]
pub(super) struct Parameters<'a> {
    adapter: Option<&'a str>,
    owner: Option<&'a str>,
    kinds: Option<&'a [String]>,
    relation: Option<&'a str>,
}

impl Parameters<'_> {
    /// These, behind those of the statement itself.
    pub(super) fn after<'p>(&'p self, own: &[Parameter<'p>]) -> Vec<Parameter<'p>> {
        let mut all = own.to_vec();
        all.extend([
            (&self.adapter as &_, Type::TEXT),
            (&self.owner as &_, Type::TEXT),
            (&self.kinds as &_, Type::TEXT_ARRAY),
            (&self.relation as &_, Type::TEXT),
        ]);
        all
    }
}
