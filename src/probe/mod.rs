//! Asking an application over HTTP whether it takes a secret.
//!
//! Here is HTTP and no Postgres. Every request is one connection: nothing is kept, no redirect is
//! followed, no proxy is used, no body is read, and nothing of an answer but its status is kept. The secret
//! travels in one header, over TLS unless the machine talks to itself or was told otherwise.

mod ask;
mod secret;
mod target;
mod tls;
mod until;
mod url;

pub use ask::{Answer, Probe};
pub use secret::Secret;
pub use target::{Target, TargetError};
pub use until::Watched;
pub use url::{Url, UrlError};
