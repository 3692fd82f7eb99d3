//! How output is written.

use clap::ValueEnum;

/// How a list or a receipt is written
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON object a line
    Jsonl,
    /// Comma-separated values with a head
    Csv,
}

/// How a single thing is written
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum SingleFormat {
    /// For people
    #[default]
    Table,
    /// One JSON document
    Json,
}
