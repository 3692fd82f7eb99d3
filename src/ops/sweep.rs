//! Judging the secrets of a leak against the tokens that there are, and finding again those that
//! are to be killed.
//!
//! What goes to the server is a key and a digest, never a secret. Some thousand candidates go in
//! one round trip, and a few such are under way at once, so neither a million candidates nor ten
//! million tokens take more memory than a few answers.

use std::pin::Pin;

use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use tokio_postgres::types::Type;

use super::desk::Desk;
use super::error::Error;
use super::token_row::TokenRow;
use super::verify::may_read_secret;
use super::watch::watched;
use crate::adapter::{KeyShape, SecretParts};
use crate::db;
use crate::model::wire::CandidateVerdict;
use crate::model::{Hit, HitVerdict, SecretCheck, State};
use crate::scan::Leak;

/// Candidates that go in one round trip, where each leads to its row through an index.
const CANDIDATES: usize = 4096;

/// The same where every lookup reads the whole table, so that it is read as rarely as can be.
const CANDIDATES_OF_A_SCAN: usize = 1 << 18;

/// Round trips under way at once.
const PIPELINED: usize = 4;

/// A request to judge a leak.
#[derive(Debug)]
pub struct Sweep {
    /// What was found in it.
    pub leak: Leak,
    /// The file that was read; `None` for standard input.
    pub input: Option<String>,
}

/// A request to judge what was found in a leak that somebody else searched.
#[derive(Clone, Debug)]
pub struct JudgeCandidates {
    /// What the secrets lead to, in the order of the leak.
    pub candidates: Vec<SecretParts>,
}

impl JudgeCandidates {
    /// Runs it. One verdict a candidate, in their order.
    ///
    /// # Errors
    ///
    /// As [`Sweep::run`].
    pub async fn run(&self, desk: &Desk) -> Result<Vec<CandidateVerdict>, Error> {
        let judge = Judge::new(desk)?;
        let looking = judge.look_up(&self.candidates);
        let found = watched(&desk.database, &desk.session, looking).await?;
        let verdicts = found.into_iter().map(|found| match found {
            Some(found) => CandidateVerdict {
                verdict: found.verdict(),
                verified: found.verified,
                token: Some(found.row.token),
            },
            None => CandidateVerdict {
                verdict: HitVerdict::Unknown,
                verified: None,
                token: None,
            },
        });
        Ok(verdicts.collect())
    }
}

/// The live ones of a sweep, to be killed as one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many different secrets the leak held.
    pub candidates: usize,
    /// Those that are to be killed.
    pub chosen: Vec<SecretParts>,
}

impl Swept {
    /// How it is told and recorded.
    pub(super) fn describe(&self) -> String {
        let plural = if self.candidates == 1 { "" } else { "s" };
        format!("sweep of {} candidate{plural}", self.candidates)
    }
}

impl Sweep {
    /// Judges every secret, in the order of the leak, as the answers come.
    ///
    /// # Errors
    ///
    /// When the database refuses, row security would hide tokens, or the role may not read what
    /// alone leads from a secret to its row.
    pub fn run<'a>(
        &'a self,
        desk: &'a Desk,
    ) -> Result<impl Stream<Item = Result<Hit, Error>> + 'a, Error> {
        let judge = Judge::new(desk)?;
        let (size, pipelined) = judge.batches();
        let starts = stream::iter((0..self.leak.len()).step_by(size));
        let judged = starts
            .map(move |start| {
                let judge = judge.clone();
                async move {
                    let end = (start + size).min(self.leak.len());
                    let secrets = (start..end).filter_map(|number| self.leak.secret(number));
                    let parts: Vec<SecretParts> =
                        secrets.clone().map(|secret| secret.parts()).collect();
                    let found = judge.look_up(&parts).await?;
                    let hits = secrets.zip(found).map(|(secret, found)| {
                        let (verdict, verified) = match &found {
                            Some(found) => (found.verdict(), found.verified),
                            None => (HitVerdict::Unknown, None),
                        };
                        let token = found.map(|found| found.row.token);
                        secret.hit(self.input.as_deref(), verdict, verified, token)
                    });
                    Ok::<_, Error>(stream::iter(hits.map(Ok).collect::<Vec<_>>()))
                }
            })
            .buffered(pipelined);
        let judged = stream::try_unfold(Box::pin(judged), move |mut judged| async move {
            let next = next_batch(judged.as_mut());
            let batch = watched(&desk.database, &desk.session, next).await?;
            Ok::<_, Error>(batch.map(|batch| (batch, judged)))
        });
        Ok(judged.try_flatten())
    }
}

