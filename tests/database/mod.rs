//! What lies below the command line, and the fixtures themselves.

mod fixtures;
mod held_plan;
