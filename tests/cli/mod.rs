//! The binary as an operator meets it: one file a command.
