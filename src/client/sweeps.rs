//! Judging the secrets of a leak.

use reqwest::Method;

use super::Client;
use super::call::{Body, Call};
use super::error::Error;
use crate::model::SweepDocument;
use crate::model::wire::{Candidate, SweepRequest, Verdicts};

impl Client {
    /// Lets the server search a leak, which is text, a diff or a report, and judge what is in it. The
    /// leak is sent whole, secrets and all; [`Client::judge`] sends none.
    ///
    /// # Errors
    ///
    /// When the server refuses, or there is no answer.
    pub async fn sweep_text(&self, leak: impl Into<Vec<u8>>) -> Result<SweepDocument, Error> {
        let call = Call {
            method: Method::POST,
            url: self.0.server.url(&["v1", "sweeps"])?,
            body: Body::Text(leak.into()),
            operation: None,
        };
        self.document(&call).await
    }

    /// Judges what was found in a leak that was searched here: keys and digests, 4096 at most.
    ///
    /// # Errors
    ///
    /// When the server refuses, or there is no answer.
    pub async fn judge(&self, candidates: Vec<Candidate>) -> Result<Verdicts, Error> {
        let request = SweepRequest { candidates };
        self.ask(&["v1", "sweeps"], &request).await
    }
}
