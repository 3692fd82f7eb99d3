//! The application's user on whose behalf an operator acts.

use tokio_postgres::types::Type;

use super::desk::Desk;
use super::error::Error;

/// Finds the key of the user named with `--app-actor`; a caller that is bound to an owner acts for
/// nobody else.
///
/// # Errors
///
/// When the application keeps no users that its audit log could name, or not exactly one has
/// this key, login or email.
pub(super) async fn find_actor(desk: &Desk, name: &str) -> Result<String, Error> {
    let Some(statement) = desk.statements().actor()? else {
        return Err(Error::NoActors(desk.bound.adapter.name.clone()));
    };
    // Keys of other tables than the owners' are no owners'.
    if desk.scope.owner.is_some() && !desk.bound.actors_are_owners() {
        return Err(Error::NoSuchActor(name.to_owned()));
    }
    let rows = desk
        .session
        .read(
            &statement,
            &[(&name, Type::TEXT), (&desk.scope.owner, Type::TEXT)],
        )
        .await?;
    match rows.as_slice() {
        [row] => Ok(row.try_get("id").map_err(crate::db::Error::from)?),
        [] => Err(Error::NoSuchActor(name.to_owned())),
        _ => Err(Error::AmbiguousActor(name.to_owned())),
    }
}
