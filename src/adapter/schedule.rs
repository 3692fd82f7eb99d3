//! An end in the future, where the application would honour it: the types of an adapter's data
//! file, and the statements that set one.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::bound::{Bound, Misfit};
use super::catalogue::Relation;
use super::expression::{dead, dead_by, instant, never_ends, stored, texts};
use super::file::{Adapter, Dead, Expire, Unit};
use super::quote::{Sql, sql};
use super::record::add_audit;
use super::render::{RenderError, Statements};
use super::template::{Context, render};
use super::with::With;
use crate::model::Action;

/// The moment, in the statement that sets it: what the record will say.
const REQUESTED: &str = "($1::jsonb ->> 'ends_at')::timestamptz";

/// How to make a token end at a time in the future.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpireAt {
    /// Columns to set, and to what.
    pub set: BTreeMap<String, SetAt>,
    /// What to know of such an end.
    pub note: Option<String>,
}

/// What a column is set to, never to more than it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected \"at\" or { at_most = NUMBER }")]
pub enum SetAt {
    /// A word.
    Word(SetAtWord),
    /// A number that something else must not exceed, lest use extends the end.
    AtMost(AtMost),
}

/// The end itself, in the column's own unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetAtWord {
    /// The time that was asked for.
    At,
}

/// The most that a column may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtMost {
    /// In the column's own unit.
    pub at_most: i64,
}

impl fmt::Display for SetAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(SetAtWord::At) => f.write_str("that end"),
            Self::AtMost(AtMost { at_most }) => write!(f, "at most {at_most}"),
        }
    }
}

impl Expire {
    /// Every column that an expire may set, at once or for later.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        let later = self.at.iter().flat_map(|at| at.set.keys());
        let mut columns: Vec<String> = self.set.keys().chain(later).cloned().collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The columns that only an end in the future sets.
    #[must_use]
    pub fn only_later(&self) -> Vec<String> {
        let mut columns = self.columns();
        columns.retain(|column| !self.set.contains_key(column));
        columns
    }
}

impl Adapter {
    /// How to make a token end in the future, where the application would honour that.
    #[must_use]
    pub fn expire_at(&self) -> Option<&ExpireAt> {
        self.expire.as_ref()?.at.as_ref()
    }

    /// What the types alone cannot say of ends in the future.
    pub(super) fn check_ends(&self) -> Result<(), String> {
        let own = self.expire.iter().filter_map(|expire| expire.at.as_ref());
        let companions = self.companions.iter();
        let theirs = companions
            .clone()
            .filter_map(|other| other.expire.at.as_ref());
        for at in own.chain(theirs) {
            let sets_it = |set: &SetAt| *set == SetAt::Word(SetAtWord::At);
            if !at.set.values().any(sets_it) {
                return Err("an [expire.at] sets no column to \"at\"".to_owned());
            }
        }
        for companion in companions {
            if companion.expire.at.is_some() != self.expire_at().is_some() {
                return Err(format!(
                    "companion `{}`: it has an [expire.at] exactly where the token has one",
                    companion.name
                ));
            }
        }
        Ok(())
    }
}

impl Bound {
    /// Holds what an end in the future sets against the types of the columns.
    pub(super) fn check_expire_at(
        &self,
        relation: &Relation,
        expire: &Expire,
    ) -> Result<(), Misfit> {
        for (column, set) in expire.at.iter().flat_map(|at| &at.set) {
            match set {
                SetAt::Word(SetAtWord::At) => {
                    self.unit(relation, column)?;
                }
                SetAt::AtMost(_) => {
                    let found = &relation.column(column)?.type_name;
                    if !matches!(
                        found.as_str(),
                        "smallint" | "integer" | "bigint" | "numeric"
                    ) {
                        return Err(Misfit(format!(
                            "{}.{column} is {found}, not an integer",
                            relation.display_name()
                        )));
                    }
                }
            }
        }
        Ok(())
    }

    /// A column that holds an end as a whole day in UTC, so that no other end can be set.
    #[must_use]
    pub fn ends_on_days(&self) -> Option<String> {
        self.ending().find_map(|(relation, expire)| {
            let mut columns = expire.at.iter().flat_map(|at| &at.set);
            let found = columns.find(|(column, set)| {
                **set == SetAt::Word(SetAtWord::At)
                    && matches!(self.unit(relation, column), Ok(Unit::Date))
            });
            found.map(|(column, _)| format!("{}.{column}", relation.display_name()))
        })
    }

    /// The columns of a table that only an end in the future sets.
    #[must_use]
    pub fn set_only_later(&self, relation: &Relation) -> Vec<String> {
        let of_it = self.ending().filter(|(known, _)| *known == relation);
        of_it.flat_map(|(_, expire)| expire.only_later()).collect()
    }

    /// The tables that an expire writes to, with what it sets there.
    fn ending(&self) -> impl Iterator<Item = (&Relation, &Expire)> {
        let own = self.adapter.expire.iter();
        let companions = self.companions.iter();
        own.map(|expire| (&self.token, expire))
            .chain(companions.map(|(companion, relation)| (relation, &companion.expire)))
    }
}

