//! One row of an application's token table, in the words that all applications share.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A token as the adapter reads it. It never holds the secret, nor the hash of one
/// unless the hash *is* the key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Name of the adapter that read it.
    pub adapter: String,
    /// One of the adapter's kinds, such as `token` or `session`.
    pub kind: String,
    /// The primary key as text; sha256 of it in hex where the key is itself the secret.
    pub key: String,
    /// The human name, if it has one.
    pub label: Option<String>,
    /// The human or machine that it acts for.
    pub owner: Option<Owner>,
    /// Whether the application would accept it now.
    pub state: State,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// When it was last used; `None` also where the application writes a sentinel for never.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it ends, or ended; `None` is never.
    pub expires_at: Option<DateTime<Utc>>,
    /// Further columns that the adapter names, by their column name.
    pub details: Map<String, Value>,
}

/// The human or machine that a token acts for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Owner {
    /// The owner's key as text.
    pub id: String,
    /// The login name; `None` when the owner's row is gone or the role may not read it.
    pub login: Option<String>,
    /// The address, if the application keeps one.
    pub email: Option<String>,
}

/// Whether the application would accept the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The application accepts it.
    Active,
    /// Its end has passed.
    Expired,
    /// The application's own column says that it was revoked.
    Revoked,
    /// A flag of the application switches it off.
    Disabled,
}

impl State {
    /// The word that stands in JSON, in tables and in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Disabled => "disabled",
        }
    }

    /// Reads the word back; `None` for any other word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "active" => Some(Self::Active),
            "expired" => Some(Self::Expired),
            "revoked" => Some(Self::Revoked),
            "disabled" => Some(Self::Disabled),
            _ => None,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
