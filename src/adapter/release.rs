//! The types of an adapter's data file that describe an application's releases: where it keeps the
//! number of its schema, and what is particular about some of them.

use serde::Deserialize;

use super::bound::Misfit;
use super::catalogue::{Catalogue, Relation};
use super::detect::split;
use super::file::Adapter;
use crate::model::Severity;

/// Where the application keeps the number of its own schema's release; the highest counts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Its table, which may be missing.
    pub table: String,
    /// The column, an integer.
    pub column: String,
}

/// What is particular about some releases. Every condition that it has must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quirk {
    /// A word for it.
    pub name: String,
    /// How much it weighs: `warns` or `notes`.
    pub severity: Severity,
    /// The release's number is less than this.
    pub below: Option<i64>,
    /// The release's number is this or more.
    pub from: Option<i64>,
    /// `table` or `table.column` that the token table's schema has.
    pub has: Option<String>,
    /// `table` or `table.column` that it lacks.
    pub lacks: Option<String>,
    /// What is so.
    pub what: String,
    /// Why it matters for killing a token.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

impl Quirk {
    /// Whether it asks for the release's number.
    #[must_use]
    pub fn asks_for_number(&self) -> bool {
        self.below.is_some() || self.from.is_some()
    }

    /// Whether it holds of a release of this number, as far as the number goes.
    #[must_use]
    pub fn concerns(&self, number: Option<i64>) -> bool {
        match number {
            Some(number) => {
                self.below.is_none_or(|below| number < below)
                    && self.from.is_none_or(|from| number >= from)
            }
            None => !self.asks_for_number(),
        }
    }

    /// Whether it holds of a schema, as far as its tables and columns go.
    fn fits(&self, catalogue: &Catalogue, schema: &str) -> bool {
        let exists = |name: &String| {
            let (table, column, _) = split(name);
            catalogue.relation(schema, table).is_some_and(|relation| {
                column.is_none_or(|column| relation.columns.contains_key(column))
            })
        };
        self.has.as_ref().is_none_or(exists) && !self.lacks.as_ref().is_some_and(exists)
    }
}

impl Adapter {
    /// The tables that its releases are told apart by.
    pub(super) fn release_tables(&self) -> impl Iterator<Item = String> {
        let quirks = self.quirks.iter();
        let names = quirks.flat_map(|quirk| quirk.has.iter().chain(&quirk.lacks));
        let tables = names.map(|name| split(name).0.to_owned());
        tables.chain(self.release.iter().map(|release| release.table.clone()))
    }

    /// What the types alone cannot say of quirks.
    pub(super) fn check_quirks(&self) -> Result<(), String> {
        for (place, quirk) in self.quirks.iter().enumerate() {
            let name = &quirk.name;
            let conditions = [&quirk.has, &quirk.lacks].into_iter().flatten().count();
            if conditions == 0 && !quirk.asks_for_number() {
                return Err(format!(
                    "quirk `{name}` has no condition: say below, from, has or lacks"
                ));
            }
            if quirk.asks_for_number() && self.release.is_none() {
                return Err(format!(
                    "quirk `{name}` asks for a number, and [release] does not say where it is"
                ));
            }
            if quirk.severity == Severity::Blocks {
                return Err(format!("quirk `{name}` cannot block: say warns or notes"));
            }
            if self
                .quirks
                .iter()
                .take(place)
                .any(|before| before.name == *name)
            {
                return Err(format!("quirk `{name}` is there twice"));
            }
        }
        Ok(())
    }

    /// The quirks whose tables and columns are as they say.
    pub(super) fn fitting_quirks(&self, catalogue: &Catalogue, schema: &str) -> Vec<Quirk> {
        let fitting = self
            .quirks
            .iter()
            .filter(|quirk| quirk.fits(catalogue, schema));
        fitting.cloned().collect()
    }

    /// The table of the release's number, where it exists.
    pub(super) fn release_relation(
        &self,
        catalogue: &Catalogue,
        schema: &str,
    ) -> Result<Option<Relation>, Misfit> {
        let Some(release) = &self.release else {
            return Ok(None);
        };
        let Some(relation) = catalogue.relation(schema, &release.table) else {
            return Ok(None);
        };
        let type_name = relation
            .columns
            .get(&release.column)
            .map(|column| column.type_name.as_str());
        match type_name {
            Some("bigint" | "integer" | "smallint") => Ok(Some(relation.clone())),
            Some(other) => Err(Misfit(format!(
                "{}.{} is {other}, not an integer",
                relation.display_name(),
                release.column
            ))),
            None => Err(Misfit(format!(
                "{} has no column {}",
                relation.display_name(),
                release.column
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::adapter::builtin::parse;

    const FILE: &str = include_str!("../../sql/adapters/coder.toml");

    fn refused(from: &str, to: &str) -> String {
        let text = FILE.replace(from, to);
        assert!(text != FILE, "{from}");
        parse(&text, "x").unwrap_err().to_string()
    }

    #[test]
    fn a_quirk_that_cannot_be_judged_is_an_error() {
        assert!(refused("below = 331", "#").contains("has no condition"));
        assert!(
            refused(
                "[release]\ntable = \"schema_migrations\"\ncolumn = \"version\"\n",
                ""
            )
            .contains("[release]")
        );
        assert!(refused("severity = \"warns\"", "severity = \"blocks\"").contains("cannot block"));
        assert!(refused("severity = \"warns\"", "severity = \"severe\"").contains("severe"));
        assert!(refused("name = \"purge\"", "name = \"sliding_refresh\"").contains("twice"));
        assert!(refused("below = 331", "before = 331").contains("before"));
    }

    #[test]
    fn a_number_decides_which_quirks_concern_a_release() {
        let adapter = parse(FILE, "x").unwrap();
        let names = |number| -> Vec<&str> {
            let quirks = adapter.quirks.iter();
            quirks
                .filter(|quirk| quirk.concerns(number))
                .map(|quirk| quirk.name.as_str())
                .collect()
        };
        assert_eq!(names(Some(330)), ["idp_revives", "sliding_refresh"]);
        assert_eq!(names(Some(331)), ["sliding_refresh"]);
        assert_eq!(names(Some(401)), ["sliding_refresh", "purge"]);
        assert_eq!(names(Some(535)), ["purge"]);
        assert!(names(None).is_empty());
    }
}
