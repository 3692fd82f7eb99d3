//! What a server told of itself, and what is read there.

use futures_util::stream::{self, LocalBoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::Far;
use super::wanted::{named, query};
use crate::adapter::Adapter;
use crate::cli::failure::Failure;
use crate::model::wire::LookupRequest;
use crate::model::{About, Access, Shown, Token};
use crate::ops::{Error, Kinds, ListTokens, ShowOwner, ShowToken};

/// A server that told what is behind it.
#[derive(Debug)]
pub(in crate::cli) struct FarOpened {
    far: Far,
    about: About,
}

impl Far {
    /// Asks what is there.
    pub(in crate::cli::way) async fn open(&self) -> Result<FarOpened, Failure> {
        let about = self.read(self.client.about()).await?;
        let far = self.clone();
        Ok(FarOpened { far, about })
    }

    /// Everything that lets an owner in.
    pub(in crate::cli::way) async fn access(&self, request: &ShowOwner) -> Result<Access, Failure> {
        let document = self.read(self.client.owner(&request.owner)).await?;
        Ok(document.access)
    }
}

impl FarOpened {
    pub(in crate::cli::way) fn far(&self) -> &Far {
        &self.far
    }

    pub(in crate::cli::way) fn about(&self) -> &About {
        &self.about
    }

    /// The server's adapter, where this build has the very same.
    pub(in crate::cli::way) fn adapter(&self) -> Result<&Adapter, Failure> {
        let wanted = &self.about.adapter;
        let mut known = self.far.adapters.iter();
        let found = known.find(|known| known.name == wanted.name && known.sha256 == wanted.sha256);
        found.ok_or_else(|| {
            Failure::usage(
                format!(
                    "the server works with an adapter `{}` that this breakglass does not have",
                    wanted.name
                ),
                "use the same version as the server, or run it at the database with --adapter-file",
            )
        })
    }

    /// The names of kinds; `None` is every kind.
    pub(in crate::cli::way) fn names(&self, kinds: &Kinds) -> Result<Option<Vec<String>>, Failure> {
        let known = &self.about.kinds;
        let named = match kinds {
            Kinds::Default => return Ok(Some(vec![self.about.default_kind.clone()])),
            Kinds::All => return Ok(None),
            Kinds::Named(named) => named,
        };
        match named.iter().find(|kind| !known.contains(kind)) {
            None => Ok(Some(named.clone())),
            Some(unknown) => Err(Error::UnknownKind {
                kind: unknown.clone(),
                adapter: self.about.adapter.name.clone(),
                known: known.clone(),
            }
            .into()),
        }
    }

    /// Lists tokens, a page after the other as they are read.
    ///
    /// # Errors
    ///
    /// When the server refuses the first one.
    pub(in crate::cli::way) async fn list<'a>(
        &'a self,
        request: &'a ListTokens,
    ) -> Result<LocalBoxStream<'a, Result<Token, Failure>>, Failure> {
        let mut pages = Box::pin(self.far.client.token_pages(query(request)));
        let first = self.far.read(pages.try_next()).await?;
        let others = stream::try_unfold(pages, move |mut pages| async move {
            let page = self.far.read(pages.try_next()).await?;
            Ok::<_, Failure>(page.map(|page| (page, pages)))
        });
        let pages = stream::iter(first.map(Ok)).chain(others);
        Ok(pages
            .map_ok(|page| stream::iter(page.tokens).map(Ok))
            .try_flatten()
            .boxed_local())
    }

    /// Everything that is known about one token.
    pub(in crate::cli::way) async fn show(&self, request: ShowToken) -> Result<Shown, Failure> {
        let ShowToken { selector, owner } = request;
        let request = LookupRequest {
            token: named(&selector).ok_or_else(|| self.far.cannot("this way to name a token"))?,
            owner,
        };
        let document = self.far.read(self.far.client.look_up(&request)).await?;
        Ok(document.shown)
    }
}
