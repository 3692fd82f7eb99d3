//! What a delete takes along, as the catalogue tells it: one counting expression a foreign key.

use super::bound::Bound;
use super::catalogue::ForeignKey;
use super::key::matching_rows;
use super::quote::{Sql, sql};

/// One foreign key, and how many of its rows the planned deletes concern.
pub(super) struct Counted {
    pub(super) relation: String,
    pub(super) constraint: String,
    pub(super) on_delete: String,
    pub(super) count: Sql,
}

/// The keys and, behind those that cascade, the keys that point at their rows.
///
/// `parameter` holds the keys of the planned tokens.
pub(super) fn counted(bound: &Bound, keys: &[ForeignKey], parameter: &'static str) -> Vec<Counted> {
    let matches = matching_rows(bound, parameter);
    let table = Sql::table(&bound.token.schema, &bound.token.name);
    let mut found = Vec::new();
    collect(
        &mut found,
        keys,
        &|columns: &[String]| {
            let columns = list("t", columns);
            sql!("select {columns} from {table} as t where {matches}")
        },
        true,
    );
    found
}

/// `rows` turns the referenced columns into the statement that selects them for the rows that go.
fn collect(
    found: &mut Vec<Counted>,
    keys: &[ForeignKey],
    rows: &dyn Fn(&[String]) -> Sql,
    readable: bool,
) {
    for key in keys {
        let table = Sql::table(&key.schema, &key.relation);
        let referencing = list("r", &key.columns);
        let going = rows(&key.referenced);
        let readable = readable && key.may_count;
        let count = if readable {
            sql!("(select count(*) from {table} as r where ({referencing}) in ({going}))")
        } else {
            Sql::text("null::bigint")
        };
        found.push(Counted {
            relation: format!("{}.{}", key.schema, key.relation),
            constraint: key.constraint.clone(),
            on_delete: key.on_delete.clone(),
            count,
        });
        collect(
            found,
            &key.further,
            &|columns: &[String]| {
                let columns = list("r", columns);
                sql!("select {columns} from {table} as r where ({referencing}) in ({going})")
            },
            readable,
        );
    }
}

fn list(alias: &'static str, columns: &[String]) -> Sql {
    Sql::join(
        columns.iter().map(|column| Sql::column(alias, column)),
        ", ",
    )
}
