//! One target: the fields of its table, and what they mean.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use toml::Spanned;

use super::error::Rule;
use crate::db::conninfo::Parameters;
use crate::db::{PasswordCommand, Said, parse_limit};
use crate::model::{Colour, Environment};
use crate::ops::{Pattern, Policy};

/// The longest name of a target or an environment, in characters.
const LONGEST_NAME: usize = 60;

/// Parameters of a connection string that are secrets.
const SECRETS: [&str; 5] = [
    "password",
    "sslpassword",
    "oauth_client_secret",
    "scram_client_key",
    "scram_server_key",
];

/// A named target.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// The connection string as written; there is no password in it.
    pub database: String,
    /// The adapter to use, where more than one fits.
    pub adapter: Option<String>,
    /// An adapter for an in-house table.
    pub adapter_file: Option<PathBuf>,
    /// The schema of the application's tables.
    pub schema: Option<String>,
    /// What prints the password.
    pub password_command: Option<PasswordCommand>,
    /// How long anything may take.
    pub limits: Said,
    /// What it demands of an operation.
    pub policy: Policy,
}

impl Target {
    /// Where it leads, in short: database, hosts and user, as far as the string says; else the string.
    #[must_use]
    pub fn place(&self) -> String {
        // It was read before, so it can be.
        let parameters = Parameters::parse(&self.database).unwrap_or_default();
        let said = |keyword| parameters.get(keyword).filter(|value| !value.is_empty());
        let service = said("service").map(|service| format!("service {service}"));
        let parts = [
            service,
            said("dbname").map(str::to_owned),
            said("host")
                .or_else(|| said("hostaddr"))
                .map(|host| format!("on {host}")),
            said("user").map(|user| format!("as {user}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            return self.database.clone();
        }
        parts.join(" ")
    }
}

/// A target's table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    #[serde(deserialize_with = "database")]
    database: String,
    adapter: Option<String>,
    adapter_file: Option<PathBuf>,
    schema: Option<String>,
    #[serde(default, deserialize_with = "environment")]
    environment: Option<String>,
    #[serde(default, deserialize_with = "colour")]
    colour: Option<Spanned<Named>>,
    #[serde(default, deserialize_with = "system_identifier")]
    system_identifier: Option<String>,
    #[serde(default)]
    require_ticket: bool,
    #[serde(default, deserialize_with = "pattern")]
    ticket_pattern: Option<Pattern>,
    #[serde(default, deserialize_with = "pattern")]
    reason_pattern: Option<Pattern>,
    #[serde(default, deserialize_with = "reason_length")]
    min_reason_length: usize,
    #[serde(default, deserialize_with = "max_rows")]
    max_rows: Option<usize>,
    #[serde(default, deserialize_with = "password_command")]
    password_command: Option<PasswordCommand>,
    #[serde(default, deserialize_with = "limit")]
    connect_timeout: Option<Duration>,
    #[serde(default, deserialize_with = "limit")]
    lock_timeout: Option<Duration>,
    #[serde(default, deserialize_with = "limit")]
    statement_timeout: Option<Duration>,
    #[serde(default, deserialize_with = "limit")]
    idle_in_transaction_timeout: Option<Duration>,
    #[serde(default, deserialize_with = "limit")]
    resolve_timeout: Option<Duration>,
}

/// A target's name: it stands on command lines and in messages.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(pub(super) String);

/// A colour by its name.
struct Named(Colour);

impl Entry {
    /// Puts the fields together; paths are from the file's directory.
    pub(super) fn target(self, name: &str, directory: &Path) -> Result<Target, Rule> {
        let environment = match (self.environment, self.colour) {
            (Some(name), colour) => Some(Environment {
                name,
                colour: colour.map(|colour| colour.into_inner().0),
            }),
            (None, Some(colour)) => {
                return Err(Rule {
                    at: colour.span().start,
                    why: "`colour` needs `environment`, whose name is shown in it",
                });
            }
            (None, None) => None,
        };
        Ok(Target {
            name: name.to_owned(),
            database: self.database,
            adapter: self.adapter,
            adapter_file: self.adapter_file.map(|file| directory.join(file)),
            schema: self.schema,
            password_command: self.password_command,
            limits: Said {
                connect: self.connect_timeout,
                lock: self.lock_timeout,
                statement: self.statement_timeout,
                idle_in_transaction: self.idle_in_transaction_timeout,
                resolve: self.resolve_timeout,
            },
            policy: Policy {
                target: Some(name.to_owned()),
                environment,
                system_identifier: self.system_identifier,
                require_ticket: self.require_ticket,
                ticket_pattern: self.ticket_pattern,
                reason_pattern: self.reason_pattern,
                min_reason_length: self.min_reason_length,
                max_rows: self.max_rows,
                instead_of: Vec::new(),
            },
        })
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        let is_fit = name.len() <= LONGEST_NAME
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if is_fit {
            Ok(Self(name))
        } else {
            Err(D::Error::custom(
                "a target's name has letters, digits, `-`, `_` and `.` only, begins with one of \
                 the first two, and is not longer than 60 characters",
            ))
        }
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        Colour::named(&name).map(Self).ok_or_else(|| {
            let names = Colour::NAMED.map(|(name, _)| name).join(", ");
            D::Error::custom(format!("give one of {names}"))
        })
    }
}

fn colour<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Spanned<Named>>, D::Error> {
    Spanned::deserialize(from).map(Some)
}

/// A connection string that can be read and has no password in it.
fn database<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.trim().is_empty() {
        return Err(D::Error::custom("give a URL or a conninfo string"));
    }
    let parameters = Parameters::parse(&text).map_err(D::Error::custom)?;
    if let Some(secret) = SECRETS
        .iter()
        .find(|keyword| parameters.get(keyword).is_some())
    {
        return Err(D::Error::custom(format!(
            "no {secret} stands in this file; `password_command` runs a program that prints it"
        )));
    }
    Ok(text)
}

