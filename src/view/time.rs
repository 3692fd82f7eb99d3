//! Times for people: in the operator's zone with its offset, and how long ago.

use chrono::{DateTime, Local, TimeDelta, Utc};

/// The moment that "ago" refers to: the database's, which is the only clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The database's time.
    pub as_of: DateTime<Utc>,
    /// Whether the application records the use of its tokens: else "never" would be a lie.
    pub records_use: bool,
}

impl Clock {
    /// The clock of an application that records the use of its tokens.
    #[must_use]
    pub fn at(as_of: DateTime<Utc>) -> Self {
        Self {
            as_of,
            records_use: true,
        }
    }

    /// What stands for a use that nothing is known of.
    #[must_use]
    pub fn unused(&self) -> &'static str {
        if self.records_use {
            "never"
        } else {
            "not recorded"
        }
    }

    /// `2026-08-01 14:03:07 +02:00`, and how long ago or from now.
    #[must_use]
    pub fn full(&self, time: DateTime<Utc>) -> String {
        format!("{} ({})", zoned(time), self.distance(time))
    }

    /// How long ago, or from now, in one unit.
    #[must_use]
    pub fn distance(&self, time: DateTime<Utc>) -> String {
        let delta = time - self.as_of;
        if delta > TimeDelta::zero() {
            format!("in {}", length(delta))
        } else {
            format!("{} ago", length(-delta))
        }
    }

    /// A time that may be missing, short.
    #[must_use]
    pub fn short(&self, time: Option<DateTime<Utc>>) -> String {
        time.map_or_else(|| "never".to_owned(), |time| self.distance(time))
    }
}

/// A time in the operator's zone.
#[must_use]
pub(super) fn zoned(time: DateTime<Utc>) -> String {
    time.with_timezone(&Local)
        .format("%Y-%m-%d %H:%M:%S %:z")
        .to_string()
}

fn length(delta: TimeDelta) -> String {
    let seconds = delta.num_seconds();
    match seconds {
        0..=99 => format!("{seconds} s"),
        100..=5_999 => format!("{} min", seconds / 60),
        6_000..=172_799 => format!("{} h", seconds / 3_600),
        172_800..=63_071_999 => format!("{} d", seconds / 86_400),
        _ => format!("{} y", seconds / 31_557_600),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::Clock;

    #[test]
    fn distances_read_as_a_person_says_them() {
        let as_of: DateTime<Utc> = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let clock = Clock::at(as_of);
        for (seconds, words) in [
            (0, "0 s ago"),
            (-3, "3 s ago"),
            (-99, "99 s ago"),
            (-100, "1 min ago"),
            (-7_200, "2 h ago"),
            (-200_000, "2 d ago"),
            (60, "in 60 s"),
            (3_155_760_000, "in 100 y"),
        ] {
            assert_eq!(clock.distance(as_of + TimeDelta::seconds(seconds)), words);
        }
    }
}
