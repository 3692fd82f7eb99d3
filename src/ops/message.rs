//! An error as one sentence: what went wrong, each cause once, and what that means for the tokens.

use super::error::Error;
use crate::db;

impl Error {
    /// The whole of it.
    #[must_use]
    pub fn message(&self) -> String {
        self.interrupted().unwrap_or_else(|| self.chain())
    }

    /// What a Ctrl-C came to. Nothing commits after it.
    fn interrupted(&self) -> Option<String> {
        let still_runs = match self {
            Self::Database(db::Error::Cancelled { confirmed: false }) => {
                ", but it may still run there until its limit"
            }
            Self::Database(error) if error.is_interruption() => "",
            _ => return None,
        };
        Some(format!("{self}; nothing was changed{still_runs}"))
    }

    /// An error and its causes, joined once.
    fn chain(&self) -> String {
        if let Self::Database(db::Error::Open(error)) = self {
            return error.chain();
        }
        causes(self)
    }
}

/// An error and its causes, each once.
#[must_use]
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
