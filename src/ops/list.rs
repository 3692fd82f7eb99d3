//! Listing tokens, as a stream: flat memory from a table of millions.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt as _};
use tokio_postgres::types::{ToSql, Type};

use super::desk::Desk;
use super::error::Error;
use super::token_row::TokenRow;
use super::watch::watched;
use crate::adapter::SortKey;
use crate::model::Token;

/// Which tokens are wanted. What is `None` is not filtered by.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Also those that are dead.
    pub include_expired: bool,
    /// Kinds; `None` is every kind.
    pub kinds: Option<Vec<String>>,
    /// Owner's key, login or email.
    pub owner: Option<String>,
    /// Label, with `*` and `?`.
    pub name: Option<String>,
    /// Not used for so long.
    pub unused_for: Option<Duration>,
    /// Ends within so long.
    pub expires_within: Option<Duration>,
    /// Made before.
    pub created_before: Option<DateTime<Utc>>,
}

/// A request for a list.
#[derive(Clone, Debug)]
pub struct ListTokens {
    /// Which.
    pub filter: Filter,
    /// In which order.
    pub sort: SortKey,
    /// Largest first.
    pub descending: bool,
    /// At most so many; `None` is all. One more is asked for, so that a cut can be told.
    pub limit: Option<u32>,
}

impl ListTokens {
    /// Runs it. The stream ends after `limit` tokens and one more, where there is one more.
    ///
    /// # Errors
    ///
    /// When the database refuses, or row security would hide tokens.
    pub async fn run<'a>(
        &self,
        desk: &'a Desk,
    ) -> Result<impl Stream<Item = Result<Token, Error>> + 'a, Error> {
        desk.check_visible()?;
        let statement = desk.statements().list(self.sort, self.descending)?;
        let Filter {
            include_expired,
            kinds,
            owner,
            name,
            unused_for,
            expires_within,
            created_before,
        } = self.filter.clone();
        let parameters: Vec<(Box<dyn ToSql + Sync + Send>, Type)> = vec![
            (Box::new(include_expired), Type::BOOL),
            (Box::new(kinds), Type::TEXT_ARRAY),
            (Box::new(owner), Type::TEXT),
            (Box::new(name.map(|glob| like_pattern(&glob))), Type::TEXT),
            (
                Box::new(unused_for.map(|limit| limit.as_secs_f64())),
                Type::FLOAT8,
            ),
            (
                Box::new(expires_within.map(|limit| limit.as_secs_f64())),
                Type::FLOAT8,
            ),
            (Box::new(created_before), Type::TIMESTAMPTZ),
            (
                Box::new(self.limit.map(|limit| i64::from(limit) + 1)),
                Type::INT8,
            ),
        ];
        let rows = desk.session.stream(&statement, parameters);
        let rows = watched(&desk.database, &desk.session, rows).await?;
        let adapter = desk.bound.adapter.name.clone();
        Ok(rows.map(move |row| Ok(TokenRow::read(&row?, &adapter)?.token)))
    }
}

/// `*` and `?` as LIKE has them; everything else as it is.
fn like_pattern(glob: &str) -> String {
    let mut pattern = String::with_capacity(glob.len());
    for c in glob.chars() {
        match c {
            '*' => pattern.push('%'),
            '?' => pattern.push('_'),
            '%' | '_' | '\\' => pattern.extend(['\\', c]),
            _ => pattern.push(c),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::like_pattern;

    #[test]
    fn a_glob_matches_what_it_says_and_nothing_else() {
        assert_eq!(like_pattern("ci-*"), "ci-%");
        assert_eq!(like_pattern("a_b%c\\d?"), "a\\_b\\%c\\\\d_");
    }
}
