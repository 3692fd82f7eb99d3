//! Everything that lets somebody in, across every kind of token and what would mint a new one.

use serde_json::Map;
use tokio_postgres::types::Type;

use super::assemble::companions;
use super::desk::Desk;
use super::error::Error;
use super::token_row::{TokenRow, object};
use super::watch::watched;
use super::wording;
use crate::db;
use crate::model::{Access, CompanionRow, Credential, CredentialsOfKind, Owner, OwnerRow};

/// Owners that are named at most where a word means several.
const CANDIDATES: i64 = 20;

/// A request to show what lets an owner in.
#[derive(Clone, Debug)]
pub struct ShowOwner {
    /// Key, login or email.
    pub owner: String,
}

impl ShowOwner {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// When the word means nobody, or several, or row security would hide tokens.
    pub async fn run(&self, desk: &Desk) -> Result<Access, Error> {
        watched(&desk.database, &desk.session, self.look(desk)).await
    }

    async fn look(&self, desk: &Desk) -> Result<Access, Error> {
        desk.check_visible()?;
        let owner = find_owner(desk, &self.owner).await?;
        let rows = closure(desk, &owner.owner.id, None).await?;
        let keys: Vec<String> = rows.iter().map(|row| row.token.key.clone()).collect();
        let mut alive: std::collections::HashMap<String, Vec<CompanionRow>> =
            std::collections::HashMap::new();
        for companion in companions(desk, &keys).await? {
            if !companion.dead {
                let of_token = alive.entry(companion.token.clone()).or_default();
                of_token.push(companion);
            }
        }
        let adapter = &desk.bound.adapter;
        let mut kinds: Vec<CredentialsOfKind> = Vec::new();
        for kind in &adapter.kinds {
            if kinds.iter().all(|known| known.kind != kind.name) {
                kinds.push(CredentialsOfKind {
                    kind: kind.name.clone(),
                    title: Some(kind.title.clone()),
                    tokens: Vec::new(),
                });
            }
        }
        for TokenRow { token, .. } in rows {
            let credential = Credential {
                companions: alive.remove(&token.key).unwrap_or_default(),
                token,
            };
            let kind = &credential.token.kind;
            match kinds.iter_mut().find(|of_kind| of_kind.kind == *kind) {
                Some(of_kind) => of_kind.tokens.push(credential),
                None => kinds.push(CredentialsOfKind {
                    kind: kind.clone(),
                    title: None,
                    tokens: vec![credential],
                }),
            }
        }
        kinds.retain(|of_kind| !of_kind.tokens.is_empty());
        let out_of_reach = adapter.owner.as_ref().map(|owner| &owner.out_of_reach);
        Ok(Access {
            owner,
            kinds,
            out_of_reach: out_of_reach.cloned().unwrap_or_default(),
        })
    }
}

/// A request for the owners that a word may mean.
#[derive(Clone, Debug)]
pub struct FindOwners {
    /// Key, login or email.
    pub word: String,
}

impl FindOwners {
    /// Runs it; none where there is none.
    ///
    /// # Errors
    ///
    /// When the adapter knows no owners, or the database refuses.
    pub async fn run(&self, desk: &Desk) -> Result<Vec<OwnerRow>, Error> {
        watched(&desk.database, &desk.session, find_owners(desk, &self.word)).await
    }
}

/// The one owner that a word means.
///
/// # Errors
///
/// When there is none, or more than one: a login may be somebody else's address, and names are
/// used again.
pub(super) async fn find_owner(desk: &Desk, name: &str) -> Result<OwnerRow, Error> {
    let mut found = find_owners(desk, name).await?;
    if found.len() > 1 {
        return Err(Error::AmbiguousOwner {
            owner: name.to_owned(),
            found: found
                .iter()
                .map(|row| wording::owner(&row.owner, &row.details))
                .collect(),
        });
    }
    if let Some(owner) = found.pop() {
        return Ok(owner);
    }
    // The owner's row may be gone while tokens are there.
    let left = closure(desk, name, Some(1)).await?.into_iter().next();
    let owner = left.and_then(|row| row.token.owner);
    owner
        .map(|owner| OwnerRow {
            owner,
            details: Map::new(),
        })
        .ok_or_else(|| Error::NoSuchOwner(name.to_owned()))
}

/// The owners whose rows are there that a word may mean.
async fn find_owners(desk: &Desk, name: &str) -> Result<Vec<OwnerRow>, Error> {
    if desk.bound.adapter.owner.is_none() {
        return Err(Error::NoOwners(desk.bound.adapter.name.clone()));
    }
    let mut found = Vec::new();
    if let Some(statement) = desk.statements().owners_find()? {
        let parameters: [db::Parameter<'_>; 3] = [
            (&name, Type::TEXT),
            (&CANDIDATES, Type::INT8),
            (&desk.scope.owner, Type::TEXT),
        ];
        for row in desk.session.read(&statement, &parameters).await? {
            let id = row.try_get("id").map_err(db::Error::from)?;
            let login = row.try_get("login").map_err(db::Error::from)?;
            let email = row.try_get("email").map_err(db::Error::from)?;
            found.push(OwnerRow {
                owner: Owner { id, login, email },
                details: object(&row, "details")?,
            });
        }
    }
    Ok(found)
}

/// The rows that let an owner in, in key order, so many of them at most.
pub(super) async fn closure(
    desk: &Desk,
    id: &str,
    limit: Option<i64>,
) -> Result<Vec<TokenRow>, Error> {
    let statement = desk.statements().owners_closure()?;
    let [owner, kinds] = desk.scope.parameters();
    let parameters: [db::Parameter<'_>; 4] =
        [(&id, Type::TEXT), (&limit, Type::INT8), owner, kinds];
    let rows = desk.session.read(&statement, &parameters).await?;
    let name = &desk.bound.adapter.name;
    let rows: Result<Vec<_>, _> = rows.iter().map(|row| TokenRow::read(row, name)).collect();
    let mut rows = rows?;
    rows.sort_unstable_by(|one, other| one.token.key.cmp(&other.token.key));
    Ok(rows)
}
