//! Who asked over HTTP.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whoever asked over HTTP, as the server that acted for them knows it. The server has one role of
/// the database for all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Caller {
    /// The name in the server's file of principals.
    pub principal: String,
    /// Id of the credential that proved who it is; never the credential.
    pub credential: String,
    /// Where the request came from: `127.0.0.1:50123`, or `unix:uid=1000,pid=4711`.
    pub peer: Option<String>,
    /// Id of the request, as the server's log has it.
    pub request_id: String,
    /// sha256 of the request, in hex. A retry under the same operation's id is the same request.
    pub request_digest: String,
}
