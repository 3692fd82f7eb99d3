//! The file of principals: TOML, written by hand, read when the server starts and when it is told to
//! read it again.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{Allowance, Bearer, BearerDigest, Permission, Principal};
use crate::config;

/// Everybody who may call.
#[derive(Debug, Default)]
pub struct Principals(Vec<Arc<Principal>>);

/// Why there are no principals.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read, or somebody else may write it.
    #[error(transparent)]
    Read(#[from] config::Error),
    /// It is not what it should be.
    #[error("{}: {problem}", .path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the place.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    principal: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    permissions: Vec<Permission>,
    kinds: Option<Vec<String>>,
    owner: Option<String>,
    max_rows: Option<usize>,
    max_rows_per_hour: Option<usize>,
    default_reason: Option<String>,
    expires: Option<Moment>,
    #[serde(default)]
    certificates: Vec<String>,
    #[serde(default)]
    uids: Vec<u32>,
    #[serde(default)]
    token: Vec<TokenEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenEntry {
    id: String,
    sha256: BearerDigest,
    expires: Option<Moment>,
}

/// A time with its offset, as TOML writes it: `2027-01-31T00:00:00Z`.
#[derive(Clone, Copy)]
struct Moment(DateTime<Utc>);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = toml::value::Datetime::deserialize(deserializer)?.to_string();
        let time = DateTime::parse_from_rfc3339(&written).map_err(|_syntax| {
            serde::de::Error::custom("not a time with its offset, such as 2027-01-31T00:00:00Z")
        })?;
        Ok(Self(time.to_utc()))
    }
}

impl Principals {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, somebody else could have written it, or it makes no sense.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        Self::parse(&config::read_trusted(path)?, path)
    }

    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, FileError> {
        let refused = |problem: String| FileError::Form {
            path: path.to_owned(),
            problem,
        };
        let document: Document =
            toml::from_str(text).map_err(|error| refused(error.to_string().trim().to_owned()))?;
        if document.principal.is_empty() {
            return Err(refused("nobody is in it: add a [[principal]]".to_owned()));
        }
        unambiguous(&document.principal).map_err(refused)?;
        let all = document.principal.into_iter().map(Entry::principal);
        let all: Result<Vec<_>, _> = all.map(|it| it.map(Arc::new)).collect();
        Ok(Self(all.map_err(refused)?))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Principal>> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Takes over what those of the same name have used of their hour.
    pub fn go_on(&self, before: &Self) {
        for principal in &self.0 {
            let known = before.0.iter().find(|known| known.name == principal.name);
            if let Some(known) = known {
                principal.allowance.go_on(&known.allowance);
            }
        }
    }
}

/// Refuses what would be two principals, or two credentials, in one.
fn unambiguous(entries: &[Entry]) -> Result<(), String> {
    let mut seen = HashSet::new();
    let mut once = |what: &str, text: &str| {
        let is_new = seen.insert(format!("{what} {text}"));
        is_new
            .then_some(())
            .ok_or_else(|| format!("{what} `{text}` stands there twice"))
    };
    for entry in entries {
        once("principal", &entry.name)?;
        for token in &entry.token {
            once("token", &token.id)?;
            once("sha256", &token.sha256.to_string())?;
        }
        for subject in &entry.certificates {
            once("certificate", subject)?;
        }
        for uid in &entry.uids {
            once("uid", &uid.to_string())?;
        }
    }
    Ok(())
}

impl Entry {
    fn principal(self) -> Result<Principal, String> {
        let Self {
            name,
            permissions,
            kinds,
            owner,
            max_rows,
            max_rows_per_hour,
            default_reason,
            expires,
            certificates,
            uids,
            token,
        } = self;
        if name.trim().is_empty() {
            return Err("a principal without a name".to_owned());
        }
        let refused = |why: &str| Err(format!("principal `{name}`: {why}"));
        if token.is_empty() && certificates.is_empty() && uids.is_empty() {
            return refused("nothing proves who it is: add a token, a certificate or a uid");
        }
        if kinds.as_ref().is_some_and(Vec::is_empty) {
            return refused("`kinds` is empty; leave it out for every kind");
        }
        if owner.as_ref().is_some_and(|owner| owner.trim().is_empty()) {
            return refused("`owner` is empty; leave it out for everybody");
        }
        if default_reason
            .as_ref()
            .is_some_and(|it| it.trim().is_empty())
        {
            return refused("`default_reason` is empty");
        }
        let bearers = token.into_iter().map(|entry| Bearer {
            id: entry.id,
            sha256: entry.sha256,
            expires: entry.expires.map(|Moment(time)| time),
        });
        Ok(Principal {
            bearers: bearers.collect(),
            name,
            permissions,
            kinds,
            owner,
            max_rows,
            allowance: Allowance::new(max_rows_per_hour),
            default_reason,
            certificates,
            uids,
            expires: expires.map(|Moment(time)| time),
        })
    }
}
