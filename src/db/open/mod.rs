//! Opening a connection: every server, every address, with and without TLS, in libpq's order.
//!
//! The driver opens one connection to one address; what libpq does around that is here: the next
//! server when one cannot be reached or is of the wrong kind, `sslmode=allow` and `prefer`, and one
//! deadline for all that a server may take, not only for its socket.
//!
//! Three differences to libpq, on purpose. Without `connect_timeout` a server gets
//! [`DEFAULT_TIMEOUT`]. With `prefer`, a login that fails over TLS is tried without only when the
//! server refuses the login as such (28000, as for a `hostnossl` line), not with a wrong password.
//! And `prefer` never checks a certificate, so that it cannot fall back to plain text over one.

mod connection;
mod error;
mod kind;
mod watched;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::config;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use super::conninfo::{LoadBalanceHosts, Place, Server, Settings, SslCertMode, SslMode};
use super::tls::{self, Connector, Shown};
use connection::Transport;
pub use connection::{Connection, Endpoint};
use error::{Failures, Target};
pub use error::{OpenError, Reason};
use kind::{Kind, kinds};
use watched::Watched;

/// How long one server may take, where `connect_timeout` says nothing.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens a connection to the first server that takes it.
///
/// The session is ready when this returns; the [`Connection`] must be polled for the client to get
/// answers.
pub async fn open(settings: &Settings) -> Result<(Client, Connection), OpenError> {
    let servers = in_order(settings, settings.servers.iter().collect());
    let mut tried = Err(OpenError::nothing_to_try());
    for kind in kinds(settings.target_session_attrs) {
        tried = open_one_of(settings, &servers, *kind).await;
        match &tried {
            Err(error) if error.tries_next() => {}
            _ => return tried,
        }
    }
    tried
}

/// Opens a connection to the first server of a kind.
async fn open_one_of(
    settings: &Settings,
    servers: &[&Server],
    kind: Kind,
) -> Result<(Client, Connection), OpenError> {
    let mut failures = Failures::default();
    for server in servers {
        let addresses = match addresses(settings, server).await {
            Ok(addresses) => addresses,
            Err(error) => {
                failures.push(error);
                continue;
            }
        };
        for address in in_order(settings, addresses) {
            let attempt = Attempt {
                settings,
                endpoint: Endpoint::new(server, address),
                kind,
            };
            match attempt.within_time().await {
                Ok(opened) => return Ok(opened),
                Err(error) if error.is_about_kind() => {
                    failures.push(error);
                    // As libpq: what it is it also is at its other addresses.
                    break;
                }
                Err(error) if error.tries_next() => failures.push(error),
                Err(error) => return Err(failures.ended_by(error)),
            }
        }
    }
    Err(failures.into_error())
}

/// The addresses of a server; one `None` where there is nothing to look up.
async fn addresses(settings: &Settings, server: &Server) -> Result<Vec<Option<IpAddr>>, OpenError> {
    let (host, address) = match &server.place {
        Place::Socket { .. } => return Ok(vec![None]),
        Place::Network { host, address } => (host, address),
    };
    if address.is_some() {
        return Ok(vec![*address]);
    }
    let target = || Target::new(settings, &Endpoint::new(server, None));
    let lookup = tokio::net::lookup_host((host.as_str(), server.port));
    let found = match limit(settings) {
        None => lookup.await,
        Some(after) => timeout(after, lookup)
            .await
            .map_err(|_elapsed| OpenError::new(Reason::Timeout { after }, target()))?,
    };
    let found =
        found.map_err(|error| OpenError::new(Reason::Unreachable, target()).because(error))?;
    let mut addresses: Vec<_> = found.map(|address| Some(address.ip())).collect();
    addresses.dedup();
    if addresses.is_empty() {
        return Err(
            OpenError::new(Reason::Unreachable, target()).because("the name has no address")
        );
    }
    Ok(addresses)
}

fn limit(settings: &Settings) -> Option<Duration> {
    let limit = settings.connect_timeout.unwrap_or(DEFAULT_TIMEOUT);
    (!limit.is_zero()).then_some(limit)
}

/// Leaves a list as it is, or shuffles it for `load_balance_hosts=random`.
fn in_order<T>(settings: &Settings, mut list: Vec<T>) -> Vec<T> {
    if settings.load_balance_hosts == LoadBalanceHosts::Random {
        for left in (2..=list.len()).rev() {
            let left_u64 = u64::try_from(left).unwrap_or(u64::MAX);
            // Every `RandomState` has keys of its own: chance enough to spread load.
            let chance = RandomState::new().build_hasher().finish() % left_u64;
            list.swap(left - 1, usize::try_from(chance).unwrap_or(0));
        }
    }
    list
}

/// How one connection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    TlsIfOffered,
    Tls,
}

/// One server at one address.
struct Attempt<'s> {
    settings: &'s Settings,
    endpoint: Endpoint,
    kind: Kind,
}

