//! How many tokens a principal may change in an hour.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The window.
const HOUR: Duration = Duration::from_hours(1);

/// Changes are counted together within so long, so that the count stays small.
const GRAIN: Duration = Duration::from_secs(10);

/// What is left of an hour's tokens; the hour slides.
#[derive(Debug)]
pub struct Allowance {
    most: Option<usize>,
    taken: Mutex<VecDeque<(Instant, usize)>>,
}

/// An hour's tokens are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// How many an hour there are.
    pub most: usize,
    /// How many are left now.
    pub left: usize,
    /// When some come back.
    pub retry_after: Duration,
}

impl Allowance {
    /// So many tokens an hour; `None` is as many as there are.
    #[must_use]
    pub fn new(most: Option<usize>) -> Self {
        Self {
            most,
            taken: Mutex::default(),
        }
    }

    /// Takes so many.
    ///
    /// # Errors
    ///
    /// When there are not so many left; none is taken then.
    pub fn take(&self, tokens: usize) -> Result<(), Exhausted> {
        let Some(most) = self.most else {
            return Ok(());
        };
        let now = Instant::now();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while taken.front().is_some_and(|(when, _)| now - *when >= HOUR) {
            taken.pop_front();
        }
        let used: usize = taken.iter().map(|(_, tokens)| tokens).sum();
        let left = most.saturating_sub(used);
        if tokens > left {
            let oldest = taken
                .front()
                .map(|(when, _)| HOUR.saturating_sub(now - *when));
            return Err(Exhausted {
                most,
                left,
                retry_after: oldest.unwrap_or(HOUR),
            });
        }
        match taken.back_mut() {
            Some((when, count)) if now - *when < GRAIN => *count += tokens,
            _ => taken.push_back((now, tokens)),
        }
        Ok(())
    }

    /// What somebody else has taken of the same hour: principals that were read anew go on where they
    /// were.
    pub(super) fn go_on(&self, before: &Self) {
        let before = before.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.clone_from(&before);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Allowance, Exhausted};

    #[tokio::test(start_paused = true)]
    async fn an_hour_has_so_many_and_slides() {
        let allowance = Allowance::new(Some(10));
        assert_eq!(allowance.take(6), Ok(()));
        tokio::time::advance(Duration::from_mins(30)).await;
        assert_eq!(allowance.take(4), Ok(()));
        let exhausted = Exhausted {
            most: 10,
            left: 0,
            retry_after: Duration::from_mins(30),
        };
        assert_eq!(allowance.take(1), Err(exhausted));
        tokio::time::advance(Duration::from_mins(30)).await;
        assert_eq!(allowance.take(7).map_err(|it| it.left), Err(6));
        assert_eq!(allowance.take(6), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn many_small_ones_are_counted_together() {
        let allowance = Allowance::new(Some(1_000));
        for _ in 0..1_000 {
            assert_eq!(allowance.take(1), Ok(()));
        }
        assert!(allowance.take(1).is_err());
        assert_eq!(allowance.taken.lock().unwrap().len(), 1);
    }

    #[test]
    fn without_a_number_there_is_no_end() {
        let allowance = Allowance::new(None);
        assert_eq!(allowance.take(usize::MAX), Ok(()));
    }
}
