//! The adapters that are compiled in, and those that an operator brings in a file.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::detect::split;
use super::file::Adapter;
use crate::model::hex;

const BUILTIN: [&str; 2] = [
    include_str!("../../sql/adapters/coder.toml"),
    include_str!("../../sql/adapters/django-rest-framework.toml"),
];

/// Why an adapter could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read adapter file `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not an adapter.
    #[error("adapter file `{name}` is not valid: line {line}: {why}")]
    Parse {
        /// Which.
        name: String,
        /// Where, counted from 1.
        line: usize,
        /// Why.
        why: String,
    },
    /// The file parses, but a rule in it makes no sense.
    #[error("adapter file `{name}` is not valid: {why}")]
    Rule {
        /// Which.
        name: String,
        /// Why.
        why: String,
    },
}

/// The adapters that are compiled in, in the order of their names.
///
/// # Errors
///
/// Never in a build whose tests passed: a test loads every one.
pub fn builtin() -> Result<Vec<Adapter>, LoadError> {
    BUILTIN.iter().map(|text| parse(text, "built in")).collect()
}

/// Loads the adapter in a file.
///
/// # Errors
///
/// When the file cannot be read, has an unknown field, or a rule makes no sense.
pub fn load(path: &Path) -> Result<Adapter, LoadError> {
    let text = std::fs::read_to_string(path).map_err(|source| LoadError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(&text, &path.display().to_string())
}

pub(super) fn parse(text: &str, name: &str) -> Result<Adapter, LoadError> {
    let mut adapter: Adapter = toml::from_str(text).map_err(|error| {
        let before = error
            .span()
            .and_then(|span| text.get(..span.start))
            .unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let written = text.lines().nth(line - 1).unwrap_or_default().trim();
        LoadError::Parse {
            name: name.to_owned(),
            line,
            why: format!("`{written}`: {}", error.message().replace('\n', " ")),
        }
    })?;
    adapter.sha256 = hex(&Sha256::digest(text));
    adapter.check().map_err(|why| LoadError::Rule {
        name: name.to_owned(),
        why,
    })?;
    Ok(adapter)
}

impl Adapter {
    /// The tables that it mentions.
    pub(super) fn tables(&self) -> Vec<String> {
        let mut names = vec![self.token.table.clone()];
        names.extend(self.owner.iter().map(|owner| owner.table.clone()));
        names.extend(
            self.companions
                .iter()
                .map(|companion| companion.table.clone()),
        );
        names.extend(
            self.application_audit
                .iter()
                .map(|audit| audit.table.clone()),
        );
        names.extend(
            self.application_audit
                .iter()
                .filter_map(|audit| audit.actor.as_ref())
                .map(|actor| actor.table.clone()),
        );
        names.extend(
            self.detect
                .refuse
                .iter()
                .map(|refusal| refusal.table.clone()),
        );
        names.extend(self.release_tables());
        let fingerprints = self.detect.all_of.iter().chain(&self.detect.none_of);
        names.extend(fingerprints.map(|fingerprint| split(fingerprint).0.to_owned()));
        names
    }

    fn check_settle(&self) -> Result<(), String> {
        if self.settle.still_alive.is_none() && self.settle.why.is_some() {
            return Err(
                "settle.why says why settle.still_alive helps, and there is none".to_owned(),
            );
        }
        Ok(())
    }

    /// What the types alone cannot say.
    fn check(&self) -> Result<(), String> {
        if self.detect.all_of.is_empty() {
            return Err("detect.all_of names nothing to recognise the application by".to_owned());
        }
        if self.expire.is_some() == self.delete.only.is_some() {
            return Err(
                "give either [expire] or delete.only, which says why there is none".to_owned(),
            );
        }
        if self
            .expire
            .as_ref()
            .is_some_and(|expire| expire.set.is_empty() || self.dead.is_empty())
        {
            return Err(
                "[expire] needs columns to set and a [[dead]] rule that then holds".to_owned(),
            );
        }
        self.check_kinds()?;
        for rule in self
            .dead
            .iter()
            .chain(self.companions.iter().flat_map(|companion| &companion.dead))
        {
            if rule.state == crate::model::State::Active {
                return Err("a [[dead]] rule cannot mean `active`".to_owned());
            }
            if rule.when.compares() != rule.text.is_some() {
                return Err(format!(
                    "the [[dead]] rule of `{}`: `text` goes with `eq` and `not_eq`, and with nothing else",
                    rule.column
                ));
            }
        }
        self.check_constants()?;
        self.check_ends()?;
        self.check_settle()?;
        self.check_quirks()?;
        self.check_unreached()?;
        let patterns = self
            .secret
            .iter()
            .map(|secret| &secret.pattern)
            .chain(&self.token.key_pattern);
        for pattern in patterns {
            regex::Regex::new(pattern).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn check_kinds(&self) -> Result<(), String> {
        if !self
            .kinds
            .iter()
            .any(|kind| kind.name == self.token.default_kind)
        {
            return Err(format!(
                "there is no [[kind]] named `{}`",
                self.token.default_kind
            ));
        }
        for kind in &self.kinds {
            for condition in &kind.when {
                let tests = [
                    &condition.is,
                    &condition.starts_with,
                    &condition.ends_with,
                    &condition.contains,
                ];
                if tests.into_iter().flatten().count() != 1 {
                    return Err(format!(
                        "kind `{}`: a condition has exactly one test",
                        kind.name
                    ));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{builtin, parse};

    #[test]
    fn every_builtin_adapter_loads_under_its_name() {
        let names: Vec<String> = builtin()
            .unwrap()
            .into_iter()
            .map(|adapter| adapter.name)
            .collect();
        assert_eq!(names, ["coder", "django-rest-framework"]);
    }

    #[test]
    fn an_unknown_field_is_an_error() {
        let text = super::BUILTIN[0].replace("[expire.set]", "[expire.sets]");
        let error = parse(&text, "x").unwrap_err();
        assert!(error.to_string().contains("sets"), "{error}");
    }

    #[test]
    fn an_adapter_without_a_way_to_kill_is_an_error() {
        let text = super::BUILTIN[1].replace("only = \"the table", "#");
        assert!(
            parse(&text, "x")
                .unwrap_err()
                .to_string()
                .contains("[expire] or delete.only")
        );
    }
}
