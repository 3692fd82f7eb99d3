//! The routes of Coder's own interface, with `codersdk`'s names.

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Client;
use super::call::{Body, Call};
use super::error::Error;

/// An API key as Coder tells it. It never holds the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoderKey {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub user_id: Uuid,
    /// When it was last used.
    pub last_used: DateTime<Utc>,
    /// When it ends, or ended.
    pub expires_at: DateTime<Utc>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// How whoever holds it logged in, such as `token`.
    pub login_type: String,
    /// What it may do, in the words of old clients.
    #[serde(default)]
    pub scope: String,
    /// What it may do.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Its name.
    pub token_name: String,
    /// How long it lives after a refresh, in seconds.
    pub lifetime_seconds: i64,
    /// What it may touch, each as `type:id`.
    #[serde(default)]
    pub allow_list: Vec<String>,
    /// Whose it is, by name; in lists only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// A user as Coder tells it, as far as its clients need one to name keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoderUser {
    /// The id.
    pub id: Uuid,
    /// The login.
    pub username: String,
    /// The address.
    #[serde(default)]
    pub email: String,
}

/// Which build answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildInfo {
    /// Its version.
    pub version: String,
    /// Where it is told of.
    #[serde(default)]
    pub external_url: String,
}

/// Which tokens are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TokensFilter {
    /// Those of everybody whom the caller may see.
    pub include_all: bool,
    /// Those that have ended too.
    pub include_expired: bool,
}

const USERS: [&str; 3] = ["api", "v2", "users"];

impl Client {
    /// Makes an API key stop working, as `codersdk`'s `ExpireAPIKey` does; one that has ended already is
    /// left as it is, and that is success. The user is a login, a uuid or `me`.
    ///
    /// # Errors
    ///
    /// When there is no such key, the server refuses, or there is no answer.
    pub async fn expire_api_key(&self, user: &str, key_id: &str) -> Result<(), Error> {
        let [api, v2, users] = USERS;
        let path = [api, v2, users, user, "keys", key_id, "expire"];
        self.change_key(Method::PUT, &path).await
    }

    /// Removes an API key for good, as `codersdk`'s `DeleteAPIKey` does.
    ///
    /// # Errors
    ///
    /// When there is no such key, the server refuses, or there is no answer.
    pub async fn delete_api_key(&self, user: &str, key_id: &str) -> Result<(), Error> {
        let [api, v2, users] = USERS;
        let path = [api, v2, users, user, "keys", key_id];
        self.change_key(Method::DELETE, &path).await
    }

    async fn change_key(&self, method: Method, path: &[&str]) -> Result<(), Error> {
        let call = Call {
            method,
            url: self.0.server.url(path)?,
            body: Body::Nothing,
            operation: Some(Uuid::now_v7()),
        };
        self.taken(&call).await.map(drop)
    }

    /// The tokens of a user, as `codersdk`'s `Tokens` does.
    ///
    /// # Errors
    ///
    /// When the server refuses, or there is no answer.
    pub async fn coder_tokens(
        &self,
        user: &str,
        filter: TokensFilter,
    ) -> Result<Vec<CoderKey>, Error> {
        let [api, v2, users] = USERS;
        let path = [api, v2, users, user, "keys", "tokens"];
        // Where there are none, Coder says null.
        let keys: Option<Vec<CoderKey>> = self.get_by(&path, &filter).await?;
        Ok(keys.unwrap_or_default())
    }

    /// A user's key by its name.
    ///
    /// # Errors
    ///
    /// When there is none or several, the server refuses, or there is no answer.
    pub async fn coder_key_by_name(&self, user: &str, name: &str) -> Result<CoderKey, Error> {
        let [api, v2, users] = USERS;
        self.get(&[api, v2, users, user, "keys", "tokens", name])
            .await
    }

    /// A key by its id.
    ///
    /// # Errors
    ///
    /// When there is none, the server refuses, or there is no answer.
    pub async fn coder_key(&self, user: &str, key_id: &str) -> Result<CoderKey, Error> {
        let [api, v2, users] = USERS;
        self.get(&[api, v2, users, user, "keys", key_id]).await
    }

    /// A user: by login, uuid or `me`.
    ///
    /// # Errors
    ///
    /// When there is none, the server refuses, or there is no answer.
    pub async fn coder_user(&self, user: &str) -> Result<CoderUser, Error> {
        let [api, v2, users] = USERS;
        self.get(&[api, v2, users, user]).await
    }

    /// Which build answers.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn build_info(&self) -> Result<BuildInfo, Error> {
        self.get(&["api", "v2", "buildinfo"]).await
    }
}
