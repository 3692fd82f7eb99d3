//! `breakglass serve`: the real binary on a port of its own, by what it answers and what it leaves in
//! the database.

mod coder;
mod native;
