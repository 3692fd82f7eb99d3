//! What the templates under `sql/tokens` may ask for, by name.

use std::collections::BTreeMap;

use minijinja::Value;

use super::bound::{Bound, Misfit};
use super::catalogue::Relation;
use super::expression::{dead, kind, set_value, sha256_of, shown_time, state, texts};
use super::file::{Companion, Set};
use super::key::{begins_function, matches_function};
use super::quote::{Sql, sql};
use super::render::{RenderError, Statements};
use super::schedule::Ending;
use super::secret::KeyShape;
use super::template::{Context, nested};

impl Statements<'_> {
    /// What every statement about tokens may ask for.
    pub(super) fn context(&self) -> Result<Context, RenderError> {
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
            ("fixed", texts(token, "t", &self.bound.fixed()).into()),
            ("vital", texts(token, "t", &self.bound.vital()).into()),
        ]))
    }

    pub(super) fn owner_values(&self, relation: Option<&Relation>) -> Value {
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

    pub(super) fn details(&self) -> Sql {
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

    pub(super) fn assignments(
        &self,
        relation: &Relation,
        set: &BTreeMap<String, Set>,
    ) -> Result<Sql, Misfit> {
        let mut parts = Vec::new();
        for (name, value) in set {
            let value = set_value(value, || self.bound.unit(relation, name))?;
            let name = Sql::ident(name);
            parts.push(sql!("{name} = {value}"));
        }
        Ok(Sql::join(parts, ", "))
    }

    pub(super) fn companion_values(
        &self,
        companions: &[&(Companion, Relation)],
    ) -> Result<Value, RenderError> {
        self.companion_values_by(companions, None)
    }

    /// The same, where with a moment `dead` means over by then, and `set` makes it so.
    pub(super) fn companion_values_by(
        &self,
        companions: &[&(Companion, Relation)],
        moment: Option<&Sql>,
    ) -> Result<Value, RenderError> {
        let mut values = Vec::new();
        for (place, (companion, relation)) in companions.iter().enumerate() {
            let (key, token) = (
                Sql::column("c", &companion.key),
                Sql::column("c", &companion.token),
            );
            let columns = companion.vital();
            let token_type = relation
                .columns
                .get(&companion.token)
                .map(|column| column.type_name.clone());
            let shape = KeyShape::of_type(token_type.as_deref());
            let (dead, set, columns_set) = self.end_of_companion(companion, relation, moment)?;
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
                ("dead", dead.into()),
                ("vital", texts(relation, "c", &columns).into()),
                ("set", set.into()),
                ("set_before", texts(relation, "c", &columns_set).into()),
            ]));
        }
        Ok(Value::from(values))
    }

    /// When a companion is over, what makes it so, and the columns that this sets.
    fn end_of_companion(
        &self,
        companion: &Companion,
        relation: &Relation,
        moment: Option<&Sql>,
    ) -> Result<(Sql, Sql, Vec<String>), Misfit> {
        let Companion {
            expire,
            dead: rules,
            ..
        } = companion;
        let Some((at, moment)) = expire.at.as_ref().zip(moment) else {
            return Ok((
                dead(self.bound, relation, "c", rules)?,
                self.assignments(relation, &expire.set)?,
                expire.set.keys().cloned().collect(),
            ));
        };
        let ending = Ending {
            alias: "c",
            relation,
            rules,
            at,
        };
        Ok((
            ending.over(self.bound, moment)?,
            ending.set(self.bound, moment)?,
            at.set.keys().cloned().collect(),
        ))
    }
}
