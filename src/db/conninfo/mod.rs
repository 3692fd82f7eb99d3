//! How a connection is asked for, in libpq's conventions.
//!
//! [`Parameters`] reads a connection string; [`Settings::resolve`] adds a service, the `PG*`
//! variables, the defaults and the password file, and gives every value its type. What libpq would
//! act on and this program cannot is refused by name, never ignored. Nothing here reads the
//! environment or a file by itself: the caller says how ([`Surroundings`]). Deliberately elsewhere:
//! TLS (`db::tls`), the connection itself (`db::open`).

mod certificates;
mod config;
mod environment;
mod error;
mod keyword;
mod parameters;
mod passfile;
mod prefix;
mod secret;
mod server;
mod service;
mod settings;
mod surroundings;
#[cfg(test)]
mod tests;
mod text;
mod uri;
mod value;

pub use certificates::{ClientCertificate, RevocationLists, RootCertificates, TlsVersions};
pub use error::{ConninfoError, Origin};
pub use keyword::quote;
pub use parameters::Parameters;
pub use passfile::PasswordFile;
pub use secret::Secret;
pub use server::{Place, Server};
pub use settings::{Description, Keepalive, Settings};
pub use surroundings::Surroundings;
pub use value::{
    ChannelBinding, LoadBalanceHosts, SslCertMode, SslMode, SslNegotiation, TargetSessionAttrs,
    TlsVersion,
};
