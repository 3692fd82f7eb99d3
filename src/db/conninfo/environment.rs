//! The `PG*` variables: what they mean, without reading them.

use super::error::{ConninfoError, Origin};
use super::parameters::Parameters;

/// The variables that stand for a parameter.
///
/// Left out on purpose: what only matters to Kerberos (`PGKRBSRVNAME`, `PGGSSLIB`), which is not
/// used here, and what a session of ours sets itself (`PGCLIENTENCODING`, `PGDATESTYLE`, `PGTZ`).
/// `PGSERVICE`, `PGSERVICEFILE` and `PGSYSCONFDIR` were read before, since a service is stronger.
const VARIABLES: [(&str, &str); 30] = [
    ("PGAPPNAME", "application_name"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGDATABASE", "dbname"),
    ("PGGSSDELEGATION", "gssdelegation"),
    ("PGGSSENCMODE", "gssencmode"),
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGLOADBALANCEHOSTS", "load_balance_hosts"),
    ("PGMAXPROTOCOLVERSION", "max_protocol_version"),
    ("PGMINPROTOCOLVERSION", "min_protocol_version"),
    ("PGOPTIONS", "options"),
    ("PGPASSFILE", "passfile"),
    ("PGPASSWORD", "password"),
    ("PGPORT", "port"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGREQUIREPEER", "requirepeer"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLCERTMODE", "sslcertmode"),
    ("PGSSLCRL", "sslcrl"),
    ("PGSSLCRLDIR", "sslcrldir"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLMAXPROTOCOLVERSION", "ssl_max_protocol_version"),
    ("PGSSLMINPROTOCOLVERSION", "ssl_min_protocol_version"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLSNI", "sslsni"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGUSER", "user"),
];

/// Reads the variables that `given` leaves room for.
pub(super) fn parameters(
    variable: &dyn Fn(&str) -> Option<String>,
    given: &Parameters,
) -> Result<Parameters, ConninfoError> {
    let mut parameters = Parameters::default();
    for (name, keyword) in VARIABLES {
        let decided = given.get(keyword).is_some();
        if let Some(value) = variable(name).filter(|_| !decided) {
            parameters.set_from(keyword, &value, |_| Origin::Variable(name))?;
        }
    }
    let sslmode_is_open = given.get("sslmode").is_none() && parameters.get("sslmode").is_none();
    if sslmode_is_open && variable("PGREQUIRESSL").is_some_and(|value| value.starts_with('1')) {
        parameters.set_from("sslmode", "require", |_| Origin::Variable("PGREQUIRESSL"))?;
    }
    Ok(parameters)
}
