//! `/v1/tokens`: listing, showing, expiring and deleting.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};

use crate::adapter::SortKey;
use crate::http::app::App;
use crate::http::caller::Caller;
use crate::http::carry::Ticket;
use crate::http::extract::{Body, Path, Query};
use crate::http::log::About;
use crate::http::principals::Permission;
use crate::http::problem::Refused;
use crate::http::wanted::{self, Wanted};
use crate::model::wire::{ChangeRequest, DeleteRequest, ExpireRequest, LookupRequest, TokenQuery};
use crate::model::{Action, Cursor, Problem, Receipt, ShownDocument, TokenPage};
use crate::ops::{Kinds, ListTokens, Selector, ShowToken};

/// Tokens on a page, unless said otherwise.
const PAGE: u32 = 500;

/// Lists tokens, a page at a time
#[utoipa::path(get, path = "/v1/tokens", tag = "tokens", params(TokenQuery),
    responses((status = 200, body = TokenPage), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<TokenQuery>,
) -> Result<Json<TokenPage>, Refused> {
    caller.must(Permission::List)?;
    let sort = match query.sort.as_deref() {
        None => SortKey::Key,
        Some(word) => SortKey::named(word).ok_or_else(|| {
            Refused::usage("`sort` is none of key, name, owner, created, last_used, expires")
        })?,
    };
    let most = u32::try_from(caller.principal().max_rows.unwrap_or(usize::MAX));
    let most = most.unwrap_or(u32::MAX);
    let request = ListTokens {
        filter: wanted::filter(query.filter(), Kinds::Default)?,
        sort,
        descending: query.descending,
        limit: Some(query.limit.unwrap_or(PAGE).min(most)),
        after: query.after.clone().map(Cursor::new),
    };
    app.refuse_secrets(&[
        ("owner", query.owner.as_ref()),
        ("name", query.name.as_ref()),
    ])?;
    let desk = app.context_of(&caller).await?.open().await?;
    Ok(Json(request.page(&desk).await?))
}

/// Shows one token, what hangs on it, and its past
#[utoipa::path(get, path = "/v1/tokens/{key}", tag = "tokens", params(("key" = String, Path)),
    responses((status = 200, body = ShownDocument), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<ShownDocument>, Refused> {
    let request = ShowToken {
        selector: Selector::Id(key),
        owner: None,
    };
    shown(&app, &caller, request).await
}

/// Shows the token that a name or a secret leads to
#[utoipa::path(post, path = "/v1/lookups", tag = "tokens", request_body = LookupRequest,
    responses((status = 200, body = ShownDocument), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn look_up(
    State(app): State<App>,
    caller: Caller,
    body: Body<LookupRequest>,
) -> Result<Json<ShownDocument>, Refused> {
    let LookupRequest { token, owner } = body.value;
    app.refuse_secrets(&[("owner", owner.as_ref())])?;
    let selector = token.into();
    shown(&app, &caller, ShowToken { selector, owner }).await
}

async fn shown(
    app: &App,
    caller: &Caller,
    request: ShowToken,
) -> Result<Json<ShownDocument>, Refused> {
    caller.must(Permission::Show)?;
    let desk = app.context_of(caller).await?.open().await?;
    let shown = request.run(&desk).await?;
    Ok(Json(shown.into()))
}

/// Makes a token stop working, and keeps its row
#[utoipa::path(post, path = "/v1/tokens/{key}/expire", tag = "tokens", params(("key" = String, Path)),
    request_body = ExpireRequest,
    responses((status = 200, body = Receipt), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn expire(
    State(app): State<App>,
    caller: Caller,
    Path(key): Path<String>,
    body: Body<ExpireRequest>,
) -> Result<Response, Refused> {
    let ExpireRequest {
        at,
        in_seconds,
        change,
    } = body.value;
    let ahead = in_seconds.map(|seconds| std::time::Duration::from_secs(seconds.into()));
    let wanted = Wanted {
        ends_at: wanted::ends(at, ahead)?,
        ..Wanted::one(Action::Expire, &key)
    };
    changed(&app, &caller, wanted, body.ticket, (change, body.reason)).await
}

/// Removes a token's row for good
#[utoipa::path(delete, path = "/v1/tokens/{key}", tag = "tokens", params(("key" = String, Path)),
    request_body = DeleteRequest,
    responses((status = 200, body = Receipt), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path(key): Path<String>,
    body: Body<DeleteRequest>,
) -> Result<Response, Refused> {
    let wanted = Wanted::one(Action::Delete, &key);
    changed(
        &app,
        &caller,
        wanted,
        body.ticket,
        (body.value.change, body.reason),
    )
    .await
}

/// Carries a change out, and answers with its receipt.
pub(super) async fn changed(
    app: &App,
    caller: &Caller,
    wanted: Wanted,
    ticket: Ticket,
    (mut change, reason): (ChangeRequest, Option<String>),
) -> Result<Response, Refused> {
    change.reason = change.reason.or(reason);
    Ok(told(app.change(caller, wanted, ticket, change).await?))
}

/// The receipt as an answer.
pub(in crate::http) fn told(receipt: Receipt) -> Response {
    let about = Extension(About(receipt.operation.id));
    (about, Json(receipt)).into_response()
}
