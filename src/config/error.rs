//! What is wrong with the configuration file, by file, line and field; never with the value,
//! which may be a secret that stands where it should not.

use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with the configuration file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there.
    #[error("there is no configuration file {}", .0.display())]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("cannot read the configuration file {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else could have written it.
    #[error("the configuration file {} {why}, and commands are run from it", .path.display())]
    Untrusted {
        /// The file.
        path: PathBuf,
        /// Who else.
        why: String,
    },
    /// A line makes no sense.
    #[error("{} line {line}: {why}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Its line, counted from 1.
        line: usize,
        /// Field and reason.
        why: String,
    },
    /// No target has this name.
    #[error("there is no target `{name}` in {}{}", .path.display(), listed(.known))]
    NoSuchTarget {
        /// The name that was given.
        name: String,
        /// The file.
        path: PathBuf,
        /// Those that there are.
        known: Vec<String>,
    },
}

/// A rule that two fields break together, and where the one that is to be changed stands.
pub(super) struct Rule {
    pub(super) at: usize,
    pub(super) why: &'static str,
}

impl Error {
    pub(super) fn parse(path: &Path, text: &str, mut error: toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start);
        // Without the text it names the field, and does not repeat the line.
        error.set_input(None);
        let told = error.to_string();
        let mut lines = told.lines();
        let why = without_value(lines.next().unwrap_or_default());
        let field = lines.find_map(|line| line.strip_prefix("in `")?.strip_suffix('`'));
        let why = match field {
            Some(field) if !why.starts_with("unknown field") => format!("`{field}`: {why}"),
            _ => why,
        };
        Self::line(path, text, start, why)
    }

    pub(super) fn rule(path: &Path, text: &str, target: &str, rule: &Rule) -> Self {
        let why = format!("target `{target}`: {}", rule.why);
        Self::line(path, text, rule.at, why)
    }

    fn line(path: &Path, text: &str, start: usize, why: String) -> Self {
        let before = text.get(..start).unwrap_or_default();
        Self::Line {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            why,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing(_) => Some(
                "write one, see the README's section \"Targets\"; BREAKGLASS_CONFIG names another"
                    .to_owned(),
            ),
            Self::Untrusted { path, .. } => Some(format!(
                "look at what it says, then run `chown \"$(id -u)\" {0} && chmod go-w {0}`",
                path.display()
            )),
            Self::NoSuchTarget { .. } => Some("see `breakglass targets ls`".to_owned()),
            Self::Read { .. } | Self::Line { .. } => None,
        }
    }
}

/// What serde says of a value of another kind begins with the value.
fn without_value(message: &str) -> String {
    if message.starts_with("unknown field `password`") {
        return "unknown field `password`: no password stands in this file; \
                `password_command` runs a program that prints it"
            .to_owned();
    }
    let has_value = ["invalid type: ", "invalid value: "]
        .iter()
        .any(|opening| message.starts_with(opening));
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if has_value => format!("expected {expected}"),
        _ => message.to_owned(),
    }
}

fn listed(known: &[String]) -> String {
    if known.is_empty() {
        ", which has none".to_owned()
    } else {
        format!("; it has {}", known.join(", "))
    }
}