/// The next answer. What else is under way when one was cancelled must end on the server too
/// before the connection is dropped.
async fn next_batch<T>(
    mut answers: Pin<&mut impl Stream<Item = Result<T, Error>>>,
) -> Result<Option<T>, Error> {
    let next = answers.try_next().await;
    if let Err(Error::Database(db::Error::Cancelled { .. })) = &next {
        // Those that have not begun are refused at once.
        while answers.next().await.is_some() {}
    }
    next
}

/// The rows of what was chosen, by the same comparison once more: a token whose row is gone, or
/// whose secret is another by now, is not the one that leaked.
///
/// # Errors
///
/// When the database refuses, or none is left.
pub(super) async fn find_swept(
    desk: &Desk,
    swept: &Swept,
) -> Result<Vec<(TokenRow, SecretCheck)>, Error> {
    let judge = Judge::new(desk)?;
    let (size, _) = judge.batches();
    let mut rows = Vec::with_capacity(swept.chosen.len());
    for batch in swept.chosen.chunks(size) {
        for found in judge.look_up(batch).await?.into_iter().flatten() {
            let check = match found.verified {
                Some(true) => SecretCheck::Verified,
                Some(false) => continue,
                None => SecretCheck::NotVerified,
            };
            rows.push((found.row, check));
        }
    }
    rows.sort_by(|(one, _), (other, _)| one.token.key.cmp(&other.token.key));
    rows.dedup_by(|(one, _), (other, _)| one.token.key == other.token.key);
    if rows.is_empty() {
        return Err(Error::NoSuchToken(swept.describe()));
    }
    Ok(rows)
}

/// A row that a secret leads to.
struct Found {
    row: TokenRow,
    /// Whether the secret is its own; `None` where that could not be compared.
    verified: Option<bool>,
}

impl Found {
    fn verdict(&self) -> HitVerdict {
        if self.verified == Some(false) {
            HitVerdict::WrongSecret
        } else if self.row.token.state == State::Active {
            HitVerdict::Live
        } else {
            HitVerdict::Dead
        }
    }

    /// Of two rows with one secret the live one counts.
    fn is_weaker_than(&self, other: &Self) -> bool {
        self.row.token.state != State::Active && other.row.token.state == State::Active
    }
}

/// What looks secrets up.
#[derive(Clone)]
struct Judge<'a> {
    desk: &'a Desk,
    statement: String,
    keys: KeyShape,
    scans: bool,
}

impl<'a> Judge<'a> {
    fn new(desk: &'a Desk) -> Result<Self, Error> {
        desk.check_visible()?;
        if desk.secret_shape().is_none() {
            return Err(Error::NoSecretShape(desk.bound.adapter.name.clone()));
        }
        let statements = desk.statements();
        let statement = statements.sweep(may_read_secret(desk))?;
        let Some(statement) = statement else {
            return Err(Error::SecretNotReadable {
                role: desk.identity.role.clone(),
                column: desk.bound.secret_column().unwrap_or_default().to_owned(),
            });
        };
        Ok(Self {
            desk,
            statement,
            keys: statements.key_shape(),
            scans: statements.sweep_scans(),
        })
    }

    /// How many secrets go in a round trip, and how many of those at once.
    fn batches(&self) -> (usize, usize) {
        if self.scans {
            (CANDIDATES_OF_A_SCAN, 1)
        } else {
            (CANDIDATES, PIPELINED)
        }
    }

    /// The row of each secret, in one round trip.
    async fn look_up(&self, secrets: &[SecretParts]) -> Result<Vec<Option<Found>>, Error> {
        let spelt = |key: &String| self.keys.spell(key);
        let keys: Vec<Option<String>> = secrets
            .iter()
            .map(|parts| parts.key.as_ref().and_then(spelt))
            .collect();
        let digests: Vec<Option<&String>> =
            secrets.iter().map(|parts| parts.digest.as_ref()).collect();
        let [owner, kinds] = self.desk.scope.parameters();
        let parameters: [db::Parameter<'_>; 4] = [
            (&keys, Type::TEXT_ARRAY),
            (&digests, Type::TEXT_ARRAY),
            owner,
            kinds,
        ];
        let rows = self.desk.session.read(&self.statement, &parameters).await?;
        let mut found: Vec<Option<Found>> = secrets.iter().map(|_| None).collect();
        for row in &rows {
            let place: i64 = row.try_get("place").map_err(db::Error::from)?;
            let verified = row.try_get("verified").map_err(db::Error::from)?;
            let new = Found {
                row: TokenRow::read(row, &self.desk.bound.adapter.name)?,
                verified,
            };
            let place = usize::try_from(place)
                .ok()
                .and_then(|place| place.checked_sub(1));
            let Some(slot) = place.and_then(|place| found.get_mut(place)) else {
                return Err(db::Error::Answer("a row of no candidate".to_owned()).into());
            };
            if slot.as_ref().is_none_or(|known| known.is_weaker_than(&new)) {
                *slot = Some(new);
            }
        }
        Ok(found)
    }
}
