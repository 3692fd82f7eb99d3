//! Why no connection was opened.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::connection::{Endpoint, Transport};
use crate::db::conninfo::{ConninfoError, Settings};

/// Why no connection was opened.
///
/// `Display` names host, port, database and user; the causes come by `source`. Neither has ever
/// seen the password: the driver's configuration stays with the driver.
#[derive(Debug)]
pub struct OpenError(Box<Failure>);

#[derive(Debug)]
struct Failure {
    reason: Reason,
    target: Option<Target>,
    transport: Transport,
    sqlstate: Option<SqlState>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    others: Vec<OpenError>,
    /// The file that a refused password came from.
    password_file: Option<PathBuf>,
}

/// The kinds of failure that an operator has to tell apart.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No server answers there, or not as one.
    Unreachable,
    /// The server was not ready in time.
    Timeout {
        /// How long it was given.
        after: Duration,
    },
    /// The server does not let this user in (28P01, 28000), or the login broke off.
    Authentication,
    /// The server asks for a password and there is none.
    PasswordNeeded,
    /// There is no such database (3D000).
    NoSuchDatabase,
    /// TLS could not be set up, was not offered, or the certificate is not to be trusted.
    Tls,
    /// The server, the database or the role has no connection left (53300).
    TooManyConnections,
    /// The server is not of the kind that `target_session_attrs` asks for.
    SessionAttributes,
    /// The server refuses for another reason.
    Refused {
        /// Its code.
        sqlstate: String,
    },
    /// A connection parameter makes no sense.
    Parameter,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "cannot reach the server",
            Self::Timeout { after } => {
                return write!(
                    f,
                    "the server did not answer within {} s",
                    after.as_secs_f64()
                );
            }
            Self::Authentication => "the server does not accept the login",
            Self::PasswordNeeded => "the server asks for a password, and none was given",
            Self::NoSuchDatabase => "the database does not exist",
            Self::Tls => "no TLS connection to the server",
            Self::TooManyConnections => "the server has no connection left",
            Self::SessionAttributes => "the server is not what `target_session_attrs` asks for",
            Self::Refused { sqlstate } => {
                return write!(f, "the server refuses the connection ({sqlstate})");
            }
            Self::Parameter => "invalid connection parameters",
        })
    }
}

impl OpenError {
    pub(super) fn new(reason: Reason, target: Target) -> Self {
        Self::about(reason, Some(target))
    }

    fn parameter(error: ConninfoError) -> Self {
        Self::about(Reason::Parameter, None).because(error)
    }

    pub(super) fn nothing_to_try() -> Self {
        Self::parameter(ConninfoError::Conflict("no server to connect to"))
    }

    /// Sorts what the driver says of an attempt.
    pub(super) fn from_driver(
        error: tokio_postgres::Error,
        target: Target,
        transport: Transport,
    ) -> Self {
        let mut this = Self::new(reason(&error), target);
        this.0.transport = transport;
        this.0.sqlstate = error.code().cloned();
        // The driver's own words ("db error", "error connecting to server") add nothing to ours.
        let words = error.to_string();
        this.because(error.into_source().unwrap_or_else(|| words.into()))
    }

    /// Adds the cause.
    pub(super) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds the file that the password came from.
    pub(super) fn with_password_of(mut self, file: &Path) -> Self {
        self.0.password_file = Some(file.to_owned());
        self
    }

    /// Says what a lost connection means behind a certificate of ours: the server hung up on it,
    /// and its alert may have been lost with the connection.
    pub(super) fn after_our_certificate(mut self) -> Self {
        if self.0.reason == Reason::Unreachable && self.0.transport == Transport::Tls {
            self.0.reason = Reason::Tls;
        }
        self
    }

    /// Adds what else was tried, unless it came to the same.
    pub(super) fn beside(mut self, other: Self) -> Self {
        if other.0.reason != self.0.reason {
            self.0.others.push(other);
        }
        self
    }

