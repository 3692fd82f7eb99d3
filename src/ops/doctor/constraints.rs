//! What a delete does beyond the token table.

use tokio_postgres::types::Type;

use super::lookups::MANY;
use crate::adapter::{Bound, Sql};
use crate::db::{self, Session};
use crate::model::{Code, Finding};

const FOREIGN_KEYS: &str = include_str!("../../../sql/doctor/foreign_keys.sql");

/// A foreign key that points at the token table.
struct Key {
    constraint: String,
    relation: String,
    on_delete: String,
    columns: String,
    quoted: String,
    rows: f64,
    indexed: bool,
    /// Whether its rows are companions, which the adapter takes care of.
    is_companions: bool,
}

/// Foreign keys that a delete would follow.
pub(super) async fn foreign_keys(
    session: &Session,
    bound: &Bound,
) -> Result<Vec<Finding>, db::Error> {
    let token = &bound.token;
    let rows = session
        .read(
            FOREIGN_KEYS,
            &[(&token.schema, Type::TEXT), (&token.name, Type::TEXT)],
        )
        .await?;
    let mut findings = Vec::new();
    for row in rows {
        let (schema, relation): (String, String) =
            (row.try_get("schema")?, row.try_get("relation")?);
        let companions = bound.companions.iter();
        let key = Key {
            constraint: row.try_get("constraint")?,
            is_companions: companions
                .map(|(_, known)| known)
                .any(|known| known.schema == schema && known.name == relation),
            relation: format!("{schema}.{relation}"),
            on_delete: row.try_get("on_delete")?,
            columns: row.try_get("quoted_columns")?,
            quoted: row.try_get("quoted")?,
            rows: row.try_get("rows")?,
            indexed: row.try_get("indexed")?,
        };
        findings.extend(followed(&key));
        findings.extend(unindexed(&key));
    }
    Ok(findings)
}

fn followed(key: &Key) -> Option<Finding> {
    let Key {
        constraint,
        relation,
        on_delete,
        ..
    } = key;
    let subject = relation.clone();
    let what = format!(
        "foreign key {constraint} of {relation} points at the tokens, on delete {on_delete}"
    );
    match on_delete.as_str() {
        "cascade" if key.is_companions => None,
        "cascade" => Some(
            Finding::notes(Code::DeleteCascades, subject)
                .what(what)
                .why("a deleted token takes these rows along, and they cannot be restored")
                .remedy("read `takes along` in the plan: `breakglass tokens rm SELECTOR --delete --dry-run`; or expire"),
        ),
        "set null" | "set default" => Some(
            Finding::notes(Code::DeleteSetsNull, subject)
                .what(what)
                .why("after a delete these rows no longer say which token they belonged to")
                .remedy("expire, where these rows are evidence"),
        ),
        _ => Some(
            Finding::warns(Code::DeleteRestricted, subject)
                .what(what)
                .why("a token that such rows point at cannot be deleted: the delete fails and nothing changes")
                .remedy("expire, or remove these rows first"),
        ),
    }
}

fn unindexed(key: &Key) -> Option<Finding> {
    if key.indexed || key.rows < MANY {
        return None;
    }
    let Key {
        relation,
        columns,
        quoted,
        ..
    } = key;
    let name = Sql::ident(&format!(
        "{}_breakglass",
        key.constraint.chars().take(50).collect::<String>()
    ));
    Some(
        Finding::warns(Code::UnindexedForeignKey, relation.clone())
            .what(format!("no index of {relation} leads to {columns}, and it has about {:.0} rows", key.rows))
            .why("a delete looks through all of it, once for each token, while it holds the token's lock")
            .remedy(format!("`create index concurrently {name} on {quoted} ({columns})`")),
    )
}
