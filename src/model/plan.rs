//! The plan: the exact rows that an operation will change, and what was shown of them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::{Action, Token};

/// What the statement is expected to do with a planned row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It is alive (or to be deleted): it will be changed.
    Change,
    /// It is dead already, or ends by itself before it is to: it will be left as it is.
    Unchanged,
}

/// What became of comparing a pasted secret with the stored one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretCheck {
    /// No secret was given: the row was named by key or label.
    NotGiven,
    /// The secret is the row's.
    Verified,
    /// The role may not read the column that would tell.
    NotVerified,
}

/// One token of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedToken {
    /// What was shown.
    pub token: Token,
    /// What is expected of it.
    pub effect: Effect,
    /// Columns that must be as they were, as text, whatever the row's state.
    pub fixed: Map<String, Value>,
    /// Columns that decide over life and death, as text: they must be as they were, or the
    /// row dead.
    pub vital: Map<String, Value>,
    /// Whether it was named by its secret, and what that proved.
    pub secret: SecretCheck,
}

/// A row that must die with a token, such as the refresh token that would mint a new one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CompanionRow {
    /// What the adapter calls it.
    pub name: String,
    /// Its table, with the schema.
    pub relation: String,
    /// Its primary key as text.
    pub key: String,
    /// The key of the token that it belongs to.
    pub token: String,
    /// Its state by the adapter's rule.
    pub state: String,
    /// Whether it is dead already.
    pub dead: bool,
    /// Its vital columns as text.
    pub vital: Map<String, Value>,
}

/// Rows of another table that the database changes by itself when a planned row is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cascade {
    /// The referencing table, with its schema.
    pub relation: String,
    /// The foreign key's name.
    pub constraint: String,
    /// What the key does: `cascade`, `set null`, `set default`, `restrict` or `no action`.
    pub on_delete: String,
    /// How many rows; `None` where the role may not count them.
    pub rows: Option<i64>,
}

/// What a restore does with one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PutBack {
    /// Its table, with the schema.
    pub relation: String,
    /// What the adapter calls it, for a companion; `None` for a token.
    pub companion: Option<String>,
    /// Its primary key as text.
    pub key: String,
    /// The key of the token that it belongs to, or is.
    pub token: String,
    /// The columns that are put back, as they will be; none where all are so already.
    pub before: Map<String, Value>,
    /// The same columns as the restored operation left them, and as they are now.
    pub after: Map<String, Value>,
    /// Its state before the restored operation, as that one recorded it.
    pub state_before: String,
    /// Its state by the adapter's rule, once it is put back.
    pub state: String,
    /// When it ends then, or ended; `None` is never, or not known.
    pub ends_at: Option<DateTime<Utc>>,
}

/// The exact rows that an operation will change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// What will be done to them.
    pub action: Action,
    /// For an expire with an end in the future: that end.
    #[serde(default)]
    pub ends_at: Option<DateTime<Utc>>,
    /// Name of the adapter that read them.
    pub adapter: String,
    /// The tokens, in key order.
    pub tokens: Vec<PlannedToken>,
    /// The live companions that die with them.
    pub companions: Vec<CompanionRow>,
    /// Whether companions are left as they are, the live ones too.
    #[serde(default)]
    pub leaves_companions: bool,
    /// For a delete: what the catalogue says it takes along.
    pub cascades: Vec<Cascade>,
    /// For a restore: what is put back, a row each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub put_back: Vec<PutBack>,
}

impl Plan {
    /// The keys of the planned tokens.
    #[must_use]
    pub fn keys(&self) -> Vec<&str> {
        self.tokens
            .iter()
            .map(|planned| planned.token.key.as_str())
            .collect()
    }

    /// The same, for a statement.
    #[must_use]
    pub fn owned_keys(&self) -> Vec<String> {
        self.keys().into_iter().map(str::to_owned).collect()
    }

    /// How many tokens the operation is expected to change.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.tokens
            .iter()
            .filter(|planned| planned.effect == Effect::Change)
            .count()
    }

    /// sha256 in hex over everything that the change will be compared with.
    ///
    /// Columns that move by themselves (last used, address) are not part of it.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut feed = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        feed(self.action.as_str());
        if let Some(ends_at) = self.ends_at {
            feed(&format!("ends at {}", ends_at.to_rfc3339()));
        }
        feed(&self.adapter);
        for planned in &self.tokens {
            feed(&planned.token.key);
            feed(&Value::Object(planned.fixed.clone()).to_string());
            feed(&Value::Object(planned.vital.clone()).to_string());
        }
        for companion in &self.companions {
            feed(&companion.relation);
            feed(&companion.key);
            feed(&Value::Object(companion.vital.clone()).to_string());
        }
        for row in &self.put_back {
            feed(&row.relation);
            feed(&row.key);
            feed(&Value::Object(row.before.clone()).to_string());
        }
        if self.leaves_companions {
            feed("companions left");
        }
        hex(&hash.finalize())
    }
}

/// Lower-case hexadecimal of some bytes.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _written = write!(text, "{byte:02x}");
            text
        })
}
