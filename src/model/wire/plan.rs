//! A plan that is asked for: which tokens, and what is to become of them.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroize as _;

use super::change::{ChangeRequest, is_false};
use super::filter::FilterWords;
use super::sweep::Candidate;
use crate::model::{Action, PlanFile};
use chrono::{DateTime, Utc};

/// A secret on its way to be looked up. It is wiped, and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// A secret.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// One token, as it is named.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NamedToken {
    /// By its key.
    Id(String),
    /// By its name.
    Name(String),
    /// By a word that may be a secret, a key or a name.
    Word(Secret),
    /// By its secret.
    Secret(Secret),
}

/// No variant shows what could be a secret.
impl fmt::Debug for NamedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id(_) => "Id",
            Self::Name(_) => "Name",
            Self::Word(_) => "Word",
            Self::Secret(_) => "Secret",
        })
    }
}

/// A token that is to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupRequest {
    /// Which.
    pub token: NamedToken,
    /// Narrows a name to one owner: key, login or email.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// What is to be taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RestoreWanted {
    /// The operation's id, or the beginning of it; left out, the latest that changed the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub operation: Option<String>,
    /// Put back what is as it was left, where other columns changed since.
    #[serde(skip_serializing_if = "is_false")]
    pub force: bool,
}

/// A plan that is asked for. Tokens are named in one way: one by one, by a filter, by an owner, by a
/// sweep, or by a plan file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// Expire, delete or restore.
    pub action: Action,
    /// Tokens that are named one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1, max_items = 1000)]
    pub tokens: Vec<NamedToken>,
    /// Narrows names to one owner: key, login or email.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Everything that this lets through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub filter: Option<FilterWords>,
    /// Everything that lets this owner in: key, login or email.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub everything_of: Option<String>,
    /// What a sweep found alive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub swept: Option<SweptTokens>,
    /// A plan file that somebody wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub plan_file: Option<PlanFile>,
    /// The digest that the plan file must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned_digest: Option<String>,
    /// What is to be taken back, for a restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub restore: Option<RestoreWanted>,
    /// For an expire: not now, but at this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// For an expire: not now, but so many milliseconds after the database's now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_ms: Option<u64>,
    /// Exactly so many tokens, or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<usize>,
    /// At most so many tokens; the server and the principal may allow fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rows: Option<usize>,
    /// What goes with every change.
    #[serde(flatten)]
    pub change: ChangeRequest,
}

/// The live ones of a sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SweptTokens {
    /// How many different secrets the leak held.
    pub candidates: usize,
    /// Those that are to be killed.
    pub chosen: Vec<Candidate>,
}
