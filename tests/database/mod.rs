//! What lies below the command line, and the fixtures themselves.

mod caller;
mod fixtures;
mod plans;
mod retold;
