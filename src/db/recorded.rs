//! What a statement must report of its own record before its COMMIT may be sent.
//!
//! Nowhere else can a [`Recorded`] be made.

use super::change::Change;
use super::sqlstate::Error;

/// Proof that a statement wrote its record.
#[derive(Debug)]
pub struct Recorded(());

/// The statement ran, but a count is not what it must be: something swallowed rows of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {found} instead of {expected}")]
pub struct Unrecorded {
    /// What is wrong.
    pub what: &'static str,
    /// What the count should be.
    pub expected: i32,
    /// How many it has.
    pub found: i32,
}

impl Change<'_> {
    /// Proves that a change of so many tokens did what was planned and recorded itself: every
    /// planned token is changed or was dead, one operation, one row a changed row and, where the
    /// application's audit log takes part, one a changed token. The record's own CHECKs say the
    /// same; this does not depend on them.
    ///
    /// # Errors
    ///
    /// When a count is another.
    pub fn recorded(
        &self,
        planned: usize,
        application_audit: bool,
    ) -> Result<Result<Recorded, Unrecorded>, Error> {
        let count = |name: &str| self.row.try_get::<_, i32>(name);
        let planned = i32::try_from(planned).unwrap_or(i32::MAX);
        let (changed, companions) = (count("changed")?, count("companions_changed")?);
        let application = if application_audit { changed } else { 0 };
        let parts = [
            ("the plan did not arrive whole", planned, count("planned")?),
            ("not every token was as planned", planned, count("matched")?),
            (
                "not every token was changed",
                planned,
                changed + count("unchanged")?,
            ),
            ("something stayed alive", 0, count("still_alive")?),
            (
                "not every companion died",
                count("companions_planned")?,
                count("companions_dead")?,
            ),
            ("the operation was not recorded", 1, count("operations")?),
            (
                "the changes were not recorded",
                changed + companions,
                count("recorded")?,
            ),
            (
                "the application's audit log was not written",
                application,
                count("application_recorded")?,
            ),
        ];
        Ok(proof(parts))
    }

    /// Proves the same of a restore: every planned row, companions too, is as it was before.
    ///
    /// # Errors
    ///
    /// When a count is another.
    pub fn recorded_restore(
        &self,
        planned: usize,
        companions: usize,
        application_audit: bool,
    ) -> Result<Result<Recorded, Unrecorded>, Error> {
        let count = |name: &str| self.row.try_get::<_, i32>(name);
        let size = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        let (changed, companions_changed) = (count("changed")?, count("companions_changed")?);
        let application = if application_audit { changed } else { 0 };
        let parts = [
            (
                "the plan did not arrive whole",
                size(planned),
                count("planned")?,
            ),
            (
                "the companions' plan did not arrive whole",
                size(companions),
                count("companions_planned")?,
            ),
            (
                "not every token was as planned",
                size(planned),
                count("matched")?,
            ),
            (
                "not every token was put back",
                size(planned),
                changed + count("unchanged")?,
            ),
            (
                "something is not as it was before",
                0,
                count("still_alive")?,
            ),
            ("the operation was not recorded", 1, count("operations")?),
            (
                "the changes were not recorded",
                changed + companions_changed,
                count("recorded")?,
            ),
            (
                "the application's audit log was not written",
                application,
                count("application_recorded")?,
            ),
        ];
        Ok(proof(parts))
    }

    /// Proves that an operation without effect recorded itself.
    ///
    /// # Errors
    ///
    /// When it is missing.
    pub fn recorded_alone(&self) -> Result<Result<Recorded, Unrecorded>, Error> {
        Ok(proof([(
            "the operation was not recorded",
            1,
            self.row.try_get("operations")?,
        )]))
    }

    /// Proves that a signal was announced: the operation, and whom it is aimed at.
    ///
    /// # Errors
    ///
    /// When one of the two is missing.
    pub fn recorded_signal(&self) -> Result<Result<Recorded, Unrecorded>, Error> {
        Ok(proof([
            (
                "the operation was not recorded",
                1,
                self.row.try_get("operations")?,
            ),
            (
                "the signal was not recorded",
                1,
                self.row.try_get("signals")?,
            ),
        ]))
    }

    /// Proves that the beginning of a run recorded itself: one operation, all of its batches, and
    /// every token in them.
    ///
    /// # Errors
    ///
    /// When some are missing.
    pub fn recorded_run(
        &self,
        batches: i32,
        tokens: i32,
    ) -> Result<Result<Recorded, Unrecorded>, Error> {
        let count = |name: &str| self.row.try_get::<_, i32>(name);
        Ok(proof([
            ("the operation was not recorded", 1, count("operations")?),
            ("the batches were not recorded", batches, count("batches")?),
            (
                "the tokens of the batches were not recorded",
                tokens,
                count("tokens")?,
            ),
        ]))
    }

    /// Proves that observations recorded themselves.
    ///
    /// # Errors
    ///
    /// When some are missing.
    pub fn recorded_observations(
        &self,
        expected: i32,
    ) -> Result<Result<Recorded, Unrecorded>, Error> {
        Ok(proof([(
            "the observations were not recorded",
            expected,
            self.row.try_get("observations")?,
        )]))
    }

    /// Proves that a plan waits. It is its own record.
    ///
    /// # Errors
    ///
    /// When it is missing.
    pub fn recorded_plan(&self) -> Result<Result<Recorded, Unrecorded>, Error> {
        Ok(proof([(
            "the plan was not written down",
            1,
            self.row.try_get("plans_held")?,
        )]))
    }

    /// Proves that plans that waited were taken away and nothing else was done, and tells how many:
    /// none where somebody was quicker. What became of them is on record with their operations.
    ///
    /// # Errors
    ///
    /// When the statement is another one.
    pub fn removed_plans(&self) -> Result<(Recorded, i32), Error> {
        Ok((Recorded(()), self.row.try_get("plans_removed")?))
    }
}

fn proof<const N: usize>(parts: [(&'static str, i32, i32); N]) -> Result<Recorded, Unrecorded> {
    parts.into_iter().try_for_each(|(what, expected, found)| {
        if expected == found {
            Ok(())
        } else {
            Err(Unrecorded {
                what,
                expected,
                found,
            })
        }
    })?;
    Ok(Recorded(()))
}
