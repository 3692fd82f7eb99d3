//! Asking until the application refuses.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::ask::{Answer, Probe};

/// Between two questions: at first, and at most.
const PACE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));

/// What came of asking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// How often it was asked.
    pub attempts: u32,
    /// The last answer.
    pub last: Option<Answer>,
    /// When it was last seen to take the secret, from the beginning.
    pub accepted_at: Option<Duration>,
    /// How long it took altogether.
    pub took: Duration,
    /// Whether the operator ended it.
    pub stopped: bool,
}

impl Probe {
    /// Asks until the answer is 401 or 403, `limit` is over, counted from `since`, or `stop` ends.
    /// Every answer that is not as the one before, and no refusal, goes to `news`.
    /// It is asked once in any case but the last.
    pub async fn until_refused(
        &self,
        since: Instant,
        limit: Duration,
        stop: impl Future<Output = ()>,
        news: impl Fn(&Answer, Duration),
    ) -> Watched {
        let mut watched = Watched::default();
        let mut stop = pin!(stop);
        let mut pace = PACE.0;
        loop {
            let left = limit.saturating_sub(since.elapsed());
            let within = if watched.attempts == 0 { limit } else { left };
            tokio::select! {
                biased;
                () = &mut stop => {
                    watched.stopped = true;
                    break;
                }
                answer = self.ask(within) => {
                    let at = since.elapsed();
                    if watched.is_news(&answer) {
                        news(&answer, at);
                    }
                    watched.note(answer, at);
                }
            }
            if watched.is_refused() || since.elapsed() + pace >= limit {
                break;
            }
            tokio::select! {
                biased;
                () = &mut stop => {
                    watched.stopped = true;
                    break;
                }
                () = sleep(pace) => pace = (pace * 3 / 2).min(PACE.1),
            }
        }
        watched.took = since.elapsed();
        watched
    }
}

impl Watched {
    /// Whether an answer is another one than before, and not the end.
    fn is_news(&self, answer: &Answer) -> bool {
        let last = self.last.as_ref().map(Answer::status);
        !answer.is_refused() && last != Some(answer.status())
    }

    fn note(&mut self, answer: Answer, at: Duration) {
        self.attempts += 1;
        if answer.is_accepted() {
            self.accepted_at = Some(at);
        }
        self.last = Some(answer);
    }

    /// Whether the application refused.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.last.as_ref().is_some_and(Answer::is_refused)
    }
}
