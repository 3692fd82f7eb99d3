//! A row that a statement about tokens returned, as the model's token.

use serde_json::{Map, Value};
use tokio_postgres::Row;

use crate::db::Error;
use crate::model::{Owner, State, Token};

/// A token and the columns that a change compares.
#[derive(Clone, Debug)]
pub(super) struct TokenRow {
    pub(super) token: Token,
    pub(super) fixed: Map<String, Value>,
    pub(super) vital: Map<String, Value>,
}

impl TokenRow {
    pub(super) fn read(row: &Row, adapter: &str) -> Result<Self, Error> {
        let state: String = row.try_get("state")?;
        let owner_id: Option<String> = row.try_get("owner_id")?;
        let label: Option<String> = row.try_get("label")?;
        let owner = match owner_id {
            Some(id) => Some(Owner {
                id,
                login: row.try_get("owner_login")?,
                email: row.try_get("owner_email")?,
            }),
            None => None,
        };
        let token = Token {
            adapter: adapter.to_owned(),
            kind: row.try_get("kind")?,
            key: row.try_get("key")?,
            label: label.filter(|label| !label.is_empty()),
            owner,
            state: State::from_word(&state)
                .ok_or_else(|| Error::Answer(format!("state {state}")))?,
            created_at: row.try_get("created_at")?,
            last_used_at: row.try_get("last_used_at")?,
            expires_at: row.try_get("expires_at")?,
            details: object(row, "details")?,
        };
        Ok(Self {
            token,
            fixed: object(row, "fixed")?,
            vital: object(row, "vital")?,
        })
    }
}

/// A column that holds a JSON object.
pub(super) fn object(row: &Row, column: &str) -> Result<Map<String, Value>, Error> {
    match row.try_get(column)? {
        Value::Object(object) => Ok(object),
        other => Err(Error::Answer(format!("{column} is {other}"))),
    }
}
