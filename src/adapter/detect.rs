//! Which adapter fits a database, by the columns that exist. No name is trusted by itself:
//! `api_keys` alone is the table of eight applications.

use super::bound::{Bound, Misfit};
use super::catalogue::Catalogue;
use super::file::Adapter;

/// Why no adapter could be chosen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing fits.
    #[error("no adapter matches this database{}", near(.0))]
    None(Vec<String>),
    /// More than one fits.
    #[error("more than one adapter matches this database: {}", .0.join(", "))]
    Several(Vec<String>),
    /// The database is one that must not be touched.
    #[error("adapter `{adapter}` refuses this database: {why}")]
    Refused {
        /// The adapter.
        adapter: String,
        /// Its reason.
        why: String,
    },
    /// The adapter that was named does not exist.
    #[error("there is no adapter `{0}`")]
    Unknown(String),
    /// The adapter recognises the database, but its names do not all exist there.
    #[error("adapter `{adapter}` does not fit this database: {misfit}")]
    Misfit {
        /// The adapter.
        adapter: String,
        /// What is missing or of another type.
        misfit: Misfit,
    },
}

fn near(reasons: &[String]) -> String {
    if reasons.is_empty() {
        String::new()
    } else {
        format!(" ({})", reasons.join("; "))
    }
}

/// What the operator said about the choice.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// `--adapter`.
    pub adapter: Option<String>,
    /// `--schema`.
    pub schema: Option<String>,
}

/// The names of all tables that the adapters mention, for one look at the catalogue.
#[must_use]
pub fn tables(adapters: &[Adapter]) -> Vec<String> {
    let mut names: Vec<String> = adapters.iter().flat_map(Adapter::tables).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Chooses the one adapter and schema that fit.
///
/// # Errors
///
/// When none fits, or more than one does, or the one that fits refuses the database.
pub fn choose(
    adapters: &[Adapter],
    catalogue: &Catalogue,
    choice: &Choice,
) -> Result<Bound, Error> {
    let wanted: Vec<&Adapter> = adapters
        .iter()
        .filter(|adapter| {
            choice
                .adapter
                .as_ref()
                .is_none_or(|name| *name == adapter.name)
        })
        .collect();
    if let (true, Some(name)) = (wanted.is_empty(), &choice.adapter) {
        return Err(Error::Unknown(name.clone()));
    }
    let mut fits: Vec<(&Adapter, &str)> = Vec::new();
    let mut reasons = Vec::new();
    for adapter in wanted {
        let schema = choice.schema.as_ref().or(adapter.schema.as_ref());
        for refusal in &adapter.detect.refuse {
            if catalogue
                .schemas_with(&refusal.table)
                .into_iter()
                .any(|found| in_schema(found, schema))
            {
                reasons.push(format!("{}: {}", adapter.name, refusal.why));
            }
        }
        for found in catalogue.schemas_with(&adapter.token.table) {
            if !in_schema(found, schema) {
                continue;
            }
            match missing(adapter, catalogue, found) {
                None => fits.push((adapter, found)),
                Some(reason) => reasons.push(format!("{}: {reason}", adapter.name)),
            }
        }
    }
    match fits.as_slice() {
        [] => Err(Error::None(reasons)),
        [(adapter, schema)] => bind(adapter, catalogue, schema),
        several => Err(Error::Several(
            several
                .iter()
                .map(|(adapter, schema)| format!("{} in schema {schema}", adapter.name))
                .collect(),
        )),
    }
}

fn in_schema(found: &str, wanted: Option<&String>) -> bool {
    wanted.is_none_or(|wanted| wanted == found)
}

fn bind(adapter: &Adapter, catalogue: &Catalogue, schema: &str) -> Result<Bound, Error> {
    for refusal in &adapter.detect.refuse {
        if catalogue.relation(schema, &refusal.table).is_some() {
            return Err(Error::Refused {
                adapter: adapter.name.clone(),
                why: refusal.why.clone(),
            });
        }
    }
    Bound::new(adapter.clone(), catalogue, schema).map_err(|misfit| Error::Misfit {
        adapter: adapter.name.clone(),
        misfit,
    })
}

/// The first fingerprint that this schema lacks, in words.
fn missing(adapter: &Adapter, catalogue: &Catalogue, schema: &str) -> Option<String> {
    for fingerprint in &adapter.detect.all_of {
        let (table, column, type_name) = split(fingerprint);
        let Some(relation) = catalogue.relation(schema, table) else {
            return Some(format!("there is no table {schema}.{table}"));
        };
        let Some(column) = column else { continue };
        match (relation.columns.get(column), type_name) {
            (None, _) => return Some(format!("{schema}.{table} has no column {column}")),
            (Some(found), Some(type_name)) if found.type_name != type_name => {
                return Some(format!(
                    "{schema}.{table}.{column} is {}, not {type_name}",
                    found.type_name
                ));
            }
            (Some(_), _) => {}
        }
    }
    adapter.detect.none_of.iter().find_map(|fingerprint| {
        let (table, column, _) = split(fingerprint);
        let relation = catalogue.relation(schema, table)?;
        match column {
            Some(column) if !relation.columns.contains_key(column) => None,
            _ => Some(format!("{schema} has {fingerprint}")),
        }
    })
}

/// `table.column:type` in its parts.
pub(super) fn split(fingerprint: &str) -> (&str, Option<&str>, Option<&str>) {
    let (name, type_name) = match fingerprint.split_once(':') {
        Some((name, type_name)) => (name, Some(type_name)),
        None => (fingerprint, None),
    };
    match name.split_once('.') {
        Some((table, column)) => (table, Some(column), type_name),
        None => (name, None, type_name),
    }
}
