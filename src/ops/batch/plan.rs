//! Which tokens a run has: their keys, read as a stream, and what is told of them.

use std::collections::BTreeMap;

use futures_util::TryStreamExt as _;
use sha2::{Digest as _, Sha256};

use super::keys::Keys;
use super::run::Pace;
use crate::adapter::{Columns, ForeignKey};
use crate::db;
use crate::model::{KindCount, Plan, Proposal, RunProposal, hex};
use crate::ops::desk::{Context, Desk};
use crate::ops::error::{Error, Refusal};
use crate::ops::filter::Filter;
use crate::ops::planned::Planned;
use crate::ops::policy::Policy;
use crate::ops::request::{Known, Request};
use crate::ops::resolve::{find_rows, one_owner};
use crate::ops::selector::Selector;
use crate::ops::watch::watched;

/// More batches than this are a size that was mistyped.
const MOST_BATCHES: usize = 100_000;

/// A run whose tokens are known. Nothing is locked, nothing is recorded, nothing has changed.
#[derive(Debug)]
pub struct PlannedRun {
    /// Everything but the tokens.
    pub(super) planned: Planned,
    pub(super) references: Vec<ForeignKey>,
    pub(super) keys: Keys,
    pub(super) size: usize,
    kinds: BTreeMap<String, KindCount>,
}

impl Request {
    /// Connects and finds the keys of the tokens that its filter lets through, for batches of so many.
    ///
    /// # Errors
    ///
    /// When it must be refused; that is on record then, where it can be.
    pub async fn plan_run(
        mut self,
        context: &Context,
        size: usize,
    ) -> Result<PlannedRun, Box<Refusal>> {
        let mut known = Known::default();
        let desk = self.open(context, &mut known).await?;
        let ready = self.ready(&desk, &mut known);
        if let Err(error) = ready.and_then(|()| desk.scope.check_run()) {
            return Err(desk.refuse(&self, &known, error).await);
        }
        let finding = self.find_keys(&desk, &context.policy, &mut known, size);
        match watched(&desk.database, &desk.session, finding).await {
            Ok(found) => {
                let (statement, references) = found.prepared;
                let policy = context.policy.clone();
                Ok(PlannedRun {
                    planned: Planned::without_tokens(self, desk, known, statement, policy),
                    references,
                    keys: found.keys,
                    size,
                    kinds: found.kinds,
                })
            }
            Err(error) => Err(desk.refuse(&self, &known, error).await),
        }
    }

    async fn find_keys(
        &self,
        desk: &Desk,
        policy: &Policy,
        known: &mut Known,
        size: usize,
    ) -> Result<Found, Error> {
        let [Selector::Filtered(filter)] = self.selectors.as_slice() else {
            return Err(Error::NoFilter);
        };
        let prepared = self.prepare(desk, known).await?;
        let (keys, kinds) = self.stream_keys(desk, filter).await?;
        if keys.len() == 0 {
            return Err(Error::NothingMatches(known.selector.clone()));
        }
        let batches = keys.len().div_ceil(size.max(1));
        if batches > MOST_BATCHES {
            return Err(Error::TooManyBatches {
                batches,
                most: MOST_BATCHES,
            });
        }
        self.check_number(policy, keys.len())?;
        known.plan_digest = Some(self.digest_of(desk, &keys, size));
        known.planned = Some(keys.len());
        Ok(Found {
            keys,
            kinds,
            prepared,
        })
    }

