//! What Coder's API sends, as codersdk reads it. No secret is among it, and no hash of one.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::model::{Owner, OwnerRow, Token};

/// Seconds from 1970 to the year 1, which is a time that nobody set in Go.
const UNSET: i64 = -62_135_596_800;

/// Seconds from 1970 to the end of the year 9999: what `infinity` is to those who cannot read it.
const NEVER_ENDS: i64 = 253_402_300_799;

/// An API key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = codersdk::APIKey)]
pub(super) struct ApiKey {
    id: String,
    user_id: String,
    /// The year 1 where it was never used, whatever release wrote that.
    last_used: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    /// The same as `created_at`: Coder sets both when it makes a key, and this one never again.
    updated_at: DateTime<Utc>,
    login_type: String,
    /// `all`, `application_connect`, or nothing where `scopes` say more than one of the two words.
    scope: String,
    scopes: Vec<String>,
    token_name: String,
    lifetime_seconds: i64,
    allow_list: Vec<String>,
}

/// An API key, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = codersdk::APIKeyWithOwner)]
pub(super) struct ApiKeyWithOwner {
    #[serde(flatten)]
    key: ApiKey,
    /// Empty where the owner's row is gone.
    username: String,
}

/// A user. What breakglass does not read is as a new value of Go's is: empty, or the year 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = codersdk::User)]
pub(super) struct User {
    id: String,
    username: String,
    name: String,
    avatar_url: String,
    email: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    status: String,
    login_type: String,
    theme_preference: String,
    organization_ids: Vec<String>,
    roles: Vec<Role>,
}

/// A role of a user, by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = codersdk::SlimRole)]
struct Role {
    name: String,
    display_name: String,
}

/// What answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = codersdk::BuildInfoResponse)]
pub(super) struct BuildInfo {
    external_url: String,
    /// Ours, and whose it is: `v0.1.0+breakglass`.
    version: String,
    dashboard_url: String,
    telemetry: bool,
    workspace_proxy: bool,
    agent_api_version: String,
    provisioner_api_version: String,
    upgrade_message: String,
    deployment_id: String,
}

/// What was not done, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = codersdk::Response)]
pub(super) struct Response {
    /// A sentence.
    pub(super) message: String,
    /// The code of the same problem under `/v1`, and what goes with it.
    pub(super) detail: String,
    /// The keys that an ambiguous name could mean.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) validations: Vec<Validation>,
}

/// What there is to say of one field, or of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = codersdk::ValidationError)]
pub(super) struct Validation {
    pub(super) field: String,
    pub(super) detail: String,
}

impl ApiKey {
    /// A token in Coder's words.
    pub(super) fn of(token: &Token) -> Self {
        let text = |name| {
            let value = token.details.get(name).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        // Until v2.26 a key had one scope and no list.
        let old = Some(text("scope")).filter(|scope| !scope.is_empty());
        let scopes = texts(token, "scopes").unwrap_or_else(|| old.into_iter().collect());
        let lifetime = token.details.get("lifetime_seconds");
        let created_at = token.created_at.unwrap_or_else(unset);
        Self {
            id: token.key.clone(),
            user_id: token
                .owner
                .as_ref()
                .map(|owner| owner.id.clone())
                .unwrap_or_default(),
            last_used: token.last_used_at.unwrap_or_else(unset),
            expires_at: token.expires_at.unwrap_or_else(|| at(NEVER_ENDS)),
            created_at,
            updated_at: created_at,
            login_type: text("login_type"),
            scope: legacy(&scopes).to_owned(),
            scopes,
            token_name: token.label.clone().unwrap_or_default(),
            lifetime_seconds: lifetime.and_then(Value::as_i64).unwrap_or_default(),
            allow_list: texts(token, "allow_list").unwrap_or_default(),
        }
    }
}

impl ApiKeyWithOwner {
    /// A token in Coder's words.
    pub(super) fn of(token: &Token) -> Self {
        let login = token.owner.as_ref().and_then(|owner| owner.login.clone());
        Self {
            key: ApiKey::of(token),
            username: login.unwrap_or_default(),
        }
    }
}

impl User {
    /// An owner in Coder's words.
    pub(super) fn of(row: OwnerRow) -> Self {
        let OwnerRow {
            owner: Owner { id, login, email },
            details,
        } = row;
        let status = details.get("status").and_then(Value::as_str);
        Self {
            id,
            username: login.unwrap_or_default(),
            email: email.unwrap_or_default(),
            ..Self::new(status.unwrap_or_default())
        }
    }

    /// A user that is in no table: a principal who may act on everybody's keys.
    pub(super) fn principal(name: &str) -> Self {
        let owner = Role {
            name: "owner".to_owned(),
            display_name: "Owner".to_owned(),
        };
        Self {
            id: uuid::Uuid::nil().to_string(),
            username: name.to_owned(),
            roles: vec![owner],
            ..Self::new("active")
        }
    }

    fn new(status: &str) -> Self {
        Self {
            id: String::new(),
            username: String::new(),
            name: String::new(),
            avatar_url: String::new(),
            email: String::new(),
            created_at: unset(),
            updated_at: unset(),
            last_seen_at: unset(),
            status: status.to_owned(),
            login_type: String::new(),
            theme_preference: String::new(),
            organization_ids: Vec::new(),
            roles: Vec::new(),
        }
    }
}

impl BuildInfo {
    /// This program, which is no coderd.
    pub(super) fn ours() -> Self {
        Self {
            external_url: String::new(),
            version: format!("v{}+breakglass", env!("CARGO_PKG_VERSION")),
            dashboard_url: String::new(),
            telemetry: false,
            workspace_proxy: false,
            agent_api_version: String::new(),
            provisioner_api_version: String::new(),
            upgrade_message: "breakglass answers here in the place of coderd, for tokens only"
                .to_owned(),
            deployment_id: String::new(),
        }
    }
}

/// The one word that clients from before v2.27 know of scopes.
fn legacy(scopes: &[String]) -> &'static str {
    let has = |words: [&str; 2]| scopes.iter().any(|scope| words.contains(&scope.as_str()));
    if has(["application_connect", "coder:application_connect"]) {
        "application_connect"
    } else if has(["all", "coder:all"]) {
        "all"
    } else {
        ""
    }
}

/// The texts of a detail that is a list of them.
fn texts(token: &Token, name: &str) -> Option<Vec<String>> {
    let list = token.details.get(name)?.as_array()?;
    let texts = list.iter().filter_map(Value::as_str);
    Some(texts.map(str::to_owned).collect())
}

fn unset() -> DateTime<Utc> {
    at(UNSET)
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::UNIX_EPOCH)
}
