//! Keys: listed, found by name and by id, expired and deleted.

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use futures_util::TryStreamExt as _;
use uuid::Uuid;

use super::desk;
use super::types::{self, ApiKey, ApiKeyWithOwner};
use super::who::Who;
use crate::adapter::SortKey;
use crate::http::app::App;
use crate::http::caller::{Caller, CoderCaller};
use crate::http::carry::Ticket;
use crate::http::extract::{Path, Query, key, reason};
use crate::http::log::About;
use crate::http::principals::Permission;
use crate::http::problem::Refused;
use crate::http::wanted::{Wanted, digest};
use crate::model::wire::ChangeRequest;
use crate::model::{Action, Receipt, Token, Verdict};
use crate::ops::{Desk, Error, Filter, FindTokens, Kinds, ListTokens, Selector, ShowToken};

/// Keys that a list may have: Coder's clients know no pages.
const MOST: u32 = 10_000;

/// Lists tokens, in the order of their ids
///
/// Keys of other kinds than tokens are in no list. With `include_all` everybody's, as far as there is
/// anybody else for the principal. `null` where there are none.
#[utoipa::path(get, path = "/api/v2/users/{user}/keys/tokens", tag = "coder",
    params(
        ("user" = String, Path, description = "`me`, uuid or username"),
        ("include_all" = Option<String>, Query, description = "`true` for everybody's"),
        ("include_expired" = Option<String>, Query, description = "`true` for expired ones too"),
    ),
    security(("coder" = []), ("bearer" = [])),
    responses((status = 200, body = Option<Vec<ApiKeyWithOwner>>), (status = "default", body = types::Response)))]
pub(super) async fn list(
    State(app): State<App>,
    CoderCaller(caller): CoderCaller,
    Path(user): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Option<Vec<ApiKeyWithOwner>>>, Refused> {
    caller.must(Permission::List)?;
    let desk = desk(&app, &caller).await?;
    let who = Who::read(&app, &desk, &user).await?;
    let owner = who.id().filter(|_| !says(&query, "include_all"));
    let most = caller.principal().max_rows.unwrap_or(usize::MAX);
    let most = u32::try_from(most).unwrap_or(MOST).min(MOST);
    let request = ListTokens {
        filter: Filter {
            include_expired: says(&query, "include_expired"),
            kinds: Kinds::Default,
            owner: owner.map(str::to_owned),
            ..Filter::default()
        },
        sort: SortKey::Key,
        descending: false,
        limit: Some(most),
        after: None,
    };
    let tokens: Vec<Token> = request.run(&desk).await?.try_collect().await?;
    if tokens.len() > most as usize {
        return Err(Refused::new(
            StatusCode::BAD_REQUEST,
            "too_many_rows",
            format!("there are more than {most} tokens, and Coder's clients know no pages"),
        )
        .hint("ask for those of one user, or read `/v1/tokens` page by page"));
    }
    let keys: Vec<_> = tokens.iter().map(ApiKeyWithOwner::of).collect();
    Ok(Json(Some(keys).filter(|keys| !keys.is_empty())))
}

/// Whether a query says yes to something, as Go's `strconv.ParseBool` reads it.
fn says(query: &[(String, String)], name: &str) -> bool {
    let first = query.iter().find(|(known, _)| known == name);
    first.is_some_and(|(_, value)| {
        matches!(value.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True")
    })
}

/// Shows the key that has a name
///
/// Any kind of key, expired ones too. A secret leads to its key here as well: it is not sent to the
/// database, not logged and not recorded.
#[utoipa::path(get, path = "/api/v2/users/{user}/keys/tokens/{name}", tag = "coder",
    params(
        ("user" = String, Path, description = "`me`, uuid or username"),
        ("name" = String, Path, description = "the token's name"),
    ),
    security(("coder" = []), ("bearer" = [])),
    responses((status = 200, body = ApiKey),
        (status = 409, body = types::Response, description = "several keys have the name; `validations` tell which"),
        (status = "default", body = types::Response)))]
pub(super) async fn by_name(
    State(app): State<App>,
    CoderCaller(caller): CoderCaller,
    Path((user, name)): Path<(String, String)>,
) -> Result<Json<ApiKey>, Refused> {
    caller.must(Permission::Show)?;
    let desk = desk(&app, &caller).await?;
    let who = Who::read(&app, &desk, &user).await?;
    let found = named(&desk, &who, name).await?;
    found.as_ref().map(ApiKey::of).map(Json).ok_or_else(absent)
}

/// Shows a key
///
/// Where everybody is `me` and several keys have the id for their name, they are told: the command line
/// shows no other answer than this one.
#[utoipa::path(get, path = "/api/v2/users/{user}/keys/{id}", tag = "coder",
    params(
        ("user" = String, Path, description = "`me`, uuid or username"),
        ("id" = String, Path, description = "the key's id"),
    ),
    security(("coder" = []), ("bearer" = [])),
    responses((status = 200, body = ApiKey), (status = "default", body = types::Response)))]
