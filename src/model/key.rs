//! How a key that somebody typed is compared with one of a row.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Fewest digits of a digest that name a row.
const SHORTEST_PREFIX: usize = 8;

/// How the keys of a table are spelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyForm {
    /// As any text: a key is typed exactly as it is.
    Exact,
    /// As a number: signs and zeros before it do not count.
    Integer,
    /// As a uuid, in any of its spellings.
    Uuid,
    /// As sha256 in hex, of which the beginning will do.
    Digest,
}

impl KeyForm {
    /// The word as a key, in the spelling that the database uses; `None` when it cannot be one.
    #[must_use]
    pub fn spell(self, word: &str) -> Option<String> {
        match self {
            Self::Exact => Some(word.to_owned()),
            Self::Integer => word.parse::<i64>().ok().map(|number| number.to_string()),
            Self::Uuid => uuid::Uuid::parse_str(word).ok().map(|id| id.to_string()),
            Self::Digest => {
                let word = word.to_ascii_lowercase();
                ((SHORTEST_PREFIX..=64).contains(&word.len())
                    && word.chars().all(|c| c.is_ascii_hexdigit()))
                .then_some(word)
            }
        }
    }

    /// Whether a key, once it is spelt so, names this row: its whole key, or the beginning of a
    /// digest.
    #[must_use]
    pub fn names(self, typed: &str, key: &str) -> bool {
        match self {
            Self::Digest => key.starts_with(typed),
            Self::Exact | Self::Integer | Self::Uuid => key == typed,
        }
    }

    /// Whether a word, as somebody typed it, names this row.
    #[must_use]
    pub fn confirms(self, word: &str, key: &str) -> bool {
        self.spell(word)
            .is_some_and(|typed| self.names(&typed, key))
    }
}

#[cfg(test)]
mod tests {
    use super::KeyForm;

    #[test]
    fn a_typed_key_confirms_the_row_that_it_names_and_no_other() {
        let id = "0199c0de-0000-7000-8000-000000000001";
        let digest = "0123456789abcdef".repeat(4);
        for (form, typed, key, confirms) in [
            (KeyForm::Exact, "a1", "a1", true),
            (KeyForm::Exact, "A1", "a1", false),
            (KeyForm::Exact, "a", "a1", false),
            (KeyForm::Integer, "+07", "7", true),
            (KeyForm::Integer, "7x", "7", false),
            (KeyForm::Integer, "7", "77", false),
            (KeyForm::Uuid, &id.to_uppercase().replace('-', ""), id, true),
            (KeyForm::Uuid, "0199c0de", id, false),
            (KeyForm::Digest, "0123456789AB", &digest, true),
            (KeyForm::Digest, "0123456", &digest, false),
            (KeyForm::Digest, "0123456789ac", &digest, false),
        ] {
            assert_eq!(form.confirms(typed, key), confirms, "{form:?} {typed}");
        }
    }
}
