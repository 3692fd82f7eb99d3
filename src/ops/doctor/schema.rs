//! Whether breakglass's own schema is what its migrations make.
//!
//! What they make stands in `sql/doctor/installed.tsv`. Nobody writes that file: a test makes it
//! from a fresh installation, and fails where the two differ.

use std::collections::{BTreeMap, BTreeSet};

use super::objects::{Aspect, Event, Object};
use crate::adapter::Sql;
use crate::db::{Installed, MIGRATED_VERSION};
use crate::model::{Code, Finding};

const INSTALLED: &str = include_str!("../../../sql/doctor/installed.tsv");

const ALTERED: &str =
    "the checks and triggers of the log are what makes a record true: nothing is written past them";

/// What of the schema is there, as far as its history says.
pub(super) fn history(installed: &Installed) -> Option<Finding> {
    let finding = |code| Finding::blocks(code, "schema breakglass");
    Some(match installed {
        Installed::Current => return None,
        Installed::No => finding(Code::NotInstalled)
            .what("breakglass is not installed in this database")
            .why("nothing is changed without a record, and there is no place for one")
            .remedy("`breakglass init --operator-role breakglass_operator`, as a role that may create a schema"),
        Installed::Older(found) => finding(Code::SchemaOlder)
            .what(format!("its version is {found}, and this build writes version {MIGRATED_VERSION}"))
            .why("a record of this build does not fit into it")
            .remedy("`breakglass init`, as the owner of the schema"),
        Installed::Newer(found) => finding(Code::SchemaNewer)
            .what(format!("its version is {found}, and this build knows version {MIGRATED_VERSION}"))
            .why("a later build may demand of a record what this one does not write")
            .remedy("use the newer breakglass that installed it"),
        Installed::Divergent(migration) => finding(Code::SchemaDivergent)
            .what(format!("migration {migration} was another one when it was applied"))
            .why("what the log guarantees is not known")
            .remedy("use the breakglass that installed it"),
    })
}

type Key<'a> = (&'a str, &'a str, &'a str);

/// What the migrations make, by kind, table and name.
fn expected() -> BTreeMap<Key<'static>, &'static str> {
    let lines = INSTALLED.lines();
    lines
        .filter_map(|line| {
            let mut parts = line.splitn(4, '\t');
            let key = (parts.next()?, parts.next()?, parts.next()?);
            Some((key, parts.next()?))
        })
        .collect()
}

/// The history of migrations, which the list does not have: refinery makes it.
pub(super) const HISTORY: &str = "schema_history";

/// Breakglass's own tables.
pub(super) fn tables() -> Vec<&'static str> {
    let mut tables: Vec<&str> = expected().keys().map(|(_, table, _)| *table).collect();
    tables.push(HISTORY);
    tables.sort_unstable();
    tables.dedup();
    tables
}

fn word(aspect: Aspect) -> Option<&'static str> {
    match aspect {
        Aspect::Table => Some("table"),
        Aspect::Column => Some("column"),
        Aspect::Constraint => Some("constraint"),
        Aspect::Trigger => Some("trigger"),
        Aspect::Schema
        | Aspect::Setting
        | Aspect::Rule
        | Aspect::RowSecurity
        | Aspect::Check
        | Aspect::Publication => None,
    }
}

/// Where the schema differs from what the migrations make.
pub(super) fn altered(objects: &[Object]) -> Vec<Finding> {
    let expected = expected();
    let tables: BTreeSet<&str> = expected.keys().map(|(_, table, _)| *table).collect();
    let ours = || {
        let ours = objects.iter().filter(|object| object.is_ours());
        ours.filter(|object| tables.contains(object.relation.as_str()))
    };
    let found: BTreeMap<Key<'_>, &Object> = ours()
        .filter_map(|object| {
            let word = word(object.aspect)?;
            Some((
                (word, object.relation.as_str(), object.name.as_str()),
                object,
            ))
        })
        .collect();
    let mut findings = Vec::new();
    for table in &tables {
        if ours().any(|object| object.relation == *table) {
            continue;
        }
        findings.push(
            finding(table)
                .what("the table is gone")
                .remedy("restore it from a backup, or make it as the migrations do: `migrations/V1__audit_log.sql`"),
        );
    }
    for (key @ (kind, table, name), definition) in &expected {
        if !ours().any(|object| object.relation == *table) {
            continue;
        }
        let what = match found.get(key) {
            Some(object) if object.definition == *definition => continue,
            Some(_) if *kind == "table" => "the table is unlogged: a crash empties it".to_owned(),
            Some(_) => format!("{kind} {name} is not as it was installed"),
            None => format!("{kind} {name} is gone"),
        };
        let disabled = found
            .get(key)
            .and_then(|object| enabled(&object.definition))
            .filter(|_| *kind == "trigger");
        findings.push(match disabled {
            Some(how) if how != "A" => finding(table)
                .what(format!("trigger {name} is not enabled always"))
                .remedy(always(table, name)),
            _ => finding(table)
                .what(what)
                .remedy(restore(kind, table, name, definition)),
        });
    }
    findings.extend(ours().filter_map(|object| extra(object, &expected)));
    findings
}

