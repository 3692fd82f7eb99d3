//! Reading `sql/doctor/objects.sql`: every object that could swallow, rewrite or refuse a write.

use tokio_postgres::types::Type;

use super::schema;
use crate::adapter::{Bound, Relation};
use crate::db::{self, Session};

const OBJECTS: &str = include_str!("../../../sql/doctor/objects.sql");

/// What kind of object a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aspect {
    Schema,
    Setting,
    Table,
    Column,
    Constraint,
    Trigger,
    Rule,
    RowSecurity,
    /// A CHECK of an application's table.
    Check,
    /// A publication of an application's table that has no replica identity.
    Publication,
}

/// One object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) aspect: Aspect,
    pub(super) schema: String,
    pub(super) relation: String,
    pub(super) name: String,
    pub(super) definition: String,
    /// For row security: whether it concerns this role.
    pub(super) may_select: bool,
    pub(super) may_insert: bool,
    events: i32,
    columns: Vec<String>,
}

/// What happens to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Insert,
    Update,
    Delete,
}

impl Event {
    /// Its bit in `pg_trigger.tgtype`.
    fn bit(self) -> i32 {
        match self {
            Self::Insert => 4,
            Self::Delete => 8,
            Self::Update => 16,
        }
    }

    /// Its number in `pg_rewrite.ev_type`.
    fn number(self) -> i32 {
        match self {
            Self::Update => 2,
            Self::Insert => 3,
            Self::Delete => 4,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

impl Object {
    /// Whether it stands in breakglass's own schema.
    pub(super) fn is_ours(&self) -> bool {
        self.schema == "breakglass"
    }

    pub(super) fn is_of(&self, relation: &Relation) -> bool {
        self.schema == relation.schema && self.relation == relation.name
    }

    pub(super) fn table(&self) -> String {
        format!("{}.{}", self.schema, self.relation)
    }

    /// Whether this trigger fires on an event that sets some columns.
    pub(super) fn fires_on(&self, event: Event, set: &[String]) -> bool {
        let concerns = event != Event::Update
            || self.columns.is_empty()
            || self.columns.iter().any(|column| set.contains(column));
        self.aspect == Aspect::Trigger && self.events & event.bit() != 0 && concerns
    }

    /// Whether this rule replaces an event.
    pub(super) fn replaces(&self, event: Event) -> bool {
        self.aspect == Aspect::Rule && self.events == event.number()
    }

    /// Whether this is a CHECK that an event which sets some columns must pass.
    pub(super) fn checks(&self, event: Event, set: &[String]) -> bool {
        self.aspect == Aspect::Check
            && event == Event::Update
            && self.columns.iter().any(|column| set.contains(column))
    }

    /// Whether this is a table of breakglass's own whose rows the role may delete.
    pub(super) fn may_delete(&self) -> bool {
        self.aspect == Aspect::Table && self.events & Event::Delete.bit() != 0
    }

    /// Whether this publication has an event of rows that it cannot identify.
    pub(super) fn publishes_blindly(&self, event: Event) -> bool {
        self.aspect == Aspect::Publication && self.events & event.bit() != 0
    }

    /// Whether this trigger runs when the transaction commits.
    pub(super) fn waits_for_commit(&self) -> bool {
        self.definition.contains(" INITIALLY DEFERRED ")
    }

    /// Whether this trigger runs before the row is written, and could change it or drop it.
    pub(super) fn can_rewrite(&self) -> bool {
        const ROW: i32 = 1;
        const BEFORE: i32 = 2;
        self.events & (ROW | BEFORE) == ROW | BEFORE
    }
}

/// Reads the objects of breakglass's own tables, and of those that an adapter writes to.
pub(super) async fn objects(
    session: &Session,
    bound: Option<&Bound>,
) -> Result<Vec<Object>, db::Error> {
    let relations = bound
        .into_iter()
        .flat_map(|bound| bound.written().chain(&bound.audit));
    let (schemas, tables) = names(relations);
    let own = schema::tables();
    let parameters: [db::Parameter<'_>; 3] = [
        (&schemas, Type::TEXT_ARRAY),
        (&tables, Type::TEXT_ARRAY),
        (&own, Type::TEXT_ARRAY),
    ];
    let rows = session.read(OBJECTS, &parameters).await?;
    rows.iter()
        .map(|row| {
            let aspect: String = row.try_get("aspect")?;
            Ok(Object {
                aspect: aspect_of(&aspect)?,
                schema: row.try_get("schema")?,
                relation: row.try_get("relation")?,
                name: row.try_get("name")?,
                definition: row.try_get("definition")?,
                may_select: row.try_get("may_select")?,
                may_insert: row.try_get("may_insert")?,
                events: row.try_get("events")?,
                columns: row.try_get("columns")?,
            })
        })
        .collect()
}

/// Schemas and tables, for parameters.
pub(super) fn names<'a, R: Iterator<Item = &'a Relation>>(
    relations: R,
) -> (Vec<String>, Vec<String>) {
    relations
        .map(|relation| (relation.schema.clone(), relation.name.clone()))
        .unzip()
}

fn aspect_of(word: &str) -> Result<Aspect, db::Error> {
    Ok(match word {
        "schema" => Aspect::Schema,
        "setting" => Aspect::Setting,
        "table" => Aspect::Table,
        "column" => Aspect::Column,
        "constraint" => Aspect::Constraint,
        "trigger" => Aspect::Trigger,
        "rule" => Aspect::Rule,
        "row security" => Aspect::RowSecurity,
        "check" => Aspect::Check,
        "publication" => Aspect::Publication,
        other => return Err(db::Error::Answer(format!("an object `{other}`"))),
    })
}
