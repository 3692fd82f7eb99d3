//! The statements under `sql/` that have names to fill in, and the engine that fills them.
//!
//! The engine prints [`Sql`](super::quote::Sql) and nothing else, and a name that a template asks
//! for and nobody gave is an error, never an empty string.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../sql/", $name)))),*]
    };
}

const TEMPLATES: &[(&str, &str)] = &templates![
    "doctor/release.sql",
    "owners/find.sql",
    "owners/closure.sql",
    "tokens/actor.sql",
    "tokens/alive.sql",
    "tokens/columns.sql",
    "tokens/owner.sql",
    "tokens/filtered.sql",
    "tokens/list.sql",
    "tokens/find.sql",
    "tokens/lookup.sql",
    "tokens/verify.sql",
    "tokens/companions.sql",
    "tokens/companions_expire.sql",
    "tokens/cascades.sql",
    "tokens/planned.sql",
    "tokens/expire.sql",
    "tokens/over.sql",
    "tokens/delete.sql",
    "tokens/recorded.sql",
    "tokens/restored.sql",
    "tokens/left.sql",
    "tokens/standing.sql",
    "tokens/restore.sql",
    "tokens/companions_restore.sql",
    "tokens/sweep.sql",
    "tokens/keys.sql",
    "tokens/constant.sql",
];

/// The statements that `init` runs, each with names to fill in.
pub(crate) mod install {
    /// Makes the operator role.
    pub(crate) const CREATE_ROLE: &str = include_str!("../../sql/install/create_role.sql");
    /// Lets it use a schema.
    pub(crate) const GRANT_SCHEMA: &str = include_str!("../../sql/install/grant_schema.sql");
    /// Takes everything on a schema away.
    pub(crate) const REVOKE_SCHEMA: &str = include_str!("../../sql/install/revoke_schema.sql");
    /// Takes everything on a table away.
    pub(crate) const REVOKE_TABLE: &str = include_str!("../../sql/install/revoke_table.sql");
    /// Grants privileges on a whole table.
    pub(crate) const GRANT_TABLE: &str = include_str!("../../sql/install/grant_table.sql");
    /// Grants a privilege on some columns.
    pub(crate) const GRANT_COLUMNS: &str = include_str!("../../sql/install/grant_columns.sql");
}

/// The engine, which reads all templates once: reading them takes longer than filling one in.
fn environment() -> Result<&'static Environment<'static>, Error> {
    static READ: OnceLock<Environment<'static>> = OnceLock::new();
    if let Some(environment) = READ.get() {
        return Ok(environment);
    }
    let environment = read()?;
    Ok(READ.get_or_init(|| environment))
}

fn read() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_formatter(|out, _state, value| match value.as_str() {
        Some(text) if value.is_safe() => out.write_str(text).map_err(Error::from),
        _ => Err(Error::new(
            ErrorKind::BadEscape,
            "only quoted SQL may be put into a statement",
        )),
    });
    for (name, text) in TEMPLATES {
        environment.add_template(name, text)?;
    }
    Ok(environment)
}

/// What a template may ask for, by name.
pub(crate) type Context = BTreeMap<&'static str, Value>;

/// A value with parts of its own.
pub(super) fn nested<const N: usize>(parts: [(&'static str, Value); N]) -> Value {
    Value::from_object(Context::from(parts))
}

/// Fills in a statement under `sql/`.
///
/// # Errors
///
/// When the template asks for something that `context` lacks, or that is not SQL.
pub(super) fn render(name: &str, context: &Context) -> Result<String, Error> {
    environment()?
        .get_template(name)?
        .render(Value::from_object(context.clone()))
}

/// Fills in a statement that includes no other.
///
/// # Errors
///
/// As [`render`].
pub(crate) fn fill(text: &str, context: &Context) -> Result<String, Error> {
    environment()?.render_str(text, Value::from_object(context.clone()))
}
