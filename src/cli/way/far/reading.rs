//! Reading a server's audit log, and what its doctor finds.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;

use super::Far;
use crate::cli::failure::Failure;
use crate::cli::way::reading::{Read, WantedOperations};
use crate::cli::when::When;
use crate::model::wire::{DoctorQuery, OperationQuery};
use crate::model::{Diagnosis, History, Operation};
use crate::ops::{Doctor, Error};

/// Operations on a page at most.
const PAGE: u32 = 5_000;

impl Far {
    /// Lists operations, one more than wanted, where there is one more.
    pub(in crate::cli::way) async fn operations(
        &self,
        wanted: WantedOperations,
    ) -> Result<Read<Vec<Operation>>, Failure> {
        let most = wanted.limit.map(|limit| limit as usize + 1);
        let mut pages = Box::pin(self.client.operation_pages(query(wanted)));
        let mut as_of = None;
        let mut value = Vec::new();
        while let Some(page) = self.read(pages.try_next()).await? {
            as_of = as_of.or(page.as_of);
            value.extend(page.operations);
            if most.is_some_and(|most| value.len() >= most) {
                break;
            }
        }
        Ok(Read {
            as_of: as_of.unwrap_or(DateTime::UNIX_EPOCH),
            value,
        })
    }

    /// One operation with everything that is recorded of it.
    pub(in crate::cli::way) async fn history(&self, id: &str) -> Result<Read<History>, Failure> {
        // No path has an empty part.
        if id.is_empty() {
            return Err(Error::NoSuchOperation(String::new()).into());
        }
        let document = self.read(self.client.operation(id)).await?;
        Ok(Read {
            as_of: document.as_of.unwrap_or(DateTime::UNIX_EPOCH),
            value: document.history,
        })
    }

    /// Everything that would make a change fail or lie.
    pub(in crate::cli::way) async fn diagnose(&self, doctor: Doctor) -> Result<Diagnosis, Failure> {
        let Doctor { delete } = doctor;
        self.read(self.client.doctor(DoctorQuery { delete })).await
    }
}

fn query(wanted: WantedOperations) -> OperationQuery {
    let WantedOperations {
        since,
        until,
        actor,
        action,
        outcome,
        token,
        owner,
        batches,
        limit,
    } = wanted;
    let (since, since_ms_ago) = moment(since);
    let (until, until_ms_ago) = moment(until);
    OperationQuery {
        since,
        until,
        since_ms_ago,
        until_ms_ago,
        actor,
        action,
        outcome,
        token,
        owner,
        batches,
        limit: Some(limit.map_or(PAGE, |limit| limit.saturating_add(1).min(PAGE))),
        after: None,
    }
}

/// A time, or how long before the database's now.
fn moment(when: Option<When>) -> (Option<DateTime<Utc>>, Option<u64>) {
    let ms = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    match when {
        None => (None, None),
        Some(When::At(time)) => (Some(time), None),
        Some(When::Ago(length)) => (None, Some(ms(length))),
    }
}
