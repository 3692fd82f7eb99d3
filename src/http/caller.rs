//! Who calls: proved by a bearer token, a client certificate, or the kernel on a unix socket.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::app::App;
use super::listen::Peer;
use super::principals::{BearerToken, Permission, Principal, Proven};
use super::problem::Refused;
use super::request_id::RequestId;
use crate::model;

/// The header that Coder's own clients send.
const CODER_SESSION: &str = "coder-session-token";

/// Somebody known who calls.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    proven: Proven,
    peer: String,
    uid: Option<u32>,
    request_id: RequestId,
}

/// The same, who may also show a bearer token as Coder's clients do.
#[derive(Clone, Debug)]
pub(super) struct CoderCaller(pub(super) Caller);

impl Caller {
    /// Who it is.
    pub(super) fn principal(&self) -> &Arc<Principal> {
        &self.proven.principal
    }

    /// The user of this machine, on a unix socket.
    pub(super) fn uid(&self) -> Option<u32> {
        self.uid
    }

    /// Refuses what the principal may not do.
    pub(super) fn must(&self, permission: Permission) -> Result<(), Refused> {
        if self.principal().may(permission) {
            return Ok(());
        }
        Err(Refused::forbidden(format!(
            "principal `{}` may not {}",
            self.principal().name,
            permission.as_str()
        )))
    }

    /// Whoever acted, for the record.
    pub(super) fn on_record(&self, request_digest: String) -> model::Caller {
        model::Caller {
            principal: self.principal().name.clone(),
            credential: self.proven.credential.clone(),
            peer: Some(self.peer.clone()),
            request_id: self.request_id.to_string(),
            request_digest,
        }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let bearer = bearer(parts);
        known(parts, app, bearer)
    }
}

impl FromRequestParts<App> for CoderCaller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let session = parts.headers.get(CODER_SESSION);
        // Without a token Coder's clients send an empty one.
        let session = session
            .and_then(|value| value.to_str().ok())
            .filter(|text| !text.is_empty());
        let bearer = session.map(BearerToken::received).or_else(|| bearer(parts));
        known(parts, app, bearer).map(Self)
    }
}

/// The token of an `Authorization: Bearer` header.
fn bearer(parts: &Parts) -> Option<BearerToken> {
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| BearerToken::received(token.trim()))
}

/// A token that is shown must be right: what else the connection proves does not stand in for it.
fn known(parts: &Parts, app: &App, bearer: Option<BearerToken>) -> Result<Caller, Refused> {
    let peer = parts
        .extensions
        .get::<Peer>()
        .ok_or_else(Refused::internal)?;
    let principals = app.principals();
    let (proven, uid) = match (bearer, peer) {
        (Some(token), Peer::Local { uid, .. }) => (principals.by_bearer(&token), Some(*uid)),
        (Some(token), Peer::Network { .. }) => (principals.by_bearer(&token), None),
        (None, Peer::Local { uid, .. }) => (principals.by_uid(*uid), Some(*uid)),
        (None, Peer::Network { subject, .. }) => {
            let subject = subject.as_deref();
            (subject.and_then(|it| principals.by_subject(it)), None)
        }
    };
    let proven = proven.ok_or_else(|| {
        Refused::unauthenticated("nobody is known by what this request shows, or it has expired")
    })?;
    let request_id = parts.extensions.get::<RequestId>().copied();
    let caller = Caller {
        proven,
        peer: peer.to_string(),
        uid,
        request_id: request_id.ok_or_else(Refused::internal)?,
    };
    if let Some(log) = parts.extensions.get::<super::log::Who>() {
        log.is(&caller.principal().name);
    }
    Ok(caller)
}
