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
        if let Some(moment) = moment(text) {
            return moment.map(Self::At);
        }
        humantime::parse_duration(text)
            .map(Self::Ago)
            .map_err(|_other| {
                "give a date, `2026-08-01 14:00`, RFC 3339, or a duration such as 30d".to_owned()
            })
    }
}

/// When something is to end: a moment, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End(pub(super) DateTime<Utc>);

impl FromStr for End {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match moment(text) {
            Some(moment) => moment.map(Self),
            None => Err(
                "give a date, `2026-08-01 14:00` or RFC 3339; so long from now is `--in`"
                    .to_owned(),
            ),
        }
    }
}

/// Reads a time; `None` where the text is something else. Without an offset it is the operator's own.
fn moment(text: &str) -> Option<Result<DateTime<Utc>, String>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(Ok(time.with_timezone(&Utc)));
    }
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M"))
        .or_else(|_| {
            NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|date| date.and_time(NaiveTime::MIN))
        })
        .ok()?;
    let time = Local.from_local_datetime(&local).earliest();
    Some(
        time.map(|time| time.with_timezone(&Utc))
            .ok_or_else(|| "that time does not exist in this zone".to_owned()),
    )
}

/// Reads so long from now.
pub(super) fn from_now(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(length) if length.is_zero() => {
            Err("leave it out: an expire ends a token now".to_owned())
        }
        Ok(length) => Ok(length),
        Err(_other) => Err("give a duration such as `2h` or `30d`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{End, When, from_now};

    #[test]
    fn reads_moments_and_distances() {
        let moment: When = "2026-08-01T14:00:00Z".parse().unwrap();
        assert_eq!(moment, When::At("2026-08-01T14:00:00Z".parse().unwrap()));
        assert_eq!("30d".parse(), Ok(When::Ago(Duration::from_hours(720))));
        assert!("yesterday".parse::<When>().is_err());
    }

    #[test]
    fn an_end_is_a_moment_or_so_long_from_now() {
        let moment: End = "2026-08-01T14:00:00+02:00".parse().unwrap();
        assert_eq!(moment, End("2026-08-01T12:00:00Z".parse().unwrap()));
        assert_eq!(
            "2026-08-01".parse::<End>(),
            "2026-08-01 00:00".parse::<End>()
        );
        for text in ["2h", "soon", "", "2026-13-01", "14:00"] {
            let error = text.parse::<End>().unwrap_err();
            assert!(error.contains("`--in`"), "{text}: {error}");
        }
        assert_eq!(from_now("90m"), Ok(Duration::from_mins(90)));
        for text in ["0s", "", "2", "-2h", "2026-08-01"] {
            assert!(from_now(text).is_err(), "{text}");
        }
    }
}
