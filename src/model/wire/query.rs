//! What a list is asked for with.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::change::is_false;
use super::filter::FilterWords;
use crate::model::{Deed, Outcome};

/// What a list can be sorted by, for the description: the words are the adapter's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum SortWord {
    /// The key.
    Key,
    /// The name.
    Name,
    /// The owner's login.
    Owner,
    /// When it was made.
    Created,
    /// When it was last used.
    LastUsed,
    /// When it ends.
    Expires,
}

/// Which tokens, in which order, and which page of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TokenQuery {
    /// Also those that are dead.
    #[serde(skip_serializing_if = "is_false")]
    pub include_expired: bool,
    /// Kinds, with commas between them; `all` is every kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Owner's key, login or email.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Name, with `*` and `?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Not used for so long, such as `90d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(pattern = r"^[0-9]{1,4}(ms|s|m|h|d)$")]
    pub unused_for: Option<String>,
    /// Ends within so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(pattern = r"^[0-9]{1,4}(ms|s|m|h|d)$")]
    pub expires_within: Option<String>,
    /// Ends later than this, or never: RFC 3339, or so long after now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(
        pattern = r"^([0-9]{1,4}(ms|s|m|h|d)|20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)$"
    )]
    pub expires_after: Option<String>,
    /// Made before this: RFC 3339, or so long before now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(
        pattern = r"^([0-9]{1,4}(ms|s|m|h|d)|20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)$"
    )]
    pub created_before: Option<String>,
    /// Made at this time or later: RFC 3339, or so long before now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(
        pattern = r"^([0-9]{1,4}(ms|s|m|h|d)|20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)$"
    )]
    pub created_after: Option<String>,
    /// `key`, `name`, `owner`, `created`, `last_used` or `expires`; `key` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<SortWord>)]
    pub sort: Option<String>,
    /// Largest first.
    #[serde(skip_serializing_if = "is_false")]
    pub descending: bool,
    /// At most so many on this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 5000)]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl TokenQuery {
    /// The filter in it.
    #[must_use]
    pub fn filter(&self) -> FilterWords {
        let Self {
            include_expired,
            kind,
            owner,
            name,
            unused_for,
            expires_within,
            expires_after,
            created_before,
            created_after,
            sort: _,
            descending: _,
            limit: _,
            after: _,
        } = self.clone();
        FilterWords {
            include_expired,
            kind,
            owner,
            name,
            unused_for,
            expires_within,
            expires_after,
            created_before,
            created_after,
        }
    }
}

/// Which operations, the newest first, and which page of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OperationQuery {
    /// Not before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// Before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// Not before so many milliseconds ago, by the database's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_ms_ago: Option<u64>,
    /// Before so many milliseconds ago, by the database's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_ms_ago: Option<u64>,
    /// Database role, operating system's user, application's user or HTTP principal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// What it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Deed>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Key or name of a token that it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Key or login of such a token's owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Also the batches of runs that were done.
    #[serde(skip_serializing_if = "is_false")]
    pub batches: bool,
    /// At most so many on this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 5000)]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// What must be possible, for `doctor`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DoctorQuery {
    /// Deletes must be possible too.
    pub delete: bool,
}
