//! What lies below the command line, and the fixtures themselves.

mod caller;
mod fixtures;
mod held_plan;
mod plans;
mod retold;
