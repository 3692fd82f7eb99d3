//! What every request is answered from, and the routes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::caller::Caller;
use super::keys::Keys;
use super::metrics::Metrics;
use super::principals::{FileError, Principals};
use super::problem::Refused;
use super::{coder, limits, log, routes};
use crate::db::Interrupt;
use crate::ops::{Context, Scope};

/// What the server is run with.
#[derive(Debug)]
pub struct Settings {
    /// The database, with its pool, and the adapters.
    pub context: Context,
    /// The file of principals.
    pub principals: PathBuf,
    /// The limits of a request.
    pub limits: RequestLimits,
}

/// What one request may take, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// Requests at once; further ones are refused at once.
    pub requests: usize,
    /// Bytes of a body.
    pub body_bytes: usize,
    /// Tokens that one request may change.
    pub rows: usize,
    /// How long a client waits for an answer at most. A change that was begun goes on.
    pub time: Duration,
    /// How long a plan waits to be applied.
    pub plan: Duration,
}

/// What every request is answered from.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    context: Context,
    principals: RwLock<Arc<Principals>>,
    path: PathBuf,
    limits: RequestLimits,
    places: Semaphore,
    metrics: Metrics,
    keys: Keys,
    tasks: TaskTracker,
}

impl App {
    /// Reads the principals.
    ///
    /// # Errors
    ///
    /// When their file cannot be used.
    pub fn new(settings: Settings) -> Result<Self, FileError> {
        let Settings {
            context,
            principals,
            limits,
        } = settings;
        Ok(Self(Arc::new(Inner {
            context,
            principals: RwLock::new(Arc::new(Principals::load(&principals)?)),
            path: principals,
            limits,
            places: Semaphore::new(limits.requests),
            metrics: Metrics::new(),
            keys: Keys::default(),
            tasks: TaskTracker::new(),
        })))
    }

    /// Reads the principals anew; those that were go on where that fails.
    ///
    /// # Errors
    ///
    /// When their file cannot be used.
    pub fn reload(&self) -> Result<usize, FileError> {
        let principals = Principals::load(&self.0.path)?;
        principals.go_on(&self.principals());
        let count = principals.count();
        let held = self.0.principals.write();
        *held.unwrap_or_else(PoisonError::into_inner) = Arc::new(principals);
        Ok(count)
    }

    /// The file of principals.
    #[must_use]
    pub fn principals_file(&self) -> &Path {
        &self.0.path
    }

    /// Everything that is answered.
    pub fn router(&self) -> Router {
        routes::all()
            .layer(DefaultBodyLimit::max(self.0.limits.body_bytes))
            .layer(from_fn_with_state(self.clone(), limits::limited))
            .layer(from_fn(limits::unharmed))
            .layer(from_fn_with_state(self.clone(), log::logged))
            .layer(from_fn(coder::said))
            .with_state(self.clone())
    }

    pub(super) fn principals(&self) -> Arc<Principals> {
        let held = self.0.principals.read();
        Arc::clone(&held.unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn context(&self) -> &Context {
        &self.0.context
    }

    /// Where a caller works: with an interrupt of its own, and no further than the principal may see.
    pub(super) async fn context_of(&self, caller: &Caller) -> Result<Context, Refused> {
        let context = &self.0.context;
        let database = context.database.with_interrupt(Interrupt::default());
        let mut context = Context {
            database,
            ..context.clone()
        };
        let principal = caller.principal();
        let (owner, kinds) = (principal.owner.as_deref(), principal.kinds.as_deref());
        if owner.is_some() || kinds.is_some() {
            let desk = context.open().await?;
            context.scope = Scope::resolve(&desk, owner, kinds).await?;
        }
        Ok(context)
    }

    /// Refuses texts that would be sent with a secret in them.
    pub(super) fn refuse_secrets(&self, texts: &[(&str, Option<&String>)]) -> Result<(), Refused> {
        for (name, text) in texts {
            if text.is_some_and(|text| self.0.context.holds_secret(text)) {
                return Err(Refused::secret_in(name));
            }
        }
        Ok(())
    }

    /// Changes under way, which outlive their requests.
    pub(super) fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }

    /// Waits for the changes under way, when no request can come any more.
    pub async fn settle(&self, limit: Duration) {
        self.0.tasks.close();
        if timeout(limit, self.0.tasks.wait()).await.is_err() {
            let left = self.0.tasks.len();
            tracing::error!(
                left,
                "changes were under way for too long; the record tells how they ended"
            );
        }
    }

    pub(super) fn limits(&self) -> &RequestLimits {
        &self.0.limits
    }

    pub(super) fn places(&self) -> &Semaphore {
        &self.0.places
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.0.keys
    }
}
