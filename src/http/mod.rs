//! The server mode: the operations over HTTP, for tools, and for Coder's own command line while coderd is
//! down. Small, off by default.
//!
//! A handler builds the same request structs as the command line and calls the same operations, so
//! the two cannot differ. What crosses the wire are the types of [`crate::model`].

pub mod listen;
pub mod principals;