pub(super) async fn by_id(
    State(app): State<App>,
    CoderCaller(caller): CoderCaller,
    Path((user, id)): Path<(String, String)>,
) -> Result<Json<ApiKey>, Refused> {
    caller.must(Permission::Show)?;
    let desk = desk(&app, &caller).await?;
    let who = Who::read(&app, &desk, &user).await?;
    let request = ShowToken {
        selector: Selector::Id(id.clone()),
        owner: None,
    };
    match request.run(&desk).await {
        Ok(shown) => Ok(Json(ApiKey::of(&shown.token))),
        Err(error) if is_absent(&error) => {
            if who.is_everybody() {
                named(&desk, &who, id).await?;
            }
            Err(absent())
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes a key stop working, and keeps its row
///
/// The header `X-Breakglass-Reason` says why; without it the principal's default reason does.
#[utoipa::path(put, path = "/api/v2/users/{user}/keys/{id}/expire", tag = "coder",
    params(
        ("user" = String, Path, description = "`me`, uuid or username"),
        ("id" = String, Path, description = "the key's id, whoever's it is"),
        ("X-Breakglass-Reason" = Option<String>, Header, description = "why"),
    ),
    security(("coder" = []), ("bearer" = [])),
    responses((status = 204, description = "it is expired, or was so already"),
        (status = "default", body = types::Response)))]
pub(super) async fn expire(
    State(app): State<App>,
    CoderCaller(caller): CoderCaller,
    Path((user, id)): Path<(String, String)>,
    sent: Sent,
) -> Result<Response, Refused> {
    changed(&app, &caller, &user, Wanted::one(Action::Expire, &id), sent).await
}

/// Removes a key's row for good
///
/// The header `X-Breakglass-Reason` says why; without it the principal's default reason does.
#[utoipa::path(delete, path = "/api/v2/users/{user}/keys/{id}", tag = "coder",
    params(
        ("user" = String, Path, description = "`me`, uuid or username"),
        ("id" = String, Path, description = "the key's id, whoever's it is"),
        ("X-Breakglass-Reason" = Option<String>, Header, description = "why"),
    ),
    security(("coder" = []), ("bearer" = [])),
    responses((status = 204, description = "it is gone"), (status = "default", body = types::Response)))]
pub(super) async fn delete(
    State(app): State<App>,
    CoderCaller(caller): CoderCaller,
    Path((user, id)): Path<(String, String)>,
    sent: Sent,
) -> Result<Response, Refused> {
    changed(&app, &caller, &user, Wanted::one(Action::Delete, &id), sent).await
}

/// What a change is told from others by. Coder's clients send no body with one.
type Sent = (Method, Uri, HeaderMap);

/// Carries a change out as the routes under `/v1` do.
async fn changed(
    app: &App,
    caller: &Caller,
    user: &str,
    wanted: Wanted,
    (method, uri, headers): Sent,
) -> Result<Response, Refused> {
    caller.must(Permission::of(wanted.action))?;
    let own = reason(&headers)?.filter(|reason| !reason.trim().is_empty());
    let reason = own.or_else(|| caller.principal().default_reason.clone());
    let Some(reason) = reason else {
        return Err(Refused::new(
            StatusCode::BAD_REQUEST,
            "usage",
            "nothing says why, and this principal has no `default_reason`",
        )
        .hint("send the header X-Breakglass-Reason: `coder --header 'X-Breakglass-Reason=WHY' tokens rm …`"));
    };
    let desk = desk(app, caller).await?;
    Who::read(app, &desk, user).await?;
    drop(desk);
    let given = key(&headers)?;
    let said = format!("{} {reason}", uri.path());
    let ticket = Ticket {
        id: given.unwrap_or_else(Uuid::now_v7),
        is_given: given.is_some(),
        digest: digest(method.as_str(), &said, b""),
    };
    let change = ChangeRequest {
        reason: Some(reason),
        ..ChangeRequest::default()
    };
    let receipt = app
        .change(caller, wanted, ticket, change)
        .await
        .map_err(|refused| {
            let is_no_key = matches!(
                refused.problem.code.as_str(),
                "damaged_secret" | "wrong_secret"
            );
            if is_no_key { absent() } else { refused }
        })?;
    done(&receipt)
}

/// Done is what was seen to be so afterwards.
fn done(receipt: &Receipt) -> Result<Response, Refused> {
    let id = receipt.operation.id;
    let verdict = match receipt.verdict {
        None | Some(Verdict::Dead) => {
            return Ok((Extension(About(id)), StatusCode::NO_CONTENT).into_response());
        }
        Some(verdict) => verdict.as_str(),
    };
    let refused = Refused::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "not_seen_dead",
        format!("the key was changed, and is not seen dead afterwards: {verdict}"),
    );
    let refused = refused.about(id);
    Err(match &receipt.settled.advice {
        Some(advice) => refused.hint(advice.clone()),
        None => refused,
    })
}

/// The one key that has a name; `None` where there is none.
///
/// # Errors
///
/// When several have it.
async fn named(desk: &Desk, who: &Who, name: String) -> Result<Option<Token>, Refused> {
    let find = FindTokens {
        name: name.clone(),
        owner: who.id().map(str::to_owned),
    };
    let mut found = match find.run(desk).await {
        Err(error) if is_absent(&error) => Vec::new(),
        found => found?,
    };
    found.retain(|token| who.has(token));
    // A name is one token's and may be any number of other keys', and whoever names one means the token.
    let tokens: Vec<Token> = found
        .iter()
        .filter(|it| it.kind == TOKEN)
        .cloned()
        .collect();
    let has_token = |other: &Token| tokens.iter().any(|token| token.owner == other.owner);
    found.retain(|it| it.kind == TOKEN || !has_token(it));
    if found.len() < 2 {
        return Ok(found.pop());
    }
    Err(Error::Ambiguous {
        selector: format!("name:{name}"),
        as_of: desk.identity.as_of,
        records_use: desk.bound.records_use(),
        found,
    }
    .into())
}

/// The kind of what `coder tokens create` makes.
const TOKEN: &str = "token";

/// Whether it means that there is no such key: a secret that is not its key's, or was cut, is none.
fn is_absent(error: &Error) -> bool {
    matches!(
        error.code(),
        "no_such_token" | "wrong_secret" | "damaged_secret" | "not_a_secret"
    )
}

fn absent() -> Refused {
    Refused::not_found("no_such_token", "there is no such key".to_owned())
}
