//! Listing tokens, as a stream, flat memory from a table of millions, or in pages.

use futures_util::{Stream, StreamExt as _};
use tokio_postgres::types::Type;

use super::cursor::{Place, size, told};
use super::desk::Desk;
use super::error::Error;
use super::filter::{Filter, Values, borrowed};
use super::token_row::TokenRow;
use super::watch::watched;
use crate::adapter::SortKey;
use crate::db;
use crate::model::{Cursor, JSON_SCHEMA, Token, TokenPage};

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
    /// Only what comes after a page of the same list.
    pub after: Option<Cursor>,
}

impl ListTokens {
    /// Runs it. The stream ends after `limit` tokens and one more, where there is one more.
    ///
    /// # Errors
    ///
    /// When the database refuses, row security would hide tokens, the application does not record what
    /// they are to be sorted by, or the cursor is of another list.
    pub async fn run<'a>(
        &self,
        desk: &'a Desk,
    ) -> Result<impl Stream<Item = Result<Token, Error>> + 'a, Error> {
        self.check(desk)?;
        let (statement, values) = if self.after.is_some() {
            self.paged(desk)?
        } else {
            let statement = desk.statements().list(self.sort, self.descending)?;
            (statement, self.values(desk)?)
        };
        let rows = desk.session.stream(&statement, values);
        let rows = watched(&desk.database, &desk.session, rows).await;
        let told = self.teller();
        let adapter = desk.bound.adapter.name.clone();
        Ok(rows.map_err(told)?.map(move |row| {
            let row = row.map_err(Error::from).map_err(told)?;
            Ok(TokenRow::read(&row, &adapter)?.token)
        }))
    }

    /// Reads one page of it: `limit` tokens at most, which must be said, and where the next one begins.
    /// The pages of a list that nobody writes to, put together, are the list. By key a page is read from
    /// the key's index; any other order is sorted anew for each.
    ///
    /// # Errors
    ///
    /// Those of `run`, and a limit that is none, or more than [`MAX_PAGE`](super::MAX_PAGE).
    pub async fn page(&self, desk: &Desk) -> Result<TokenPage, Error> {
        let size = size(self.limit)?;
        self.check(desk)?;
        let (statement, values) = self.paged(desk)?;
        let parameters = borrowed(&values);
        let reading = desk.session.read(&statement, &parameters);
        let rows = watched(&desk.database, &desk.session, reading).await;
        let rows = rows.map_err(self.teller())?;
        let truncated = rows.len() > size;
        let rows = rows.get(..size).unwrap_or(&rows);
        let adapter = &desk.bound.adapter.name;
        let tokens = rows
            .iter()
            .map(|row| Ok(TokenRow::read(row, adapter)?.token));
        let tokens: Vec<Token> = tokens.collect::<Result<_, db::Error>>()?;
        let last = tokens.last().zip(rows.last()).filter(|_| truncated);
        let next = last.map(|(token, row)| {
            let place = Place {
                sort: self.sort.as_str().to_owned(),
                descending: self.descending,
                value: row.try_get("sorted_by").map_err(db::Error::from)?,
                key: token.key.clone(),
            };
            Ok::<_, Error>(place.cursor())
        });
        Ok(TokenPage {
            schema: JSON_SCHEMA,
            next: next.transpose()?,
            tokens,
            truncated,
            as_of: Some(desk.identity.as_of),
            records_use: Some(desk.bound.records_use()),
        })
    }

    fn check(&self, desk: &Desk) -> Result<(), Error> {
        if self.sort == SortKey::LastUsed && !desk.bound.records_use() {
            return Err(Error::NotKept {
                title: desk.bound.adapter.title.clone(),
                what: "when a token was last used",
                flags: "--sort last-used",
            });
        }
        desk.check_visible()
    }

    /// The statement of a page, and what goes into it.
    fn paged(&self, desk: &Desk) -> Result<(String, Values), Error> {
        let (sort, descending) = (self.sort, self.descending);
        let after = self.after.as_ref();
        let after = after.map(|cursor| Place::read(cursor, sort.as_str(), descending));
        let after = after.transpose()?;
        let statements = desk.statements();
        let statement = match after {
            Some(_) => statements.page_after(sort, descending)?,
            None => statements.first_page(sort, descending)?,
        };
        let mut values = self.values(desk)?;
        if let Some(Place { value, key, .. }) = after {
            values.push((Box::new(key), Type::TEXT));
            values.push((Box::new(value), Type::TEXT));
        }
        Ok((statement, values))
    }

    fn values(&self, desk: &Desk) -> Result<Values, Error> {
        let Desk {
            bound,
            identity,
            scope,
            ..
        } = desk;
        let mut values = self.filter.values(bound, identity.as_of, scope)?;
        let limit = self.limit.map(|limit| i64::from(limit) + 1);
        values.push((Box::new(limit), Type::INT8));
        Ok(values)
    }

    /// What an error is: behind a cursor a value that cannot be read is the cursor's.
    fn teller(&self) -> fn(Error) -> Error {
        if self.after.is_some() {
            told
        } else {
            |error| error
        }
    }
}
