//! The exact rows first, and the yes or no to them.

use reqwest::Method;
use uuid::Uuid;

use super::Client;
use super::error::Error;
use crate::model::wire::{ApplyRequest, DeclineRequest, PlanRequest};
use crate::model::{Problem, Proposal, Receipt};

impl Client {
    /// Finds the exact rows of a change. The server keeps the plan until it is applied, declined or over.
    ///
    /// # Errors
    ///
    /// When the server refuses, or there is no answer; nothing has changed then.
    pub async fn plan(&self, operation: Uuid, request: &PlanRequest) -> Result<Proposal, Error> {
        let path = ["v1", "plans"];
        self.change((Method::POST, &path), operation, request).await
    }

    /// Carries out exactly what a plan shows, or nothing; [`Proposal::digest`] names it.
    ///
    /// # Errors
    ///
    /// When the server refuses, or there is no answer.
    pub async fn apply(&self, operation: Uuid, digest: &str) -> Result<Receipt, Error> {
        let path = ["v1", "plans", digest, "apply"];
        let yes = ApplyRequest::default();
        self.change((Method::POST, &path), operation, &yes).await
    }

    /// Says no to a plan, which is on record then: the problem tells under which operation.
    ///
    /// # Errors
    ///
    /// When there is no such plan any more, or no answer.
    pub async fn decline(
        &self,
        operation: Uuid,
        digest: &str,
        request: &DeclineRequest,
    ) -> Result<Problem, Error> {
        let path = ["v1", "plans", digest];
        self.change((Method::DELETE, &path), operation, request)
            .await
    }
}
