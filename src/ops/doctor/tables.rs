//! The application's tables: what kind they are, what hides their rows, how their ends are kept.

use tokio_postgres::types::Type;

use super::objects::names;
use crate::adapter::{Adapter, Bound, Catalogue, Choice, Relation, detect};
use crate::db::{self, Identity, Session};
use crate::model::{Code, Finding};

const TABLES: &str = include_str!("../../../sql/doctor/tables.sql");
const TIME_ZONES: &str = include_str!("../../../sql/doctor/time_zones.sql");

/// Why no adapter could be chosen.
pub(super) fn undetected(
    error: &detect::Error,
    adapters: &[Adapter],
    catalogue: &Catalogue,
    choice: &Choice,
) -> Vec<Finding> {
    let finding = |code, subject: &str, remedy: &str| {
        vec![
            Finding::blocks(code, subject)
                .what(error.to_string())
                .why("without knowing what the application keeps where, nothing can be shown or killed")
                .remedy(remedy),
        ]
    };
    match error {
        detect::Error::None(_) => finding(
            Code::NoAdapter,
            "the database",
            "`breakglass adapters ls` shows what is known; for a table of your own `--adapter-file FILE`",
        ),
        detect::Error::Several(_) => finding(
            Code::SeveralAdapters,
            "the database",
            "say which with `--adapter NAME` or `--schema NAME`",
        ),
        detect::Error::Refused { adapter, .. } => finding(
            Code::RefusedByAdapter,
            adapter,
            "this database must be left alone: use the application's own means",
        ),
        detect::Error::Misfit { adapter, .. } | detect::Error::Unknown(adapter) => {
            let unfit = not_tables(adapter, adapters, catalogue, choice);
            if unfit.is_empty() {
                finding(
                    Code::AdapterMisfit,
                    adapter,
                    "compare the adapter (`breakglass adapters show NAME`) with the table (`\\d TABLE` in psql)",
                )
            } else {
                unfit
            }
        }
    }
}

/// A view or a foreign table in the place of the token table.
fn not_tables(
    adapter: &str,
    adapters: &[Adapter],
    catalogue: &Catalogue,
    choice: &Choice,
) -> Vec<Finding> {
    let Some(adapter) = adapters.iter().find(|known| known.name == *adapter) else {
        return Vec::new();
    };
    let schema = choice.schema.as_ref().or(adapter.schema.as_ref());
    let schemas = catalogue.schemas_with(&adapter.token.table).into_iter();
    schemas
        .filter(|found| schema.is_none_or(|schema| schema == found))
        .filter_map(|schema| catalogue.relation(schema, &adapter.token.table))
        .filter_map(|relation| {
            let name = relation.display_name();
            match relation.kind.as_str() {
                "v" | "m" => Some(
                    Finding::blocks(Code::View, name.clone())
                        .what(format!("{name} is a view"))
                        .why("rows of a view cannot be locked and compared, and what a write to it does its definition decides")
                        .remedy("write an adapter for the table under it: `--adapter-file FILE`"),
                ),
                "f" => Some(
                    Finding::blocks(Code::ForeignTable, name.clone())
                        .what(format!("{name} is a foreign table: its rows are on another server"))
                        .why("the change there and the record here would not be one transaction")
                        .remedy("connect to the server that has the rows: `select * from pg_foreign_server`"),
                ),
                _ => None,
            }
        })
        .collect()
}

/// How many rows the tables have, and what they are parts of.
#[derive(Clone, Debug)]
pub(super) struct Size {
    pub(super) relation: String,
    pub(super) rows: f64,
    kind: String,
    children: i64,
    is_partition: bool,
}

