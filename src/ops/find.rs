//! Tokens by their exact name, whatever their kind, dead ones too: what an application's own API finds
//! by a name.

use tokio_postgres::types::Type;

use super::desk::Desk;
use super::error::Error;
use super::resolve::resolve;
use super::selector::{Reading, Selector};
use super::token_row::TokenRow;
use super::watch::watched;
use crate::db::Parameter;
use crate::model::Token;

/// A request for the tokens that have a name.
#[derive(Clone)]
pub struct FindTokens {
    /// The name. A secret is its own token's: it leads to that, and is not sent.
    pub name: String,
    /// Narrows it to one owner: key, login or email.
    pub owner: Option<String>,
}

/// The name may be a secret.
impl std::fmt::Debug for FindTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FindTokens")
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

impl FindTokens {
    /// Runs it; in key order.
    ///
    /// # Errors
    ///
    /// When the database refuses, row security would hide tokens, or the name is a secret that is not
    /// its token's or was cut.
    pub async fn run(&self, desk: &Desk) -> Result<Vec<Token>, Error> {
        watched(&desk.database, &desk.session, self.look(desk)).await
    }

    async fn look(&self, desk: &Desk) -> Result<Vec<Token>, Error> {
        desk.check_visible()?;
        let selector = Selector::Name(self.name.clone());
        let (secrets, keys) = (desk.secret_shape(), desk.statements().key_shape());
        if let Reading::Words { .. } = selector.read(secrets.as_ref(), &keys) {
            return self.labelled(desk).await;
        }
        // It says what is wrong with a secret, and finds the row of a good one.
        let resolved = resolve(desk, &[selector], self.owner.as_deref(), usize::MAX).await?;
        Ok(resolved
            .rows
            .into_iter()
            .map(|(row, _)| row.token)
            .collect())
    }

    async fn labelled(&self, desk: &Desk) -> Result<Vec<Token>, Error> {
        let kinds = desk.bound.adapter.kinds.iter();
        let kinds: Vec<&str> = kinds.map(|kind| kind.name.as_str()).collect();
        let (none, labels) = (None::<Vec<String>>, [&self.name]);
        let [owner, owner_kinds] = desk.scope.parameters();
        let parameters: [Parameter<'_>; 6] = [
            (&none, Type::TEXT_ARRAY),
            (&labels.as_slice(), Type::TEXT_ARRAY),
            (&kinds, Type::TEXT_ARRAY),
            (&self.owner, Type::TEXT),
            owner,
            owner_kinds,
        ];
        let find = desk.statements().find()?;
        let name = &desk.bound.adapter.name;
        let mut found = Vec::new();
        for row in desk.session.read(&find, &parameters).await? {
            found.push(TokenRow::read(&row, name)?.token);
        }
        // The database's own order depends on its collation.
        found.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        Ok(found)
    }
}
