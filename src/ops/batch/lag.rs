//! Waiting for standbys that are behind.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::run::Pace;
use crate::db::{self, Session};
use crate::ops::error::Error;
use crate::ops::planned::Planned;

const STANDBYS: &str = include_str!("../../../sql/session/standbys.sql");

/// How often they are looked at while one is waited for.
const POLL: Duration = Duration::from_millis(500);

/// How far standbys are behind.
///
/// `replay_lag` alone does not tell: it is null before the first replay, and a standby that replays
/// nothing reports nothing. So we note by our own clock when the server was where, and hold what the
/// standby has replayed against that.
#[derive(Debug)]
pub(super) struct Lag {
    most: Duration,
    patience: Duration,
    /// When the server had written how much, oldest first.
    marks: VecDeque<(Instant, i64)>,
}

/// A standby that is further behind than it may be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Behind {
    pub(super) standby: String,
    pub(super) lag: Duration,
}

impl Lag {
    /// Standbys may be so far behind, and are waited for so long.
    pub(super) fn new(most: Duration, patience: Duration) -> Self {
        Self {
            most,
            patience,
            marks: VecDeque::new(),
        }
    }

    /// How far they may be behind.
    pub(super) fn most(&self) -> Duration {
        self.most
    }

    /// Waits until none is further behind, and says of each look that one is.
    ///
    /// # Errors
    ///
    /// When the role may not see it, or it takes too long.
    pub(super) async fn wait(
        &mut self,
        session: &Session,
        role: &str,
        mut tell: impl FnMut(&Behind),
    ) -> Result<(), Error> {
        let started = Instant::now();
        while let Some(behind) = self.look(session, role).await? {
            tell(&behind);
            if started.elapsed() > self.patience {
                return Err(Error::StandbyLags {
                    standby: behind.standby,
                    lag: behind.lag,
                    waited: self.patience,
                });
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// The standby that is furthest behind, if it is further than it may be.
    async fn look(&mut self, session: &Session, role: &str) -> Result<Option<Behind>, Error> {
        let rows = session.read(STANDBYS, &[]).await?;
        let now = Instant::now();
        let mut worst: Option<Behind> = None;
        let mut least = None;
        for row in &rows {
            let state: Option<String> = row.try_get("state").map_err(db::Error::from)?;
            let Some(state) = state else {
                return Err(Error::LagNotTold {
                    role: role.to_owned(),
                });
            };
            let written: i64 = row.try_get("written").map_err(db::Error::from)?;
            if self
                .marks
                .back()
                .is_none_or(|(_, before)| *before < written)
            {
                self.marks.push_back((now, written));
            }
            let replayed: Option<i64> = row.try_get("replayed").map_err(db::Error::from)?;
            // A backup and a receiver of the log replay nothing.
            let Some(replayed) = replayed.filter(|_| state == "streaming" || state == "catchup")
            else {
                continue;
            };
            least = Some(least.map_or(replayed, |least: i64| least.min(replayed)));
            let told: Option<f64> = row.try_get("lag_seconds").map_err(db::Error::from)?;
            let lag = self.lag(now, written, replayed, told);
            if lag > self.most && worst.as_ref().is_none_or(|worst| worst.lag < lag) {
                let name: Option<String> = row.try_get("name").map_err(db::Error::from)?;
                let client: Option<String> = row.try_get("client").map_err(db::Error::from)?;
                let name = name.unwrap_or_default();
                let standby =
                    client.map_or_else(|| name.clone(), |client| format!("{name} at {client}"));
                worst = Some(Behind { standby, lag });
            }
        }
        // What every standby has replayed says nothing more.
        while let (Some((_, mark)), Some(least)) = (self.marks.front(), least)
            && *mark <= least
        {
            self.marks.pop_front();
        }
        Ok(worst)
    }

    /// How far one is behind: as it reports, or since when the server has been further, whichever is
    /// more.
    fn lag(&self, now: Instant, written: i64, replayed: i64, told: Option<f64>) -> Duration {
        if replayed >= written {
            return Duration::ZERO;
        }
        let seen = self
            .marks
            .iter()
            .find(|(_, mark)| *mark > replayed)
            .map_or(Duration::ZERO, |(when, _)| now.duration_since(*when));
        let told = told.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        seen.max(told.unwrap_or_default())
    }
}

impl Planned {
    /// Makes sure that the lag of standbys can be seen, where it is to be held.
    ///
    /// # Errors
    ///
    /// When the role may not see it.
    pub(super) async fn check_lag(&self, pace: &Pace) -> Result<(), Error> {
        let Some(most) = pace.max_lag else {
            return Ok(());
        };
        // Whether they lag is asked before each batch.
        let mut lag = Lag::new(most, Duration::ZERO);
        let desk = &self.desk;
        lag.look(&desk.session, &desk.identity.role)
            .await
            .map(|_behind| ())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Lag;

    #[test]
    fn a_standby_is_as_far_behind_as_the_server_was_ahead_of_it() {
        let now = Instant::now();
        let mut lag = Lag::new(Duration::from_secs(5), Duration::from_mins(1));
        let mark = |seconds, written| (now - Duration::from_secs(seconds), written);
        lag.marks = [mark(9, 100), mark(6, 200), mark(1, 300)].into();
        let behind = |replayed, told| lag.lag(now, 300, replayed, told).as_secs();
        assert_eq!(behind(50, None), 9);
        assert_eq!(behind(100, None), 6);
        assert_eq!(behind(250, None), 1);
        // It was behind before we looked.
        assert_eq!(behind(50, Some(60.0)), 60);
        assert_eq!(behind(300, Some(60.0)), 0);
    }
}
