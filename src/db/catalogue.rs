//! Reading the catalogue: the tables that adapters name, and the keys that point at them.

use tokio_postgres::types::Type;

use super::session::Session;
use super::sqlstate::Error;
use crate::adapter::{Catalogue, Column, ForeignKey, Relation};

const COLUMNS: &str = include_str!("../../sql/catalogue/columns.sql");
const REFERENCING: &str = include_str!("../../sql/catalogue/referencing.sql");
const INTERFERENCE: &str = include_str!("../../sql/catalogue/interference.sql");

/// How far foreign keys are followed behind a delete.
const DEPTH: usize = 4;

/// Every column of every table with one of these names.
///
/// # Errors
///
/// When the server does not answer.
pub async fn catalogue(session: &Session, tables: &[String]) -> Result<Catalogue, Error> {
    let rows = session
        .read(COLUMNS, &[(&tables, Type::TEXT_ARRAY)])
        .await?;
    let mut catalogue = Catalogue::default();
    for row in rows {
        let relation = Relation {
            schema: row.try_get("schema")?,
            name: row.try_get("relation")?,
            kind: row.try_get("kind")?,
            row_security: row.try_get("row_security")?,
            owner: row.try_get("owner")?,
            may_delete: row.try_get("may_delete")?,
            may_use_schema: row.try_get("may_use_schema")?,
            columns: std::collections::BTreeMap::new(),
        };
        let column = Column {
            type_name: row.try_get("type")?,
            base: (row.try_get("base_schema")?, row.try_get("base_type")?),
            full_type: row.try_get("full_type")?,
            not_null: row.try_get("not_null")?,
            may_select: row.try_get("may_select")?,
            may_update: row.try_get("may_update")?,
            may_insert: row.try_get("may_insert")?,
        };
        catalogue.add(relation, row.try_get("column")?, column);
    }
    Ok(catalogue)
}

/// The foreign keys that point at a table and, behind those that cascade, at their tables.
///
/// # Errors
///
/// When the server does not answer.
pub async fn referencing(session: &Session, relation: &Relation) -> Result<Vec<ForeignKey>, Error> {
    level(
        session,
        relation.schema.clone(),
        relation.name.clone(),
        DEPTH,
    )
    .await
}

async fn level(
    session: &Session,
    schema: String,
    table: String,
    depth: usize,
) -> Result<Vec<ForeignKey>, Error> {
    let rows = session
        .read(REFERENCING, &[(&schema, Type::TEXT), (&table, Type::TEXT)])
        .await?;
    let mut keys = Vec::new();
    for row in rows {
        let mut key = ForeignKey {
            constraint: row.try_get("constraint")?,
            schema: row.try_get("schema")?,
            relation: row.try_get("relation")?,
            on_delete: row.try_get("on_delete")?,
            columns: row.try_get("columns")?,
            referenced: row.try_get("referenced")?,
            may_count: row.try_get("may_count")?,
            further: Vec::new(),
        };
        let itself = key.schema == schema && key.relation == table;
        if key.on_delete == "cascade" && depth > 1 && !itself {
            key.further = Box::pin(level(
                session,
                key.schema.clone(),
                key.relation.clone(),
                depth - 1,
            ))
            .await?;
        }
        keys.push(key);
    }
    Ok(keys)
}

/// Triggers, rules and policies that could swallow or rewrite a write to a table.
///
/// # Errors
///
/// When the server does not answer.
pub async fn interference(session: &Session, relation: &Relation) -> Result<Vec<String>, Error> {
    let parameters: [super::Parameter<'_>; 2] =
        [(&relation.schema, Type::TEXT), (&relation.name, Type::TEXT)];
    let rows = session.read(INTERFERENCE, &parameters).await?;
    rows.iter().map(|row| Ok(row.try_get("what")?)).collect()
}