fn environment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(from)?;
    let is_fit = !name.trim().is_empty()
        && name.chars().count() <= LONGEST_NAME
        && !name.chars().any(char::is_control);
    if is_fit {
        Ok(Some(name.trim().to_owned()))
    } else {
        Err(D::Error::custom(
            "give a name on one line, such as \"production\"",
        ))
    }
}

fn system_identifier<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    // Without leading zeros, so that it can be compared as text.
    match text.parse::<u64>() {
        Ok(number) if number > 0 => Ok(Some(number.to_string())),
        _ => Err(D::Error::custom(
            "give the number that `select system_identifier from pg_control_system()` says, in quotes",
        )),
    }
}

fn pattern<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Pattern>, D::Error> {
    let text = String::deserialize(from)?;
    Pattern::new(&text).map(Some).map_err(|error| {
        let told = error.to_string();
        // The lines before show the expression and an arrow.
        let why = told.lines().last().unwrap_or_default();
        let why = why.strip_prefix("error: ").unwrap_or(why);
        D::Error::custom(format!("not a regular expression: {why}"))
    })
}

fn reason_length<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    let length = usize::deserialize(from)?;
    if (1..=1000).contains(&length) {
        Ok(length)
    } else {
        Err(D::Error::custom("give a number from 1 to 1000"))
    }
}

fn max_rows<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    let rows = usize::deserialize(from)?;
    if rows > 0 {
        Ok(Some(rows))
    } else {
        Err(D::Error::custom("give a number from 1"))
    }
}

fn password_command<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<PasswordCommand>, D::Error> {
    let words = Vec::<String>::deserialize(from)?;
    PasswordCommand::new(&words).map(Some).ok_or_else(|| {
        D::Error::custom(
            "give the program and its arguments as a list, the program by its absolute path or \
             by a name that PATH leads to; there is no shell",
        )
    })
}

fn limit<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    parse_limit(&text).map(Some).map_err(D::Error::custom)
}
