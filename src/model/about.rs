//! What a client asks a server first: which database is behind it, and what is particular about it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Environment, PlannedAdapter};

/// A server of breakglass, and the database behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// The JSON interface's number, [`super::JSON_SCHEMA`].
    pub schema: u32,
    /// The server's version.
    pub version: String,
    /// Who the caller is to it.
    pub principal: String,
    /// Which database it is, in one line.
    pub identity: String,
    /// The role that reads there.
    pub role: String,
    /// The database's clock.
    pub as_of: DateTime<Utc>,
    /// The adapter that fits it.
    pub adapter: PlannedAdapter,
    /// The application's name.
    pub title: String,
    /// Whether the application records when a token was last used.
    pub records_use: bool,
    /// Further columns that a list can show.
    pub details: Vec<String>,
    /// The adapter's kinds.
    pub kinds: Vec<String>,
    /// The kind that a list shows by default.
    pub default_kind: String,
    /// The form of a secret, as a regular expression; `None` where the adapter says none.
    pub secret_pattern: Option<String>,
    /// The named target that the server works on, if one was named.
    pub target: Option<String>,
    /// What the target is, such as production.
    pub environment: Option<Environment>,
}
