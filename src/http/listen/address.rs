//! Where the server listens, as it is written on the command line.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// What stands before the path of a socket.
const UNIX: &str = "unix:";

/// `127.0.0.1:7345`, `[::1]:7345` or `unix:/run/breakglass.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address and port of this machine.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// Why a text names no place to listen at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither ADDRESS:PORT (an IP address, as in 127.0.0.1:7345) nor unix:/PATH")]
pub struct AddressError(String);

impl Address {
    /// Whether only this machine reaches it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || AddressError(text.to_owned());
        if let Some(path) = text.strip_prefix(UNIX) {
            let path = PathBuf::from(path);
            return path
                .is_absolute()
                .then_some(Self::Unix(path))
                .ok_or_else(refused);
        }
        text.parse().map(Self::Tcp).map_err(|_syntax| refused())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn an_address_is_read_and_told_the_same() {
        for (text, local) in [
            ("127.0.0.1:7345", true),
            ("127.9.9.9:1", true),
            ("[::1]:7345", true),
            ("[::ffff:127.0.0.1]:80", true),
            ("unix:/run/breakglass.sock", true),
            ("0.0.0.0:7345", false),
            ("[::]:7345", false),
            ("10.1.2.3:443", false),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(
                (address.to_string().as_str(), address.is_local()),
                (text, local)
            );
        }
    }

    #[test]
    fn what_names_no_place_is_refused() {
        for text in [
            "",
            "7345",
            ":7345",
            "localhost:7345",
            "unix:",
            "unix:relative",
            "1.2.3.4",
        ] {
            let read: Result<Address, _> = text.parse();
            assert!(read.is_err(), "{text}");
        }
    }
}