impl Attempt<'_> {
    async fn within_time(&self) -> Result<(Client, Connection), OpenError> {
        let work = Box::pin(self.of_kind());
        match limit(self.settings) {
            None => work.await,
            Some(after) => timeout(after, work)
                .await
                .unwrap_or_else(|_elapsed| Err(self.error(Reason::Timeout { after }))),
        }
    }

    /// Opens a connection, and closes it again where the server is of the wrong kind.
    async fn of_kind(&self) -> Result<(Client, Connection), OpenError> {
        let (client, mut connection) = self.by_mode().await?;
        match self.kind.check(&client, &mut connection).await {
            Ok(None) => Ok((client, connection)),
            Ok(Some(wrong)) => {
                drop(client);
                connection.close().await;
                Err(self.error(Reason::SessionAttributes).because(wrong))
            }
            Err(error) => {
                let transport = connection.transport();
                Err(OpenError::from_driver(error, self.target(), transport))
            }
        }
    }

    /// Follows the TLS mode, which may mean a second connection.
    async fn by_mode(&self) -> Result<(Client, Connection), OpenError> {
        if !self.endpoint.server().is_remote() {
            return self.connect(Way::Plain).await;
        }
        match self.settings.sslmode {
            SslMode::Disable => self.connect(Way::Plain).await,
            SslMode::Allow => self.plain_then_tls().await,
            SslMode::Prefer => self.tls_then_plain().await,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => {
                self.connect(Way::Tls).await
            }
        }
    }

    async fn plain_then_tls(&self) -> Result<(Client, Connection), OpenError> {
        let without = match self.connect(Way::Plain).await {
            Err(error) if error.sqlstate().is_some() => error,
            result => return result,
        };
        let with = self.connect(Way::Tls).await;
        with.map_err(|with| without.beside(with))
    }

    async fn tls_then_plain(&self) -> Result<(Client, Connection), OpenError> {
        let with = match self.connect(Way::TlsIfOffered).await {
            Err(error) if error.is_about_tls() => error,
            result => return result,
        };
        match self.connect(Way::Plain).await {
            Ok((client, connection)) => {
                let warning = format!("connected without TLS, after {}", with.chain());
                Ok((client, connection.with_warning(warning)))
            }
            Err(without) => Err(without.beside(with)),
        }
    }

    async fn connect(&self, way: Way) -> Result<(Client, Connection), OpenError> {
        let (server, address) = (self.endpoint.server(), self.endpoint.address());
        let mut config = self.settings.to_config_at(server, address);
        let mode = match way {
            Way::Plain => return self.connect_plain(config).await,
            Way::TlsIfOffered => config::SslMode::Prefer,
            Way::Tls => config::SslMode::Require,
        };
        config.ssl_mode(mode);
        let connector = tls::watched_connector(self.settings);
        let connector = connector.map_err(|error| self.error(Reason::Tls).because(error))?;
        match connector {
            Some(connector) => self.connect_tls(config, connector).await,
            None => Err(self.error(Reason::Tls)),
        }
    }

    async fn connect_plain(&self, mut config: Config) -> Result<(Client, Connection), OpenError> {
        config.ssl_mode(config::SslMode::Disable);
        config.ssl_negotiation(config::SslNegotiation::Postgres);
        match config.connect(NoTls).await {
            Ok((client, driver)) => {
                let endpoint = self.endpoint.clone();
                let connection = Connection::new(Box::new(driver), endpoint, Transport::Plain);
                self.certificate_was_shown(None)?;
                Ok((client, connection))
            }
            Err(error) => Err(self.refused(error, Transport::Plain)),
        }
    }

    async fn connect_tls(
        &self,
        config: Config,
        connector: Connector,
    ) -> Result<(Client, Connection), OpenError> {
        let certificate = connector.certificate;
        let watched = Watched::new(connector.tls);
        match config.connect(watched.clone()).await {
            Ok((client, driver)) => {
                let transport = watched.transport();
                let endpoint = self.endpoint.clone();
                let connection = Connection::new(Box::new(driver), endpoint, transport);
                self.certificate_was_shown(Some(&certificate))?;
                Ok((client, connection))
            }
            Err(error) => {
                let refused = self.refused(error, watched.transport());
                Err(if certificate.was_shown() {
                    refused.after_our_certificate()
                } else {
                    refused
                })
            }
        }
    }

    /// Holds `sslcertmode=require`, as libpq does: when the login has succeeded.
    fn certificate_was_shown(&self, shown: Option<&Shown>) -> Result<(), OpenError> {
        if self.settings.sslcert.mode != SslCertMode::Require {
            return Ok(());
        }
        let cause = match shown {
            Some(shown) if shown.was_shown() => return Ok(()),
            Some(shown) if shown.was_asked_for() => {
                "`sslcertmode=require`: the server let us in without a certificate"
            }
            Some(_) | None => "`sslcertmode=require`: the server asked for no certificate",
        };
        Err(self.error(Reason::Authentication).because(cause))
    }

    /// What the driver says of an attempt, and which password it was where that is in doubt.
    fn refused(&self, error: tokio_postgres::Error, transport: Transport) -> OpenError {
        let is_wrong_password = error.code() == Some(&SqlState::INVALID_PASSWORD);
        let refused = OpenError::from_driver(error, self.target(), transport);
        let server = self.endpoint.server();
        let from_file = self
            .settings
            .password_file
            .as_ref()
            .filter(|file| is_wrong_password && file.password(server).is_some());
        match from_file {
            Some(file) => refused.with_password_of(file.path()),
            None => refused,
        }
    }

    fn target(&self) -> Target {
        Target::new(self.settings, &self.endpoint)
    }

    fn error(&self, reason: Reason) -> OpenError {
        OpenError::new(reason, self.target())
    }
}
