//! The SDK: typed calls of a breakglass server.
//!
//! What crosses the wire are the types of [`crate::model`], the same that the command line prints as
//! JSON; what the server refuses is its [`Problem`](crate::model::Problem). A call is sent again only
//! where that is safe: it reads, or it carries the id of its operation as `Idempotency-Key`, by which the
//! server tells the first outcome again instead of changing anything twice.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use breakglass::client::Client;
//!
//! let client = Client::builder("https://breakglass.example:7345")
//!     .bearer_token(&std::fs::read_to_string("scanner.token")?)
//!     .build()?;
//! client.expire_api_key("alice", "aB3dE5gH7j").await?;
//! # Ok(())
//! # }
//! ```

mod answer;
mod builder;
mod call;
mod coder;
mod error;
mod operations;
mod plans;
mod send;
mod server;
mod service;
mod sweeps;
#[cfg(test)]
mod tests;
mod tls;
mod tokens;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;

pub use builder::{BuildError, Builder, CONNECT_TIMEOUT, RETRIES, TIMEOUT};
pub use coder::{BuildInfo, CoderKey, CoderUser, TokensFilter};
pub use error::Error;
use server::Server;

/// Calls a server. Cheap to clone; the clones share their connections.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    server: Server,
    /// What stands in `Authorization`; a unix socket and a client certificate need none.
    bearer: Option<HeaderValue>,
    timeout: Duration,
    retries: u32,
}

/// Never the token.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.server()).finish()
    }
}

impl Client {
    /// Begins a client of a server: `https://HOST[:PORT]`, `http://HOST[:PORT]` or `unix:/PATH`.
    pub fn builder(server: &str) -> Builder {
        Builder::new(server)
    }

    /// Which server it calls, without anything secret.
    #[must_use]
    pub fn server(&self) -> String {
        self.0.server.to_string()
    }
}
