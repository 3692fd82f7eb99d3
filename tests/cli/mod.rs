//! The binary as an operator meets it: one file a command.

mod list;
mod list_output;
mod remove;
mod select;
