//! What is read without an adapter: the audit log, and what doctor finds.

use chrono::{DateTime, Utc};

use super::Way;
use crate::cli::Run;
use crate::cli::failure::Failure;
use crate::cli::when::When;
use crate::model::{Deed, Diagnosis, History, Operation, Outcome};
use crate::ops::{Doctor, ListOperations, ShowOperation, watched};

/// Which operations are wanted.
#[derive(Clone, Debug)]
pub(in crate::cli) struct WantedOperations {
    pub(in crate::cli) since: Option<When>,
    pub(in crate::cli) until: Option<When>,
    pub(in crate::cli) actor: Option<String>,
    pub(in crate::cli) action: Option<Deed>,
    pub(in crate::cli) outcome: Option<Outcome>,
    pub(in crate::cli) token: Option<String>,
    pub(in crate::cli) owner: Option<String>,
    pub(in crate::cli) batches: bool,
    /// At most so many; `None` is all.
    pub(in crate::cli) limit: Option<u32>,
}

/// Something that was read, and when by the database's clock.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Read<T> {
    pub(in crate::cli) as_of: DateTime<Utc>,
    pub(in crate::cli) value: T,
}

impl Way {
    /// Lists operations, the newest first; one more than wanted, where there is one more.
    ///
    /// # Errors
    ///
    /// When the log is not there, or cannot be read.
    pub(in crate::cli) async fn operations(
        &self,
        run: &mut Run,
        wanted: WantedOperations,
    ) -> Result<Read<Vec<Operation>>, Failure> {
        let context = match self {
            Self::Here(context) => context,
            Self::There(far) => return far.operations(wanted).await,
        };
        let (session, identity) = context.connect().await?;
        run.warn_of_cluster(&session);
        let as_of = identity.as_of;
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
        let mut request = ListOperations {
            since: since.map(|when| when.resolve(as_of)),
            until: until.map(|when| when.resolve(as_of)),
            actor,
            action,
            outcome,
            token,
            companions: Vec::new(),
            owner,
            batches,
            limit,
            after: None,
        };
        let looking = request.and_companions(context, session, identity.clone());
        let session = looking.await?;
        let log = context.log(&session, &identity).await?;
        let reading = request.run(&log);
        let value = watched(&context.database, &session, reading).await?;
        Ok(Read { as_of, value })
    }

    /// One operation with everything that is recorded of it.
    ///
    /// # Errors
    ///
    /// When not exactly one operation begins so.
    pub(in crate::cli) async fn history(
        &self,
        run: &mut Run,
        id: String,
    ) -> Result<Read<History>, Failure> {
        let context = match self {
            Self::Here(context) => context,
            Self::There(far) => return far.history(&id).await,
        };
        let (session, identity) = context.connect().await?;
        run.warn_of_cluster(&session);
        let request = ShowOperation { id };
        let log = context.log(&session, &identity).await?;
        let reading = request.run(&log);
        let value = watched(&context.database, &session, reading).await?;
        let as_of = identity.as_of;
        Ok(Read { as_of, value })
    }

    /// Everything that would make a change fail or lie.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub(in crate::cli) async fn diagnose(&self, doctor: Doctor) -> Result<Diagnosis, Failure> {
        match self {
            Self::Here(context) => Ok(doctor.run(context).await?),
            Self::There(far) => far.diagnose(doctor).await,
        }
    }
}