fn finding(table: &str) -> Finding {
    Finding::blocks(Code::SchemaAltered, format!("breakglass.{table}")).why(ALTERED)
}

/// How a trigger is enabled, as its row tells it.
fn enabled(definition: &str) -> Option<&str> {
    definition.split(" enabled ").nth(1)?.split(' ').next()
}

/// What the migrations do not make.
fn extra(object: &Object, expected: &BTreeMap<Key<'_>, &str>) -> Option<Finding> {
    let (table, name) = (object.relation.as_str(), object.name.as_str());
    let known = |word| expected.contains_key(&(word, table, name));
    let quoted = (Sql::table("breakglass", table), Sql::ident(name));
    let warns = || {
        Finding::warns(Code::SchemaAltered, object.table()).why(
            "it can swallow, change or refuse a record; a write that is not recorded is not done",
        )
    };
    match object.aspect {
        Aspect::Column if !known("column") => {
            let required = object.definition.contains(" not null")
                && !object.definition.contains(" default ")
                && !object.definition.contains(" generated");
            let found = if required { finding(table) } else { warns() };
            Some(
                found
                    .what(format!("column {name} was added"))
                    .remedy(format!(
                        "`alter table {} drop column {}`",
                        quoted.0, quoted.1
                    )),
            )
        }
        Aspect::Constraint if !known("constraint") => Some(
            warns()
                .what(format!("constraint {name} was added"))
                .remedy(format!(
                    "`alter table {} drop constraint {}`",
                    quoted.0, quoted.1
                )),
        ),
        Aspect::Trigger if !known("trigger") && enabled(&object.definition) != Some("D") => Some(
            warns()
                .what(format!("trigger {name} was added"))
                .remedy(format!("`drop trigger {} on {}`", quoted.1, quoted.0)),
        ),
        Aspect::Rule => {
            let found = if object.replaces(Event::Insert) {
                finding(table)
            } else {
                warns()
            };
            Some(
                found
                    .what(format!("rule {name} was added"))
                    .remedy(format!("`drop rule {} on {}`", quoted.1, quoted.0)),
            )
        }
        Aspect::RowSecurity => {
            let found = if object.may_select {
                finding(table)
            } else {
                warns()
            };
            Some(found.what("row security was enabled").remedy(format!(
                "`alter table {} disable row level security`",
                quoted.0
            )))
        }
        _ => None,
    }
}

fn always(table: &str, name: &str) -> String {
    format!(
        "`alter table {} enable always trigger {}`, as the owner of the table",
        Sql::table("breakglass", table),
        Sql::ident(name)
    )
}

/// The statement that makes a missing object again.
fn restore(kind: &str, table: &str, name: &str, definition: &str) -> String {
    let (relation, ident) = (Sql::table("breakglass", table), Sql::ident(name));
    match kind {
        "table" => format!("`alter table {relation} set logged`, as its owner"),
        "constraint" => format!(
            "drop what stands there, and `alter table {relation} add constraint {ident} {definition}`"
        ),
        "trigger" => {
            let statement = definition.split(" enabled ").next().unwrap_or_default();
            let always = always(table, name);
            format!(
                "`{statement}` with the function of `migrations/V1__audit_log.sql`, then {always}"
            )
        }
        _ => format!("make it `{definition}` again, as in `migrations/V1__audit_log.sql`"),
    }
}
