//! Whom `{user}` means: `me`, a uuid or a username.
//!
//! A principal who is bound to an owner is that owner: `me` is they, and there is nobody else. One who is
//! not bound is nobody in Coder's tables; `me` is then everybody, and has the nil uuid where one is asked
//! for.

use uuid::Uuid;

use super::types::User;
use crate::http::app::App;
use crate::http::caller::Caller;
use crate::http::problem::Refused;
use crate::model::{OwnerRow, Token};
use crate::ops::{Desk, FindOwners};

/// Who calls, in a path.
const ME: &str = "me";

/// Whom `{user}` means.
#[derive(Debug)]
pub(super) enum Who {
    /// Everybody: `me` of a principal who is not bound to an owner.
    Everybody,
    /// One user.
    One(OwnerRow),
}

impl Who {
    /// Reads the part of a path.
    ///
    /// # Errors
    ///
    /// When there is no such user, or not for the caller.
    pub(super) async fn read(app: &App, desk: &Desk, user: &str) -> Result<Self, Refused> {
        let absent = || Refused::not_found("no_such_owner", "there is no such user".to_owned());
        let id = Uuid::parse_str(user).ok();
        let word = match (&desk.scope.owner, id) {
            (Some(own), _) if user == ME => own.clone(),
            (None, _) if user == ME => return Ok(Self::Everybody),
            (None, Some(id)) if id.is_nil() => return Ok(Self::Everybody),
            (_, Some(id)) => id.to_string(),
            // It would be sent, and is nobody's name.
            (_, None) if app.context().holds_secret(user) => return Err(absent()),
            (_, None) => user.to_owned(),
        };
        let is_it = |row: &OwnerRow| {
            if row.owner.id == word {
                return true;
            }
            let login = row.owner.login.as_ref().map(|login| login.to_lowercase());
            let is_deleted = row
                .details
                .get("deleted")
                .and_then(serde_json::Value::as_bool);
            id.is_none() && login == Some(word.to_lowercase()) && is_deleted != Some(true)
        };
        let find = FindOwners { word: word.clone() };
        let found = find.run(desk).await?.into_iter().find(is_it);
        found.map(Self::One).ok_or_else(absent)
    }

    /// The key of the one user.
    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::Everybody => None,
            Self::One(row) => Some(&row.owner.id),
        }
    }

    /// Whether a token is theirs.
    pub(super) fn has(&self, token: &Token) -> bool {
        let owner = token.owner.as_ref().map(|owner| owner.id.as_str());
        self.id().is_none_or(|id| owner == Some(id))
    }

    /// Whether it is the principal, and nobody in Coder's tables.
    pub(super) fn is_everybody(&self) -> bool {
        matches!(self, Self::Everybody)
    }

    /// The user, as Coder's API shows one.
    pub(super) fn shown(self, caller: &Caller) -> User {
        match self {
            Self::Everybody => User::principal(&caller.principal().name),
            Self::One(row) => User::of(row),
        }
    }
}
