//! The configuration file: named targets, each with its connection, its adapter, and what it
//! demands of an operation.
//!
//! The file holds no password, and what it names (`password_command`) is run, so nobody but its
//! owner and root may be able to write it. Which file it is, is said by the caller: nothing here
//! reads the environment.

mod error;
mod row;
mod target;
#[cfg(test)]
mod tests;
mod trust;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use error::Error;
pub use row::TargetRow;
pub use target::Target;
use target::{Entry, Name};
pub use trust::read as read_trusted;

/// What the configuration file says.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The targets by name.
    targets: BTreeMap<String, Target>,
    /// Where it was read.
    path: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    targets: BTreeMap<Name, Entry>,
}

impl Config {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, somebody else could have written it, or a line of it makes no
    /// sense.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = trust::read(path)?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let document: Document =
            toml::from_str(text).map_err(|error| Error::parse(path, text, error))?;
        let directory = path.parent().unwrap_or(path);
        let mut targets = BTreeMap::new();
        for (Name(name), entry) in document.targets {
            let target = entry.target(&name, directory);
            let target = target.map_err(|rule| Error::rule(path, text, &name, &rule))?;
            targets.insert(name, target);
        }
        Ok(Self {
            targets,
            path: path.to_owned(),
        })
    }

    /// The targets, by name.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.targets.values()
    }

    /// The target of this name.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn target(&self, name: &str) -> Result<&Target, Error> {
        self.targets.get(name).ok_or_else(|| Error::NoSuchTarget {
            name: name.to_owned(),
            path: self.path.clone(),
            known: self.targets.keys().cloned().collect(),
        })
    }
}
