//! Where a command works: at a database, or at a server that stands before one. A command has one flow
//! for both, and what differs is here.

#[cfg(feature = "client")]
mod far;
#[cfg(not(feature = "client"))]
#[path = "no_far.rs"]
mod far;
mod opened;
mod prepared;
mod reading;

use std::time::Duration;

use super::failure::Failure;
use crate::adapter::{Adapter, SecretShape};
use crate::db::Interrupt;
use crate::model::PlannedAdapter;
use crate::ops::{Context, Policy};

pub(super) use far::ServerArgs;
pub(super) use opened::Opened;
pub(super) use prepared::Prepared;
pub(super) use reading::WantedOperations;

/// Where a command works. Nothing is connected to yet.
#[derive(Debug)]
pub(super) enum Way {
    /// At a database.
    Here(Box<Context>),
    /// At a server.
    There(Box<far::Far>),
}

/// What was said of a server beside its own flags.
#[cfg_attr(
    not(feature = "client"),
    expect(dead_code, reason = "without its client no server is called")
)]
pub(super) struct SaidOfServer {
    /// Where it is.
    pub(super) server: String,
    /// The bearer token of the environment.
    pub(super) token: Option<String>,
    /// How long it may take until it can be asked.
    pub(super) connect_timeout: Option<Duration>,
}

impl Way {
    /// A server.
    ///
    /// # Errors
    ///
    /// When something of what was given cannot be used.
    pub(super) fn there(
        said: SaidOfServer,
        args: &ServerArgs,
        interrupt: &Interrupt,
    ) -> Result<Self, Failure> {
        far::Far::new(said, args, interrupt).map(|far| Self::There(Box::new(far)))
    }

    /// The database, for what cannot be done at a server.
    ///
    /// # Errors
    ///
    /// At a server.
    pub(super) fn here(&self, what: &str) -> Result<&Context, Failure> {
        match self {
            Self::Here(context) => Ok(context),
            Self::There(far) => Err(far.cannot(what)),
        }
    }

    /// Takes the adapter and the schema of a plan, where nothing else was said: what its planner had to
    /// say, nobody has to say again. A server has one, and holds the plan to it.
    pub(super) fn choose(&mut self, planned: &PlannedAdapter) {
        if let Self::Here(context) = self {
            let PlannedAdapter { name, schema, .. } = planned;
            let choice = &mut context.choice;
            choice.adapter.get_or_insert_with(|| name.clone());
            choice.schema.get_or_insert_with(|| schema.clone());
        }
    }

    /// The adapters that are known here.
    pub(super) fn adapters(&self) -> &[Adapter] {
        match self {
            Self::Here(context) => &context.adapters,
            Self::There(far) => far.adapters(),
        }
    }

    /// What a reason and a ticket must be like. A server holds to its own target's rules by itself.
    pub(super) fn policy(&self) -> &Policy {
        match self {
            Self::Here(context) => &context.policy,
            Self::There(far) => far.policy(),
        }
    }

    /// Whether a text holds something of the shape of a secret, of any adapter that may be meant.
    pub(super) fn holds_secret(&self, text: &str) -> bool {
        match self {
            Self::Here(context) => context.holds_secret(text),
            Self::There(far) => far
                .adapters()
                .iter()
                .any(|adapter| SecretShape::of(adapter).is_some_and(|shape| shape.is_in(text))),
        }
    }
}
