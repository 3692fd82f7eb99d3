//! Which of the two forms a connection string has.

use super::error::ConninfoError;
use super::parameters::Parameters;
use super::prefix::is_uri;
use super::{keyword, uri};

impl Parameters {
    /// Reads a connection string: a URL, keywords and values, or else the name of a database.
    pub fn parse(text: &str) -> Result<Self, ConninfoError> {
        if is_uri(text) {
            return uri::parse(text);
        }
        if is_another_url(text) {
            return Err(ConninfoError::Url(
                "it must start with postgresql:// or postgres://",
            ));
        }
        if text.contains('=') {
            return keyword::parse(text);
        }
        let mut parameters = Self::default();
        if !text.trim().is_empty() {
            parameters.set("dbname", text)?;
        }
        Ok(parameters)
    }
}

/// Tells `mysql://…` from a keyword string and from the name of a database.
fn is_another_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}
