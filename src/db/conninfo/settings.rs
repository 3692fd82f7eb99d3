//! What was asked for, in full: the parameters, the environment and the defaults put together.

use std::fmt;
use std::time::Duration;

use super::certificates::{ClientCertificate, RevocationLists, RootCertificates, TlsVersions};
use super::error::ConninfoError;
use super::parameters::Parameters;
use super::passfile::{self, Login, PasswordFile};
use super::secret::Secret;
use super::server::{self, Server};
use super::surroundings::Surroundings;
use super::value::{
    ChannelBinding, LoadBalanceHosts, SslCertMode, SslMode, SslNegotiation, TargetSessionAttrs,
    Values,
};
use super::{environment, service};

const APPLICATION_NAME: &str = "breakglass";

/// The connection that was asked for, with every default filled in.
///
/// `Debug` shows no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The servers to try, in this order (`host`, `hostaddr`, `port`); never empty.
    pub servers: Vec<Server>,
    /// The role to log in as.
    pub user: String,
    /// Its password; for every server, and before the password file's.
    pub password: Option<Secret>,
    /// The password file, where one is used.
    pub password_file: Option<PasswordFile>,
    /// The database.
    pub dbname: String,
    /// Whether and how to use TLS; Unix sockets never do.
    pub sslmode: SslMode,
    /// Whom to trust where certificates are checked.
    pub sslrootcert: RootCertificates,
    /// What is shown to a server that asks for a certificate.
    pub sslcert: ClientCertificate,
    /// Which certificates are not to be trusted any more.
    pub sslcrl: RevocationLists,
    /// Which versions of TLS will do.
    pub tls_versions: TlsVersions,
    /// Whether the host's name is sent in the handshake.
    pub sslsni: bool,
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
    warnings: Vec<String>,
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

impl Settings {
    /// Puts together what was given, a service, the environment and the defaults, in this order
    /// of say.
    pub fn resolve(given: Parameters, around: &Surroundings<'_>) -> Result<Self, ConninfoError> {
        let service = service::parameters(&given, around)?;
        let given = given.or(service);
        let environment = environment::parameters(around.variable, &given)?;
        let parameters = given.or(environment);
        let mut settings = Self::typed(&parameters, around)?;
        settings.check()?;
        check_named(&parameters, &settings)?;
        settings.warn_of_no_certificate(&parameters, around);
        Ok(settings)
    }

    /// The same with this password for every server, whatever was said of one before.
    #[must_use]
    pub fn with_password(mut self, password: Secret) -> Self {
        self.password = Some(password);
        self.password_file = None;
        self
    }

    /// What the operator should know of how this came about.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        let file = self.password_file.iter().flat_map(PasswordFile::warnings);
        file.chain(&self.warnings).map(String::as_str)
    }

    /// The password for a server: what was given, else what the password file has for it.
    #[must_use]
    pub fn password_for(&self, server: &Server) -> Option<&Secret> {
        self.password.as_ref().or_else(|| {
            let file = self.password_file.as_ref()?;
            let found = file.password(server);
            found.filter(|password| !password.expose().is_empty())
        })
    }

    fn typed(parameters: &Parameters, around: &Surroundings<'_>) -> Result<Self, ConninfoError> {
        let values = Values(parameters);
        let os_user = || around.os_user.map(str::to_owned);
        let user = values
            .text("user")
            .or_else(os_user)
            .ok_or(ConninfoError::NoUser)?;
        let dbname = values.text("dbname").unwrap_or_else(|| user.clone());
        let (servers, names) = server::servers(parameters, around)?;
        let password = values.text("password").map(Secret::new);
        let password_file = if password.is_some() {
            None
        } else {
            let login = Login {
                dbname: &dbname,
                user: &user,
            };
            passfile::look_up(parameters, around, (&servers, &names), &login)
        };
        let sslrootcert = RootCertificates::read(&values, around.home);
        let sslmode = values.sslmode()?.unwrap_or(match sslrootcert {
            RootCertificates::System => SslMode::VerifyFull,
            RootCertificates::Default(_) | RootCertificates::File(_) => SslMode::Prefer,
        });
        Ok(Self {
            servers,
            user,
            password,
            password_file,
            dbname,
            sslmode,
            sslrootcert,
            sslcert: ClientCertificate::read(&values, around.home)?,
            sslcrl: RevocationLists::read(&values, around.home),
            tls_versions: TlsVersions::read(&values)?,
            sslsni: values.sslsni()?,
            sslnegotiation: values.sslnegotiation()?,
            channel_binding: values.channel_binding()?,
            connect_timeout: values.seconds("connect_timeout")?,
            application_name: application_name(&values),
            options: values.text("options"),
            target_session_attrs: values.target_session_attrs()?,
            load_balance_hosts: values.load_balance_hosts()?,
            keepalive: keepalive(&values)?,
            warnings: Vec::new(),
        })
    }

    /// Whether and how TLS was asked for.
    #[must_use]
    pub fn ssl_mode(&self) -> SslMode {
        self.sslmode
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

    /// As libpq, a certificate that is not there is not shown; unlike it, the operator who named it
    /// is told.
    fn warn_of_no_certificate(&mut self, parameters: &Parameters, around: &Surroundings<'_>) {
        let is_named = parameters
            .get("sslcert")
            .is_some_and(|path| !path.is_empty());
        let may_be_shown = self.sslmode != SslMode::Disable
            && self.sslcert.mode != SslCertMode::Disable
            && self.servers.iter().any(Server::is_remote);
        let path = self.sslcert.certificate.as_deref();
        if let Some(path) = path.filter(|path| !(around.exists)(path))
            && is_named
            && may_be_shown
        {
            self.warnings.push(format!(
                "client certificate file `{}` does not exist: none is shown to the server",
                path.display()
            ));
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
