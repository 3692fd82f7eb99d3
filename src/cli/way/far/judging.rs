//! A leak that was searched here, and whose secrets a server judges by keys and digests.

use futures_util::stream::{self, LocalBoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::opened::FarOpened;
use super::wanted::candidate;
use crate::cli::failure::Failure;
use crate::model::Hit;
use crate::ops::Sweep;

/// Candidates in one request.
const CANDIDATES: usize = 4096;

/// Requests under way at once.
const PIPELINED: usize = 2;

impl FarOpened {
    /// Judges every secret, in the order of the leak, as the answers come.
    pub(in crate::cli::way) fn judge<'a>(
        &'a self,
        sweep: &'a Sweep,
    ) -> LocalBoxStream<'a, Result<Hit, Failure>> {
        let starts = stream::iter((0..sweep.leak.len()).step_by(CANDIDATES));
        starts
            .map(move |start| self.judge_some(sweep, start))
            .buffered(PIPELINED)
            .map_ok(|hits| stream::iter(hits).map(Ok))
            .try_flatten()
            .boxed_local()
    }

    async fn judge_some(&self, sweep: &Sweep, start: usize) -> Result<Vec<Hit>, Failure> {
        let far = self.far();
        let end = (start + CANDIDATES).min(sweep.leak.len());
        let secrets = (start..end).filter_map(|number| sweep.leak.secret(number));
        let candidates = secrets.clone().map(|secret| candidate(secret.parts()));
        let asked = far.client.judge(candidates.collect());
        let judged = far.read(asked).await?;
        let hits = secrets.zip(judged.verdicts).map(|(secret, judged)| {
            let input = sweep.input.as_deref();
            secret.hit(input, judged.verdict, judged.verified, judged.token)
        });
        Ok(hits.collect())
    }
}
