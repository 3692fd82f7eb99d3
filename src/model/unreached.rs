//! What a statement cannot kill: what was made from a token, and what remembers it.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A short-lived pass that was made with the token.
    Ticket,
    /// A connection that was let in before.
    Connection,
    /// A signed token that nobody looks up, until its `exp`.
    Jwt,
    /// A login that stands by itself.
    Session,
    /// Something that remembers that the token was good.
    Cache,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ticket => "ticket",
            Self::Connection => "connection",
            Self::Jwt => "JWT",
            Self::Session => "session",
            Self::Cache => "cache",
        })
    }
}

/// Where a cache is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CachePlace {
    /// In the memory of the application's own processes.
    Memory,
    /// In Redis.
    Redis,
    /// In another service that asked the application.
    Remote,
}

impl CachePlace {
    /// What to call such a cache.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "the cache in the application's memory",
            Self::Redis => "the cache in Redis",
            Self::Remote => "the cache of another service",
        }
    }
}

/// How a cache forgets a token before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flush {
    /// Not at all.
    Wait,
    /// When the process is started again.
    Restart,
    /// When the key is deleted from Redis.
    RedisDel,
}

/// One thing that an operation did not kill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unreached {
    /// What lives on; `None` where the adapter says it in words only.
    pub what: Option<What>,
    /// The same in words.
    pub text: String,
    /// How long at most, in seconds; counted from its last use where `sliding`.
    pub lasts_seconds: Option<u64>,
    /// Whether every use begins the time again.
    pub sliding: bool,
    /// When it is over at the latest, by the database's clock; `None` where that is not known.
    pub until: Option<DateTime<Utc>>,
    /// For a cache: where it is.
    #[serde(rename = "where")]
    pub place: Option<CachePlace>,
    /// For a cache: how it forgets sooner.
    pub flush: Option<Flush>,
    /// What to type in a shell so that it forgets, one command a token. Nobody but the operator
    /// runs them.
    pub commands: Vec<String>,
    /// Keys of tokens for which there is no command, as they have no owner or label.
    pub without_command: Vec<String>,
}
