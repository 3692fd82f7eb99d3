//! What was asked for, in full: the parameters, the environment and the defaults put together.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::environment;
use super::error::ConninfoError;
use super::parameters::Parameters;
use super::secret::Secret;
use super::server::{self, Server};
use super::surroundings::Surroundings;
use super::value::{
    ChannelBinding, LoadBalanceHosts, SslMode, SslNegotiation, TargetSessionAttrs, Values,
};

const APPLICATION_NAME: &str = "breakglass";

/// The connection that was asked for, with every default filled in.
///
/// `Debug` does not show the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The servers to try, in this order (`host`, `hostaddr`, `port`); never empty.
    pub servers: Vec<Server>,
    /// The role to log in as.
    pub user: String,
    /// Its password.
    pub password: Option<Secret>,
    /// The database.
    pub dbname: String,
    /// Whether and how to use TLS; Unix sockets never do.
    pub sslmode: SslMode,
    /// Whom to trust where certificates are checked.
    pub sslrootcert: RootCertificates,
    /// How TLS is begun.
    pub sslnegotiation: SslNegotiation,
    /// Whether the login is bound to the TLS connection.
    pub channel_binding: ChannelBinding,
    /// How long one server may take until the session is ready; zero means for ever, `None` that
    /// nothing was said.
    pub connect_timeout: Option<Duration>,
    /// The name that the server shows for the session.
    pub application_name: String,
    /// Settings for the session in the server's command line form.
    pub options: Option<String>,
    /// Which kind of server will do.
    pub target_session_attrs: TargetSessionAttrs,
    /// In which order the servers are tried.
    pub load_balance_hosts: LoadBalanceHosts,
    /// How a dead network is noticed.
    pub keepalive: Keepalive,
}

/// How TCP notices that the other side is gone; `None` leaves it to the operating system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keepalive {
    /// Whether to probe at all (`keepalives`).
    pub enabled: bool,
    /// Silence before the first probe (`keepalives_idle`).
    pub idle: Option<Duration>,
    /// Time between probes (`keepalives_interval`).
    pub interval: Option<Duration>,
    /// Probes before giving up (`keepalives_count`).
    pub count: Option<u32>,
    /// How long sent data may stay unacknowledged (`tcp_user_timeout`, in milliseconds as libpq).
    pub user_timeout: Option<Duration>,
}

/// Where the certificates of trusted authorities are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCertificates {
    /// Nothing was said: `~/.postgresql/root.crt`, where there is a home.
    Default(Option<PathBuf>),
    /// In this file.
    File(PathBuf),
    /// What the operating system trusts (`sslrootcert=system`).
    System,
}

impl Settings {
    /// Puts together what was given, the environment and the defaults, in this order of say.
    pub fn resolve(given: Parameters, around: &Surroundings<'_>) -> Result<Self, ConninfoError> {
        let environment = environment::parameters(around.variable, &given)?;
        let parameters = given.or(environment);
        let values = Values(&parameters);
        let os_user = || around.os_user.map(str::to_owned);
        let user = values
            .text("user")
            .or_else(os_user)
            .ok_or(ConninfoError::NoUser)?;
        let sslrootcert = root_certificates(values.text("sslrootcert").as_deref(), around.home);
        let sslmode = values.sslmode()?.unwrap_or(match sslrootcert {
            RootCertificates::System => SslMode::VerifyFull,
            RootCertificates::Default(_) | RootCertificates::File(_) => SslMode::Prefer,
        });
        let settings = Self {
            servers: server::servers(&parameters, around)?,
            password: values.text("password").map(Secret::new),
            dbname: values.text("dbname").unwrap_or_else(|| user.clone()),
            user,
            sslmode,
            sslrootcert,
            sslnegotiation: values.sslnegotiation()?,
            channel_binding: values.channel_binding()?,
            connect_timeout: values.seconds("connect_timeout")?,
            application_name: application_name(&values),
            options: values.text("options"),
            target_session_attrs: values.target_session_attrs()?,
            load_balance_hosts: values.load_balance_hosts()?,
            keepalive: keepalive(&values)?,
        };
        settings.check()?;
        check_named(&parameters, &settings)?;
        Ok(settings)
    }

