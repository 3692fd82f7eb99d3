//! What keeps one request from the others: how many there may be, how long one may take, and that a
//! panic ends nothing but itself.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;

use super::app::App;
use super::problem::Refused;
use crate::model::Class;

/// When to come again where there is no place.
const SOON: Duration = Duration::from_secs(1);

/// Refuses more requests than there are places, and answers when one takes too long.
pub(super) async fn limited(State(app): State<App>, request: Request, next: Next) -> Response {
    let Ok(_place) = app.places().try_acquire() else {
        let places = app.limits().requests;
        return Refused::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "overloaded",
            format!("{places} requests are under way already"),
        )
        .retry_after(SOON)
        .into_response();
    };
    let limit = app.limits().time;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => Refused::new(
            StatusCode::GATEWAY_TIMEOUT,
            "timeout",
            format!(
                "there was no answer within {}",
                humantime::format_duration(limit)
            ),
        )
        .hint("a change that was begun goes on: ask again with the same Idempotency-Key")
        .class(Class::Unknown)
        .into_response(),
    }
}

/// Answers 500 for a panic, which the hook of the process has told the log.
pub(super) async fn unharmed(request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_panic) => Refused::internal().into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::http::StatusCode;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::unharmed;

    async fn fails() -> &'static str {
        panic!("a defect")
    }

    #[tokio::test]
    async fn a_panic_ends_its_own_request_and_no_other() {
        let router: Router = Router::new()
            .route("/bad", get(fails))
            .route("/good", get(async || "fine"))
            .layer(from_fn(unharmed));
        for (path, status) in [
            ("/bad", StatusCode::INTERNAL_SERVER_ERROR),
            ("/good", StatusCode::OK),
            ("/bad", StatusCode::INTERNAL_SERVER_ERROR),
            ("/good", StatusCode::OK),
        ] {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), status, "{path}");
        }
    }
}
