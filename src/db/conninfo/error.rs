//! What can be wrong with connection parameters.

use std::fmt;
use std::path::PathBuf;

/// Where a parameter's value came from, as an error names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The connection string, or a flag that stands for a part of it.
    Parameter(&'static str),
    /// An environment variable.
    Variable(&'static str),
    /// A line of a service file.
    Service {
        /// The parameter.
        keyword: &'static str,
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(keyword) => write!(f, "connection parameter `{keyword}`"),
            Self::Variable(name) => write!(f, "environment variable `{name}`"),
            Self::Service {
                keyword,
                path,
                line,
            } => write!(
                f,
                "`{keyword}` in line {line} of service file `{}`",
                path.display()
            ),
        }
    }
}

/// Why connection parameters were refused.
///
/// No variant holds a value, the connection string or a part of it that could be a password: with
/// a blank or a `/` in the wrong place any part of the string can be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConninfoError {
    /// A parameter that libpq knows and this program does not.
    #[error("{origin} is not supported yet{}", except(.other_than))]
    NotSupportedYet {
        /// The parameter or variable.
        origin: Origin,
        /// The values that are accepted all the same.
        other_than: &'static [&'static str],
    },
    /// A value that libpq knows and this program does not.
    #[error("{origin} cannot be `{value}` yet")]
    ValueNotSupportedYet {
        /// The parameter or variable.
        origin: Origin,
        /// The value, from a list of known words.
        value: &'static str,
    },
    /// A parameter that libpq does not know either.
    #[error("unknown connection parameter `{0}`")]
    Unknown(String),
    /// A parameter whose name does not look like one and so is not repeated.
    #[error(
        "unknown connection parameter number {number}: its name is not shown, \
         it may be part of a password that needs quotes or percent-encoding"
    )]
    UnknownHidden {
        /// Its place in the string, from 1.
        number: usize,
    },
    /// A value outside of what the parameter allows.
    #[error("{origin} must be {expected}")]
    Value {
        /// The parameter or variable.
        origin: Origin,
        /// What it may be.
        expected: &'static str,
    },
    /// A service that no file describes.
    #[error("service `{service}` is in no service file (looked in {})", listed(.files))]
    NoService {
        /// The service.
        service: String,
        /// Where it was looked for.
        files: Vec<PathBuf>,
    },
    /// A service file that cannot be read.
    #[error("cannot read service file `{}`: {problem}", .path.display())]
    ServiceFile {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// A line of a service file that cannot be used; it may hold a password and is not repeated.
    #[error("line {line} of service file `{}` {problem}", .path.display())]
    ServiceLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A keyword string that cannot be read.
    #[error("invalid connection string: {problem} (parameter number {number})")]
    Keywords {
        /// What is wrong.
        problem: &'static str,
        /// Which parameter, from 1.
        number: usize,
    },
    /// A URL that cannot be read.
    #[error("invalid connection URL: {0}")]
    Url(&'static str),
    /// As many ports as hosts, or one, or none.
    #[error("{ports} port numbers do not go with {hosts} hosts")]
    PortCount {
        /// How many ports were given.
        ports: usize,
        /// How many hosts were given.
        hosts: usize,
    },
    /// As many addresses as hosts, or only one of the two lists.
    #[error("{hosts} host names do not go with {hostaddrs} values of `hostaddr`")]
    HostCount {
        /// How many hosts were given.
        hosts: usize,
        /// How many addresses were given.
        hostaddrs: usize,
    },
    /// Two parameters that exclude each other.
    #[error("{0}")]
    Conflict(&'static str),
    /// No user name anywhere.
    #[error("no user name: give `user` or set `PGUSER` (the operating system's user is unknown)")]
    NoUser,
}

fn listed(files: &[PathBuf]) -> String {
    let files: Vec<_> = files
        .iter()
        .map(|file| format!("`{}`", file.display()))
        .collect();
    if files.is_empty() {
        "none: there is no home directory".to_owned()
    } else {
        files.join(" and ")
    }
}

fn except(other_than: &[&str]) -> String {
    if other_than.is_empty() {
        String::new()
    } else {
        format!(" (other than {})", other_than.join(", "))
    }
}
