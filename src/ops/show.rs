//! Everything that is known about one token.

use super::assemble::companions;
use super::audit::ListOperations;
use super::desk::{Context, Desk};
use super::error::Error;
use super::resolve::resolve;
use super::selector::Selector;
use super::watch::watched;
use crate::db::{Identity, Installed, Session, installed};
use crate::model::{Action, CompanionRow, Shown};

/// A request to show one token.
#[derive(Clone, Debug)]
pub struct ShowToken {
    /// Which.
    pub selector: Selector,
    /// Narrows a name to one owner.
    pub owner: Option<String>,
}

/// How many operations of a token's past are shown.
const HISTORY: u32 = 20;

/// Rows by table and key.
fn named(companions: &[CompanionRow]) -> Vec<(String, String)> {
    let rows = companions.iter();
    rows.map(|row| (row.relation.clone(), row.key.clone()))
        .collect()
}

impl ListOperations {
    /// Looks for what must die with the token that is asked about, where an adapter fits: an operation
    /// that ended nothing but that names no token. What is not there any more cannot be found so.
    ///
    /// # Errors
    ///
    /// When the operator interrupts; a log can be read where an application cannot.
    pub async fn and_companions(
        &mut self,
        context: &Context,
        session: Session,
        identity: Identity,
    ) -> Result<Session, Error> {
        let Some(token) = self.token.clone() else {
            return Ok(session);
        };
        let bound = match context.detect(&session, &identity).await {
            Ok(bound) => bound,
            Err(Error::Database(error)) if error.is_interruption() => return Err(error.into()),
            Err(_no_application) => return Ok(session),
        };
        let desk = context.desk(session, identity, bound);
        let selectors = [Selector::parse(&token)];
        let keys = match resolve(&desk, &selectors, None, usize::MAX).await {
            Ok(resolved) => resolved
                .rows
                .into_iter()
                .map(|(row, _check)| row.token.key)
                .collect(),
            Err(Error::Ambiguous { found, .. }) => {
                found.into_iter().map(|token| token.key).collect()
            }
            // The token may be gone while what belonged to it is there.
            Err(_no_such_token) => vec![token],
        };
        if let Ok(found) = companions(&desk, &keys).await {
            self.companions = named(&found);
        }
        Ok(desk.session)
    }
}

impl ShowToken {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// When the selector names no token, or several.
    pub async fn run(&self, desk: &Desk) -> Result<Shown, Error> {
        watched(&desk.database, &desk.session, self.look(desk)).await
    }

    async fn look(&self, desk: &Desk) -> Result<Shown, Error> {
        desk.check_visible()?;
        let resolved = resolve(
            desk,
            std::slice::from_ref(&self.selector),
            self.owner.as_deref(),
            usize::MAX,
        )
        .await?;
        let Some((row, secret)) = resolved.rows.into_iter().next() else {
            return Err(Error::NoSuchToken(resolved.selector));
        };
        let token = row.token;
        let companions = companions(desk, std::slice::from_ref(&token.key)).await?;
        let history = match installed(&desk.session).await {
            Ok(Installed::Current | Installed::Newer(_)) => {
                let past = ListOperations {
                    token: Some(token.key.clone()),
                    companions: named(&companions),
                    limit: Some(HISTORY),
                    ..ListOperations::default()
                };
                Some(past.read(&desk.log()).await?)
            }
            Err(error) if error.is_interruption() => return Err(error.into()),
            // A reader without rights on the audit log still sees the token.
            Ok(_) | Err(_) => None,
        };
        let adapter = &desk.bound.adapter;
        let kind = adapter.kinds.iter().find(|kind| kind.name == token.kind);
        // What is to be known of a restore alone says nothing before there is one to take back.
        let concerns = |action: &Action| *action != Action::Restore;
        let notes = adapter.notes.iter();
        let notes = notes.filter(|note| note.on.iter().any(concerns));
        let mut notes: Vec<String> = notes.map(|note| note.text.clone()).collect();
        notes.extend(kind.and_then(|kind| kind.warn.clone()));
        let kill = if adapter.expire.is_some() {
            Action::Expire
        } else {
            Action::Delete
        };
        let unreached = adapter.unreached(kill, &[&token], None);
        let still_works = unreached.into_iter().map(|thing| thing.text).collect();
        Ok(Shown {
            kind_title: kind.map(|kind| kind.title.clone()),
            token,
            companions,
            secret,
            still_works,
            notes,
            history,
        })
    }
}
