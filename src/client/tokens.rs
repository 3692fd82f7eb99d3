//! Listing, showing, expiring and deleting tokens.

use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;
use uuid::Uuid;

use super::Client;
use super::error::Error;
use crate::model::wire::{ChangeRequest, ExpireRequest, LookupRequest, TokenQuery};
use crate::model::{Receipt, ShownDocument, Token, TokenPage};

impl Client {
    /// One page of tokens; [`TokenPage::next`] leads to the one after it.
    ///
    /// # Errors
    ///
    /// When the server refuses, or there is no answer.
    pub async fn tokens(&self, query: &TokenQuery) -> Result<TokenPage, Error> {
        self.get_by(&["v1", "tokens"], query).await
    }

    /// Every page from this one on, as they are asked for.
    pub fn token_pages(
        &self,
        query: TokenQuery,
    ) -> impl Stream<Item = Result<TokenPage, Error>> + Send + '_ {
        stream::try_unfold(Some(query), move |query| async move {
            let Some(query) = query else {
                return Ok(None);
            };
            let page = self.tokens(&query).await?;
            let next = page.next.as_ref().map(|after| TokenQuery {
                after: Some(after.as_str().to_owned()),
                ..query
            });
            Ok(Some((page, next)))
        })
    }

    /// Every token of every page from this one on.
    pub fn all_tokens(
        &self,
        query: TokenQuery,
    ) -> impl Stream<Item = Result<Token, Error>> + Send + '_ {
        self.token_pages(query)
            .map_ok(|page| stream::iter(page.tokens).map(Ok))
            .try_flatten()
    }

    /// One token by its key, what hangs on it, and its past.
    ///
    /// # Errors
    ///
    /// When there is none, the server refuses, or there is no answer.
    pub async fn token(&self, key: &str) -> Result<ShownDocument, Error> {
        self.get(&["v1", "tokens", key]).await
    }

    /// The same by a name, a secret, or a word that may be either.
    ///
    /// # Errors
    ///
    /// When it leads to none or several, the server refuses, or there is no answer.
    pub async fn look_up(&self, request: &LookupRequest) -> Result<ShownDocument, Error> {
        self.ask(&["v1", "lookups"], request).await
    }

    /// Makes a token stop working, and keeps its row. The operation's id, a uuid v7, is made by the
    /// caller: it is what to look for where no answer comes.
    ///
    /// # Errors
    ///
    /// When the server refuses, or there is no answer.
    pub async fn expire(
        &self,
        operation: Uuid,
        key: &str,
        request: &ExpireRequest,
    ) -> Result<Receipt, Error> {
        let path = ["v1", "tokens", key, "expire"];
        self.change((Method::POST, &path), operation, request).await
    }

    /// Removes a token's row for good.
    ///
    /// # Errors
    ///
    /// When the server refuses, or there is no answer.
    pub async fn delete(
        &self,
        operation: Uuid,
        key: &str,
        request: &ChangeRequest,
    ) -> Result<Receipt, Error> {
        let path = ["v1", "tokens", key];
        self.change((Method::DELETE, &path), operation, request)
            .await
    }
}
