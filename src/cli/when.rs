//! A time on the command line: a moment, or so long ago.

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Utc};

use crate::ops::Moment;

/// A moment, or a distance back from the database's now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    At(DateTime<Utc>),
    Ago(Duration),
}

impl When {
    /// The moment, by the database's clock.
    pub(super) fn resolve(self, as_of: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(time) => time,
            Self::Ago(distance) => {
                let distance = TimeDelta::from_std(distance).unwrap_or(TimeDelta::MAX);
                as_of
                    .checked_sub_signed(distance)
                    .unwrap_or(DateTime::UNIX_EPOCH)
            }
        }
    }
}

impl From<When> for Moment {
    fn from(when: When) -> Self {
        match when {
            When::At(time) => Self::At(time),
            When::Ago(distance) => Self::Away(distance),
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(time.with_timezone(&Utc)));
        }
        // Without an offset it is the operator's own time.
        let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")
            .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M"))
            .or_else(|_| {
                NaiveDate::parse_from_str(text, "%Y-%m-%d")
                    .map(|date| date.and_time(NaiveTime::MIN))
            });
        if let Ok(local) = local {
            let time = Local.from_local_datetime(&local).earliest();
            return time
                .map(|time| Self::At(time.with_timezone(&Utc)))
                .ok_or_else(|| "that time does not exist in this zone".to_owned());
        }
        humantime::parse_duration(text)
            .map(Self::Ago)
            .map_err(|_other| {
                "give a date, `2026-08-01 14:00`, RFC 3339, or a duration such as 30d".to_owned()
            })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::When;

    #[test]
    fn reads_moments_and_distances() {
        let moment: When = "2026-08-01T14:00:00Z".parse().unwrap();
        assert_eq!(moment, When::At("2026-08-01T14:00:00Z".parse().unwrap()));
        assert_eq!("30d".parse(), Ok(When::Ago(Duration::from_hours(720))));
        assert!("yesterday".parse::<When>().is_err());
    }
}
