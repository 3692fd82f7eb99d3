//! An adapter that fits, as the statements under `sql/tokens`.

use std::collections::BTreeMap;

use minijinja::{Error, Value};

use super::bound::{Bound, Misfit};
use super::cascade::counted;
use super::catalogue::{ForeignKey, Relation};
use super::expression::{dead, digest, kind, set_value, sha256_of, shown_time, state, texts};
use super::file::{Companion, Set};
use super::quote::{Sql, sql};
use super::record::add_audit;
use super::secret::KeyShape;
use super::template::{Context, nested, render};
use crate::model::Action;

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// The key.
    Key,
    /// The human name.
    Label,
    /// The owner's login.
    Owner,
    /// When it was made.
    Created,
    /// When it was last used.
    LastUsed,
    /// When it ends.
    Expires,
}

/// Why a statement could not be rendered: a defect of the adapter or of a template.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A rule names a column that does not suit it.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// A template asks for what nobody gave.
    #[error("cannot render a statement")]
    Template(#[from] Error),
}

/// The statements that an adapter leads to on one database.
#[derive(Debug)]
pub struct Statements<'a> {
    bound: &'a Bound,
}

impl<'a> Statements<'a> {
    /// The statements of this adapter.
    #[must_use]
    pub fn new(bound: &'a Bound) -> Self {
        Self { bound }
    }

