//! The order of a list, and beyond which row of it a page begins.
//!
//! Nulls come last in both directions, and rows that are equal are in the order of their keys, so every
//! row has one place. Where the key is the secret, its digest stands for it: nobody sees the other order,
//! and no cursor could hold a place in it.

use minijinja::Value;

use super::catalogue::Relation;
use super::expression::shown_time;
use super::key::key_text;
use super::quote::{Sql, sql};
use super::render::{RenderError, SortKey, Statements};
use super::template::{nested, render};

/// The parameters of a page: the key of the row that the one before ended with, and what that row was
/// sorted by.
const KEY: &str = "$13";
const VALUE: &str = "$14";

/// Something that rows are sorted by, and the same of the row that a cursor names.
struct Ordered {
    column: Sql,
    given: Sql,
    /// Whether the operators of its type are on the closed path. Those of another schema's type are
    /// not, and the ones that are found instead may order otherwise: citext as text.
    is_builtin: bool,
}

impl Ordered {
    /// A column, whose type says how it is read and compared.
    fn column(column: Sql, relation: Option<&Relation>, name: &str, given: &str) -> Self {
        let found = relation.and_then(|relation| relation.columns.get(name));
        let Some((schema, name)) = found.map(|column| &column.base) else {
            return Self::builtin(column, sql!("{given}::text"));
        };
        let type_name = Sql::table(schema, name);
        if schema == "pg_catalog" {
            return Self::builtin(column, sql!("{given}::text::{type_name}"));
        }
        Self {
            column: sql!("{column}::{type_name}"),
            given: sql!("{given}::text::{type_name}"),
            is_builtin: false,
        }
    }

    fn builtin(column: Sql, given: Sql) -> Self {
        Self {
            column,
            given,
            is_builtin: true,
        }
    }

    /// A comparison that agrees with the order: within arrays the server takes the type's own.
    fn is(&self, operator: &'static str) -> Sql {
        let Self {
            column,
            given,
            is_builtin,
        } = self;
        if *is_builtin {
            sql!("{column} {operator} {given}")
        } else {
            sql!("array[{column}] {operator} array[{given}]")
        }
    }
}

impl Statements<'_> {
    /// `sql/tokens/list.sql`, sorted.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn list(&self, sort: SortKey, descending: bool) -> Result<String, RenderError> {
        let mut context = self.context()?;
        context.insert("order", self.order(sort, descending).into());
        context.insert("sorted", Value::from(false));
        context.insert("after", Value::from(false));
        Ok(render("tokens/list.sql", &context)?)
    }

    /// The same with what a cursor holds of each row: the first page.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn first_page(&self, sort: SortKey, descending: bool) -> Result<String, RenderError> {
        self.page(sort, descending, Value::from(false))
    }

    /// The same, beyond the row that a cursor names.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn page_after(&self, sort: SortKey, descending: bool) -> Result<String, RenderError> {
        let after = self.after(self.sorted(sort).as_ref(), descending);
        self.page(sort, descending, after)
    }

    fn page(&self, sort: SortKey, descending: bool, after: Value) -> Result<String, RenderError> {
        let mut context = self.context()?;
        context.insert("order", self.order(sort, descending).into());
        let sorted = self.sorted(sort).map(|sorted| sorted.column);
        let sorted = sorted.unwrap_or_else(|| Sql::text("null"));
        context.insert("sorted", sorted.into());
        context.insert("after", after);
        Ok(render("tokens/list.sql", &context)?)
    }

    /// The rows behind the one that a cursor names.
    fn after(&self, sorted: Option<&Ordered>, descending: bool) -> Value {
        let beyond = if descending { "<" } else { ">" };
        let key = self.key_ordered();
        match sorted {
            None => nested([
                ("by_key", Value::from(true)),
                ("key", key.is(beyond).into()),
            ]),
            Some(sorted) => nested([
                ("by_key", Value::from(false)),
                ("key", key.is(">").into()),
                ("same", sorted.is("=").into()),
                ("beyond", sorted.is(beyond).into()),
            ]),
        }
    }

    fn order(&self, sort: SortKey, descending: bool) -> Sql {
        let key = self.key_ordered().column;
        match (self.sorted(sort), descending) {
            (None, false) => key,
            // No key is null, and an index has no such end.
            (None, true) => sql!("{key} desc"),
            (Some(Ordered { column, .. }), false) => sql!("{column} asc nulls last, {key}"),
            (Some(Ordered { column, .. }), true) => sql!("{column} desc nulls last, {key}"),
        }
    }

    /// What rows are sorted by before their keys; `None` is by key alone.
    fn sorted(&self, sort: SortKey) -> Option<Ordered> {
        let adapter = &self.bound.adapter;
        let time = |time| {
            let given = sql!("{VALUE}::text::timestamptz");
            Some(Ordered::builtin(shown_time("t", time), given))
        };
        match sort {
            SortKey::Key => None,
            SortKey::Label => {
                let label = adapter.token.label.as_ref()?;
                let column = Sql::column("t", label);
                let relation = Some(&self.bound.token);
                (*label != adapter.token.key)
                    .then(|| Ordered::column(column, relation, label, VALUE))
            }
            SortKey::Owner => {
                let login = &adapter.owner.as_ref()?.login;
                let column = Sql::column("o", login);
                let relation = self.bound.owner.as_ref();
                Some(Ordered::column(column, relation, login, VALUE))
            }
            SortKey::Created => time(adapter.times.created.as_ref()),
            SortKey::LastUsed => time(adapter.times.last_used.as_ref()),
            SortKey::Expires => time(adapter.times.expires.as_ref()),
        }
    }

    fn key_ordered(&self) -> Ordered {
        let table = &self.bound.adapter.token;
        if table.key_is_secret {
            return Ordered::builtin(key_text(self.bound), sql!("{KEY}::text"));
        }
        let column = Sql::column("t", &table.key);
        Ordered::column(column, Some(&self.bound.token), &table.key, KEY)
    }
}
