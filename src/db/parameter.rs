//! What goes into a statement beside its text.

use tokio_postgres::types::{ToSql, Type};

/// A parameter with its type: statements are never prepared, so the type is told.
pub type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);
