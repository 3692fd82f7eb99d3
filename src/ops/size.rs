//! How many tokens one request may change.

use super::error::Error;
use super::policy::Policy;
use super::request::Request;

impl Request {
    /// Checks how many tokens a run of batches has, of which none is too large for a transaction.
    pub(super) fn check_number(&self, policy: &Policy, planned: usize) -> Result<(), Error> {
        check_target(policy, planned, false)?;
        self.check_expected(planned)
    }

    /// Refuses another number of tokens than `--expect` says.
    pub(super) fn check_expected(&self, found: usize) -> Result<(), Error> {
        match self.expect.filter(|expected| *expected != found) {
            Some(expected) => Err(Error::Expected { expected, found }),
            None => Ok(()),
        }
    }

    /// Refuses more tokens than the target or `--max-rows` allows in one transaction. Where the
    /// rows were `cut`, there are more of them than were read.
    pub(super) fn check_size(
        &self,
        policy: &Policy,
        planned: usize,
        cut: bool,
    ) -> Result<(), Error> {
        check_target(policy, planned, cut)?;
        if planned > self.max_rows {
            return Err(Error::OverMaxRows {
                planned,
                cut,
                most: self.max_rows,
            });
        }
        Ok(())
    }
}

/// Refuses more tokens than the target allows.
fn check_target(policy: &Policy, planned: usize, cut: bool) -> Result<(), Error> {
    if policy.is_too_large(planned) {
        return Err(Error::TooManyRows {
            planned,
            cut,
            most: policy.max_rows.unwrap_or_default(),
            target: policy.target.clone().unwrap_or_default(),
            restores: false,
        });
    }
    Ok(())
}
