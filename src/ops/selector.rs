//! How targets are named: by key, by label, by secret, or by a bare word that may be any of them.

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::filter::Filter;
use super::plan_file::FromFile;
use super::sweep::Swept;
use crate::adapter::{KeyShape, SecretParts, SecretShape};
use crate::model::hex;

/// A target as it was named. No variant's `Debug` shows a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Selector {
    /// `id:KEY`
    Id(String),
    /// `name:NAME`
    Name(String),
    /// A bare word: a secret by its shape, else a key or a label.
    Word(String),
    /// Something read from standard input or a prompt: a secret and nothing else.
    Pasted(Zeroizing<String>),
    /// What a sweep of a leak chose.
    Swept(Swept),
    /// What a plan file names, and nothing else.
    FromFile(FromFile),
    /// Everything that a filter lets through.
    Filtered(Filter),
    /// Everything that lets an owner in: key, login or email.
    Owner(String),
}

impl std::fmt::Debug for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(_) => f.write_str("Id"),
            Self::Name(_) => f.write_str("Name"),
            Self::Word(_) => f.write_str("Word"),
            Self::Pasted(_) => f.write_str("Pasted"),
            Self::Swept(_) => f.write_str("Swept"),
            Self::FromFile(_) => f.write_str("FromFile"),
            Self::Filtered(_) => f.write_str("Filtered"),
            Self::Owner(_) => f.write_str("Owner"),
        }
    }
}

/// What a selector turned out to be, decided without the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// A secret, as what it leads to.
    Secret(SecretParts),
    /// A key, a label, or either.
    Words {
        key: Option<String>,
        label: Option<String>,
    },
    /// A word that looks like a secret that was cut.
    Damaged,
    /// Pasted, but no secret.
    NoSecret,
    /// Chosen by a sweep, by a filter, or when a plan was made: many at once, and none of them a word.
    Many,
}

impl Selector {
    /// Reads `id:…`, `name:…` or a bare word.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if let Some(key) = text.strip_prefix("id:") {
            Self::Id(key.to_owned())
        } else if let Some(name) = text.strip_prefix("name:") {
            Self::Name(name.to_owned())
        } else {
            Self::Word(text.to_owned())
        }
    }

    /// The key that it may be, where its row is not there to tell.
    pub(super) fn key(&self, keys: &KeyShape) -> Option<String> {
        match self {
            Self::Id(key) => keys.spell(key),
            Self::Word(word) => keys.accepts(word),
            Self::Name(_)
            | Self::Pasted(_)
            | Self::Swept(_)
            | Self::Filtered(_)
            | Self::FromFile(_)
            | Self::Owner(_) => None,
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Id(text) | Self::Name(text) | Self::Word(text) => text,
            Self::Pasted(text) => text,
            Self::Swept(_) | Self::Filtered(_) | Self::FromFile(_) | Self::Owner(_) => "",
        }
    }

    /// Decides what it is. A secret is recognised first, whatever stands before it.
    pub(super) fn read(&self, secrets: Option<&SecretShape<'_>>, keys: &KeyShape) -> Reading {
        let text = self.text();
        let secret = secrets.and_then(|shape| shape.read(text));
        match (self, secret) {
            (Self::Swept(_) | Self::Filtered(_) | Self::FromFile(_) | Self::Owner(_), _) => {
                return Reading::Many;
            }
            // A secret typed as a key or a name is a secret all the same, and not sent as it is.
            (_, Some(parts)) => return Reading::Secret(parts),
            (Self::Pasted(_), None) => return Reading::NoSecret,
            (Self::Id(word) | Self::Word(word) | Self::Name(word), None)
                if secrets.is_some_and(|shape| shape.looks_damaged(word, keys)) =>
            {
                return Reading::Damaged;
            }
            (Self::Id(_) | Self::Word(_) | Self::Name(_), None) => {}
        }
        match self {
            Self::Id(key) => Reading::Words {
                key: keys.spell(key),
                label: None,
            },
            Self::Name(name) => Reading::Words {
                key: None,
                label: Some(name.clone()),
            },
            Self::Word(word) => Reading::Words {
                key: keys.accepts(word),
                label: Some(word.clone()),
            },
            Self::Pasted(_) => Reading::NoSecret,
            Self::Swept(_) | Self::Filtered(_) | Self::FromFile(_) | Self::Owner(_) => {
                Reading::Many
            }
        }
    }

    /// How it is told and recorded: a secret, or a word that may be one, as length and digest.
    pub(super) fn describe(&self, reading: &Reading, known_word: bool) -> String {
        match (self, reading) {
            (Self::Swept(swept), _) => swept.describe(),
            (Self::FromFile(file), _) => file.describe(),
            // Needs the adapter: see `resolve::describe`.
            (Self::Filtered(_), _) => "a filter".to_owned(),
            (Self::Owner(name), _) => format!("everything of owner {name}"),
            (_, Reading::Secret(_)) => digest_of("secret", self.text()),
            (_, Reading::Damaged) => digest_of("a word", self.text()),
            (Self::Id(key), _) => format!("id:{key}"),
            (Self::Name(name), _) => format!("name:{name}"),
            (Self::Word(word), _) if known_word => word.clone(),
            (Self::Word(word), _) => digest_of("a word", word),
            (Self::Pasted(word), _) => digest_of("a pasted word", word),
        }
    }

    pub(super) fn length(&self) -> usize {
        self.text().chars().count()
    }
}

fn digest_of(what: &str, text: &str) -> String {
    let digest = hex(&Sha256::digest(text.trim()));
    format!(
        "{what} of {} characters, sha256 {digest}",
        text.trim().chars().count()
    )
}
