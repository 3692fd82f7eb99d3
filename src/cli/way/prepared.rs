//! A change whose rows are known and were not touched: at a database, or waiting at a server.

use super::Way;
use super::far::FarPlan;
use crate::cli::failure::Failure;
use crate::model::Proposal;
use crate::ops::{Error, Planned, Request};

/// A change that is ready to be carried out.
#[derive(Debug)]
pub(in crate::cli) enum Prepared {
    Here(Box<Planned>),
    There(Box<FarPlan>),
}

impl From<Planned> for Prepared {
    fn from(planned: Planned) -> Self {
        Self::Here(Box::new(planned))
    }
}

impl Way {
    /// Finds the rows of a change.
    ///
    /// # Errors
    ///
    /// When it is refused; that is on record.
    pub(in crate::cli) async fn plan(&self, request: Request) -> Result<Prepared, Failure> {
        match self {
            Self::Here(context) => {
                let planned = request.plan(context).await?;
                Ok(planned.into())
            }
            Self::There(far) => {
                let plan = far.plan(request).await?;
                Ok(Prepared::There(Box::new(plan)))
            }
        }
    }
}

impl Prepared {
    /// What is shown of it, and what the question about it needs.
    pub(in crate::cli) fn proposal(&self) -> Proposal {
        match self {
            Self::Here(planned) => planned.proposal(),
            Self::There(plan) => plan.proposal(),
        }
    }

    /// Lets go of it: it was only to be seen. Where it waits at a server, it waits for nobody then.
    pub(in crate::cli) async fn let_go(self) {
        if let Self::There(plan) = self {
            let _told = plan.decline(Error::Declined).await;
        }
    }

    /// Records that it was not carried out, and why.
    pub(in crate::cli) async fn decline(self, error: Error) -> Failure {
        match self {
            Self::Here(planned) => planned.decline(error).await.into(),
            Self::There(plan) => plan.decline(error).await,
        }
    }
}
