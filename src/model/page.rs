//! Lists in pages: the document of a list, with where the next page begins.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Operation, Token};

/// Where a page ended. Opaque: whoever has one hands it back to get the next page of the same list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor as it was handed back, which may be anything.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its text: letters, digits, `-` and `_`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Tokens, as `tokens ls -o json` prints them; a page has further fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenPage {
    /// Number of the document's schema.
    pub schema: u32,
    /// The tokens.
    pub tokens: Vec<Token>,
    /// Whether there are more.
    pub truncated: bool,
    /// Where the next page begins; `None` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
    /// The database's clock, which the tokens' times are to be told by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<DateTime<Utc>>,
    /// Whether the application records when a token was last used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_use: Option<bool>,
}

/// Operations, as `audit ls -o json` prints them; a page has further fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OperationPage {
    /// Number of the document's schema.
    pub schema: u32,
    /// The operations, newest first.
    pub operations: Vec<Operation>,
    /// Whether there are more.
    pub truncated: bool,
    /// Where the next page begins; `None` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
    /// The database's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use super::{Cursor, TokenPage};

    #[test]
    fn the_document_of_a_whole_list_is_a_page() {
        let text = "{\"schema\":1,\"tokens\":[],\"truncated\":false}";
        let page: TokenPage = serde_json::from_str(text).unwrap();
        assert_eq!((page.next.as_ref(), page.records_use), (None, None));
        assert_eq!(serde_json::to_string(&page).unwrap(), text);
        let page = TokenPage {
            next: Some(Cursor::new("e30")),
            ..page
        };
        let text = "{\"schema\":1,\"tokens\":[],\"truncated\":false,\"next\":\"e30\"}";
        assert_eq!(serde_json::to_string(&page).unwrap(), text);
    }
}
