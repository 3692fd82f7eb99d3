//! A name for every request, in the answer, in the log and in the record.

use std::fmt;

use uuid::Uuid;

/// The header of the answer.
pub(super) const REQUEST_ID: &str = "x-request-id";

/// Made here, never taken from the client: two requests with one name would be one in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestId(Uuid);

impl RequestId {
    pub(super) fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
