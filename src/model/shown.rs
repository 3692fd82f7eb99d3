//! Everything that is known about one token.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CompanionRow, JSON_SCHEMA, Operation, SecretCheck, Token};

/// One token, what hangs on it, and its past.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Shown {
    /// The token.
    pub token: Token,
    /// What its kind is, in a few words.
    pub kind_title: Option<String>,
    /// Rows that die with it.
    pub companions: Vec<CompanionRow>,
    /// Whether it was named by its secret, and what that proved.
    pub secret: SecretCheck,
    /// What killing it would not kill.
    pub still_works: Vec<String>,
    /// What to know of this kind of token.
    pub notes: Vec<String>,
    /// Operations that changed it, newest first; `None` where no audit log is installed.
    pub history: Option<Vec<Operation>>,
}

/// The same as a document of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShownDocument {
    /// The JSON interface's number, [`JSON_SCHEMA`].
    pub schema: u32,
    /// The token.
    #[serde(flatten)]
    pub shown: Shown,
}

impl From<Shown> for ShownDocument {
    fn from(shown: Shown) -> Self {
        let schema = JSON_SCHEMA;
        Self { schema, shown }
    }
}
