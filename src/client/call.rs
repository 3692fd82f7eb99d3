//! One call: where, what is sent, and the operation that it is.

use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Client;
use super::error::Error;

/// What is sent. It is sent again as it is, byte for byte, since the server tells a retry by that.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Nothing,
    Json(Zeroizing<Vec<u8>>),
    Text(Vec<u8>),
}

/// One call, however often it is sent. It reads, or it has the id of its operation: so it may be.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Body,
    /// The operation, for a change.
    pub(super) operation: Option<Uuid>,
}

impl Client {
    /// Reads a document.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Error> {
        let call = Call {
            method: Method::GET,
            url: self.0.server.url(path)?,
            body: Body::Nothing,
            operation: None,
        };
        self.document(&call).await
    }

    /// The same with a query.
    pub(super) async fn get_by<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &impl Serialize,
    ) -> Result<T, Error> {
        let url = self.0.server.url(path)?;
        let request = self.0.http.get(url).query(query).build();
        let request = request.map_err(|error| Error::Request(error.without_url().to_string()))?;
        let call = Call {
            method: Method::GET,
            url: request.url().clone(),
            body: Body::Nothing,
            operation: None,
        };
        self.document(&call).await
    }

    /// Reads by what is sent, which may be secret and does not belong into a URL.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let call = Call {
            method: Method::POST,
            url: self.0.server.url(path)?,
            body: json(body)?,
            operation: None,
        };
        self.document(&call).await
    }

    /// Changes something, as an operation.
    pub(super) async fn change<T: DeserializeOwned>(
        &self,
        (method, path): (Method, &[&str]),
        operation: Uuid,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let call = Call {
            method,
            url: self.0.server.url(path)?,
            body: json(body)?,
            operation: Some(operation),
        };
        self.document(&call).await
    }
}

fn json(body: &impl Serialize) -> Result<Body, Error> {
    let text = serde_json::to_vec(body).map_err(|error| Error::Request(error.to_string()))?;
    Ok(Body::Json(Zeroizing::new(text)))
}
