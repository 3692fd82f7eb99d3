//! Asking the application itself whether it takes the secret: once before the change, and after the
//! COMMIT until it refuses. The change waits for none of it.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use super::error::Error;
use super::observe::observe;
use super::planned::Planned;
use super::probe_error::ProbeError;
use super::probing::{Probing, Teller, patience};
use super::selector::Reading;
use super::verify::{check, compare};
use crate::db::{self, Interrupt};
use crate::model::{
    Action, Observation, Operation, Outcome, ProbeReport, ProbeVerdict, SecretCheck, State,
    TokenVerdict, Unreached, Verdict, What,
};
use crate::probe::{Secret, Target, Watched};

/// How an observation begins that the application's own answer made.
const PROBED: &str = "probe: ";

/// The report of a probe as far as its observation has it; `None` for any other observation.
pub(super) fn reported(seen: &Observation) -> Option<ProbeReport> {
    let told = seen.detail.strip_prefix(PROBED)?;
    // Nothing of an address has a comma and a space.
    let (detail, url) = told.rsplit_once(", ").unwrap_or((told, ""));
    Some(ProbeReport {
        url: url.to_owned(),
        status_before: None,
        status: None,
        after_ms: None,
        attempts: 0,
        verdict: Some(match seen.verdict {
            Verdict::Dead => ProbeVerdict::Refused,
            Verdict::Accepted => ProbeVerdict::Accepted,
            _ => ProbeVerdict::Unknown,
        }),
        detail: detail.to_owned(),
        in_the_way: Vec::new(),
    })
}

/// What to ask with, once the tokens are known.
#[derive(Clone, Debug)]
pub struct ProbeWanted {
    /// Where, and in which header.
    pub target: Target,
    /// The secret, or a text with it, as it was pasted.
    pub secret: Secret,
    /// How long to ask after the change.
    pub timeout: Option<Duration>,
    /// Who waits for it.
    pub teller: Teller,
}

/// Asking, since the COMMIT.
pub(super) struct Asking(Option<JoinHandle<Watched>>);

impl Planned {
    /// Makes sure that the secret is that of the one planned token, and asks the application for the
    /// first time. No answer stops the change; all of them are shown with the plan.
    ///
    /// # Errors
    ///
    /// When there is not exactly one token, the secret is not its own, or nobody says where to ask.
    pub async fn ask_first(&mut self, wanted: ProbeWanted) -> Result<(), Error> {
        let [planned] = self.plan.tokens.as_slice() else {
            return Err(ProbeError::OfMany(self.plan.tokens.len()).into());
        };
        if self.request.ends_at.is_some() {
            return Err(ProbeError::Later.into());
        }
        let (key, was_dead) = (
            planned.token.key.clone(),
            planned.token.state != State::Active,
        );
        let (secret, check) = self.own_secret(&wanted.secret, &key).await?;
        if let Some(planned) = self.plan.tokens.first_mut()
            && planned.secret == SecretCheck::NotGiven
        {
            planned.secret = check;
            self.known.secret_verified = match check {
                SecretCheck::NotGiven => None,
                check => Some(check == SecretCheck::Verified),
            };
        }
        let adapter = &self.desk.bound.adapter;
        let defaults = &adapter.probe;
        let (path, header) = (defaults.path.as_deref(), defaults.header.as_deref());
        let probe = wanted
            .target
            .with(&adapter.name, path, header, &secret)
            .map_err(ProbeError::from)?;
        let caches: Vec<Unreached> = self
            .unreached(None)
            .into_iter()
            .filter(|thing| thing.what == Some(What::Cache))
            .collect();
        let limit = wanted.timeout.unwrap_or_else(|| patience(&caches));
        // The application may take its time to answer.
        self.desk.session.give_back();
        let interrupt = self.desk.database.interrupt().clone();
        let before = tokio::select! {
            before = probe.ask(limit) => before,
            () = interrupt.raised() => return Err(db::Error::Interrupted.into()),
        };
        self.probing = Some(Probing {
            probe,
            before,
            secret: check,
            limit,
            caches,
            was_dead,
            teller: wanted.teller,
        });
        Ok(())
    }

