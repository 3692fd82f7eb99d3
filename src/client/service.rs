//! What is behind the server, and how it is.

use reqwest::Method;
use serde_json::Value;

use super::Client;
use super::call::{Body, Call};
use super::error::Error;
use crate::model::wire::DoctorQuery;
use crate::model::{About, AccessDocument, Diagnosis};

impl Client {
    /// Everything that lets an owner in: by login, email or key.
    ///
    /// # Errors
    ///
    /// When it means nobody or several, the server refuses, or there is no answer.
    pub async fn owner(&self, owner: &str) -> Result<AccessDocument, Error> {
        self.get(&["v1", "owners", owner]).await
    }

    /// Everything that would make a change fail or lie.
    ///
    /// # Errors
    ///
    /// When the server refuses, or there is no answer.
    pub async fn doctor(&self, query: DoctorQuery) -> Result<Diagnosis, Error> {
        self.get_by(&["v1", "doctor"], &query).await
    }

    /// Which database is behind the server, and who calls.
    ///
    /// # Errors
    ///
    /// When the server refuses, or there is no answer.
    pub async fn about(&self) -> Result<About, Error> {
        self.get(&["v1", "about"]).await
    }

    /// Asks whether the process answers.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub async fn health(&self) -> Result<(), Error> {
        let _status: Value = self.get(&["healthz"]).await?;
        Ok(())
    }

    /// Asks whether changes can be made.
    ///
    /// # Errors
    ///
    /// When they cannot, with the reason, or there is no answer.
    pub async fn ready(&self) -> Result<(), Error> {
        let _status: Value = self.get(&["readyz"]).await?;
        Ok(())
    }

    /// Counts and times, as Prometheus reads them.
    ///
    /// # Errors
    ///
    /// When the server refuses, or there is no answer.
    pub async fn metrics(&self) -> Result<String, Error> {
        let call = Call {
            method: Method::GET,
            url: self.0.server.url(&["metrics"])?,
            body: Body::Nothing,
            operation: None,
        };
        self.text(&call).await
    }

    /// The description of the interface.
    ///
    /// # Errors
    ///
    /// When the server refuses, or there is no answer.
    pub async fn openapi(&self) -> Result<Value, Error> {
        self.get(&["openapi.json"]).await
    }
}
