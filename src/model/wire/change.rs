//! What goes with every change: why, how it is watched, and whether it is done at all.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who asks, as told by the client. On a unix socket the kernel has more say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sender {
    /// The operating system's user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_user: Option<String>,
    /// The machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// What goes with every change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ChangeRequest {
    /// Why. The header `X-Breakglass-Reason` will do instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required, nullable = false, min_length = 1, pattern = r"\S")]
    pub reason: Option<String>,
    /// The ticket that asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Do the work, roll it back, and tell what it would have done.
    #[serde(skip_serializing_if = "is_false")]
    pub dry_run: bool,
    /// How long to watch that it stays so, in milliseconds; 0 looks once. The adapter's own by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 60_000)]
    pub settle_ms: Option<u32>,
    /// Leave the application's own audit log alone.
    #[serde(skip_serializing_if = "is_false")]
    pub no_app_audit: bool,
    /// The application's user on whose behalf: key, login or email.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_actor: Option<String>,
    /// Leave the rows alone that would die with the tokens.
    #[serde(skip_serializing_if = "is_false")]
    pub leave_companions: bool,
    /// Who asks.
    pub sender: Sender,
}

/// An expire of one token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExpireRequest {
    /// Not now, but at this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// Not now, but so many seconds after the database's now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_seconds: Option<u32>,
    /// What goes with every change.
    #[serde(flatten)]
    pub change: ChangeRequest,
}

/// A delete of one token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeleteRequest {
    /// What goes with every change.
    #[serde(flatten)]
    pub change: ChangeRequest,
}

/// A restore of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RestoreRequest {
    /// Put back what is as it was left, where other columns changed since.
    #[serde(skip_serializing_if = "is_false")]
    pub force: bool,
    /// What goes with every change.
    #[serde(flatten)]
    pub change: ChangeRequest,
}

/// The yes to a plan. What the plan says of reason and ticket holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ApplyRequest {}

/// The no to a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeclineRequest {
    /// The token of a delete that was not confirmed; left out, the operator said no to all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_confirmed: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
pub(super) fn is_false(value: &bool) -> bool {
    !value
}
