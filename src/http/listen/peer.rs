//! Who is at the other end of a connection, as far as the connection itself tells.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// The other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Over the network.
    Network {
        /// Its address.
        address: SocketAddr,
        /// The subject of the certificate that it showed and proved, in RFC 4514's form.
        subject: Option<Arc<str>>,
    },
    /// Over a unix socket; the kernel tells who.
    Local {
        /// Its effective user.
        uid: u32,
        /// Its process, where the kernel tells.
        pid: Option<i32>,
    },
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network { address, .. } => address.fmt(f),
            Self::Local {
                uid,
                pid: Some(pid),
            } => write!(f, "unix:uid={uid},pid={pid}"),
            Self::Local { uid, pid: None } => write!(f, "unix:uid={uid}"),
        }
    }
}
