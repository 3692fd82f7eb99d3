//! Whether the ways to a token use an index. The planner itself is asked, with the very statements
//! that run.

use chrono::DateTime;
use serde_json::Value;
use tokio_postgres::types::Type;

use super::tables::Size;
use crate::adapter::{Bound, RenderError, SortKey, Sql, Statements};
use crate::db::{self, Session};
use crate::model::{Code, Finding};
use crate::ops::error::Error;
use crate::ops::filter::{Filter, Values, borrowed};
use crate::ops::scope::Scope;

const EXPLAIN: &str = include_str!("../../../sql/doctor/explain.sql");

/// From so many rows on a scan is worth a word.
pub(super) const MANY: f64 = 10_000.0;
/// From so many rows on it may run into the statement timeout, and takes the cache along.
const VERY_MANY: f64 = 5_000_000.0;

/// What nobody's token is called, so that the planner expects few rows.
const NOBODY: &str = "3f0c5c1e-0000-7000-8000-000000000000";

/// A way to a token.
struct Way {
    name: &'static str,
    statement: String,
    parameters: Parameters,
    remedy: String,
}

enum Parameters {
    /// `sql/tokens/find.sql`: keys, labels.
    Find(bool),
    /// `sql/tokens/lookup.sql`.
    Lookup,
    /// `sql/tokens/list.sql` of one owner.
    Owner,
}

fn ways(bound: &Bound) -> Result<Vec<Way>, RenderError> {
    let statements = Statements::new(bound);
    let find = statements.find()?;
    let table = Sql::table(&bound.token.schema, &bound.token.name);
    let index = |column: &String| {
        let column = Sql::ident(column);
        format!("`create index concurrently on {table} ({column})`")
    };
    let mut ways = vec![Way {
        name: "by key",
        statement: find.clone(),
        parameters: Parameters::Find(true),
        remedy: if bound.adapter.token.key_is_secret {
            "give it time, `--statement-timeout 5m`: the key is the secret, and nothing but a scan finds a row by its digest".to_owned()
        } else {
            format!(
                "make the key's index again: {}",
                index(&bound.adapter.token.key)
            )
        },
    }];
    if let Some(label) = &bound.adapter.token.label {
        ways.push(Way {
            name: "by name",
            statement: find,
            parameters: Parameters::Find(false),
            remedy: format!(
                "name it by `id:KEY`, or have the owner run {}",
                index(label)
            ),
        });
    }
    if let Some(statement) = statements.lookup()? {
        ways.push(Way {
            name: "by a secret's digest",
            statement,
            parameters: Parameters::Lookup,
            remedy: format!(
                "name it by `id:KEY`, or index the expression of sql/tokens/lookup.sql: `breakglass adapters show {} --sql`",
                bound.adapter.name
            ),
        });
    }
    if bound.adapter.owner.is_some() {
        ways.push(Way {
            name: "by owner",
            statement: statements.list(SortKey::Key, false)?,
            parameters: Parameters::Owner,
            remedy: "name it by `id:KEY`; `tokens ls --owner` compares login, email and key of every row".to_owned(),
        });
    }
    Ok(ways)
}

/// Ways to a token that look through the whole table, where it is large.
pub(super) async fn scans(
    session: &Session,
    bound: &Bound,
    sizes: &[Size],
) -> Result<Vec<Finding>, Error> {
    let name = bound.token.display_name();
    let size = sizes.iter().find(|size| size.relation == name);
    let Some(rows) = size.map(|size| size.rows).filter(|rows| *rows >= MANY) else {
        return Ok(Vec::new());
    };
    let ways = ways(bound)?;
    let of_nobody = Filter {
        include_expired: true,
        owner: Some(NOBODY.to_owned()),
        ..Filter::everything()
    };
    let mut owner = of_nobody.values(bound, DateTime::UNIX_EPOCH, &Scope::default())?;
    owner.push((Box::new(500_i64), Type::INT8));
    let asked = Asked {
        keys: nobodys_key(bound),
        kinds: vec![bound.adapter.token.default_kind.clone()],
        owner,
    };
    let asked = ways.iter().map(|way| explain(session, &asked, way));
    let plans = futures_util::future::join_all(asked).await;
    let mut findings = Vec::new();
    for (way, plan) in ways.iter().zip(plans) {
        let scans = match plan {
            Ok(plan) => scans_tokens(&plan),
            // Without the privilege, which is a finding of its own, it does not run either.
            Err(db::Error::Server(_)) => false,
            Err(error) => return Err(error.into()),
        };
        if !scans {
            continue;
        }
        let finding = if rows >= VERY_MANY {
            Finding::warns(Code::LookupScans, format!("{name} {}", way.name))
        } else {
            Finding::notes(Code::LookupScans, format!("{name} {}", way.name))
        };
        findings.push(
            finding
                .what(format!("finding a token {} reads all of {name}, about {rows:.0} rows: no index fits", way.name))
                .why("it takes longer the busier the server is, and may run into --statement-timeout")
                .remedy(way.remedy.clone()),
        );
    }
    Ok(findings)
}

/// What is looked up.
struct Asked {
    keys: Vec<String>,
    kinds: Vec<String>,
    owner: Values,
}

async fn explain(session: &Session, asked: &Asked, way: &Way) -> Result<Value, db::Error> {
    let Asked { keys, kinds, owner } = asked;
    let words = vec![NOBODY.to_owned()];
    let none: Option<Vec<String>> = None;
    let text: Option<String> = None;
    let everything = Scope::default();
    let [scope_owner, scope_kinds] = everything.parameters();
    let parameters: Vec<db::Parameter<'_>> = match way.parameters {
        Parameters::Find(true) => vec![
            (&keys, Type::TEXT_ARRAY),
            (&none, Type::TEXT_ARRAY),
            (&none, Type::TEXT_ARRAY),
            (&text, Type::TEXT),
            scope_owner,
            scope_kinds,
        ],
        Parameters::Find(false) => vec![
            (&none, Type::TEXT_ARRAY),
            (&words, Type::TEXT_ARRAY),
            (&kinds, Type::TEXT_ARRAY),
            (&text, Type::TEXT),
            scope_owner,
            scope_kinds,
        ],
        Parameters::Lookup => vec![(&words, Type::TEXT_ARRAY), scope_owner, scope_kinds],
        Parameters::Owner => borrowed(owner),
    };
    let statement = format!("{EXPLAIN}{}", way.statement);
    let rows = session.read(&statement, &parameters).await?;
    let plan = rows.first().map(|row| row.try_get(0)).transpose()?;
    Ok(plan.unwrap_or_default())
}

/// A key of nobody's, as the key's type has it.
fn nobodys_key(bound: &Bound) -> Vec<String> {
    let shape = Statements::new(bound).key_shape();
    let words = ["1", NOBODY, "0000000000000000"];
    words
        .iter()
        .find_map(|word| shape.spell(word))
        .into_iter()
        .collect()
}

/// Whether a node reads the token table from its beginning to its end. It is `t` in every
/// statement, and its partitions and children are `t_1` and so on.
fn scans_tokens(plan: &Value) -> bool {
    match plan {
        Value::Array(parts) => parts.iter().any(scans_tokens),
        Value::Object(node) => {
            let is = |name: &str, test: fn(&str) -> bool| {
                node.get(name).and_then(Value::as_str).is_some_and(test)
            };
            let here = is("Node Type", |kind| kind == "Seq Scan")
                && is("Alias", |alias| alias == "t" || alias.starts_with("t_"));
            here || node.values().any(scans_tokens)
        }
        _ => false,
    }
}
