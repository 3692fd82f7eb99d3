//! How far a change goes: what dies along with the tokens, and how many rows go at once.

use clap::Args;
use clap::builder::TypedValueParser;

use crate::ops::MAX_ROWS;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Args)]
pub(in crate::cli) struct Extent {
    /// End the rows that must die with the tokens too, such as refresh tokens; the default
    #[arg(long, overrides_with = "no_companions")]
    companions: bool,
    /// Leave those rows alone; what a delete takes along by foreign keys goes all the same
    #[arg(long, overrides_with = "companions")]
    pub(in crate::cli) no_companions: bool,
    /// At most so many tokens in one transaction; a target's `max_rows` still holds
    #[arg(long, value_name = "N", default_value_t = MAX_ROWS, value_parser = Extent::rows())]
    pub(in crate::cli) max_rows: usize,
}

/// What one statement takes: its answer is one value of the database's, of 256 MB at most.
const LARGEST: u64 = 250_000;

impl Extent {
    /// Reads `--max-rows`.
    pub(in crate::cli) fn rows() -> impl TypedValueParser<Value = usize> {
        clap::value_parser!(u64)
            .range(1..=LARGEST)
            .map(|rows| usize::try_from(rows).unwrap_or(usize::MAX))
    }

    /// For a command that has its own flags for it.
    pub(in crate::cli) fn of(no_companions: bool, max_rows: Option<usize>) -> Self {
        Self {
            companions: !no_companions,
            no_companions,
            max_rows: max_rows.unwrap_or(MAX_ROWS),
        }
    }
}
