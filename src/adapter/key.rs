//! Finding rows by key, in a form that uses the key's index.

use minijinja::Value;

use super::bound::Bound;
use super::expression::sha256_of;
use super::quote::{Sql, sql};
use super::secret::KeyShape;

/// The condition that a row of the token table is among the keys of an array parameter.
pub(super) fn matching_rows(bound: &Bound, parameter: &str) -> Sql {
    let table = &bound.adapter.token;
    let column = Sql::column("t", &table.key);
    let key = key_text(bound);
    let type_name = bound
        .token
        .columns
        .get(&table.key)
        .map(|column| column.type_name.as_str());
    matching(&KeyShape::of(bound), &column, &key, type_name, parameter)
}

/// The key of a row of the token table, as the model has it.
pub(super) fn key_text(bound: &Bound) -> Sql {
    let table = &bound.adapter.token;
    let column = Sql::column("t", &table.key);
    if table.key_is_secret {
        sha256_of(&column)
    } else {
        sql!("{column}::text")
    }
}

/// A row's key is among the texts of an array parameter, in a form that uses the key's index.
fn matching(
    shape: &KeyShape,
    column: &Sql,
    key: &Sql,
    type_name: Option<&str>,
    parameter: &str,
) -> Sql {
    match type_name {
        Some(_) if shape.is_text() => sql!("{column} = any ({parameter}::text[])"),
        Some(type_name) if shape.is_typed() => {
            let type_name = Sql::type_name(type_name);
            sql!("{column} = any ({parameter}::text[]::{type_name}[])")
        }
        _ => sql!("{key} = any ({parameter}::text[])"),
    }
}

/// `key_matches("$1")` in a template.
pub(super) fn matches_function(
    shape: &KeyShape,
    column: &Sql,
    key: &Sql,
    type_name: Option<&str>,
) -> Value {
    let (shape, column, key, type_name) = (
        shape.clone(),
        column.clone(),
        key.clone(),
        type_name.map(str::to_owned),
    );
    Value::from_function(move |parameter: &str| {
        Value::from(matching(
            &shape,
            &column,
            &key,
            type_name.as_deref(),
            parameter,
        ))
    })
}

/// `key_begins("$1")`: the same for what an operator typed, who sees only the beginning of a key
/// that is a digest.
pub(super) fn begins_function(
    shape: &KeyShape,
    column: &Sql,
    key: &Sql,
    type_name: Option<&str>,
) -> Value {
    if !shape.is_digest() {
        return matches_function(shape, column, key, type_name);
    }
    let key = key.clone();
    Value::from_function(move |parameter: &str| {
        Value::from(sql!(
            "exists (select from unnest({parameter}::text[]) as b (prefix) where starts_with({key}, b.prefix))"
        ))
    })
}
