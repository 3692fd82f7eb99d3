//! Connection parameters by keyword, before their values mean anything.

use std::collections::BTreeMap;
use std::fmt;

use super::error::{ConninfoError, Origin};
use super::prefix::is_uri;

/// What this program acts on.
pub(super) const SUPPORTED: [&str; 33] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "load_balance_hosts",
    "options",
    "passfile",
    "password",
    "port",
    "service",
    "servicefile",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// What libpq (up to 18) knows besides, each with the values, in lower case, that are accepted
/// because they ask for what happens anyway. An empty value asks for nothing.
pub(super) const NOT_YET: [(&str, &[&str]); 18] = [
    ("client_encoding", &["utf8", "auto", "utf-8"]),
    ("gssdelegation", &["0"]),
    ("gssencmode", &["disable", "prefer"]),
    ("gsslib", &[]),
    ("krbsrvname", &[]),
    ("max_protocol_version", &["3.0", "3.2", "latest"]),
    ("min_protocol_version", &["3.0"]),
    ("oauth_client_id", &[]),
    ("oauth_client_secret", &[]),
    ("oauth_issuer", &[]),
    ("oauth_scope", &[]),
    ("replication", &["false", "off", "no", "0"]),
    ("require_auth", &[]),
    ("requirepeer", &[]),
    ("scram_client_key", &[]),
    ("scram_server_key", &[]),
    ("sslcompression", &["0"]),
    ("sslkeylogfile", &[]),
];

/// Connection parameters by keyword: every keyword is known and supported, no value is checked.
///
/// Sets are put on top of one another with [`Parameters::or`]: flags, the connection string, a
/// service, the environment.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(BTreeMap<&'static str, (String, Origin)>);

impl Parameters {
    /// Sets one parameter, over what it was.
    pub fn set(&mut self, keyword: &str, value: &str) -> Result<(), ConninfoError> {
        self.set_from(keyword, value, Origin::Parameter)
    }

    /// Sets one parameter; an unknown name that does not look like one is told by its number.
    pub(super) fn set_numbered(
        &mut self,
        keyword: &str,
        value: &str,
        number: usize,
    ) -> Result<(), ConninfoError> {
        let mut characters = keyword.chars();
        let is_name = (1..=40).contains(&keyword.len())
            && characters.all(|c| c.is_ascii_alphabetic() || c == '_');
        match self.set(keyword, value) {
            Err(ConninfoError::Unknown(_)) if !is_name => {
                Err(ConninfoError::UnknownHidden { number })
            }
            result => result,
        }
    }

    /// Sets one parameter and remembers where it came from.
    pub(super) fn set_from(
        &mut self,
        keyword: &str,
        value: &str,
        origin: impl Fn(&'static str) -> Origin,
    ) -> Result<(), ConninfoError> {
        if keyword == "requiressl" {
            // What sslmode was before PostgreSQL 8; libpq still reads it.
            let mode = if value.starts_with('1') {
                "require"
            } else {
                "prefer"
            };
            return self.set_from("sslmode", mode, origin);
        }
        let supported = SUPPORTED.iter().map(|known| (*known, None));
        let refused = NOT_YET.iter().map(|(known, same)| (*known, Some(*same)));
        let Some((keyword, harmless)) = supported.chain(refused).find(|known| known.0 == keyword)
        else {
            return Err(ConninfoError::Unknown(keyword.to_owned()));
        };
        let origin = origin(keyword);
        if let Some(harmless) = harmless {
            check_harmless(value, harmless, &origin)?;
        } else {
            check_text(keyword, value, &origin)?;
        }
        self.0.insert(keyword, (value.to_owned(), origin));
        Ok(())
    }

    /// Fills in what is not set here from a set with less say.
    #[must_use]
    pub fn or(mut self, weaker: Self) -> Self {
        for (keyword, value) in weaker.0 {
            self.0.entry(keyword).or_insert(value);
        }
        self
    }

    /// The value of a parameter, an empty one included.
    #[must_use]
    pub fn get(&self, keyword: &str) -> Option<&str> {
        self.0.get(keyword).map(|(value, _)| value.as_str())
    }

    /// The value of a parameter and where it came from.
    pub(super) fn get_with_origin(&self, keyword: &str) -> Option<(&str, &Origin)> {
        self.0
            .get(keyword)
            .map(|(value, origin)| (value.as_str(), origin))
    }
}

/// Shows which parameters are set, never to what.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Refuses what libpq would act on and this program cannot.
fn check_harmless(
    value: &str,
    harmless: &'static [&'static str],
    origin: &Origin,
) -> Result<(), ConninfoError> {
    if value.is_empty() || harmless.contains(&value.to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    Err(ConninfoError::NotSupportedYet {
        origin: origin.clone(),
        other_than: harmless,
    })
}

/// Refuses what would be shown or sent as something that it is not.
fn check_text(keyword: &str, value: &str, origin: &Origin) -> Result<(), ConninfoError> {
    let not = |expected| ConninfoError::Value {
        origin: origin.clone(),
        expected,
    };
    if value.contains('\0') {
        return Err(not("free of zero bytes"));
    }
    // A database's name is shown; a whole connection string in its place may hold a password.
    if keyword == "dbname" && (is_uri(value) || value.contains("password=")) {
        return Err(not("a name, not a connection string"));
    }
    Ok(())
}