    /// What kind of failure it is; with several servers, the last one's.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.0.reason
    }

    /// The server's code, where the server refused.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&SqlState> {
        self.0.sqlstate.as_ref()
    }

    /// What failed before, on other servers or in another TLS mode.
    #[must_use]
    pub fn others(&self) -> &[Self] {
        &self.0.others
    }

    /// The whole of it in one line: this, what else was tried, and the causes.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        // A server's answer has its detail and its hint on lines of their own.
        text.replace('\n', "; ")
    }

    /// Tells whether the next server may do better. As libpq: not after a refused login.
    pub(super) fn tries_next(&self) -> bool {
        let is_not_there = matches!(
            self.0.reason,
            Reason::Unreachable | Reason::Timeout { .. } | Reason::SessionAttributes
        );
        is_not_there || self.0.sqlstate == Some(SqlState::CANNOT_CONNECT_NOW)
    }

    /// Tells whether the server is of the wrong kind.
    pub(super) fn is_about_kind(&self) -> bool {
        self.0.reason == Reason::SessionAttributes
    }

    /// Tells whether it may go better without TLS: no handshake, or no such login over TLS.
    pub(super) fn is_about_tls(&self) -> bool {
        let no_such_login = SqlState::INVALID_AUTHORIZATION_SPECIFICATION;
        match self.0.transport {
            Transport::Plain => self.0.reason == Reason::Tls,
            Transport::Tls => self.0.sqlstate == Some(no_such_login),
        }
    }

    fn about(reason: Reason, target: Option<Target>) -> Self {
        let (transport, sqlstate, source, others) = (Transport::Plain, None, None, Vec::new());
        Self(Box::new(Failure {
            reason,
            target,
            transport,
            sqlstate,
            source,
            others,
            password_file: None,
        }))
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure {
            reason,
            target,
            others,
            password_file,
            ..
        } = &*self.0;
        reason.fmt(f)?;
        if let Some(target) = target {
            write!(f, ": {target}")?;
        }
        if let Some(file) = password_file {
            write!(f, ", password from file `{}`", file.display())?;
        }
        for (index, other) in others.iter().enumerate() {
            let opening = if index == 0 { " (also tried: " } else { "; " };
            write!(f, "{opening}{}", other.chain())?;
        }
        f.write_str(if others.is_empty() { "" } else { ")" })
    }
}

impl StdError for OpenError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.0.source.as_deref();
        source.map(|source| source as &(dyn StdError + 'static))
    }
}

/// Whom a failure is about, in words that may be shown.
#[derive(Debug, Clone)]
pub(super) struct Target {
    endpoint: Endpoint,
    dbname: String,
    user: String,
}

impl Target {
    pub(super) fn new(settings: &Settings, endpoint: &Endpoint) -> Self {
        let (dbname, user) = (settings.dbname.clone(), settings.user.clone());
        Self {
            endpoint: endpoint.clone(),
            dbname,
            user,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            endpoint,
            dbname,
            user,
        } = self;
        write!(f, "{endpoint}, database {dbname}, user {user}")
    }
}

/// Collects what fails until something works.
#[derive(Default)]
pub(super) struct Failures(Vec<OpenError>);

impl Failures {
    pub(super) fn push(&mut self, error: OpenError) {
        self.0.push(error);
    }

    /// Ends with a failure after which nothing more is tried.
    pub(super) fn ended_by(mut self, mut last: OpenError) -> OpenError {
        self.0.append(&mut last.0.others);
        last.0.others = self.0;
        last
    }

    /// Ends because there is nothing more to try.
    pub(super) fn into_error(mut self) -> OpenError {
        match self.0.pop() {
            Some(last) => self.ended_by(last),
            None => OpenError::nothing_to_try(),
        }
    }
}

fn reason(error: &tokio_postgres::Error) -> Reason {
    match error.code() {
        Some(sqlstate) => reason_of_server(sqlstate),
        None => reason_of_driver(error),
    }
}

fn reason_of_server(sqlstate: &SqlState) -> Reason {
    match sqlstate {
        &SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            Reason::Authentication
        }
        &SqlState::INVALID_CATALOG_NAME => Reason::NoSuchDatabase,
        &SqlState::TOO_MANY_CONNECTIONS => Reason::TooManyConnections,
        other => Reason::Refused {
            sqlstate: other.code().to_owned(),
        },
    }
}

/// The driver keeps the kind of its errors to itself: its words are all there is to go by. The
/// tests provoke each of them on a real server.
fn reason_of_driver(error: &tokio_postgres::Error) -> Reason {
    let cause = error.source();
    let cause_is = |text: &str| cause.is_some_and(|cause| cause.to_string() == text);
    match error.to_string().as_str() {
        "error performing TLS handshake" => Reason::Tls,
        "authentication error" => Reason::Authentication,
        "invalid configuration" if cause_is("password missing") => Reason::PasswordNeeded,
        "invalid configuration" | "error encoding message to server" => Reason::Parameter,
        _ if is_alert(error) => Reason::Tls,
        _ => Reason::Unreachable,
    }
}

/// With TLS 1.3 a server refuses our certificate only after the handshake.
fn is_alert(error: &tokio_postgres::Error) -> bool {
    let mut cause = error.source();
    while let Some(found) = cause {
        let inner = found
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if found.is::<rustls::Error>()
            || inner.is_some_and(<dyn StdError + Send + Sync>::is::<rustls::Error>)
        {
            return true;
        }
        cause = found.source();
    }
    false
}
