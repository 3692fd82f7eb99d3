//! The one place where a name or a constant becomes SQL text.
//!
//! Everything that is put into a template is a [`Sql`], and the template engine refuses to print
//! anything else, so a plain string cannot reach a statement by mistake.

use std::fmt;

use minijinja::Value;

/// A piece of SQL text whose names and constants were quoted here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sql(String);

impl Sql {
    /// A quoted identifier.
    pub(crate) fn ident(name: &str) -> Self {
        Self(format!("\"{}\"", name.replace('"', "\"\"")))
    }

    /// A table with its schema, both quoted.
    pub(crate) fn table(schema: &str, name: &str) -> Self {
        Self(format!("{}.{}", Self::ident(schema), Self::ident(name)))
    }

    /// A column of the table with this alias.
    pub(crate) fn column(alias: &'static str, name: &str) -> Self {
        Self(format!("{alias}.{}", Self::ident(name)))
    }

    /// A string constant that means the same whatever `standard_conforming_strings` says.
    pub(crate) fn literal(text: &str) -> Self {
        let quoted = text.replace('\'', "''");
        if quoted.contains('\\') {
            Self(format!("E'{}'", quoted.replace('\\', "\\\\")))
        } else {
            Self(format!("'{quoted}'"))
        }
    }

    /// The name of a type as `format_type` returned it, which quotes it where needed.
    pub(crate) fn type_name(from_catalogue: &str) -> Self {
        Self(from_catalogue.to_owned())
    }

    /// Fixed text of ours around pieces that are SQL already.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The pieces with a separator between them.
    pub(crate) fn join(pieces: impl IntoIterator<Item = Self>, separator: &str) -> Self {
        let pieces: Vec<String> = pieces.into_iter().map(|piece| piece.0).collect();
        Self(pieces.join(separator))
    }
}

impl fmt::Display for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Sql> for Value {
    fn from(sql: Sql) -> Self {
        Self::from_safe_string(sql.0)
    }
}

/// Builds a [`Sql`] from a format string of ours whose arguments are all [`Sql`] or numbers.
macro_rules! sql {
    ($($part:tt)*) => { $crate::adapter::quote::Sql::text(format!($($part)*)) };
}
pub(crate) use sql;

#[cfg(test)]
mod tests {
    use super::Sql;

    #[test]
    fn quotes_names_and_constants() {
        assert_eq!(
            Sql::table("Odd\"Schema", "t").to_string(),
            "\"Odd\"\"Schema\".\"t\""
        );
        assert_eq!(Sql::literal("it's").to_string(), "'it''s'");
        assert_eq!(Sql::literal("a\\b'c").to_string(), "E'a\\\\b''c'");
    }
}
