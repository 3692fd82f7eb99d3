//! What the application's answers come to.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::model::{Outcome, ProbeReport, ProbeVerdict, SecretCheck, Unreached};
use crate::probe::{Answer, Probe, Watched};

/// How long is asked where nothing else is said, besides what the adapter's caches last.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long is asked at most where nothing else is said.
const MOST_PATIENCE: Duration = Duration::from_mins(10);

/// Whom to tell how the asking goes, a line at a time.
#[derive(Clone)]
pub struct Teller(Arc<dyn Fn(&str) + Send + Sync>);

impl Teller {
    /// Tells it to a function.
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    fn tell(&self, line: &str) {
        (self.0)(line);
    }
}

impl fmt::Debug for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Teller")
    }
}

/// A probe whose first answer is known.
#[derive(Debug)]
pub(super) struct Probing {
    pub(super) probe: Probe,
    pub(super) before: Answer,
    /// Whether the secret is the token's own.
    pub(super) secret: SecretCheck,
    pub(super) limit: Duration,
    pub(super) caches: Vec<Unreached>,
    /// Whether the row was dead before the change.
    pub(super) was_dead: bool,
    pub(super) teller: Teller,
}

/// How long to ask: what is to be waited for in any case, and some more.
pub(super) fn patience(caches: &[Unreached]) -> Duration {
    let lasting = caches.iter().filter(|cache| !cache.sliding);
    let longest = lasting.filter_map(|cache| cache.lasts_seconds).max();
    let longest = Duration::from_secs(longest.unwrap_or_default());
    PATIENCE.saturating_add(longest).min(MOST_PATIENCE)
}

impl Probing {
    /// What is told while it is asked on: at first that the change stands, and what may be in the
    /// way, so that whoever waits can do something about it.
    pub(super) fn news(&self, outcome: Outcome) -> impl Fn(&Answer, Duration) + Send + use<> {
        let is_first = AtomicBool::new(true);
        let stands = if outcome == Outcome::Unchanged {
            "nothing had to be changed"
        } else {
            "the change stands"
        };
        let (teller, limit) = (self.teller.clone(), self.limit);
        let caches = self.caches.clone();
        move |answer, at| {
            let told = format!("{answer} after {}", seconds(at));
            if !is_first.swap(false, Ordering::Relaxed) {
                teller.tell(&format!("probe: {told}"));
                return;
            }
            teller.tell(&format!(
                "{stands}; probe: {told}; asking on for up to {}, Ctrl-C ends only that",
                humantime::format_duration(limit)
            ));
            for cache in caches.iter().filter(|_| answer.is_accepted()) {
                teller.tell(&format!("  may be in the way: {}", cache.text));
                for command in &cache.commands {
                    teller.tell(&format!("  {command}"));
                }
            }
        }
    }

    pub(super) fn report(&self, adapter: &str, watched: &Watched) -> ProbeReport {
        let (verdict, detail) = self.judge(watched);
        let after = (verdict == ProbeVerdict::Refused).then_some(watched.took);
        let milliseconds =
            |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        ProbeReport {
            url: self.probe.url().to_string(),
            status_before: self.before.status(),
            status: watched.last.as_ref().and_then(Answer::status),
            after_ms: after.map(milliseconds),
            attempts: watched.attempts,
            verdict: Some(verdict),
            detail,
            in_the_way: self.in_the_way(adapter, watched, verdict),
        }
    }

    fn judge(&self, watched: &Watched) -> (ProbeVerdict, String) {
        let took = seconds(watched.took);
        let Some(last) = &watched.last else {
            return (
                ProbeVerdict::Unknown,
                "interrupted before it was asked".to_owned(),
            );
        };
        if last.is_refused() && self.before.is_refused() && !self.was_dead {
            return (
                ProbeVerdict::Unknown,
                format!("{last} as before the change, which proves nothing"),
            );
        }
        if last.is_refused() {
            let unseen = if self.before.is_accepted() || self.was_dead {
                ""
            } else {
                "; it was not seen to take it before"
            };
            return (
                ProbeVerdict::Refused,
                format!("{last} after {took}{unseen}"),
            );
        }
        let ended = if watched.stopped {
            format!("interrupted after {took}")
        } else {
            format!("given up after {took}")
        };
        if last.is_accepted() {
            return (ProbeVerdict::Accepted, format!("still {last}, {ended}"));
        }
        let before = match watched.accepted_at {
            Some(at) => format!(", and it last took it after {}", seconds(at)),
            None => String::new(),
        };
        (
            ProbeVerdict::Unknown,
            format!("neither taken nor refused, {ended}: {last}{before}"),
        )
    }

    /// What the adapter knows of that can have kept the secret working so long.
    fn in_the_way(&self, adapter: &str, watched: &Watched, verdict: ProbeVerdict) -> Vec<String> {
        let Some(accepted_at) = watched.accepted_at else {
            return Vec::new();
        };
        let lasts = |cache: &&Unreached| {
            cache.sliding
                || cache
                    .lasts_seconds
                    .is_none_or(|lasts| Duration::from_secs(lasts) >= accepted_at)
        };
        let suspects: Vec<String> = self
            .caches
            .iter()
            .filter(lasts)
            .map(|cache| cache.text.clone())
            .collect();
        match (suspects.is_empty(), verdict) {
            (false, _) => suspects,
            (true, ProbeVerdict::Accepted) => vec![format!(
                "adapter `{adapter}` knows of no cache that lasts so long: is it the application on \
                 this database that answers there?"
            )],
            (true, ProbeVerdict::Refused | ProbeVerdict::Unknown) => Vec::new(),
        }
    }
}

fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}
