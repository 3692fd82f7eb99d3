//! The types of an adapter's data file: names, enumerated words and constants, never SQL.
//!
//! An unknown field is an error, so that a misspelt rule cannot be ignored in silence. What the
//! words mean is rendered in one place, [`super::render`].

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::audit::ApplicationAudit;
use super::release::{Quirk, Release};
use super::schedule::ExpireAt;
use super::settle::Settle;
use super::unreached::{Cache, ProbeDefaults, Survivor};
use crate::model::{Action, State};

/// One application's token table, as its TOML file says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// Name to select it by, such as `coder`.
    pub name: String,
    /// What a person calls the application.
    pub title: String,
    /// Where its source is.
    pub upstream: Option<String>,
    /// Releases whose source was read.
    pub verified_against: String,
    /// Schema of the tables, when it is always the same one.
    pub schema: Option<String>,
    /// How to recognise the application.
    pub detect: Detect,
    /// The token table.
    pub token: TokenTable,
    /// Kinds of token, tried in order.
    #[serde(default, rename = "kind")]
    pub kinds: Vec<Kind>,
    /// Whom a token acts for.
    pub owner: Option<OwnerTable>,
    /// When things happened.
    #[serde(default)]
    pub times: Times,
    /// When the application refuses a token, tried in order.
    #[serde(default)]
    pub dead: Vec<Dead>,
    /// How to make a token stop working while its row stays.
    pub expire: Option<Expire>,
    /// What is particular about deleting.
    #[serde(default)]
    pub delete: Delete,
    /// What may come back to life after the commit, and for how long that is watched.
    #[serde(default)]
    pub settle: Settle,
    /// Rows that must die with a token.
    #[serde(default, rename = "companion")]
    pub companions: Vec<Companion>,
    /// How a secret looks and leads to its row.
    pub secret: Option<Secret>,
    /// The application's own audit log.
    pub application_audit: Option<ApplicationAudit>,
    /// The application's own triggers on these tables, which leave our writes as they are.
    #[serde(default)]
    pub triggers: Vec<String>,
    /// Where the application keeps its release's number.
    pub release: Option<Release>,
    /// What is particular about some releases.
    #[serde(default, rename = "quirk")]
    pub quirks: Vec<Quirk>,
    /// What a kill does not reach.
    #[serde(default, rename = "survivor")]
    pub survivors: Vec<Survivor>,
    /// What remembers that a token was good.
    #[serde(default, rename = "cache")]
    pub caches: Vec<Cache>,
    /// How to ask the application itself.
    #[serde(default)]
    pub probe: ProbeDefaults,
    /// What to know of a kill.
    #[serde(default, rename = "note")]
    pub notes: Vec<Note>,
    /// sha256 in hex of the file's text: of two files, which one this is.
    #[serde(skip)]
    pub sha256: String,
}

/// How to recognise the application's database.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detect {
    /// `table.column` or `table.column:type`, all in one schema.
    pub all_of: Vec<String>,
    /// `table` or `table.column`, none of which may exist in that schema.
    #[serde(default)]
    pub none_of: Vec<String>,
    /// Tables whose presence means: recognised, and not to be touched.
    #[serde(default)]
    pub refuse: Vec<Refusal>,
}

/// A table that makes breakglass refuse the database.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// The table's name.
    pub table: String,
    /// Why its presence is a reason.
    pub why: String,
}

/// The table that holds the tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenTable {
    /// Its name.
    pub table: String,
    /// Its primary key's column.
    pub key: String,
    /// Whether the key is the secret itself; the model's key is then its sha256.
    #[serde(default)]
    pub key_is_secret: bool,
    /// What a key looks like: only words of this shape are looked up as one.
    pub key_pattern: Option<String>,
    /// The column of the human name.
    pub label: Option<String>,
    /// The kind that a label means, and that `ls` shows.
    pub default_kind: String,
    /// Columns that some releases of the application lack.
    #[serde(default)]
    pub optional: Vec<String>,
    /// Columns that the application writes by itself: shown, never compared.
    #[serde(default)]
    pub moving: Vec<String>,
    /// Further columns to show.
    #[serde(default)]
    pub details: Vec<String>,
}

/// A kind of token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// Word for it, such as `session`.
    pub name: String,
    /// What it is, in a few words.
    pub title: String,
    /// Conditions that all hold; none means every row that is left.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// What to know before killing one.
    pub warn: Option<String>,
}

/// A condition on one column's text.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The column.
    pub column: String,
    /// Its text is this.
    pub is: Option<String>,
    /// Its text begins with this.
    pub starts_with: Option<String>,
    /// Its text ends with this.
    pub ends_with: Option<String>,
    /// It is an array that contains this text.
    pub contains: Option<String>,
}

/// The table of those whom tokens act for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerTable {
    /// Column of the token table that points at the owner.
    pub column: String,
    /// The owners' table.
    pub table: String,
    /// Its key.
    pub key: String,
    /// Its login column.
    pub login: String,
    /// Its e-mail column.
    pub email: Option<String>,
    /// Further columns to show, as `owner_<column>`.
    #[serde(default)]
    pub details: Vec<String>,
    /// What still lets an owner in when every token is dead, and what ends it.
    #[serde(default)]
    pub out_of_reach: Vec<String>,
}

