//! Reading the audit log, and taking an operation back.

use futures_util::{Stream, stream};
use reqwest::Method;
use uuid::Uuid;

use super::Client;
use super::error::Error;
use crate::model::wire::{OperationQuery, RestoreRequest};
use crate::model::{HistoryDocument, OperationPage, Receipt};

impl Client {
    /// One page of operations, the newest first.
    ///
    /// # Errors
    ///
    /// When the server refuses, or there is no answer.
    pub async fn operations(&self, query: &OperationQuery) -> Result<OperationPage, Error> {
        self.get_by(&["v1", "operations"], query).await
    }

    /// Every page from this one on, as they are asked for.
    pub fn operation_pages(
        &self,
        query: OperationQuery,
    ) -> impl Stream<Item = Result<OperationPage, Error>> + Send + '_ {
        stream::try_unfold(Some(query), move |query| async move {
            let Some(query) = query else {
                return Ok(None);
            };
            let page = self.operations(&query).await?;
            let next = page.next.as_ref().map(|after| OperationQuery {
                after: Some(after.as_str().to_owned()),
                ..query
            });
            Ok(Some((page, next)))
        })
    }

    /// One operation, by its id or the beginning of it, with everything that is recorded of it.
    ///
    /// # Errors
    ///
    /// When there is none or several, the server refuses, or there is no answer.
    pub async fn operation(&self, id: &str) -> Result<HistoryDocument, Error> {
        self.get(&["v1", "operations", id]).await
    }

    /// Puts back what an operation set, as an operation of its own with the first id.
    ///
    /// # Errors
    ///
    /// When the server refuses, or there is no answer.
    pub async fn restore(
        &self,
        operation: Uuid,
        taken_back: &str,
        request: &RestoreRequest,
    ) -> Result<Receipt, Error> {
        let path = ["v1", "operations", taken_back, "restore"];
        self.change((Method::POST, &path), operation, request).await
    }
}
