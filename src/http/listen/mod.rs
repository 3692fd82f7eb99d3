//! Taking connections: where to listen, who is at the other end, TLS, and how long a client may take.

mod address;
mod impatient;
mod peer;
mod serve;
mod tls;

pub use address::{Address, AddressError};
pub use peer::Peer;
pub use serve::{Bound, Patience, Stop, bind, serve};
pub use tls::{ServerTls, TlsFileError, TlsFiles};
