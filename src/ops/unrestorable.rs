//! Why an operation cannot be taken back.

use uuid::Uuid;

use super::advice::adapter_hint;

/// Why nothing is put back.
#[derive(Debug, thiserror::Error)]
pub enum Unrestorable {
    /// There is nothing that could be put back.
    #[error("operation {operation} cannot be restored: {why}")]
    Nothing {
        /// The operation.
        operation: Uuid,
        /// Why not.
        why: &'static str,
    },
    /// Breakglass never changed the token.
    #[error("no operation on record changed token `{0}`")]
    NeverChanged(String),
    /// Columns are not what they were, or not such as may be written.
    #[error("cannot be put back: {}", first_few(.0))]
    OtherColumns(Vec<String>),
    /// The columns are not those of this adapter, and the operation was done with another one.
    #[error("cannot be put back with this adapter, it was done with `{adapter}`: {}", first_few(.columns))]
    OtherAdapter {
        /// What is wrong with each.
        columns: Vec<String>,
        /// The adapter that it was done with.
        adapter: String,
    },
    /// Rows changed since the operation.
    #[error("changed since: {}", first_few(.differences))]
    ChangedSince {
        /// The rows, each with its columns: as they were left, and as they are.
        differences: Vec<String>,
        /// Whether not even `--force` would have something to write.
        nothing_left: bool,
    },
    /// The rows of the operation are not there any more.
    #[error("nothing is left to restore: {} not there any more", gone(.0))]
    AllGone(Vec<String>),
    /// More rows than `--max-rows` allows in one transaction.
    #[error(
        "operation {operation} changed more than {most} tokens, and one transaction puts back no more"
    )]
    TooMany {
        /// The operation.
        operation: Uuid,
        /// How many tokens may be put back at once.
        most: usize,
        /// Whether it is a run of batches.
        batches: bool,
    },
}

impl Unrestorable {
    /// A word for programs.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Nothing { .. } => "not_restorable",
            Self::NeverChanged(_) => "never_changed",
            Self::OtherColumns(_) | Self::OtherAdapter { .. } => "other_columns",
            Self::ChangedSince { .. } => "changed_since",
            Self::AllGone(_) => "all_gone",
            Self::TooMany { .. } => "too_many_to_restore",
        }
    }

    /// What to type next.
    pub(super) fn hint(&self) -> Option<String> {
        if let Self::OtherAdapter { adapter, .. } = self {
            return Some(adapter_hint(adapter));
        }
        self.constant_hint().map(str::to_owned)
    }

    fn constant_hint(&self) -> Option<&'static str> {
        match self {
            Self::NeverChanged(_) => Some("see `breakglass audit ls --token KEY`"),
            Self::ChangedSince {
                nothing_left: false,
                ..
            } => Some(
                "somebody else wrote there: `--force` puts back only the columns that are as they were left",
            ),
            Self::ChangedSince {
                nothing_left: true, ..
            } => Some(
                "look at it with `breakglass tokens show`: every column that was set is otherwise now",
            ),
            Self::AllGone(_) => Some(
                "what stood there is in `breakglass audit show`; the application has to make a new token",
            ),
            Self::TooMany { batches: true, .. } => {
                Some("restore it batch by batch: `breakglass audit ls --batches` lists them")
            }
            Self::TooMany { batches: false, .. } => {
                Some("`--max-rows N` puts back more in one transaction")
            }
            Self::Nothing { .. } | Self::OtherColumns(_) | Self::OtherAdapter { .. } => None,
        }
    }
}

/// The first few of several things, and how many more there are.
fn first_few(all: &[String]) -> String {
    const FIRST: usize = 5;
    let mut named: Vec<&str> = all.iter().take(FIRST).map(String::as_str).collect();
    let more = format!("and {} more", all.len().saturating_sub(FIRST));
    if all.len() > FIRST {
        named.push(&more);
    }
    named.join("; ")
}

/// Rows that are gone, with their verb.
fn gone(rows: &[String]) -> String {
    let verb = if rows.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", first_few(rows))
}
