//! Breakglass.
pub mod adapter;
pub mod model;
