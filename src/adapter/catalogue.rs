//! What the database says of the tables that adapters name: their columns, and what the current
//! role may do to them.

use std::collections::BTreeMap;

/// The tables of interest, by schema and name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    relations: BTreeMap<(String, String), Relation>,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// `r` table, `p` partitioned, `v` view, `m` materialized view, `f` foreign table.
    pub kind: String,
    /// Whether row security would hide rows from the current role.
    pub row_security: bool,
    /// The role that owns it.
    pub owner: String,
    /// Whether the current role may delete from it.
    pub may_delete: bool,
    /// Whether the current role may use its schema.
    pub may_use_schema: bool,
    /// Its columns, by name.
    pub columns: BTreeMap<String, Column>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The type as `format_type` writes it, without a length.
    pub type_name: String,
    /// The type's own schema and name; for a domain those of what it stands for.
    pub base: (String, String),
    /// The same with its length, and so that a constant can be cast to it.
    pub full_type: String,
    /// Whether it refuses null.
    pub not_null: bool,
    /// Whether the current role may read it.
    pub may_select: bool,
    /// Whether the current role may update it.
    pub may_update: bool,
    /// Whether the current role may insert into it.
    pub may_insert: bool,
}

/// A foreign key that points at a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// Its name.
    pub constraint: String,
    /// Schema of the referencing table.
    pub schema: String,
    /// Name of the referencing table.
    pub relation: String,
    /// `cascade`, `set null`, `set default`, `restrict` or `no action`.
    pub on_delete: String,
    /// The referencing columns.
    pub columns: Vec<String>,
    /// The referenced columns, in the same order.
    pub referenced: Vec<String>,
    /// Whether the current role may read the referencing columns.
    pub may_count: bool,
    /// For a cascading key: what points at the rows that go.
    pub further: Vec<Self>,
}

impl Catalogue {
    /// Adds a column, and its table when it is the first of it.
    pub fn add(&mut self, relation: Relation, column_name: String, column: Column) {
        self.relations
            .entry((relation.schema.clone(), relation.name.clone()))
            .or_insert(relation)
            .columns
            .insert(column_name, column);
    }

    /// The table, if it exists.
    #[must_use]
    pub fn relation(&self, schema: &str, name: &str) -> Option<&Relation> {
        self.relations.get(&(schema.to_owned(), name.to_owned()))
    }

    /// The schemas that hold a table of this name.
    #[must_use]
    pub fn schemas_with(&self, name: &str) -> Vec<&str> {
        self.relations
            .keys()
            .filter(|(_, relation)| relation == name)
            .map(|(schema, _)| schema.as_str())
            .collect()
    }
}

impl Relation {
    /// Schema and name as they are shown and recorded; not for use in SQL.
    #[must_use]
    pub fn display_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}
