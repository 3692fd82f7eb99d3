//! How a connection is asked for, in libpq's conventions.
//!
//! [`Parameters`] reads a connection string; [`Settings::resolve`] adds the `PG*` variables and the
//! defaults and gives every value its type. What libpq would act on and this program cannot is
//! refused by name, never ignored. Nothing here reads the environment or a file: the caller says
//! what they hold ([`Surroundings`]). Deliberately elsewhere: TLS (`db::tls`), the connection
//! itself (`db::open`). Not there yet: the password file, the service file, client certificates.

mod config;
mod environment;
mod error;
mod keyword;
mod parameters;
mod prefix;
mod secret;
mod server;
mod settings;
mod surroundings;
#[cfg(test)]
mod tests;
mod text;
mod uri;
mod value;

pub use error::{ConninfoError, Origin};
pub use keyword::quote;
pub use parameters::Parameters;
pub use secret::Secret;
pub use server::{Place, Server};
pub use settings::{Description, Keepalive, RootCertificates, Settings};
pub use surroundings::Surroundings;
pub use value::{ChannelBinding, LoadBalanceHosts, SslMode, SslNegotiation, TargetSessionAttrs};
