//! What every request is answered from, and the routes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use tokio::sync::Semaphore;

use super::keys::Keys;
use super::metrics::Metrics;
use super::principals::{FileError, Principals};
use super::{limits, log, routes};
use crate::ops::Context;

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
        let mut held = self.0.principals.write();
        let held = held.as_deref_mut().map_err(|it| it.get_mut());
        match held {
            Ok(held) => *held = Arc::new(principals),
            Err(held) => **held = Arc::new(principals),
        }
        Ok(count)
    }

    /// The file of principals.
    #[must_use]
    pub fn principals_file(&self) -> &Path {
        &self.0.path
    }

    /// Everything that is answered.
    #[must_use]
    pub fn router(&self) -> Router {
        routes::all()
            .layer(DefaultBodyLimit::max(self.0.limits.body_bytes))
            .layer(from_fn_with_state(self.clone(), limits::limited))
            .layer(from_fn(limits::unharmed))
            .layer(from_fn_with_state(self.clone(), log::logged))
            .with_state(self.clone())
    }

    pub(super) fn principals(&self) -> Arc<Principals> {
        let held = self.0.principals.read();
        Arc::clone(&held.unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn context(&self) -> &Context {
        &self.0.context
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
