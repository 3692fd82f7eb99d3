//! Which tokens by what they are, in the words of the command line.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::change::is_false;

/// A filter. A time is RFC 3339, or a distance from the database's now such as `90d`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FilterWords {
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
    #[schema(pattern = r"^[0-9]{1,4}(ms|s|m|h|d)$")]
    pub unused_for: Option<String>,
    /// Ends within so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = r"^[0-9]{1,4}(ms|s|m|h|d)$")]
    pub expires_within: Option<String>,
    /// Ends later than this, or never; a distance is ahead of now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        pattern = r"^([0-9]{1,4}(ms|s|m|h|d)|20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)$"
    )]
    pub expires_after: Option<String>,
    /// Made before this; a distance is back from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        pattern = r"^([0-9]{1,4}(ms|s|m|h|d)|20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)$"
    )]
    pub created_before: Option<String>,
    /// Made at this time or later; a distance is back from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        pattern = r"^([0-9]{1,4}(ms|s|m|h|d)|20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)$"
    )]
    pub created_after: Option<String>,
}
