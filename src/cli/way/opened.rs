//! A database that was connected to, or a server that told what is behind it.

use futures_util::StreamExt as _;
use futures_util::stream::LocalBoxStream;

use super::Way;
use super::far::FarOpened;
use crate::adapter::Adapter;
use crate::cli::Run;
use crate::cli::failure::Failure;
use crate::model::{Access, Hit, Shown, Token};
use crate::ops::{Desk, Error, Kinds, ListTokens, ShowOwner, ShowToken, Sweep};
use crate::view::Clock;

/// Where a command works, once it is known what is there.
#[derive(Debug)]
pub(in crate::cli) enum Opened {
    Here(Box<Desk>),
    There(Box<FarOpened>),
}

impl Way {
    /// Finds out what is there; what the operator should know of it is said.
    ///
    /// # Errors
    ///
    /// When there is no connection, or not exactly one adapter fits.
    pub(in crate::cli) async fn open(&self, run: &mut Run) -> Result<Opened, Failure> {
        match self {
            Self::Here(context) => {
                let desk = context.open().await?;
                run.warn_of_cluster(&desk.session);
                Ok(Opened::Here(Box::new(desk)))
            }
            Self::There(far) => Ok(Opened::There(Box::new(far.open().await?))),
        }
    }
}

impl Opened {
    /// The database's clock.
    pub(in crate::cli) fn clock(&self) -> Clock {
        match self {
            Self::Here(desk) => Clock {
                as_of: desk.identity.as_of,
                records_use: desk.bound.records_use(),
            },
            Self::There(there) => Clock {
                as_of: there.about().as_of,
                records_use: there.about().records_use,
            },
        }
    }

    /// Which database it is, in one line.
    pub(in crate::cli) fn line(&self) -> String {
        match self {
            Self::Here(desk) => desk.identity.line(),
            Self::There(there) => there.about().identity.clone(),
        }
    }

    /// The role that reads there.
    pub(in crate::cli) fn role(&self) -> &str {
        match self {
            Self::Here(desk) => &desk.identity.role,
            Self::There(there) => &there.about().role,
        }
    }

    /// The application's name.
    pub(in crate::cli) fn title(&self) -> &str {
        match self {
            Self::Here(desk) => &desk.bound.adapter.title,
            Self::There(there) => &there.about().title,
        }
    }

    /// The name of the adapter that fits.
    pub(in crate::cli) fn adapter_name(&self) -> &str {
        match self {
            Self::Here(desk) => &desk.bound.adapter.name,
            Self::There(there) => &there.about().adapter.name,
        }
    }

    /// The adapter that fits, for what is done here with it.
    ///
    /// # Errors
    ///
    /// When a server's is not known here.
    pub(in crate::cli) fn adapter(&self) -> Result<&Adapter, Failure> {
        match self {
            Self::Here(desk) => Ok(&desk.bound.adapter),
            Self::There(there) => there.adapter(),
        }
    }

    /// Further columns that a list can show.
    pub(in crate::cli) fn details(&self) -> Vec<String> {
        match self {
            Self::Here(desk) => desk.bound.detail_names(),
            Self::There(there) => there.about().details.clone(),
        }
    }

    /// Whether more than one kind is meant.
    ///
    /// # Errors
    ///
    /// When one of them is none.
    pub(in crate::cli) fn has_several(&self, kinds: &Kinds) -> Result<bool, Failure> {
        let names = match self {
            Self::Here(desk) => kinds.names(&desk.bound)?,
            Self::There(there) => there.names(kinds)?,
        };
        Ok(names.is_none_or(|names| names.len() > 1))
    }

    /// Lists tokens.
    ///
    /// # Errors
    ///
    /// When the list is refused.
    pub(in crate::cli) async fn list<'a>(
        &'a self,
        request: &'a ListTokens,
    ) -> Result<LocalBoxStream<'a, Result<Token, Failure>>, Failure> {
        match self {
            Self::Here(desk) => {
                let tokens = request.run(desk).await?;
                Ok(tokens.map(|token| Ok(token?)).boxed_local())
            }
            Self::There(there) => there.list(request).await,
        }
    }

    /// Everything that is known about one token.
    ///
    /// # Errors
    ///
    /// When the selector names no token, or several.
    pub(in crate::cli) async fn show(&self, request: ShowToken) -> Result<Shown, Failure> {
        match self {
            Self::Here(desk) => Ok(request.run(desk).await?),
            Self::There(there) => there.show(request).await,
        }
    }

    /// Everything that lets an owner in.
    ///
    /// # Errors
    ///
    /// When the word means nobody, or several.
    pub(in crate::cli) async fn access(&self, request: &ShowOwner) -> Result<Access, Failure> {
        match self {
            Self::Here(desk) => Ok(request.run(desk).await?),
            Self::There(there) => there.far().access(request).await,
        }
    }

    /// Refuses what would make a list lie.
    ///
    /// # Errors
    ///
    /// Where row security would hide rows.
    pub(in crate::cli) fn check_visible(&self) -> Result<(), Error> {
        match self {
            Self::Here(desk) => desk.check_visible(),
            // The server looks by itself with every request.
            Self::There(_) => Ok(()),
        }
    }

    /// Judges every secret of a leak, in its order.
    ///
    /// # Errors
    ///
    /// When the database or the server refuses.
    pub(in crate::cli) fn judge<'a>(
        &'a self,
        sweep: &'a Sweep,
    ) -> Result<LocalBoxStream<'a, Result<Hit, Failure>>, Failure> {
        match self {
            Self::Here(desk) => {
                let hits = sweep.run(desk)?;
                Ok(hits.map(|hit| Ok(hit?)).boxed_local())
            }
            Self::There(there) => Ok(there.judge(sweep)),
        }
    }

    /// Whether the connection is gone.
    pub(in crate::cli) fn is_closed(&self) -> bool {
        matches!(self, Self::Here(desk) if desk.session.is_closed())
    }

    /// Ends what is under way there: nobody reads it any more.
    pub(in crate::cli) async fn abandon(&self) {
        if let Self::Here(desk) = self {
            desk.session.abandon().await;
        }
    }
}
