//! What a cursor holds: the place of a row in the order of a list.
//!
//! It holds nothing that the row did not show, and is signed by nobody: whoever writes one by hand
//! begins a page where they like, among the rows that they may see.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;

use super::error::Error;
use crate::db;
use crate::model::Cursor;

/// The most rows that a page has.
pub const MAX_PAGE: u32 = 5000;

/// The place of a row in a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    /// What the list is sorted by.
    pub(super) sort: String,
    /// Whether the largest comes first.
    pub(super) descending: bool,
    /// What the row is sorted by before its key, as text; null comes last.
    pub(super) value: Option<String>,
    /// Its key.
    pub(super) key: String,
}

impl Place {
    /// The same for a client: base64 of JSON.
    pub(super) fn cursor(&self) -> Cursor {
        let Self {
            sort,
            descending,
            value,
            key,
        } = self;
        let json = json!({ "sort": sort, "descending": descending, "value": value, "key": key });
        Cursor::new(BASE64_URL_SAFE_NO_PAD.encode(json.to_string()))
    }

    /// Reads a cursor that was handed back.
    ///
    /// # Errors
    ///
    /// When it is none, or belongs to a list that is sorted otherwise.
    pub(super) fn read(cursor: &Cursor, sort: &str, descending: bool) -> Result<Self, Error> {
        let json = BASE64_URL_SAFE_NO_PAD.decode(cursor.as_str());
        let place = json.ok().map(|json| serde_json::from_slice::<Self>(&json));
        match place {
            Some(Ok(place)) if place.sort == sort && place.descending == descending => Ok(place),
            Some(Ok(_other)) => Err(Error::Cursor("it is of a list that is sorted otherwise")),
            Some(Err(_)) | None => Err(unreadable()),
        }
    }
}

/// Something else was handed back than what was given.
pub(super) fn unreadable() -> Error {
    Error::Cursor("it is none that a page ended with")
}

/// The same where the database could not read what was in one.
pub(super) fn told(error: Error) -> Error {
    match error {
        Error::Database(error) if db::Error::is_unreadable_value(&error) => unreadable(),
        error => error,
    }
}

/// How many rows a page has at most.
///
/// # Errors
///
/// When that is not said, or too many.
pub(super) fn size(limit: Option<u32>) -> Result<usize, Error> {
    let size = limit.filter(|limit| (1..=MAX_PAGE).contains(limit));
    let size = size.and_then(|size| usize::try_from(size).ok());
    size.ok_or(Error::PageSize { most: MAX_PAGE })
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Place};

    fn place() -> Place {
        Place {
            sort: "name".to_owned(),
            descending: true,
            value: Some("größer \"als\"".to_owned()),
            key: "k\u{1f511}".to_owned(),
        }
    }

    #[test]
    fn a_cursor_is_the_place_that_it_was_made_of() {
        for value in [None, Some(String::new()), place().value] {
            let place = Place { value, ..place() };
            let cursor = place.cursor();
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            assert!(cursor.as_str().chars().all(plain), "{cursor}");
            assert_eq!(Place::read(&cursor, "name", true).unwrap(), place);
        }
    }

    #[test]
    fn any_other_is_refused() {
        let cursor = place().cursor();
        let refused = |cursor: &Cursor, sort, descending| {
            let error = Place::read(cursor, sort, descending).unwrap_err();
            assert_eq!(error.code(), "cursor");
            error.to_string()
        };
        for (sort, descending) in [("name", false), ("key", true)] {
            assert_eq!(
                refused(&cursor, sort, descending),
                "the cursor is not one of this list: it is of a list that is sorted otherwise"
            );
        }
        for text in [
            "",
            "e30",
            "!",
            "bnVsbA",
            &format!("{cursor}="),
            &cursor.as_str()[1..],
        ] {
            assert_eq!(
                refused(&Cursor::new(text), "name", true),
                "the cursor is not one of this list: it is none that a page ended with"
            );
        }
    }
}
