//! What Prometheus reads.

use std::fmt;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::model::{Operation, Outcome};

/// Upper bounds of the times that are counted, in seconds.
const SECONDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Counts and times since the server began.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram>,
    under_way: Gauge,
    operations: Family<Done, Counter>,
    pool: Family<Sessions, Gauge<i64, AtomicI64>>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Done {
    action: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Sessions {
    state: &'static str,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// A request is under way until this is dropped.
pub(super) struct UnderWay(Gauge);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("breakglass");
        let requests = Family::default();
        registry.register(
            "http_requests",
            "Requests that were answered",
            requests.clone(),
        );
        let seconds: Family<Route, Histogram> =
            Family::new_with_constructor(|| Histogram::new(SECONDS));
        registry.register(
            "http_request_seconds",
            "How long answers took",
            seconds.clone(),
        );
        let under_way = Gauge::default();
        registry.register(
            "http_requests_under_way",
            "Requests that are not answered yet",
            under_way.clone(),
        );
        let operations = Family::default();
        registry.register(
            "operations",
            "Operations that were carried out, refused or failed",
            operations.clone(),
        );
        let pool = Family::default();
        registry.register("pool_sessions", "Connections to the database", pool.clone());
        Self {
            registry,
            requests,
            seconds,
            under_way,
            operations,
            pool,
        }
    }

    /// Counts a request that came.
    pub(super) fn begin(&self) -> UnderWay {
        self.under_way.inc();
        UnderWay(self.under_way.clone())
    }

    /// Counts an answer.
    pub(super) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let (method, route) = (method.to_owned(), route.to_owned());
        let seconds = self.seconds.get_or_create(&Route {
            route: route.clone(),
        });
        seconds.observe(took.as_secs_f64());
        let answered = Answered {
            method,
            route,
            status,
        };
        self.requests.get_or_create(&answered).inc();
    }

    /// Counts an operation.
    pub(super) fn operation(&self, operation: &Operation) {
        self.ended(operation.action.as_str(), operation.outcome);
    }

    /// The same of one that only its action and outcome are known of.
    pub(super) fn ended(&self, action: &'static str, outcome: Outcome) {
        let outcome = outcome.as_str();
        self.operations
            .get_or_create(&Done { action, outcome })
            .inc();
    }

    /// Sets how many sessions of the pool there are in a state.
    pub(super) fn sessions(&self, state: &'static str, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.pool.get_or_create(&Sessions { state }).set(count);
    }

    /// The text that Prometheus reads.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _written = encode(&mut text, &self.registry).is_ok();
        text
    }
}
