//! A line of the log for every request. It names the route, not the path: Coder's clients put
//! secrets there.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;
use uuid::Uuid;

use super::app::App;
use super::listen::Peer;
use super::problem::Told;
use super::request_id::{REQUEST_ID, RequestId};

/// Who called, once that is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Who(Arc<Mutex<Option<String>>>);

impl Who {
    pub(super) fn is(&self, principal: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(principal.to_owned());
    }

    fn name(&self) -> Option<String> {
        let name = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        name.clone()
    }
}

/// The operation that an answer is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct About(pub(super) Uuid);

/// Names the request, lets it be answered, and logs and counts how that ended.
pub(super) async fn logged(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = RequestId::new();
    let who = Who::default();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("unknown", MatchedPath::as_str).to_owned();
    let peer = request.extensions().get::<Peer>().map(Peer::to_string);
    request.extensions_mut().insert(id);
    request.extensions_mut().insert(who.clone());
    let begun = Instant::now();
    let _counted = app.metrics().begin();
    let mut response = next.run(request).await;
    let took = begun.elapsed();
    let status = response.status().as_u16();
    app.metrics()
        .answered(method.as_str(), &route, status, took);
    let told = response.extensions().get::<Told>().cloned();
    let told = told.map(|Told(problem)| problem);
    let about = response.extensions().get::<About>().map(|About(id)| *id);
    let operation = about.or(told.as_ref().and_then(|problem| problem.operation));
    tracing::info!(
        request_id = %id,
        peer = peer.as_deref(),
        principal = who.name().as_deref(),
        method = method.as_str(),
        route,
        status,
        code = told.as_ref().map(|problem| problem.code.as_str()),
        operation = operation.map(tracing::field::display),
        ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
    if let Some(mut problem) = told {
        problem.request_id = Some(id.to_string());
        *response.body_mut() = serde_json::to_vec(&problem).unwrap_or_default().into();
    }
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}
