//! From settings to what the driver takes.

use std::net::IpAddr;

use tokio_postgres::Config;
use tokio_postgres::config;

use super::server::{Place, Server};
use super::settings::Settings;
use super::value::{ChannelBinding, SslNegotiation};

impl Settings {
    /// The driver's configuration for one server at one address.
    pub(in crate::db) fn to_config_at(&self, server: &Server, address: Option<IpAddr>) -> Config {
        let mut config = self.session_config();
        if let Some(password) = self.password_for(server) {
            config.password(password.expose());
        }
        add(&mut config, server, address);
        config
    }

    /// All but the server, its password and the TLS mode. Which kind of server will do, and in
    /// which order they are tried, is `db::open`'s.
    fn session_config(&self) -> Config {
        let mut config = Config::new();
        config
            .user(&self.user)
            .dbname(&self.dbname)
            .application_name(&self.application_name);
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
