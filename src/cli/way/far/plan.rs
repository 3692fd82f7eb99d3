//! A plan that waits at a server, and the yes or no to it.

use uuid::Uuid;

use super::Far;
use super::wanted::plan_request;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, FarFailure};
use crate::model::wire::DeclineRequest;
use crate::model::{Proposal, Receipt};
use crate::ops::{Error, Request};

/// A plan that waits.
#[derive(Debug)]
pub(in crate::cli) struct FarPlan {
    far: Far,
    operation: Uuid,
    proposal: Proposal,
}

impl Far {
    /// Lets the server find the rows of a change.
    pub(in crate::cli::way) async fn plan(&self, request: Request) -> Result<FarPlan, Failure> {
        let operation = request.id;
        let request = plan_request(request);
        let proposal = self.read(self.client.plan(operation, &request)).await?;
        Ok(FarPlan {
            far: self.clone(),
            operation,
            proposal,
        })
    }
}

impl FarPlan {
    /// What is shown of it.
    pub(in crate::cli::way) fn proposal(&self) -> Proposal {
        self.proposal.clone()
    }

    /// Carries it out. A Ctrl-C does not stop what the server has begun, so it only ends the waiting.
    pub(in crate::cli) async fn carry_out(self) -> Result<Receipt, Failure> {
        let Self {
            far,
            operation,
            proposal,
        } = self;
        let applied = far.client.apply(operation, proposal.digest());
        tokio::select! {
            biased;
            applied = applied => applied.map_err(|error| far.failed(error)),
            () = far.interrupt.raised() => Err(far.left(operation, proposal.dry_run)),
        }
    }

    /// Says no to it; what becomes of its record is the server's to tell.
    pub(in crate::cli::way) async fn decline(self, error: Error) -> Failure {
        let no = DeclineRequest {
            not_confirmed: match error {
                Error::NotConfirmed(key) => Some(key),
                _ => None,
            },
        };
        let Self {
            far,
            operation,
            proposal,
        } = self;
        let declined = far.client.decline(operation, proposal.digest(), &no);
        match declined.await {
            Ok(problem) => Failure::Problem(Box::new(problem)),
            Err(error) => far.failed(error),
        }
    }
}

impl Far {
    /// What a Ctrl-C leaves behind while the server carries a change out.
    fn left(&self, operation: Uuid, dry_run: bool) -> Failure {
        if dry_run {
            return Failure::Interrupted;
        }
        let command = self.command();
        Failure::Far(FarFailure {
            code: "interrupted",
            exit: Exit::Unknown,
            message: format!(
                "interrupted: the outcome of operation {operation} is unknown, as the server goes on with it"
            ),
            hint: Some(format!("run `{command} audit show {operation}`")),
        })
    }
}
