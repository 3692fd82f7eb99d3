//! Making tokens stop working while their rows stay.

use super::desk::Desk;
use super::error::Error;
use crate::adapter::With;
use crate::model::{Effect, State, Token};

/// The statement that expires, for the adapter of this desk.
///
/// # Errors
///
/// When nothing short of a delete kills a token of this application.
pub(super) fn statement(desk: &Desk, application_audit: bool, with: With) -> Result<String, Error> {
    let adapter = &desk.bound.adapter;
    desk.statements()
        .expire(application_audit, with)?
        .ok_or_else(|| Error::OnlyDelete {
            title: adapter.title.clone(),
            why: adapter.delete.only.clone().unwrap_or_default(),
        })
}

/// What an expire is expected to do with a token.
pub(super) fn effect(token: &Token) -> Effect {
    if token.state == State::Active {
        Effect::Change
    } else {
        Effect::Unchanged
    }
}
