//! Who may call, and what they may do: the principals of a file.

mod allowance;
mod bearer;
mod file;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

use crate::model::Action;

pub use allowance::{Allowance, Exhausted};
pub use bearer::{BearerDigest, BearerToken};
pub use file::{FileError, Principals};

/// What a principal may do: the verbs of the operations.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// List tokens.
    List,
    /// Show one token, or what lets an owner in.
    Show,
    /// Expire tokens.
    Expire,
    /// Delete tokens.
    Delete,
    /// Take an operation back.
    Restore,
    /// Judge the secrets of a leak.
    Sweep,
    /// Read the audit log, and what doctor finds.
    Audit,
}

impl Permission {
    /// What an action needs.
    #[must_use]
    pub const fn of(action: Action) -> Self {
        match action {
            Action::Expire => Self::Expire,
            Action::Delete => Self::Delete,
            Action::Restore => Self::Restore,
        }
    }

    /// The word in the file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Show => "show",
            Self::Expire => "expire",
            Self::Delete => "delete",
            Self::Restore => "restore",
            Self::Sweep => "sweep",
            Self::Audit => "audit",
        }
    }
}

/// Somebody who may call.
#[derive(Debug)]
pub struct Principal {
    /// The name in the record.
    pub name: String,
    /// What they may do.
    pub permissions: Vec<Permission>,
    /// The adapter's kinds that there are for them; `None` is every kind.
    pub kinds: Option<Vec<String>>,
    /// The one owner that there is for them: login, email or key; `None` is everybody.
    pub owner: Option<String>,
    /// Tokens that one request may change, or list, at most.
    pub max_rows: Option<usize>,
    /// What they may change in an hour.
    pub allowance: Allowance,
    /// The reason of requests that cannot say one: those of Coder's own clients.
    pub default_reason: Option<String>,
    bearers: Vec<Bearer>,
    certificates: Vec<String>,
    uids: Vec<u32>,
    expires: Option<DateTime<Utc>>,
}

/// A bearer token of a principal.
#[derive(Debug)]
struct Bearer {
    id: String,
    sha256: BearerDigest,
    expires: Option<DateTime<Utc>>,
}

/// A principal who proved to be it, and by what.
#[derive(Clone, Debug)]
pub struct Proven {
    /// Who.
    pub principal: Arc<Principal>,
    /// The id of what proved it: of a bearer token, a certificate's subject, or a uid.
    pub credential: String,
}

impl Principal {
    /// Whether they may do it.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

impl Principals {
    /// Whose bearer token it is. Every known one is compared, each in constant time.
    #[must_use]
    pub fn by_bearer(&self, token: &BearerToken) -> Option<Proven> {
        let digest = token.digest();
        let now = now();
        let known = self.all().flat_map(|principal| {
            let bearers = principal.bearers.iter();
            bearers.map(move |bearer| (principal, bearer))
        });
        let mut found = None;
        for (principal, bearer) in known {
            let is_it = bearer.sha256.is(&digest);
            let is_over = principal.is_over(now) || bearer.expires.is_some_and(|end| end <= now);
            if is_it && !is_over {
                found = Some(Proven {
                    principal: Arc::clone(principal),
                    credential: bearer.id.clone(),
                });
            }
        }
        found
    }

    /// Whose certificate it is, by its subject.
    #[must_use]
    pub fn by_subject(&self, subject: &str) -> Option<Proven> {
        self.of(
            |principal| principal.certificates.iter().any(|known| known == subject),
            format!("certificate {subject}"),
        )
    }

    /// Who a user of this machine is.
    #[must_use]
    pub fn by_uid(&self, uid: u32) -> Option<Proven> {
        self.of(
            |principal| principal.uids.contains(&uid),
            format!("uid {uid}"),
        )
    }

    fn of(&self, is_it: impl Fn(&Principal) -> bool, credential: String) -> Option<Proven> {
        let now = now();
        let mut known = self.all();
        let principal = known.find(|principal| is_it(principal) && !principal.is_over(now))?;
        Some(Proven {
            principal: Arc::clone(principal),
            credential,
        })
    }
}

/// The server's clock, for what its own file says of principals: they are let in, or not, also while
/// the database is away. Tokens of the application are judged by the database's clock alone.
fn now() -> DateTime<Utc> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    DateTime::from(SystemTime::UNIX_EPOCH + since.unwrap_or(Duration::ZERO))
}
