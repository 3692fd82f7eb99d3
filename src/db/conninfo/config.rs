//! From settings to what the driver takes.

use std::net::IpAddr;

use tokio_postgres::Config;
use tokio_postgres::config;

use super::error::ConninfoError;
use super::server::{Place, Server};
use super::settings::Settings;
use super::value::{ChannelBinding, LoadBalanceHosts, SslMode, SslNegotiation, TargetSessionAttrs};

impl Settings {
    /// The driver's configuration for all servers at once.
    ///
    /// The driver knows three TLS modes: `allow` becomes its `prefer`, and what `verify-ca` and
    /// `verify-full` add is the connector's (`db::tls`). Neither does it try a server again without
    /// TLS. What is to follow libpq in this connects with `db::open`.
    pub fn to_config(&self) -> Result<Config, ConninfoError> {
        let mut config = self.session_config();
        let some = self.servers.iter().filter_map(address).count();
        if some != 0 && some != self.servers.len() {
            return Err(ConninfoError::Conflict(
                "give `hostaddr` for every host or for none",
            ));
        }
        for server in &self.servers {
            add(&mut config, server, address(server));
        }
        config.ssl_mode(match self.sslmode {
            SslMode::Disable => config::SslMode::Disable,
            SslMode::Allow | SslMode::Prefer => config::SslMode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => config::SslMode::Require,
        });
        Ok(config)
    }

    /// The driver's configuration for one server at one address.
    pub(in crate::db) fn to_config_at(&self, server: &Server, address: Option<IpAddr>) -> Config {
        let mut config = self.session_config();
        add(&mut config, server, address);
        config
    }

    /// All but the servers and the TLS mode.
    fn session_config(&self) -> Config {
        let mut config = Config::new();
        config
            .user(&self.user)
            .dbname(&self.dbname)
            .application_name(&self.application_name);
        if let Some(password) = &self.password {
            config.password(password.expose());
        }
        if let Some(options) = &self.options {
            config.options(options);
        }
        if let Some(timeout) = self.connect_timeout.filter(|timeout| !timeout.is_zero()) {
            config.connect_timeout(timeout);
        }
        self.set_keepalive(&mut config);
        config.ssl_negotiation(match self.sslnegotiation {
            SslNegotiation::Postgres => config::SslNegotiation::Postgres,
            SslNegotiation::Direct => config::SslNegotiation::Direct,
        });
        config.channel_binding(match self.channel_binding {
            ChannelBinding::Disable => config::ChannelBinding::Disable,
            ChannelBinding::Prefer => config::ChannelBinding::Prefer,
            ChannelBinding::Require => config::ChannelBinding::Require,
        });
        config.target_session_attrs(match self.target_session_attrs {
            TargetSessionAttrs::Any => config::TargetSessionAttrs::Any,
            TargetSessionAttrs::ReadWrite => config::TargetSessionAttrs::ReadWrite,
            TargetSessionAttrs::ReadOnly => config::TargetSessionAttrs::ReadOnly,
        });
        config.load_balance_hosts(match self.load_balance_hosts {
            LoadBalanceHosts::Disable => config::LoadBalanceHosts::Disable,
            LoadBalanceHosts::Random => config::LoadBalanceHosts::Random,
        });
        config
    }

    fn set_keepalive(&self, config: &mut Config) {
        let keepalive = &self.keepalive;
        config.keepalives(keepalive.enabled);
        if let Some(idle) = keepalive.idle {
            config.keepalives_idle(idle);
        }
        if let Some(interval) = keepalive.interval {
            config.keepalives_interval(interval);
        }
        if let Some(count) = keepalive.count {
            config.keepalives_retries(count);
        }
        if let Some(user_timeout) = keepalive.user_timeout {
            config.tcp_user_timeout(user_timeout);
        }
    }
}

fn address(server: &Server) -> Option<IpAddr> {
    match &server.place {
        Place::Network { address, .. } => *address,
        Place::Socket { .. } => None,
    }
}

fn add(config: &mut Config, server: &Server, address: Option<IpAddr>) {
    match &server.place {
        // The driver takes a host that starts with a slash for a socket's directory.
        Place::Socket { directory: host } | Place::Network { host, .. } => config.host(host),
    };
    if let Some(address) = address {
        config.hostaddr(address);
    }
    config.port(server.port);
}