    /// The secret as the application wants it, and whether it is the token's own.
    async fn own_secret(&self, given: &Secret, key: &str) -> Result<(Secret, SecretCheck), Error> {
        let shape = self.desk.secret_shape();
        let Some(shape) = shape else {
            return Ok((Secret::new(given.expose().trim()), SecretCheck::NotGiven));
        };
        let found = shape.find(given.expose()).zip(shape.read(given.expose()));
        let Some((secret, parts)) = found else {
            return Err(ProbeError::NotASecret {
                length: given.expose().trim().chars().count(),
                shape: shape.words().to_owned(),
            }
            .into());
        };
        let not_its_own = || {
            Error::from(ProbeError::OfAnother {
                key: key.to_owned(),
            })
        };
        if parts.key.as_deref().is_some_and(|named| named != key) {
            return Err(not_its_own());
        }
        let secret = Secret::new(secret);
        if parts.digest.is_none() {
            let is_key = self.desk.bound.adapter.token.key_is_secret && parts.key.is_some();
            let check = if is_key {
                SecretCheck::Verified
            } else {
                SecretCheck::NotGiven
            };
            return Ok((secret, check));
        }
        let reading = Reading::Secret(parts);
        let mut given = Vec::new();
        let check = check(&self.desk, &reading, key, &mut given);
        match compare(&self.desk, &given).await {
            Ok(()) => Ok((secret, check)),
            Err(Error::WrongSecret { .. }) => Err(not_its_own()),
            Err(error) => Err(error),
        }
    }

    /// What the application said before the change, in a few words; with a warning where the secret
    /// could not be held against the token's.
    pub(super) fn probed(&self) -> Option<String> {
        let probing = self.probing.as_ref()?;
        let url = probing.probe.url();
        let answer = &probing.before;
        let meaning = if answer.is_accepted() {
            ": the application takes it now"
        } else if answer.is_refused() && probing.was_dead {
            ": the application refuses it already, as the token is dead"
        } else if answer.is_refused() {
            ": the application refuses it already, so a refusal afterwards proves nothing"
        } else if answer.status().is_some() {
            ": neither taken nor refused"
        } else {
            ": the application cannot be asked now; the change does not wait for it"
        };
        let unsure = match probing.secret {
            SecretCheck::NotGiven => "; whether the secret is the token's was not checked",
            SecretCheck::Verified | SecretCheck::NotVerified => "",
        };
        Some(format!("{answer}{meaning} ({url}){unsure}"))
    }

    /// Begins to ask, at once after the COMMIT and beside everything that follows it.
    pub(super) fn ask_on(
        &self,
        interrupt: &Interrupt,
        committed: Instant,
        outcome: Outcome,
    ) -> Asking {
        Asking(self.probing.as_ref().map(|probing| {
            let (probe, limit) = (probing.probe.clone(), probing.limit);
            let interrupt = interrupt.clone();
            let news = probing.news(outcome);
            tokio::spawn(async move {
                probe
                    .until_refused(committed, limit, interrupt.raised(), news)
                    .await
            })
        }))
    }

    /// Waits for the end of it, and puts it on record.
    pub(super) async fn asked(&self, asking: Asking, operation: Uuid) -> Option<ProbeReport> {
        let (probing, asking) = (self.probing.as_ref()?, asking.0?);
        // A task that is gone has seen nothing.
        let watched = asking.await.unwrap_or_default();
        let mut report = probing.report(&self.desk.bound.adapter.name, &watched);
        let key = self.plan.tokens.first()?.token.key.clone();
        let seen = TokenVerdict {
            key,
            verdict: match report.verdict {
                Some(ProbeVerdict::Refused) => Verdict::Dead,
                Some(ProbeVerdict::Accepted) => Verdict::Accepted,
                Some(ProbeVerdict::Unknown) | None => Verdict::Unknown,
            },
            detail: format!("{PROBED}{}, {}", report.detail, report.url),
        };
        if let Err(error) = observe(&self.desk, operation, std::iter::once(&seen)).await {
            report.detail = format!("{}; this is not on record: {error}", report.detail);
            // Told in any case; without its record it is one that nobody can look up.
            if report.verdict == Some(ProbeVerdict::Refused) {
                report.verdict = Some(ProbeVerdict::Unknown);
            }
        }
        Some(report)
    }

    /// For a dry run: what was asked before it.
    pub(super) fn asked_before(&self) -> Option<ProbeReport> {
        let probing = self.probing.as_ref()?;
        Some(ProbeReport {
            url: probing.probe.url().to_string(),
            status_before: probing.before.status(),
            status: None,
            after_ms: None,
            attempts: 0,
            verdict: None,
            detail: format!("{} before; a dry run asks no more", probing.before),
            in_the_way: Vec::new(),
        })
    }
}

impl Planned {
    /// What this did not kill, once it is done: with the times at which it ends.
    pub(super) fn left_alive(&self, operation: &Operation, took: Duration) -> Vec<Unreached> {
        // When a token died that was dead before is not known here.
        let is_ours = operation.outcome == Outcome::Applied
            && (operation.changed != Some(0) || self.request.action == Action::Delete);
        let begun = operation.ends_at.or_else(|| {
            let took = TimeDelta::from_std(took).ok()?;
            operation.occurred_at?.checked_add_signed(took)
        });
        self.unreached(begun.filter(|_| is_ours))
    }
}