/// Reads them, for the tables that a change writes to.
pub(super) async fn sizes(session: &Session, bound: &Bound) -> Result<Vec<Size>, db::Error> {
    let (schemas, tables) = names(bound.written());
    let parameters: [db::Parameter<'_>; 2] =
        [(&schemas, Type::TEXT_ARRAY), (&tables, Type::TEXT_ARRAY)];
    let rows = session.read(TABLES, &parameters).await?;
    rows.iter()
        .map(|row| {
            let (schema, relation): (String, String) =
                (row.try_get("schema")?, row.try_get("relation")?);
            Ok(Size {
                relation: format!("{schema}.{relation}"),
                rows: row.try_get("rows")?,
                kind: row.try_get("kind")?,
                children: row.try_get("children")?,
                is_partition: row.try_get("is_partition")?,
            })
        })
        .collect()
}

/// Tables that are more, or less, than a table.
pub(super) fn kinds(sizes: &[Size]) -> Vec<Finding> {
    let found = sizes.iter().filter_map(|size| {
        let name = &size.relation;
        if size.kind == "p" || size.is_partition {
            let what = if size.is_partition { "is a partition of another table" } else { "is partitioned" };
            return Some(
                Finding::warns(Code::Partitioned, name.clone())
                    .what(format!("{name} {what}"))
                    .why("a key need not be unique over all partitions, and a partition may have triggers and rights of its own")
                    .remedy("look at the whole: `select * from pg_inherits`; name a token by `id:KEY` and read the plan"),
            );
        }
        (size.children > 0).then(|| {
            Finding::warns(Code::Inherited, name.clone())
                .what(format!("{} other tables inherit from {name}", size.children))
                .why("their rows are found and changed as rows of this table, though its key does not reach them")
                .remedy(format!("see which: `select inhrelid::regclass from pg_inherits where inhparent = '{name}'::regclass`"))
        })
    });
    found.collect()
}

/// The first table whose rows row security hides from the role.
pub(in crate::ops) fn hidden(bound: &Bound) -> impl Iterator<Item = &Relation> {
    bound
        .written()
        .chain(&bound.owner)
        .filter(|relation| relation.row_security)
}

/// Row security that hides rows.
pub(super) fn row_security(bound: &Bound, identity: &Identity) -> Vec<Finding> {
    let found = hidden(bound).map(|relation| {
        let (name, role) = (relation.display_name(), &identity.role);
        Finding::blocks(Code::RowSecurity, name.clone())
            .what(format!(
                "row security on {name} hides rows from role `{role}`"
            ))
            .why("a list would leave tokens out, and a change would miss rows, without a word")
            .remedy("use the table's owner, or a role with BYPASSRLS")
    });
    found.collect()
}

/// Ends that are kept without a zone, where not everybody's sessions are in UTC.
pub(super) async fn time_zones(
    session: &Session,
    bound: &Bound,
) -> Result<Vec<Finding>, db::Error> {
    let columns = bound.zoneless();
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let rows = session
        .read(TIME_ZONES, &[(&bound.token.owner, Type::TEXT)])
        .await?;
    let mut zones = Vec::new();
    for row in rows {
        let (whose, zone): (String, String) = (row.try_get("whose")?, row.try_get("zone")?);
        if !is_utc(&zone) {
            zones.push(format!("{zone} for {whose}"));
        }
    }
    if zones.is_empty() {
        return Ok(Vec::new());
    }
    Ok(columns
        .into_iter()
        .map(|column| {
            Finding::warns(Code::TimeWithoutZone, column.clone())
                .what(format!("{column} has no time zone, and TimeZone is {}", zones.join(", ")))
                .why("it is read and written as UTC here; an application that writes local time into it would take an expired token for hours more, or a live one for dead")
                .remedy("compare a fresh token with the clock: `breakglass tokens show SELECTOR`; if it is off by hours, do not expire, delete")
        })
        .collect())
}

fn is_utc(zone: &str) -> bool {
    let zone = zone.trim_matches(['"', '\'']).to_ascii_lowercase();
    let zone = zone.strip_prefix("etc/").unwrap_or(&zone);
    matches!(
        zone,
        "utc"
            | "gmt"
            | "uct"
            | "universal"
            | "zulu"
            | "greenwich"
            | "gmt0"
            | "gmt+0"
            | "gmt-0"
            | "0"
    )
}
