//! What a caller may see and touch: everything, or only the tokens of one owner, or of some kinds.
//!
//! A token outside the scope does not exist for the caller, and no answer tells it from one that never
//! was. The statements that find tokens hold to the scope by themselves, so that what is counted, cut or
//! ambiguous is right; [`Desk::check_scope`] looks at a plan once more before anybody sees it.

use std::collections::BTreeSet;

use tokio_postgres::types::Type;

use super::desk::Desk;
use super::error::Error;
use super::filter::Kinds;
use super::owners::find_owner;
use super::resolve::find_rows;
use crate::db::Parameter;
use crate::model::{Plan, Token};

/// Which tokens there are for a caller. The command line has all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The owner's key, exactly; `None` is everybody. Where the adapter knows no owners, a key is
    /// nobody's.
    pub owner: Option<String>,
    /// Kinds of the adapter; `None` is every kind.
    pub kinds: Option<Vec<String>>,
}

impl Scope {
    /// The scope of a caller that is bound to an owner, named by key, login or email, or to kinds.
    ///
    /// # Errors
    ///
    /// When the word means no owner or several, the adapter knows none, or has not all of these kinds.
    pub async fn resolve(
        desk: &Desk,
        owner: Option<&str>,
        kinds: Option<&[String]>,
    ) -> Result<Self, Error> {
        let kinds = match kinds {
            Some(kinds) => Kinds::Named(kinds.to_vec()).names(&desk.bound)?,
            None => None,
        };
        let owner = match owner {
            Some(word) => Some(find_owner(desk, word).await?.owner.id),
            None => None,
        };
        Ok(Self { owner, kinds })
    }

    /// Whether it leaves nothing out.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether there is such a token for the caller.
    #[must_use]
    pub fn holds(&self, token: &Token) -> bool {
        let Self { owner, kinds } = self;
        let is_theirs = owner.as_ref().is_none_or(|key| {
            let owner = token.owner.as_ref();
            owner.is_some_and(|owner| owner.id == *key)
        });
        is_theirs && kinds.as_ref().is_none_or(|it| it.contains(&token.kind))
    }

    /// What goes into a statement that finds tokens: the owner's key, and the kinds.
    pub(super) fn parameters(&self) -> [Parameter<'_>; 2] {
        [(&self.owner, Type::TEXT), (&self.kinds, Type::TEXT_ARRAY)]
    }

    /// Refuses a run of batches to a bound caller: its record names the keys of all of them, and
    /// belongs to nobody.
    ///
    /// # Errors
    ///
    /// When the caller is bound.
    pub(super) fn check_run(&self) -> Result<(), Error> {
        if self.is_open() {
            Ok(())
        } else {
            Err(Error::BoundCaller)
        }
    }
}

impl Desk {
    /// Those of some tokens that there are for the caller.
    ///
    /// # Errors
    ///
    /// When the database refuses.
    pub(super) async fn in_scope(&self, keys: &[String]) -> Result<BTreeSet<String>, Error> {
        if keys.is_empty() {
            return Ok(BTreeSet::new());
        }
        let found = find_rows(self, keys, &[], None).await?;
        let held = found.into_iter().filter(|row| self.scope.holds(&row.token));
        Ok(held.map(|row| row.token.key).collect())
    }

    /// Refuses a plan of a token that there is not for the caller, as one whose token has gone. Nothing
    /// should lead here: it is looked at once more whatever made the plan.
    ///
    /// # Errors
    ///
    /// When there is one, or the database refuses.
    pub(super) async fn check_scope(&self, plan: &Plan) -> Result<(), Error> {
        if self.scope.is_open() {
            return Ok(());
        }
        let companions = plan.companions.iter().map(|companion| &companion.token);
        let put_back = plan.put_back.iter().map(|row| &row.token);
        let tokens = plan.tokens.iter().map(|planned| &planned.token.key);
        let concerned: BTreeSet<String> =
            tokens.chain(companions).chain(put_back).cloned().collect();
        let concerned: Vec<String> = concerned.into_iter().collect();
        let held = self.in_scope(&concerned).await?;
        let shown = plan.tokens.iter().map(|planned| &planned.token);
        let strange = shown.filter(|token| !self.scope.holds(token));
        let strange: BTreeSet<&String> = strange.map(|token| &token.key).collect();
        let gone = concerned
            .iter()
            .filter(|key| !held.contains(*key) || strange.contains(key));
        let gone: Vec<String> = gone.map(|key| format!("token `{key}` is gone")).collect();
        if gone.is_empty() {
            Ok(())
        } else {
            Err(Error::ChangedSinceShown(gone))
        }
    }
}
