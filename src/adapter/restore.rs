//! The statements that put back what an operation set.

use std::collections::BTreeMap;

use minijinja::Value;

use super::bound::Bound;
use super::catalogue::Relation;
use super::expression::{shown_time, state, texts};
use super::file::Companion;
use super::key::matches_function;
use super::quote::{Sql, sql};
use super::record::add_audit;
use super::render::{RenderError, Statements};
use super::secret::KeyShape;
use super::template::{Context, nested, render};
use crate::model::Action;

/// Columns of tables, by the table's name with its schema.
pub type Columns = BTreeMap<String, Vec<String>>;

impl Bound {
    /// The columns that a restore may put back: those that an expire sets. The log could name any
    /// other.
    #[must_use]
    pub fn settable(&self) -> Columns {
        let mut columns = Columns::new();
        let mut add = |relation: &Relation, names: Vec<String>| {
            columns
                .entry(relation.display_name())
                .or_default()
                .extend(names);
        };
        if let Some(expire) = &self.adapter.expire {
            add(&self.token, expire.columns());
        }
        for (companion, relation) in &self.companions {
            add(relation, companion.expire.columns());
        }
        for names in columns.values_mut() {
            names.sort_unstable();
            names.dedup();
        }
        columns
    }

    /// The type of a column as the catalogue writes it.
    #[must_use]
    pub fn type_of_column(&self, relation: &str, column: &str) -> Option<&str> {
        let mut relations = self.written();
        let relation = relations.find(|known| known.display_name() == relation)?;
        Some(&relation.columns.get(column)?.type_name)
    }
}

impl Statements<'_> {
    /// `sql/tokens/left.sql`.
    ///
    /// # Errors
    ///
    /// When the template is broken.
    pub fn left(&self) -> Result<String, RenderError> {
        let context = Context::from([("operation", Sql::text("$1::uuid").into())]);
        Ok(render("tokens/left.sql", &context)?)
    }

    /// `sql/tokens/standing.sql` about these columns; `None` where nothing of a token can be set.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn standing(&self, columns: &Columns) -> Result<Option<String>, RenderError> {
        if self.bound.adapter.expire.is_none() {
            return Ok(None);
        }
        let mut context = self.restoring(columns)?;
        let vital = self.bound.vital();
        let own = self.own(columns);
        context.insert("later", later(&self.bound.token, "t", &vital, &own).into());
        let ends = self.bound.adapter.times.expires.as_ref();
        context.insert("ends", shown_time("t", ends).into());
        Ok(Some(render("tokens/standing.sql", &context)?))
    }

    /// `sql/tokens/restore.sql` for these columns, with the application's own audit row or without;
    /// `None` where nothing of a token can be set.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn restore(
        &self,
        columns: &Columns,
        application_audit: bool,
    ) -> Result<Option<String>, RenderError> {
        if self.bound.adapter.expire.is_none() {
            return Ok(None);
        }
        let mut context = self.restoring(columns)?;
        context.insert("cascaded", Sql::text("null::jsonb").into());
        context.insert("restoring", Value::from(true));
        let operation = "(select request.parent_id from request)";
        context.insert("operation", Sql::text(operation).into());
        add_audit(self.bound, &mut context, Action::Restore, application_audit);
        Ok(Some(render("tokens/restore.sql", &context)?))
    }

    /// The token table's columns of a restore. Where only companions are concerned the statement
    /// still needs some, and changes none of them.
    fn own(&self, columns: &Columns) -> Vec<String> {
        let name = self.bound.token.display_name();
        let mut settable = self.bound.settable();
        let named = columns.get(&name).cloned();
        named.or_else(|| settable.remove(&name)).unwrap_or_default()
    }

    fn restoring(&self, columns: &Columns) -> Result<Context, RenderError> {
        let mut context = self.context()?;
        let (token, own) = (&self.bound.token, self.own(columns));
        context.insert("now", texts(token, "t", &own).into());
        context.insert("types", types(token, &own).into());
        context.insert(
            "put_back",
            assignments(token, "t", "same.back", &own).into(),
        );
        let mut companions = Vec::new();
        for (companion, relation) in &self.bound.companions {
            if let Some(columns) = columns.get(&relation.display_name()) {
                let place = companions.len();
                companions.push(self.companion_back(place, companion, relation, columns)?);
            }
        }
        context.insert("companions", Value::from(companions));
        Ok(context)
    }

    fn companion_back(
        &self,
        place: usize,
        companion: &Companion,
        relation: &Relation,
        columns: &[String],
    ) -> Result<Value, RenderError> {
        let (key, token) = (
            Sql::column("c", &companion.key),
            Sql::column("c", &companion.token),
        );
        let matches = |column: &Sql, name: &String| {
            let type_name = relation.columns.get(name);
            let type_name = type_name.map(|column| column.type_name.clone());
            let shape = KeyShape::of_type(type_name.as_deref());
            let text = sql!("{column}::text");
            matches_function(&shape, column, &text, type_name.as_deref())
        };
        let vital = companion.vital();
        Ok(nested([
            ("alias", sql!("companion_{place}").into()),
            ("name", Sql::literal(&companion.name).into()),
            ("relation", Sql::literal(&relation.display_name()).into()),
            ("table", Sql::table(&relation.schema, &relation.name).into()),
            ("key_column", key.clone().into()),
            ("key", sql!("{key}::text").into()),
            ("token", sql!("{token}::text").into()),
            ("token_matches", matches(&token, &companion.token)),
            ("key_matches", matches(&key, &companion.key)),
            (
                "state",
                state(self.bound, relation, "c", &companion.dead)?.into(),
            ),
            ("vital", texts(relation, "c", &vital).into()),
            ("now", texts(relation, "c", columns).into()),
            ("types", types(relation, columns).into()),
            (
                "put_back",
                assignments(relation, "c", "same.back", columns).into(),
            ),
            ("later", later(relation, "c", &vital, columns).into()),
        ]))
    }
}

