//! The constants of an adapter's file that a column is set to or compared with, and whether its
//! type takes them.

use super::bound::{Bound, Misfit};
use super::catalogue::Relation;
use super::file::{Adapter, Expire, Set, SetNull, SetText};
use super::quote::{Sql, sql};
use super::render::{RenderError, Statements};
use super::template::{Context, render};

/// A constant, and the column whose type has to take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    /// The table with its schema, and the column, for people.
    pub column: String,
    /// The column's type, for people.
    pub type_name: String,
    /// The constant.
    pub text: String,
    /// `sql/tokens/constant.sql`: fails where the type does not take it, and says whether it would
    /// be cut.
    pub statement: String,
}

impl Adapter {
    /// What the types of the file alone cannot say of its constants.
    pub(super) fn check_constants(&self) -> Result<(), String> {
        let own = self.expire.iter();
        let companions = self.companions.iter().map(|companion| &companion.expire);
        for (column, set) in own.chain(companions).flat_map(|expire| &expire.set) {
            match set {
                Set::Null(SetNull { null: false }) => {
                    return Err(format!("`{column}`: `null` is true, or not there"));
                }
                Set::Text(SetText { text }) if text.contains('\0') => {
                    return Err(format!("`{column}`: no text in a database holds U+0000"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Statements<'_> {
    /// Every constant of the adapter that the database has to take, for a look at it before
    /// anything depends on it.
    ///
    /// # Errors
    ///
    /// When the adapter cannot be rendered.
    pub fn constants(&self) -> Result<Vec<Constant>, RenderError> {
        let Bound {
            adapter,
            token,
            companions,
            ..
        } = self.bound;
        let own = adapter.expire.iter();
        let mut found: Vec<_> = own.flat_map(|expire| set_to(token, expire)).collect();
        let compared = adapter.dead.iter().map(|rule| (token, rule));
        let of_companions = companions.iter().flat_map(|(companion, relation)| {
            companion.dead.iter().map(move |rule| (relation, rule))
        });
        for (companion, relation) in companions {
            found.extend(set_to(relation, &companion.expire));
        }
        for (relation, rule) in compared.chain(of_companions) {
            found.extend(
                rule.text
                    .as_ref()
                    .map(|text| (relation, &rule.column, text)),
            );
        }
        let statements = found
            .into_iter()
            .map(|(relation, column, text)| constant(relation, column, text));
        statements.collect()
    }
}

fn set_to<'a>(
    relation: &'a Relation,
    expire: &'a Expire,
) -> impl Iterator<Item = (&'a Relation, &'a String, &'a String)> {
    expire
        .set
        .iter()
        .filter_map(move |(column, set)| match set {
            Set::Text(SetText { text }) => Some((relation, column, text)),
            _ => None,
        })
}

fn constant(relation: &Relation, name: &str, text: &str) -> Result<Constant, RenderError> {
    let column = relation.column(name)?;
    let literal = Sql::literal(text);
    let cast = |type_name: &str| {
        let type_name = Sql::type_name(type_name);
        sql!("({literal}::{type_name})")
    };
    // Types whose casts cut what is too long; the others refuse it.
    let uncut = match column.type_name.as_str() {
        "character" => "bpchar",
        "character varying" => "varchar",
        "bit" | "bit varying" => "varbit",
        _ => &column.full_type,
    };
    let context = Context::from([
        ("constant", cast(&column.full_type).into()),
        ("uncut", cast(uncut).into()),
    ]);
    Ok(Constant {
        column: format!("{}.{name}", relation.display_name()),
        type_name: column.full_type.clone(),
        text: text.to_owned(),
        statement: render("tokens/constant.sql", &context)?,
    })
}

impl Constant {
    /// What is told where the type does not take it.
    #[must_use]
    pub fn misfit(&self, why: &str) -> Misfit {
        let Self {
            column,
            type_name,
            text,
            statement: _,
        } = self;
        Misfit(format!(
            "{column} is {type_name}, which does not take `{text}`: {why}"
        ))
    }
}