    /// Whether and how TLS was asked for.
    #[must_use]
    pub fn ssl_mode(&self) -> SslMode {
        self.sslmode
    }

    /// The same with another password, for all servers.
    #[must_use]
    pub fn with_password(self, password: Secret) -> Self {
        Self {
            password: Some(password),
            ..self
        }
    }

    /// What may be shown of the connection.
    #[must_use]
    pub fn describe(&self) -> Description<'_> {
        Description {
            servers: &self.servers,
            dbname: &self.dbname,
            user: &self.user,
        }
    }

    /// Refuses what contradicts itself, as libpq does.
    fn check(&self) -> Result<(), ConninfoError> {
        let is_weak = matches!(
            self.sslmode,
            SslMode::Disable | SslMode::Allow | SslMode::Prefer
        );
        if is_weak && self.sslnegotiation == SslNegotiation::Direct {
            return Err(ConninfoError::Conflict(
                "`sslnegotiation=direct` needs `sslmode` to be require, verify-ca or verify-full",
            ));
        }
        if self.sslmode != SslMode::VerifyFull && self.sslrootcert == RootCertificates::System {
            return Err(ConninfoError::Conflict(
                "`sslrootcert=system` needs `sslmode` to be verify-full",
            ));
        }
        Ok(())
    }
}

/// The part of [`Settings`] that may be shown: hosts, ports, database and user.
#[derive(Debug, Clone, Copy)]
pub struct Description<'s> {
    servers: &'s [Server],
    dbname: &'s str,
    user: &'s str,
}

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, server) in self.servers.iter().enumerate() {
            let separator = if index == 0 { "" } else { " or " };
            write!(f, "{separator}{server}")?;
        }
        write!(f, ", database {}, user {}", self.dbname, self.user)
    }
}

/// With verify-full there must be a name that the certificate can be held against.
fn check_named(parameters: &Parameters, settings: &Settings) -> Result<(), ConninfoError> {
    let has_hostaddr = parameters
        .get("hostaddr")
        .is_some_and(|text| !text.is_empty());
    let hosts = parameters.get("host").unwrap_or("");
    let lacks_name = has_hostaddr && hosts.split(',').any(str::is_empty);
    if lacks_name && settings.sslmode == SslMode::VerifyFull {
        return Err(ConninfoError::Conflict(
            "`sslmode=verify-full` needs `host` beside `hostaddr`, to check the certificate's name",
        ));
    }
    Ok(())
}

fn root_certificates(text: Option<&str>, home: Option<&Path>) -> RootCertificates {
    match text {
        None => RootCertificates::Default(home.map(|home| home.join(".postgresql/root.crt"))),
        Some("system") => RootCertificates::System,
        Some(path) => RootCertificates::File(PathBuf::from(path)),
    }
}

fn application_name(values: &Values<'_>) -> String {
    let fallback = || values.text("fallback_application_name");
    let name = values.text("application_name").or_else(fallback);
    name.unwrap_or_else(|| APPLICATION_NAME.to_owned())
}

fn keepalive(values: &Values<'_>) -> Result<Keepalive, ConninfoError> {
    let some_time = |time: &Duration| !time.is_zero();
    let enabled = values
        .number("keepalives", "0 or 1")?
        .is_none_or(|number| number != 0);
    let count = values.number("keepalives_count", "a number of probes")?;
    Ok(Keepalive {
        enabled,
        idle: values.seconds("keepalives_idle")?.filter(some_time),
        interval: values.seconds("keepalives_interval")?.filter(some_time),
        count: count
            .and_then(|count| u32::try_from(count).ok())
            .filter(|count| *count > 0),
        user_timeout: values.milliseconds("tcp_user_timeout")?.filter(some_time),
    })
}