    /// `sql/tokens/list.sql`, sorted.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn list(&self, sort: SortKey, descending: bool) -> Result<String, RenderError> {
        let mut context = self.context()?;
        context.insert("order", self.order(sort, descending).into());
        Ok(render("tokens/list.sql", &context)?)
    }

    /// `sql/tokens/find.sql`.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn find(&self) -> Result<String, RenderError> {
        Ok(render("tokens/find.sql", &self.context()?)?)
    }

    /// `sql/tokens/verify.sql`; `None` where there is no stored hash to compare with.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn verify(&self) -> Result<Option<String>, RenderError> {
        self.with_digest("tokens/verify.sql")
    }

    /// `sql/tokens/lookup.sql`; `None` where there is no stored hash to look up.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn lookup(&self) -> Result<Option<String>, RenderError> {
        self.with_digest("tokens/lookup.sql")
    }

    /// `sql/tokens/companions.sql`; `None` where the adapter has no companions here.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn companions(&self) -> Result<Option<String>, RenderError> {
        if self.bound.companions.is_empty() {
            return Ok(None);
        }
        let mut context = self.context()?;
        context.insert(
            "companions",
            self.companion_values(&self.bound.companions.iter().collect::<Vec<_>>())?,
        );
        Ok(Some(render("tokens/companions.sql", &context)?))
    }

    /// `sql/tokens/cascades.sql`; `None` where nothing references the token table.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn cascades(&self, keys: &[ForeignKey]) -> Result<Option<String>, RenderError> {
        if keys.is_empty() {
            return Ok(None);
        }
        let counted: Vec<Value> = counted(self.bound, keys, "$1")
            .into_iter()
            .map(|counted| {
                nested([
                    ("relation", Sql::literal(&counted.relation).into()),
                    ("constraint", Sql::literal(&counted.constraint).into()),
                    ("on_delete", Sql::literal(&counted.on_delete).into()),
                    ("count", counted.count.into()),
                ])
            })
            .collect();
        let context = Context::from([("cascades", Value::from(counted))]);
        Ok(Some(render("tokens/cascades.sql", &context)?))
    }

    /// `sql/tokens/expire.sql`; `None` where only a delete kills.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn expire(&self) -> Result<Option<String>, RenderError> {
        let Some(expire) = &self.bound.adapter.expire else {
            return Ok(None);
        };
        let mut context = self.context()?;
        context.insert(
            "set",
            self.assignments(&self.bound.token, &expire.set)?.into(),
        );
        context.insert(
            "set_before",
            texts("t", &expire.set.keys().cloned().collect::<Vec<_>>()).into(),
        );
        context.insert(
            "companions",
            self.companion_values(&self.bound.companions.iter().collect::<Vec<_>>())?,
        );
        context.insert("cascaded", Sql::text("null::jsonb").into());
        add_audit(self.bound, &mut context, Action::Expire);
        Ok(Some(render("tokens/expire.sql", &context)?))
    }

    /// `sql/tokens/delete.sql`. A companion whose foreign key cascades goes with its token; any
    /// other is expired.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn delete(&self, keys: &[ForeignKey]) -> Result<String, RenderError> {
        let mut context = self.context()?;
        let left: Vec<_> = self.left_by_delete(keys);
        context.insert("companions", self.companion_values(&left)?);
        context.insert("tracked", texts("t", &self.bound.tracked()).into());
        let objects = counted(self.bound, keys, "$4").into_iter().map(|counted| {
            let (relation, constraint) = (Sql::literal(&counted.relation), Sql::literal(&counted.constraint));
            let (on_delete, count) = (Sql::literal(&counted.on_delete), counted.count);
            sql!("jsonb_build_object('relation', {relation}, 'constraint', {constraint}, 'on_delete', {on_delete}, 'rows', {count})")
        });
        let objects = Sql::join(objects, ", ");
        context.insert("cascaded", sql!("jsonb_build_array({objects})").into());
        add_audit(self.bound, &mut context, Action::Delete);
        Ok(render("tokens/delete.sql", &context)?)
    }

    /// `sql/tokens/actor.sql`; `None` where the application keeps no users that it could name.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn actor(&self) -> Result<Option<String>, RenderError> {
        let actor = self
            .bound
            .adapter
            .application_audit
            .as_ref()
            .and_then(|audit| audit.actor.as_ref());
        let (Some(actor), Some(relation)) = (actor, &self.bound.actor) else {
            return Ok(None);
        };
        let as_text = |name: &String| {
            let column = Sql::column("t", name);
            sql!("{column}::text")
        };
        let context = Context::from([
            ("table", Sql::table(&relation.schema, &relation.name).into()),
            ("key", as_text(&actor.key).into()),
            ("login", as_text(&actor.login).into()),
            (
                "email",
                actor
                    .email
                    .as_ref()
                    .map_or_else(|| Sql::text("null"), as_text)
                    .into(),
            ),
        ]);
        Ok(Some(render("tokens/actor.sql", &context)?))
    }

    /// The companions that a delete does not take along by itself.
    #[must_use]
    pub fn left_by_delete(&self, keys: &[ForeignKey]) -> Vec<&'a (Companion, Relation)> {
        let cascades = |relation: &Relation| {
            keys.iter().any(|key| {
                key.on_delete == "cascade"
                    && key.schema == relation.schema
                    && key.relation == relation.name
            })
        };
        self.bound
            .companions
            .iter()
            .filter(|(_, relation)| !cascades(relation))
            .collect()
    }

    /// Whether a word can be a key of this table, and how a key is written.
    #[must_use]
    pub fn key_shape(&self) -> KeyShape {
        KeyShape::of(self.bound)
    }

    /// The condition that a row is among the keys of an array parameter.
    pub(super) fn matching_rows(&self, parameter: &str) -> Sql {
        let table = &self.bound.adapter.token;
        let column = Sql::column("t", &table.key);
        let key = if table.key_is_secret {
            sha256_of(&column)
        } else {
            sql!("{column}::text")
        };
        let type_name = self
            .bound
            .token
            .columns
            .get(&table.key)
            .map(|column| column.type_name.as_str());
        matching(&self.key_shape(), &column, &key, type_name, parameter)
    }

    fn with_digest(&self, name: &str) -> Result<Option<String>, RenderError> {
        let Some(verify) = self
            .bound
            .adapter
            .secret
            .as_ref()
            .and_then(|secret| secret.verify.as_ref())
        else {
            return Ok(None);
        };
        let mut context = self.context()?;
        context.insert(
            "digest",
            digest(&verify.column, verify.hash, verify.encoding).into(),
        );
        Ok(Some(render(name, &context)?))
    }

    /// What every statement about tokens may ask for.
    fn context(&self) -> Result<Context, RenderError> {
        let Bound {
            adapter,
            token,
            owner,
            ..
        } = self.bound;
        let key_column = Sql::column("t", &adapter.token.key);
        let key = if adapter.token.key_is_secret {
            sha256_of(&key_column)
        } else {
            sql!("{key_column}::text")
        };
        let label = match &adapter.token.label {
            Some(column) => {
                let column = Sql::column("t", column);
                sql!("{column}::text")
            }
            None => Sql::text("null::text"),
        };
        let shape = self.key_shape();
        let token_type = token
            .columns
            .get(&adapter.token.key)
            .map(|column| column.type_name.clone());
        Ok(Context::from([
            ("table", Sql::table(&token.schema, &token.name).into()),
            ("relation", Sql::literal(&token.display_name()).into()),
            ("key_column", key_column.clone().into()),
            ("key", key.clone().into()),
            (
                "key_begins",
                begins_function(&shape, &key_column, &key, token_type.as_deref()),
            ),
            (
                "key_matches",
                matches_function(&shape, &key_column, &key, token_type.as_deref()),
            ),
            ("label", label.into()),
            ("kind", kind(&self.bound.kinds().collect::<Vec<_>>()).into()),
            (
                "state",
                state(self.bound, token, "t", &adapter.dead)?.into(),
            ),
            ("dead", dead(self.bound, token, "t", &adapter.dead)?.into()),
            ("owner", self.owner_values(owner.as_ref())),
            (
                "times",
                nested([
                    (
                        "created",
                        shown_time("t", adapter.times.created.as_ref()).into(),
                    ),
                    (
                        "last_used",
                        shown_time("t", adapter.times.last_used.as_ref()).into(),
                    ),
                    (
                        "expires",
                        shown_time("t", adapter.times.expires.as_ref()).into(),
                    ),
                ]),
            ),
            ("details", self.details().into()),
            ("fixed", texts("t", &self.bound.fixed()).into()),
            ("vital", texts("t", &self.bound.vital()).into()),
        ]))
    }

    fn owner_values(&self, relation: Option<&Relation>) -> Value {
        let null = || Value::from(Sql::text("null::text"));
        let (Some(owner), Some(relation)) = (&self.bound.adapter.owner, relation) else {
            return nested([
                ("id", null()),
                ("login", null()),
                ("email", null()),
                ("table", Value::from(false)),
            ]);
        };
        let as_text = |column: Sql| Value::from(sql!("{column}::text"));
        let (here, there) = (
            Sql::column("t", &owner.column),
            Sql::column("o", &owner.key),
        );
        let same_type = self
            .bound
            .token
            .columns
            .get(&owner.column)
            .map(|column| &column.type_name)
            == relation
                .columns
                .get(&owner.key)
                .map(|column| &column.type_name);
        let matches = if same_type {
            sql!("{there} = {here}")
        } else {
            sql!("{there}::text = {here}::text")
        };
        nested([
            ("id", as_text(here)),
            ("login", as_text(Sql::column("o", &owner.login))),
            (
                "email",
                owner
                    .email
                    .as_ref()
                    .map_or_else(null, |email| as_text(Sql::column("o", email))),
            ),
            ("table", Sql::table(&relation.schema, &relation.name).into()),
            ("matches", matches.into()),
        ])
    }

    fn details(&self) -> Sql {
        let own = self.bound.details().map(|column| {
            let (name, column) = (Sql::literal(column), Sql::column("t", column));
            sql!("{name}, to_jsonb({column})")
        });
        let owner = self
            .bound
            .adapter
            .owner
            .iter()
            .flat_map(|owner| &owner.details)
            .map(|column| {
                let (name, column) = (
                    Sql::literal(&format!("owner_{column}")),
                    Sql::column("o", column),
                );
                sql!("{name}, to_jsonb({column})")
            });
        let pairs = Sql::join(own.chain(owner), ", ");
        sql!("jsonb_build_object({pairs})")
    }

    fn order(&self, sort: SortKey, descending: bool) -> Sql {
        let adapter = &self.bound.adapter;
        let key = Sql::column("t", &adapter.token.key);
        let column = match sort {
            SortKey::Key => key.clone(),
            SortKey::Label => adapter
                .token
                .label
                .as_ref()
                .map_or_else(|| key.clone(), |label| Sql::column("t", label)),
            SortKey::Owner => adapter
                .owner
                .as_ref()
                .map_or_else(|| key.clone(), |owner| Sql::column("o", &owner.login)),
            SortKey::Created => shown_time("t", adapter.times.created.as_ref()),
            SortKey::LastUsed => shown_time("t", adapter.times.last_used.as_ref()),
            SortKey::Expires => shown_time("t", adapter.times.expires.as_ref()),
        };
        let direction = if descending {
            "desc nulls last"
        } else {
            "asc nulls last"
        };
        if column == key && !descending {
            key
        } else {
            sql!("{column} {direction}, {key}")
        }
    }

    fn assignments(&self, relation: &Relation, set: &BTreeMap<String, Set>) -> Result<Sql, Misfit> {
        let mut parts = Vec::new();
        for (name, value) in set {
            let value = set_value(value, || self.bound.unit(relation, name))?;
            let name = Sql::ident(name);
            parts.push(sql!("{name} = {value}"));
        }
        Ok(Sql::join(parts, ", "))
    }

    fn companion_values(
        &self,
        companions: &[&(Companion, Relation)],
    ) -> Result<Value, RenderError> {
        let mut values = Vec::new();
        for (place, (companion, relation)) in companions.iter().enumerate() {
            let (key, token) = (
                Sql::column("c", &companion.key),
                Sql::column("c", &companion.token),
            );
            let columns: Vec<String> = {
                let rules = companion.dead.iter().map(|rule| rule.column.clone());
                let mut columns: Vec<String> =
                    rules.chain(companion.expire.set.keys().cloned()).collect();
                columns.sort_unstable();
                columns.dedup();
                columns
            };
            let token_type = relation
                .columns
                .get(&companion.token)
                .map(|column| column.type_name.clone());
            let shape = KeyShape::of_type(token_type.as_deref());
            values.push(nested([
                ("alias", sql!("companion_{place}").into()),
                ("name", Sql::literal(&companion.name).into()),
                ("relation", Sql::literal(&relation.display_name()).into()),
                ("table", Sql::table(&relation.schema, &relation.name).into()),
                ("key_column", key.clone().into()),
                ("key", sql!("{key}::text").into()),
                ("token", sql!("{token}::text").into()),
                (
                    "token_matches",
                    matches_function(
                        &shape,
                        &token,
                        &sql!("{token}::text"),
                        token_type.as_deref(),
                    ),
                ),
                (
                    "state",
                    state(self.bound, relation, "c", &companion.dead)?.into(),
                ),
                (
                    "dead",
                    dead(self.bound, relation, "c", &companion.dead)?.into(),
                ),
                ("vital", texts("c", &columns).into()),
                (
                    "set",
                    self.assignments(relation, &companion.expire.set)?.into(),
                ),
                (
                    "set_before",
                    texts(
                        "c",
                        &companion.expire.set.keys().cloned().collect::<Vec<_>>(),
                    )
                    .into(),
                ),
            ]));
        }
        Ok(Value::from(values))
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
fn matches_function(shape: &KeyShape, column: &Sql, key: &Sql, type_name: Option<&str>) -> Value {
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
fn begins_function(shape: &KeyShape, column: &Sql, key: &Sql, type_name: Option<&str>) -> Value {
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
