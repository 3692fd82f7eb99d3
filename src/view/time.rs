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

    /// The same for an end that somebody set, with how long it is until then in up to two units:
    /// an hour more or less matters.
    #[must_use]
    pub fn end(&self, time: DateTime<Utc>) -> String {
        let left = time - self.as_of;
        if left <= TimeDelta::zero() {
            return self.full(time);
        }
        format!("{} (in {})", zoned(time), two_units(left))
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

/// `1 h 42 min`, rounded to the smaller of the two.
fn two_units(delta: TimeDelta) -> String {
    const UNITS: [(i64, &str); 5] = [
        (31_536_000, "y"),
        (86_400, "d"),
        (3_600, "h"),
        (60, "min"),
        (1, "s"),
    ];
    // Whoever asks for two hours is told a moment after.
    let seconds = (delta + TimeDelta::milliseconds(999)).num_seconds();
    let larger = |seconds: i64| UNITS.iter().position(|(unit, _)| *unit <= seconds);
    let smaller = |place: Option<usize>| UNITS.get(place.unwrap_or(4) + 1).copied();
    let (step, _) = smaller(larger(seconds)).unwrap_or((1, "s"));
    let rounded = (seconds + step / 2) / step * step;
    let Some((place, (unit, name))) =
        larger(rounded).and_then(|place| Some((place, UNITS.get(place)?)))
    else {
        return "0 s".to_owned();
    };
    let whole = format!("{} {name}", rounded / unit);
    match smaller(Some(place)) {
        Some((next, name)) if rounded % unit >= next => {
            format!("{whole} {} {name}", rounded % unit / next)
        }
        _ => whole,
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::{Clock, two_units};

    #[test]
    fn an_end_is_told_in_two_units() {
        for (milliseconds, words) in [
            (1, "1 s"),
            (59_400, "1 min"),
            (58_100, "59 s"),
            (61_000, "1 min 1 s"),
            (600_000, "10 min"),
            (7_199_100, "2 h"),
            (7_195_000, "2 h"),
            (6_120_000, "1 h 42 min"),
            (86_399_000, "1 d"),
            (90_000_000, "1 d 1 h"),
            (2_592_000_000, "30 d"),
            (31_536_000_000, "1 y"),
            (63_200_000_000, "2 y 1 d"),
        ] {
            let delta = TimeDelta::milliseconds(milliseconds);
            assert_eq!(two_units(delta), words, "{milliseconds}");
        }
    }

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