impl Statements<'_> {
    /// `sql/tokens/expire.sql` for an end in the future, which the request holds; `None` where the
    /// application would honour none.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn schedule(
        &self,
        application_audit: bool,
        with: With,
    ) -> Result<Option<String>, RenderError> {
        let Some(at) = self.bound.adapter.expire_at() else {
            return Ok(None);
        };
        let moment = Sql::text(REQUESTED);
        let ending = self.ending(at);
        let mut context = self.context_by(&ending, &moment, with)?;
        let columns: Vec<String> = at.set.keys().cloned().collect();
        context.insert("set", ending.set(self.bound, &moment)?.into());
        context.insert("set_before", texts(&self.bound.token, "t", &columns).into());
        context.insert("cascaded", Sql::text("null::jsonb").into());
        context.insert("restoring", false.into());
        add_audit(self.bound, &mut context, Action::Expire, application_audit);
        Ok(Some(render("tokens/expire.sql", &context)?))
    }

    /// `sql/tokens/over.sql`; `None` where the application would honour no end in the future.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn over(&self) -> Result<Option<String>, RenderError> {
        let Some(at) = self.bound.adapter.expire_at() else {
            return Ok(None);
        };
        let moment = Sql::text("$2::timestamptz");
        let context = self.context_by(&self.ending(at), &moment, With::Companions)?;
        Ok(Some(render("tokens/over.sql", &context)?))
    }

    /// `sql/tokens/alive.sql` for an end in the future, which is a parameter; `None` where the
    /// application would honour none.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn alive_later(
        &self,
        knows_cluster: bool,
        with: With,
    ) -> Result<Option<String>, RenderError> {
        let Some(at) = self.bound.adapter.expire_at() else {
            return Ok(None);
        };
        let moment = Sql::text("$4::timestamptz");
        let mut context = self.context_by(&self.ending(at), &moment, with)?;
        context.insert("knows_cluster", knows_cluster.into());
        context.insert("later", true.into());
        Ok(Some(render("tokens/alive.sql", &context)?))
    }

    fn ending<'a>(&'a self, at: &'a ExpireAt) -> Ending<'a> {
        Ending {
            alias: "t",
            relation: &self.bound.token,
            rules: &self.bound.adapter.dead,
            at,
        }
    }

    /// What every statement about tokens may ask for, where `dead` means: over by a moment, whoever
    /// uses the token until then.
    fn context_by(
        &self,
        ending: &Ending<'_>,
        moment: &Sql,
        with: With,
    ) -> Result<Context, RenderError> {
        let mut context = self.context()?;
        context.insert("dead", ending.over(self.bound, moment)?.into());
        let companions = with.of(self.bound.companions.iter().collect());
        context.insert(
            "companions",
            self.companion_values_by(&companions, Some(moment))?,
        );
        Ok(context)
    }
}

/// A row that is to end in the future.
pub(super) struct Ending<'a> {
    pub(super) alias: &'static str,
    pub(super) relation: &'a Relation,
    pub(super) rules: &'a [Dead],
    pub(super) at: &'a ExpireAt,
}

impl Ending<'_> {
    /// Whether it is over by a moment: dead now, or dead then, and nothing extends it.
    pub(super) fn over(&self, bound: &Bound, moment: &Sql) -> Result<Sql, Misfit> {
        let Self {
            alias,
            relation,
            rules,
            at,
        } = *self;
        let now = dead(bound, relation, alias, rules)?;
        let then = dead_by(bound, relation, alias, rules, moment)?;
        let sticks = at.set.iter().filter_map(|(name, set)| match set {
            SetAt::Word(SetAtWord::At) => None,
            SetAt::AtMost(AtMost { at_most }) => {
                let column = Sql::column(alias, name);
                Some(sql!(" and coalesce({column} <= {at_most}, true)"))
            }
        });
        let sticks = Sql::join(sticks, "");
        Ok(sql!("({now} or {then}{sticks})"))
    }

    /// The assignments that make it end at a moment, and never later than it does.
    pub(super) fn set(&self, bound: &Bound, moment: &Sql) -> Result<Sql, Misfit> {
        let alias = self.alias;
        let mut parts = Vec::new();
        for (name, set) in &self.at.set {
            let (ident, column) = (Sql::ident(name), Sql::column(alias, name));
            let value = match set {
                SetAt::Word(SetAtWord::At) => {
                    let unit = bound.unit(self.relation, name)?;
                    let end = stored(moment, unit);
                    let expires = bound.adapter.times.expires.as_ref();
                    let never = expires
                        .filter(|time| alias == "t" && time.column == *name)
                        .and_then(|time| never_ends(time, &column, &instant(alias, name, unit)));
                    match never {
                        None => sql!("least({column}, {end})"),
                        Some(never) => {
                            sql!("case when {never} then {end} else least({column}, {end}) end")
                        }
                    }
                }
                // Null stays: it is nothing that could be too much.
                SetAt::AtMost(AtMost { at_most }) => {
                    sql!("case when {column} > {at_most} then {at_most} else {column} end")
                }
            };
            parts.push(sql!("{ident} = {value}"));
        }
        Ok(Sql::join(parts, ", "))
    }
}
