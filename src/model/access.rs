//! Everything that lets somebody in, across every kind of token and what would mint a new one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{CompanionRow, JSON_SCHEMA, Owner, Token};

/// Whom it is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OwnerRow {
    /// Who.
    #[serde(flatten)]
    pub owner: Owner,
    /// Further columns that the adapter names, such as a status.
    pub details: Map<String, Value>,
}

/// A token that lets its owner in, by itself or by a companion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Credential {
    /// The token; it may be dead where a companion of it lives.
    #[serde(flatten)]
    pub token: Token,
    /// The companions that live.
    pub companions: Vec<CompanionRow>,
}

/// The credentials of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CredentialsOfKind {
    /// The kind.
    pub kind: String,
    /// What it is, in a few words.
    pub title: Option<String>,
    /// The credentials, in key order.
    pub tokens: Vec<Credential>,
}

/// Everything that lets an owner in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Access {
    /// Who.
    pub owner: OwnerRow,
    /// What the database holds, by kind in the adapter's order; kinds without any are left out.
    pub kinds: Vec<CredentialsOfKind>,
    /// What it does not hold, or what ending its rows does not reach.
    pub out_of_reach: Vec<String>,
}

impl Access {
    /// All credentials.
    pub fn credentials(&self) -> impl Iterator<Item = &Credential> {
        self.kinds.iter().flat_map(|of_kind| &of_kind.tokens)
    }
}

/// The same as a document of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AccessDocument {
    /// The JSON interface's number, [`JSON_SCHEMA`].
    pub schema: u32,
    /// What lets the owner in.
    #[serde(flatten)]
    pub access: Access,
}

impl From<Access> for AccessDocument {
    fn from(access: Access) -> Self {
        let schema = JSON_SCHEMA;
        Self { schema, access }
    }
}
