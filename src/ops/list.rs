//! Listing tokens, as a stream: flat memory from a table of millions.

use futures_util::{Stream, StreamExt as _};
use tokio_postgres::types::Type;

use super::desk::Desk;
use super::error::Error;
use super::filter::Filter;
use super::token_row::TokenRow;
use super::watch::watched;
use crate::adapter::SortKey;
use crate::model::Token;

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
        let mut values = self.filter.values(&desk.bound, desk.identity.as_of)?;
        values.push((
            Box::new(self.limit.map(|limit| i64::from(limit) + 1)),
            Type::INT8,
        ));
        let rows = desk.session.stream(&statement, values);
        let rows = watched(&desk.database, &desk.session, rows).await?;
        let adapter = desk.bound.adapter.name.clone();
        Ok(rows.map(move |row| Ok(TokenRow::read(&row?, &adapter)?.token)))
    }
}
