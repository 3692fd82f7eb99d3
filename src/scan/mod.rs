//! Finding an application's secrets in a leak: a log, a diff, the report of a secret scanner.
//!
//! It reads bytes and knows no database. What it keeps of a secret is what is looked up (its key,
//! its digest), the last four characters that name it to a person, and where it stood. The bytes
//! themselves stay in one buffer, which is wiped.

mod class;
mod diff;
mod finder;
mod format;
mod json;
mod leak;
mod path;
mod place;
mod read;
mod report;
#[cfg(test)]
mod tests;

pub use format::Format;
pub use leak::{Leak, Secret};
pub use read::{Error, Options, Progress, scan};

use crate::adapter::SecretShape;

/// A text with only the last four characters of every secret in it.
#[must_use]
pub fn masked(text: &str, shape: &SecretShape<'_>) -> String {
    match finder::Finder::new(shape.pattern()) {
        Some(finder) => leak::Mask { finder: &finder }.text(text),
        None => String::from("…"),
    }
}
