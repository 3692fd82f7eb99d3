//! Breakglass.
pub mod adapter;
pub mod cli;
pub mod cluster;
pub mod db;
pub mod model;
pub mod ops;
pub mod view;
