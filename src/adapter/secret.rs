//! What a word on the command line can be: a secret, a key, or a label. Decided locally, before
//! anything is sent anywhere.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use regex::Regex;
use sha2::{Digest as _, Sha256, Sha512};

use super::bound::Bound;
use super::file::{Adapter, Hash, Secret};
use crate::model::{KeyForm, hex};

/// What a pasted secret leads to. The secret itself is gone by now.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretParts {
    /// The key of its row, where the secret carries it or is it.
    pub key: Option<String>,
    /// What the application stores of it, where that can be compared.
    pub digest: Option<String>,
}

impl fmt::Debug for SecretParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretParts")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// How an application's secrets look.
#[derive(Debug)]
pub struct SecretShape<'a> {
    pattern: Regex,
    /// The same, anywhere in a text.
    inside: Regex,
    secret: &'a Secret,
    key_is_secret: bool,
}

impl<'a> SecretShape<'a> {
    /// The shape that an adapter describes; `None` where it describes none.
    #[must_use]
    pub fn of(adapter: &'a Adapter) -> Option<Self> {
        let secret = adapter.secret.as_ref()?;
        let pattern = compiled(&secret.pattern)?;
        let anywhere = secret.pattern.trim_start_matches('^').trim_end_matches('$');
        // Between boundaries: a longer digest is no secret for holding 40 digits.
        let inside = compiled(&format!(r"(?-u:\b)(?:{anywhere})(?-u:\b)"))?;
        Some(Self {
            pattern,
            inside,
            secret,
            key_is_secret: adapter.token.key_is_secret,
        })
    }

    /// Reads a word as a secret; `None` when it is not one. Quotes and white space around it are
    /// ignored, and so is text before it that cannot belong to it, such as a header's name.
    #[must_use]
    pub fn read(&self, word: &str) -> Option<SecretParts> {
        let secret = self.find(word)?;
        if self.key_is_secret {
            return Some(SecretParts {
                key: Some(hex(&Sha256::digest(secret))),
                digest: None,
            });
        }
        let parts: Vec<&str> = match &self.secret.split {
            Some(separator) => secret.split(separator.as_str()).collect(),
            None => vec![secret],
        };
        let key = self
            .secret
            .key_part
            .and_then(|part| parts.get(part))
            .map(|&key| key.to_owned());
        let digest = self.secret.verify.as_ref().and_then(|verify| {
            let hashed = match verify.part {
                Some(part) => *parts.get(part)?,
                None => secret,
            };
            Some(match verify.hash {
                Hash::None | Hash::Sha256 => hex(&Sha256::digest(hashed)),
                Hash::Sha512 => hex(&Sha512::digest(hashed)),
            })
        });
        Some(SecretParts { key, digest })
    }

    /// The secret in a word, without what may stand around it.
    #[must_use]
    pub fn find<'w>(&self, word: &'w str) -> Option<&'w str> {
        let outside =
            |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '=' | ':' | ',' | ';');
        let mut pieces = word.split(outside);
        pieces.find(|piece| self.pattern.is_match(piece))
    }

    /// The shape as a regular expression, fenced by `^` and `$`.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.secret.pattern
    }

    /// Whether a text holds something of the shape of a secret, whatever stands around it.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.inside.is_match(text)
    }

    /// Whether a word that is no secret looks like one that was cut or mistyped: it begins with
    /// a key and goes on with random characters. Such a word is not sent either.
    #[must_use]
    pub fn looks_damaged(&self, word: &str, keys: &KeyShape) -> bool {
        if self.is_in(word) {
            return true;
        }
        let (Some(separator), Some(0)) = (&self.secret.split, self.secret.key_part) else {
            return false;
        };
        let Some((key, rest)) = word.trim().split_once(separator.as_str()) else {
            return false;
        };
        let random = |test: fn(&char) -> bool| rest.chars().any(|c| test(&c));
        keys.accepts(key).is_some()
            && rest.len() >= 12
            && rest.chars().all(|c| c.is_ascii_alphanumeric())
            && random(char::is_ascii_digit)
            && random(char::is_ascii_uppercase)
            && random(char::is_ascii_lowercase)
    }

    /// The shape in words.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.secret.shape
    }
}

/// A pattern of an adapter, compiled once: a server asks for the same few with every request, and
/// compiling one takes as long as the rest of the asking.
fn compiled(pattern: &str) -> Option<Regex> {
    static KNOWN: Mutex<BTreeMap<String, Regex>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known.get(pattern) {
        return Some(known.clone());
    }
    let new = Regex::new(pattern).ok()?;
    known.insert(pattern.to_owned(), new.clone());
    Some(new)
}

/// What a key of a table looks like.
#[derive(Clone, Debug)]
pub struct KeyShape {
    form: KeyForm,
    /// Whether the column is compared as the text that it is.
    is_text: bool,
    pattern: Option<Regex>,
}

impl KeyShape {
    pub(super) fn of(bound: &Bound) -> Self {
        let table = &bound.adapter.token;
        let column = bound.token.columns.get(&table.key);
        let mut shape = Self::of_type(column.map(|column| column.type_name.as_str()));
        if table.key_is_secret {
            shape.form = KeyForm::Digest;
            shape.is_text = false;
        }
        shape.pattern = table
            .key_pattern
            .as_ref()
            .and_then(|pattern| compiled(pattern));
        shape
    }

    pub(super) fn of_type(type_name: Option<&str>) -> Self {
        let form = match type_name {
            Some("smallint" | "integer" | "bigint") => KeyForm::Integer,
            Some("uuid") => KeyForm::Uuid,
            _ => KeyForm::Exact,
        };
        Self {
            form,
            is_text: matches!(type_name, Some("text" | "character varying")),
            pattern: None,
        }
    }

    /// How its keys are spelt.
    #[must_use]
    pub fn form(&self) -> KeyForm {
        self.form
    }

    /// The word as a key, in the spelling that the database uses; `None` when it cannot be one.
    #[must_use]
    pub fn accepts(&self, word: &str) -> Option<String> {
        if self
            .pattern
            .as_ref()
            .is_some_and(|pattern| !pattern.is_match(word))
        {
            return None;
        }
        self.spell(word)
    }

    /// The word as a key whatever its pattern, for one that was called a key; `None` when the
    /// column's type cannot hold it.
    #[must_use]
    pub fn spell(&self, word: &str) -> Option<String> {
        self.form.spell(word)
    }

    /// Whether a typed key names this row: its whole key, or the beginning of a digest.
    #[must_use]
    pub fn names(&self, typed: &str, key: &str) -> bool {
        self.form.names(typed, key)
    }

    /// Whether the key is a digest of the secret.
    #[must_use]
    pub fn is_digest(&self) -> bool {
        self.form == KeyForm::Digest
    }

    pub(super) fn is_text(&self) -> bool {
        self.is_text
    }

    pub(super) fn is_typed(&self) -> bool {
        matches!(self.form, KeyForm::Integer | KeyForm::Uuid)
    }
}
