//! Which servers to try: hosts, addresses and ports put together.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use super::error::ConninfoError;
use super::parameters::Parameters;
use super::surroundings::Surroundings;
use super::value::{origin_of, whole_number};

const DEFAULT_PORT: u16 = 5432;

/// One server to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where it listens.
    pub place: Place,
    /// Its port, which also names its socket file.
    pub port: u16,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A Unix socket in a directory; never with TLS.
    Socket {
        /// The directory.
        directory: String,
    },
    /// A host on the network.
    Network {
        /// What its certificate must name; the text of `address` where only that was given.
        host: String,
        /// Its address, where that was given (`hostaddr`) and spares the look-up.
        address: Option<IpAddr>,
    },
}

impl Server {
    /// Tells whether it is reached over the network, and so perhaps with TLS.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        matches!(self.place, Place::Network { .. })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match &self.place {
            Place::Socket { directory } => write!(f, "socket {directory}/.s.PGSQL.{port}"),
            Place::Network {
                host,
                address: Some(address),
            } if *host != address.to_string() => {
                write!(f, "host {host} ({address}) port {port}")
            }
            Place::Network { host, .. } => write!(f, "host {host} port {port}"),
        }
    }
}

/// Pairs up the lists, as libpq does: one port serves all hosts, an empty item is a default.
///
/// Beside each server is the name by which a password file knows it.
pub(super) fn servers(
    parameters: &Parameters,
    around: &Surroundings<'_>,
) -> Result<(Vec<Server>, Vec<String>), ConninfoError> {
    let hosts = list(parameters, "host");
    let addresses = list(parameters, "hostaddr");
    if !addresses.is_empty() && !hosts.is_empty() && addresses.len() != hosts.len() {
        let (hosts, hostaddrs) = (hosts.len(), addresses.len());
        return Err(ConninfoError::HostCount { hosts, hostaddrs });
    }
    let count = addresses.len().max(hosts.len()).max(1);
    let ports = ports(parameters, count)?;
    let item = |list: &[&str], index: usize| list.get(index).copied().unwrap_or("").to_owned();
    let mut servers = Vec::new();
    let mut names = Vec::new();
    for (index, port) in ports.into_iter().enumerate() {
        let (host, address) = (item(&hosts, index), item(&addresses, index));
        let place = place(parameters, &host, &address)?;
        names.push(name(&host, &address, around).to_owned());
        servers.push(Server {
            place: place.unwrap_or_else(|| default_place(around, port)),
            port,
        });
    }
    Ok((servers, names))
}

/// What a password file calls a server: its host as given, else its address; `localhost` stands
/// for what is the default.
fn name<'t>(host: &'t str, address: &'t str, around: &Surroundings<'_>) -> &'t str {
    let default = around.socket_directories.first();
    let is_default = default.is_some_and(|default| default.as_os_str() == host);
    match (host, address) {
        ("", "") => "localhost",
        ("", address) => address,
        _ if is_default => "localhost",
        (host, _) => host,
    }
}

fn list<'p>(parameters: &'p Parameters, keyword: &str) -> Vec<&'p str> {
    match parameters.get(keyword) {
        None | Some("") => Vec::new(),
        Some(text) => text.split(',').collect(),
    }
}

fn ports(parameters: &Parameters, hosts: usize) -> Result<Vec<u16>, ConninfoError> {
    let expected = "a port number from 1 to 65535, or one for each host";
    let port = |text: &&str| {
        if text.is_empty() {
            return Ok(DEFAULT_PORT);
        }
        let number = whole_number(text).and_then(|number| u16::try_from(number).ok());
        let origin = origin_of(parameters, "port");
        number
            .filter(|number| *number > 0)
            .ok_or(ConninfoError::Value { origin, expected })
    };
    let ports: Vec<u16> = list(parameters, "port")
        .iter()
        .map(port)
        .collect::<Result<_, _>>()?;
    match ports.as_slice() {
        [] => Ok(vec![DEFAULT_PORT; hosts]),
        [one] => Ok(vec![*one; hosts]),
        many if many.len() == hosts => Ok(ports),
        many => Err(ConninfoError::PortCount {
            ports: many.len(),
            hosts,
        }),
    }
}

/// What one item of the two lists says; `None` when it says nothing.
fn place(
    parameters: &Parameters,
    host: &str,
    address: &str,
) -> Result<Option<Place>, ConninfoError> {
    if !address.is_empty() {
        let origin = origin_of(parameters, "hostaddr");
        let expected = "an IP address, or one for each host";
        let parsed: Option<IpAddr> = address.parse().ok();
        let address = parsed.ok_or(ConninfoError::Value { origin, expected })?;
        let host = if host.is_empty() || host.starts_with('/') {
            address.to_string()
        } else {
            host.to_owned()
        };
        return Ok(Some(Place::Network {
            host,
            address: Some(address),
        }));
    }
    if host.starts_with('@') {
        let origin = origin_of(parameters, "host");
        let expected = "a name, an address or a directory (abstract sockets do not work yet)";
        return Err(ConninfoError::Value { origin, expected });
    }
    if host.starts_with('/') {
        return Ok(Some(Place::Socket {
            directory: host.to_owned(),
        }));
    }
    let named = || Place::Network {
        host: host.to_owned(),
        address: None,
    };
    Ok((!host.is_empty()).then(named))
}

/// The first socket directory with a server's socket in it, else this machine over TCP.
fn default_place(around: &Surroundings<'_>, port: u16) -> Place {
    let has_socket =
        |directory: &&PathBuf| (around.exists)(&directory.join(format!(".s.PGSQL.{port}")));
    match around.socket_directories.iter().find(has_socket) {
        Some(directory) => Place::Socket {
            directory: directory.to_string_lossy().into_owned(),
        },
        None => Place::Network {
            host: "localhost".to_owned(),
            address: None,
        },
    }
}
