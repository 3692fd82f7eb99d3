//! The columns of a list of tokens.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

use super::time::Clock;
use crate::model::Token;

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// The adapter's name.
    Adapter,
    /// The key.
    Key,
    /// The human name.
    Label,
    /// The kind.
    Kind,
    /// The state.
    State,
    /// The owner's key.
    OwnerId,
    /// The owner's login.
    OwnerLogin,
    /// The owner's address.
    OwnerEmail,
    /// When it was made.
    CreatedAt,
    /// When it was last used.
    LastUsedAt,
    /// When it ends.
    ExpiresAt,
    /// One of the adapter's details.
    Detail(String),
}

/// A column that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("there is no column `{name}`; there are {}", .known.join(", "))]
pub struct UnknownColumn {
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub known: Vec<String>,
}

const NAMED: [(&str, Column); 11] = [
    ("key", Column::Key),
    ("label", Column::Label),
    ("kind", Column::Kind),
    ("state", Column::State),
    ("owner_id", Column::OwnerId),
    ("owner_login", Column::OwnerLogin),
    ("owner_email", Column::OwnerEmail),
    ("created_at", Column::CreatedAt),
    ("last_used_at", Column::LastUsedAt),
    ("expires_at", Column::ExpiresAt),
    ("adapter", Column::Adapter),
];

/// Shorter words for some of them.
const SHORT: [(&str, Column); 7] = [
    ("id", Column::Key),
    ("name", Column::Label),
    ("owner", Column::OwnerLogin),
    ("email", Column::OwnerEmail),
    ("created", Column::CreatedAt),
    ("last_used", Column::LastUsedAt),
    ("expires", Column::ExpiresAt),
];

impl Column {
    /// Finds a column by its name; `-` and `_` are the same.
    ///
    /// # Errors
    ///
    /// When there is none of this name.
    pub fn named(name: &str, details: &[String]) -> Result<Self, UnknownColumn> {
        let wanted = name.trim().to_lowercase().replace(['-', ' '], "_");
        if let Some((_, column)) = NAMED
            .iter()
            .chain(&SHORT)
            .find(|(known, _)| *known == wanted)
        {
            return Ok(column.clone());
        }
        if let Some(detail) = details
            .iter()
            .find(|detail| detail.to_lowercase() == wanted)
        {
            return Ok(Self::Detail(detail.clone()));
        }
        let known = NAMED
            .iter()
            .map(|(known, _)| (*known).to_owned())
            .chain(details.iter().cloned())
            .collect();
        Err(UnknownColumn {
            name: name.to_owned(),
            known,
        })
    }

    /// What a table shows when nobody asks for columns.
    #[must_use]
    pub fn for_table(kinds: bool) -> Vec<Self> {
        let mut columns = vec![Self::Key, Self::Label, Self::OwnerLogin];
        if kinds {
            columns.push(Self::Kind);
        }
        columns.extend([Self::State, Self::LastUsedAt, Self::ExpiresAt]);
        columns
    }

    /// What CSV holds when nobody asks for columns.
    #[must_use]
    pub fn for_csv() -> Vec<Self> {
        NAMED.iter().map(|(_, column)| column.clone()).collect()
    }

    /// Its name in CSV.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Detail(name) => name.clone(),
            other => NAMED
                .iter()
                .find(|(_, column)| column == other)
                .map(|(name, _)| (*name).to_owned())
                .unwrap_or_default(),
        }
    }

    /// Its head in a table.
    #[must_use]
    pub fn head(&self) -> String {
        match self {
            Self::Label => "NAME".to_owned(),
            Self::OwnerLogin => "OWNER".to_owned(),
            Self::CreatedAt => "CREATED".to_owned(),
            Self::LastUsedAt => "LAST USED".to_owned(),
            Self::ExpiresAt => "EXPIRES".to_owned(),
            other => other.name().to_uppercase().replace('_', " "),
        }
    }

    /// Its value for a program.
    #[must_use]
    pub fn value(&self, token: &Token) -> String {
        let time = |time: Option<DateTime<Utc>>| {
            time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
                .unwrap_or_default()
        };
        match self {
            Self::CreatedAt => time(token.created_at),
            Self::LastUsedAt => time(token.last_used_at),
            Self::ExpiresAt => time(token.expires_at),
            other => other.text(token),
        }
    }

    /// Its value for a person.
    #[must_use]
    pub fn shown(&self, token: &Token, clock: Clock) -> String {
        match self {
            Self::CreatedAt => clock.short(token.created_at),
            Self::LastUsedAt => token
                .last_used_at
                .map_or_else(|| clock.unused().to_owned(), |time| clock.distance(time)),
            Self::ExpiresAt => clock.short(token.expires_at),
            Self::OwnerLogin => {
                let owner = token.owner.as_ref();
                owner
                    .map(|owner| owner.login.clone().unwrap_or_else(|| owner.id.clone()))
                    .unwrap_or_default()
            }
            Self::Label if token.label.is_none() => "-".to_owned(),
            Self::Key => shown_key(&token.key),
            other => other.text(token),
        }
    }

    fn text(&self, token: &Token) -> String {
        let owner = token.owner.as_ref();
        match self {
            Self::Adapter => token.adapter.clone(),
            Self::Key => token.key.clone(),
            Self::Label => token.label.clone().unwrap_or_default(),
            Self::Kind => token.kind.clone(),
            Self::State => token.state.to_string(),
            Self::OwnerId => owner.map(|owner| owner.id.clone()).unwrap_or_default(),
            Self::OwnerLogin => owner
                .and_then(|owner| owner.login.clone())
                .unwrap_or_default(),
            Self::OwnerEmail => owner
                .and_then(|owner| owner.email.clone())
                .unwrap_or_default(),
            Self::CreatedAt | Self::LastUsedAt | Self::ExpiresAt => String::new(),
            Self::Detail(name) => token.details.get(name).map(detail).unwrap_or_default(),
        }
    }
}

/// A key of this length is a digest; its beginning is for the eye, and names it as well.
const DIGEST_LENGTH: usize = 64;
const DIGEST_SHOWN: usize = 16;

/// A key for the eye: of a digest its beginning, which names it as well.
#[must_use]
pub fn shown_key(key: &str) -> String {
    let length = if key.len() == DIGEST_LENGTH {
        DIGEST_SHOWN
    } else {
        key.len()
    };
    key.chars().take(length).collect()
}

/// A detail's value as text.
pub(super) fn detail(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(members) => members.iter().map(detail).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
