//! Looking once more at everything that lets an owner in, after it was ended: what came between the plan
//! and the commit was in no plan.

use std::collections::HashSet;

use super::desk::Desk;
use super::error::Error;
use super::owners::ShowOwner;
use super::planned::Planned;
use crate::db::Identity;
use crate::model::{CameMeanwhile, Token};

/// Tokens that are named in the advice.
const NAMED: usize = 5;

impl Planned {
    /// What came for the owner after the plan; `None` where no owner was named. What was planned has
    /// its own verdict.
    pub(super) async fn came_meanwhile(&self) -> Option<CameMeanwhile> {
        let owner = self.request.owner_to_cut()?;
        let (tokens, unseen) = match self.look_for(owner).await {
            Ok(tokens) => (tokens, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        Some(CameMeanwhile {
            owner: owner.clone(),
            tokens,
            unseen,
        })
    }

    /// On a fresh connection, also after a Ctrl-C: the change stands.
    async fn look_for(&self, owner: &str) -> Result<Vec<Token>, Error> {
        let database = self.desk.database.uninterrupted();
        let session = database.session().await?;
        let identity = Identity::read(&session).await?;
        self.desk.check_same(&identity)?;
        let desk = Desk {
            database,
            session,
            identity,
            bound: self.desk.bound.clone(),
            scope: self.desk.scope.clone(),
        };
        let request = ShowOwner {
            owner: owner.to_owned(),
        };
        let access = request.run(&desk).await?;
        let planned: HashSet<&str> = self.plan.keys().into_iter().collect();
        let found = access.credentials().map(|credential| &credential.token);
        let came = found.filter(|token| !planned.contains(token.key.as_str()));
        Ok(came.cloned().collect())
    }
}

/// What to do about it; `None` where the owner is shut out.
pub(super) fn advice(came: &CameMeanwhile) -> Option<String> {
    let CameMeanwhile {
        owner,
        tokens,
        unseen,
    } = came;
    if let Some(why) = unseen {
        return Some(format!(
            "whether something came for {owner} meanwhile is not known: {why}; run the command again"
        ));
    }
    if tokens.is_empty() {
        return None;
    }
    let named = tokens.iter().take(NAMED);
    let named: Vec<String> = named
        .map(|token| format!("{} {}", token.kind, token.key))
        .collect();
    let more = match tokens.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "{owner} is not shut out: {}{more} came after the plan; run the command again",
        named.join(", ")
    ))
}