/// The type that the text of a column is read as: the column's own, with its schema, for a domain
/// what it stands for, and never with a length, which would cut. Whoever reads JSON takes a text for a
/// JSON string, so those types are read as text first.
fn read_as(relation: &Relation, column: &str) -> (Sql, bool) {
    let base = relation.columns.get(column).map(|column| &column.base);
    match base {
        Some((schema, name)) if schema == "pg_catalog" && (name == "json" || name == "jsonb") => {
            (Sql::table(schema, name), true)
        }
        Some((schema, name)) => (Sql::table(schema, name), false),
        None => (Sql::text("text"), false),
    }
}

/// The columns of the record `back`.
fn types(relation: &Relation, columns: &[String]) -> Sql {
    let columns = columns.iter().map(|name| {
        let (type_name, is_json) = read_as(relation, name);
        let name = Sql::ident(name);
        if is_json {
            sql!("{name} text")
        } else {
            sql!("{name} {type_name}")
        }
    });
    Sql::join(columns, ", ")
}

/// What a column is once it is put back: as `object` says, or as it is where that is silent.
fn put_back(relation: &Relation, alias: &'static str, object: &'static str, name: &str) -> Sql {
    let (type_name, is_json) = read_as(relation, name);
    let (member, back, now) = (
        Sql::literal(name),
        Sql::column("back", name),
        Sql::column(alias, name),
    );
    let back = if is_json {
        sql!("{back}::{type_name}")
    } else {
        back
    };
    sql!("case when {object} ? {member} then {back} else {now} end")
}

fn assignments(
    relation: &Relation,
    alias: &'static str,
    object: &'static str,
    columns: &[String],
) -> Sql {
    let assignments = columns.iter().map(|name| {
        let value = put_back(relation, alias, object, name);
        let name = Sql::ident(name);
        sql!("{name} = {value}")
    });
    Sql::join(assignments, ",\n            ")
}

/// The columns that decide over life and death, as they will be.
fn later(relation: &Relation, alias: &'static str, vital: &[String], columns: &[String]) -> Sql {
    let mut all: Vec<&String> = vital.iter().chain(columns).collect();
    all.sort_unstable();
    all.dedup();
    let columns = all.into_iter().map(|name| {
        let value = if columns.contains(name) {
            put_back(relation, alias, "row_of.back", name)
        } else {
            Sql::column(alias, name)
        };
        let name = Sql::ident(name);
        sql!("{value} as {name}")
    });
    Sql::join(columns, ", ")
}
