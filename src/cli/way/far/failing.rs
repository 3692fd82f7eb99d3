//! What a server refused, or did not answer, as the failure of a command.

use super::Far;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, FarFailure};
use crate::client::Error;

impl Far {
    /// How a command ends that a call ended for.
    pub(super) fn failed(&self, error: Error) -> Failure {
        let (code, exit, hint) = match error {
            Error::Problem(problem) => return Failure::Problem(problem),
            Error::Connect { .. } => (
                "no_connection",
                Exit::NoConnection,
                Some(
                    "see that `breakglass serve` runs there, and that --server names it".to_owned(),
                ),
            ),
            Error::Path(_) | Error::Request(_) => ("usage", Exit::Usage, None),
            Error::Timeout { operation, .. }
            | Error::Lost { operation, .. }
            | Error::Answer { operation, .. } => match operation {
                Some(id) => (
                    "outcome_unknown",
                    Exit::Unknown,
                    Some(format!(
                        "run `{} audit show {id}`: `applied` means that it happened; not there \
                         means nothing yet, the server may still be at it",
                        self.command()
                    )),
                ),
                None => ("no_answer", Exit::NoConnection, None),
            },
        };
        Failure::Far(FarFailure {
            code,
            exit,
            message: error.to_string(),
            hint,
        })
    }
}