/// When things happened to a token.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// When it was made.
    pub created: Option<Time>,
    /// When it was last used.
    pub last_used: Option<Time>,
    /// When it ends.
    pub expires: Option<Time>,
}

/// A column that holds a time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// The column.
    pub column: String,
    /// How it holds it.
    pub unit: Unit,
    /// The value that means never, besides null.
    pub never: Option<Never>,
}

/// How a column holds a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// `timestamp with time zone`.
    Timestamptz,
    /// `timestamp without time zone`, in UTC.
    Utc,
    /// Seconds since 1970 in an integer column.
    Seconds,
    /// Milliseconds since 1970 in an integer column.
    Milliseconds,
    /// A `date`, in UTC.
    Date,
}

/// A value that means never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Never {
    /// 1970-01-01 or before.
    Epoch,
    /// 0, in an integer column.
    Zero,
    /// -1, in an integer column.
    MinusOne,
}

/// A rule by which the application refuses a token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dead {
    /// The state that it means: `expired`, `revoked` or `disabled`.
    pub state: State,
    /// The column.
    pub column: String,
    /// What must hold of it.
    pub when: When,
    /// The constant of `eq` and `not_eq`, as the column's type reads it.
    pub text: Option<String>,
}

/// What must hold of a column for the token to be dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Its time has come; the column must be one of the adapter's times.
    Past,
    /// It is true.
    True,
    /// It is false.
    False,
    /// It is not null.
    NotNull,
    /// It is null.
    Null,
    /// It is a number greater than zero.
    GtZero,
    /// It is the rule's `text`; null is not.
    Eq,
    /// It is something else than the rule's `text`; null is not.
    NotEq,
}

impl When {
    /// Whether it compares with a constant.
    #[must_use]
    pub const fn compares(self) -> bool {
        matches!(self, Self::Eq | Self::NotEq)
    }
}

/// How to make a token stop working.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expire {
    /// Columns to set, and to what.
    pub set: BTreeMap<String, Set>,
    /// How to make it end at a time in the future, where the application would honour that.
    pub at: Option<ExpireAt>,
}

/// What a column is set to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected true, false, \"now\", \"now_minus_1s\", { text = \"…\" } or { null = true }"
)]
pub enum Set {
    /// A switch.
    Flag(bool),
    /// A word.
    Word(SetWord),
    /// A constant.
    Text(SetText),
    /// Nothing.
    Null(SetNull),
}

/// A constant that a column is set to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetText {
    /// As the column's type reads it, whatever type that is.
    pub text: String,
}

/// A column is set to null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetNull {
    /// Always true.
    pub null: bool,
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Word(SetWord::Now) => f.write_str("now"),
            Self::Word(SetWord::NowMinusOneSecond) => f.write_str("now - 1 s"),
            Self::Text(SetText { text }) => write!(f, "'{text}'"),
            Self::Null(_) => f.write_str("null"),
        }
    }
}

/// What a column is set to, by the database's clock and in the column's own unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum SetWord {
    /// The time of the transaction.
    #[serde(rename = "now")]
    Now,
    /// One second before: for applications that compare strictly or by another clock.
    #[serde(rename = "now_minus_1s")]
    NowMinusOneSecond,
}

/// What is particular about deleting.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delete {
    /// Why nothing short of deleting kills a token of this application.
    pub only: Option<String>,
}

/// Rows of another table that must die with a token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Companion {
    /// What to call one.
    pub name: String,
    /// Their table.
    pub table: String,
    /// Whether some releases of the application lack the table.
    #[serde(default)]
    pub optional: bool,
    /// Its primary key's column.
    pub key: String,
    /// Its column that holds the token's key.
    pub token: String,
    /// How to make one stop working.
    pub expire: Expire,
    /// When the application refuses one.
    pub dead: Vec<Dead>,
}

impl Companion {
    /// Its columns that decide over life and death, and those that an expire sets.
    #[must_use]
    pub fn vital(&self) -> Vec<String> {
        let rules = self.dead.iter().map(|rule| rule.column.clone());
        let mut columns: Vec<String> = rules.chain(self.expire.columns()).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

/// How a secret looks, and how it leads to its row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// Its whole shape; tested locally, before anything is sent.
    pub pattern: String,
    /// The shape in words.
    pub shape: String,
    /// Text between its parts.
    pub split: Option<String>,
    /// Which part is the row's key, counted from 0.
    pub key_part: Option<usize>,
    /// How to compare the secret with what is stored.
    pub verify: Option<Verify>,
}

/// How the application stores a secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// Which part of the secret is hashed; the whole where it has none.
    pub part: Option<usize>,
    /// The hash.
    pub hash: Hash,
    /// How the hash stands in the column.
    pub encoding: Encoding,
    /// The column.
    pub column: String,
}

/// A hash that applications store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hash {
    /// The secret itself.
    None,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How a hash stands in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Bytes in a `bytea`.
    Raw,
    /// Lower-case hexadecimal text.
    Hex,
    /// Text as it is.
    Text,
}

/// A sentence for those who kill a token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// The actions that it concerns: `expire`, `delete`.
    pub on: Vec<Action>,
    /// The sentence.
    pub text: String,
}