    async fn stream_keys(
        &self,
        desk: &Desk,
        filter: &Filter,
    ) -> Result<(Keys, BTreeMap<String, KindCount>), Error> {
        let statement = desk.statements().keys()?;
        let values = filter.values(&desk.bound, desk.identity.as_of, &desk.scope)?;
        // Each with a token of theirs.
        let mut owners: Vec<(String, String)> = Vec::new();
        let mut keys = Keys::default();
        let mut kinds: BTreeMap<String, KindCount> = BTreeMap::new();
        let rows = desk.session.stream(&statement, values).await?;
        let mut rows = std::pin::pin!(rows);
        while let Some(row) = rows.try_next().await? {
            let key: &str = row.try_get("key").map_err(db::Error::from)?;
            keys.push(key);
            let kind: &str = row.try_get("kind").map_err(db::Error::from)?;
            if !kinds.contains_key(kind) {
                kinds.insert(kind.to_owned(), KindCount::default());
            }
            if let Some(count) = kinds.get_mut(kind) {
                let dead: bool = row.try_get("dead").map_err(db::Error::from)?;
                *(if dead {
                    &mut count.dead
                } else {
                    &mut count.alive
                }) += 1;
            }
            let owner: Option<String> = row.try_get("owner_id").map_err(db::Error::from)?;
            // Two are enough to be one too many.
            if let (Some(_), Some(owner)) = (&filter.owner, owner)
                && owners.len() < 2
                && owners.iter().all(|(found, _)| *found != owner)
            {
                owners.push((owner, key.to_owned()));
            }
        }
        if let (Some(owner), [_, _]) = (&filter.owner, owners.as_slice()) {
            let theirs: Vec<String> = owners.iter().map(|(_, key)| key.clone()).collect();
            one_owner(owner, &find_rows(desk, &theirs, &[], None).await?)?;
            return Err(Error::AmbiguousOwner {
                owner: owner.clone(),
                found: owners.into_iter().map(|(id, _)| id).collect(),
            });
        }
        Ok((keys, kinds))
    }

    /// sha256 in hex over what will be done to which tokens in which batches.
    fn digest_of(&self, desk: &Desk, keys: &Keys, size: usize) -> String {
        let mut hash = Sha256::new();
        let mut feed = |text: &str| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        };
        feed(self.action.as_str());
        feed(&desk.bound.adapter.name);
        feed(&size.to_string());
        for key in keys.slice(0, keys.len()) {
            feed(key);
        }
        hex(&hash.finalize())
    }
}

struct Found {
    keys: Keys,
    kinds: BTreeMap<String, KindCount>,
    prepared: (String, Vec<ForeignKey>),
}

impl PlannedRun {
    /// The request.
    #[must_use]
    pub fn request(&self) -> &Request {
        self.planned.request()
    }

    /// Makes sure that the role may see how far standbys are behind, where that is asked for.
    ///
    /// # Errors
    ///
    /// When it may not.
    pub async fn check_lag(&self, pace: &Pace) -> Result<(), Error> {
        self.planned.check_lag(pace).await
    }

    /// How many tokens there are.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.keys.len()
    }

    /// How many batches there are.
    pub(super) fn batches(&self) -> usize {
        self.keys.len().div_ceil(self.size.max(1))
    }

    /// Everything that is shown of it, and that the question about it needs.
    #[must_use]
    pub fn proposal(&self) -> RunProposal {
        let end = |key: Option<&str>| key.unwrap_or_default().to_owned();
        RunProposal {
            proposal: Proposal {
                notes: self.notes(),
                ..self.planned.run_proposal()
            },
            tokens: self.tokens(),
            kinds: self.kinds.clone(),
            batches: self.batches(),
            batch_size: self.size,
            first_key: end(self.keys.first()),
            last_key: end(self.keys.last()),
        }
    }

    /// What to know before saying yes, from the adapter.
    fn notes(&self) -> Vec<String> {
        let mut notes = self.planned.notes();
        for kind in &self.planned.desk.bound.adapter.kinds {
            if let (true, Some(warn)) = (self.kinds.contains_key(&kind.name), &kind.warn)
                && !notes.contains(warn)
            {
                notes.push(warn.clone());
            }
        }
        notes
    }

    /// Records that it was not begun, and why.
    pub async fn decline(self, error: Error) -> Box<Refusal> {
        self.planned.decline(error).await
    }
}

impl Planned {
    /// What carries out a request, without any token yet.
    pub(in crate::ops) fn without_tokens(
        request: Request,
        desk: Desk,
        known: Known,
        statement: String,
        policy: Policy,
    ) -> Self {
        let plan = Plan {
            action: request.action,
            ends_at: request.end(),
            adapter: desk.bound.adapter.name.clone(),
            tokens: Vec::new(),
            companions: Vec::new(),
            leaves_companions: request.leave_companions,
            cascades: Vec::new(),
            put_back: Vec::new(),
        };
        Self {
            request,
            desk,
            plan,
            left: Vec::new(),
            known,
            statement,
            columns: Columns::new(),
            policy,
            taken_back: None,
            probing: None,
        }
    }
}
