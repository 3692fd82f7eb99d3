//! An end in the future instead of now: when that is, by the database's clock, whether the
//! application would honour it, and what would live beyond it.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, NaiveTime, SubsecRound as _, TimeDelta, Utc};
use tokio_postgres::types::Type;

use super::desk::Desk;
use super::doctor::before_schedule;
use super::error::Error;
use super::expire;
use super::request::Request;
use crate::adapter::With;
use crate::db;
use crate::model::{CompanionRow, Effect, Finding, PlannedToken};

/// When tokens are to end, as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// At this time.
    At(DateTime<Utc>),
    /// So long after the database's now.
    In(Duration),
}

impl Ends {
    /// The time, once it is known.
    #[must_use]
    pub fn at(self) -> Option<DateTime<Utc>> {
        match self {
            Self::At(time) => Some(time),
            Self::In(_) => None,
        }
    }

    /// The time by the database's clock, in whole seconds, which every unit can hold. Rounded down:
    /// never later than was asked for.
    fn resolve(self, as_of: DateTime<Utc>) -> Result<DateTime<Utc>, Error> {
        let time = match self {
            Self::At(time) => Some(time),
            Self::In(length) => TimeDelta::from_std(length)
                .ok()
                .and_then(|length| as_of.checked_add_signed(length)),
        };
        let time = time.filter(|time| *time < LAST).ok_or(Error::EndTooFar)?;
        let time = time.trunc_subsecs(0);
        if time <= as_of {
            return Err(Error::EndPassed {
                end: time,
                as_of,
                written: false,
            });
        }
        Ok(time)
    }
}

/// No client type and no RFC 3339 holds a later one.
const LAST: DateTime<Utc> = match DateTime::from_timestamp(253_402_300_800, 0) {
    Some(time) => time,
    None => DateTime::<Utc>::MAX_UTC,
};

impl Request {
    /// The end in the future that was asked for, once it is known.
    #[must_use]
    pub fn end(&self) -> Option<DateTime<Utc>> {
        self.ends_at.and_then(Ends::at)
    }

    /// Fixes the end by the database's clock, once for the plan, the record and every row.
    ///
    /// # Errors
    ///
    /// When it has passed, or is further away than a time can be.
    pub(super) fn fix_end(&mut self, as_of: DateTime<Utc>) -> Result<(), Error> {
        let Some(ends) = self.ends_at else {
            return Ok(());
        };
        match ends.resolve(as_of) {
            Ok(end) => self.ends_at = Some(Ends::At(end)),
            // The record of the refusal cannot hold it either.
            Err(error @ Error::EndTooFar) => {
                self.ends_at = None;
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// The statement that sets an end in the future.
///
/// # Errors
///
/// When the application would not honour such an end, or its columns cannot hold it.
pub(super) fn statement(
    desk: &Desk,
    ends_at: DateTime<Utc>,
    application_audit: bool,
    with: With,
) -> Result<String, Error> {
    let adapter = &desk.bound.adapter;
    if adapter.expire.is_none() {
        return expire::statement(desk, application_audit, with);
    }
    let Some(statement) = desk.statements().schedule(application_audit, with)? else {
        return Err(Error::NoLaterEnd {
            adapter: adapter.name.clone(),
            title: adapter.title.clone(),
        });
    };
    if let Some(column) = desk.bound.ends_on_days()
        && ends_at.time() != NaiveTime::MIN
    {
        return Err(Error::WholeDays { column, ends_at });
    }
    Ok(statement)
}

/// What may go wrong with such an end.
///
/// # Errors
///
/// When the role may not set it.
pub(super) async fn warnings(desk: &Desk) -> Result<Vec<Finding>, Error> {
    before_schedule(desk).await
}

/// The rows that are over by a moment as they stand, whoever uses them until then.
#[derive(Debug, Default)]
pub(super) struct Over {
    rows: BTreeSet<(String, String)>,
}

impl Over {
    /// Whether a row is.
    pub(super) fn has(&self, relation: &str, key: &str) -> bool {
        self.rows.contains(&(relation.to_owned(), key.to_owned()))
    }

    /// Keeps the companions that are not.
    pub(super) fn leave(&self, companions: &mut Vec<CompanionRow>) {
        companions.retain(|companion| !self.has(&companion.relation, &companion.key));
    }

    /// What an end in the future is expected to do with the tokens.
    pub(super) fn expect(&self, relation: &str, tokens: &mut [PlannedToken]) {
        for planned in tokens {
            planned.effect = self.effect(relation, &planned.token.key);
        }
    }

    /// What it is expected to do with one row.
    pub(super) fn effect(&self, relation: &str, key: &str) -> Effect {
        if self.has(relation, key) {
            Effect::Unchanged
        } else {
            Effect::Change
        }
    }
}

/// Asks which of these tokens, and of their companions, are over by a moment as they stand.
///
/// # Errors
///
/// When the database does not answer.
pub(super) async fn over(
    desk: &Desk,
    keys: &[String],
    ends_at: DateTime<Utc>,
) -> Result<Over, Error> {
    let Some(statement) = desk.statements().over()? else {
        return Ok(Over::default());
    };
    let parameters: [db::Parameter<'_>; 2] =
        [(&keys, Type::TEXT_ARRAY), (&ends_at, Type::TIMESTAMPTZ)];
    let mut over = Over::default();
    for row in desk.session.read(&statement, &parameters).await? {
        let is_over: bool = row.try_get("over").map_err(db::Error::from)?;
        if is_over {
            let relation = row.try_get("relation").map_err(db::Error::from)?;
            let key = row.try_get("key").map_err(db::Error::from)?;
            over.rows.insert((relation, key));
        }
    }
    Ok(over)
}
