//! How long a killed token is watched after the commit, and what to do about one that will not
//! stay dead: the types of an adapter's data file.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

/// What the application may do to a token after it was killed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// How long rows are watched: as long as the application may take from reading a row to writing
    /// it back. None where it never writes one back.
    #[serde(default, deserialize_with = "window")]
    pub window: Duration,
    /// What kills a token that is written back again and again.
    pub still_alive: Option<StillAlive>,
    /// Why that does.
    pub why: Option<String>,
}

/// What kills a token that is written back again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StillAlive {
    /// To remove the row.
    Delete,
}

/// The longest window. Whoever wants to watch for longer wants monitoring.
const LONGEST: Duration = Duration::from_hours(1);

/// Why a text is no window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// It is no duration.
    #[error("give a duration such as `3s` or `500ms`, or `0` to look once")]
    NotADuration,
    /// It is too long.
    #[error("give at most 1h: the command waits for so long")]
    TooLong,
}

/// Reads a settle window as it is typed: `3s`, `500ms`, `0`.
///
/// # Errors
///
/// When it is no duration, or more than an hour.
pub fn parse_window(text: &str) -> Result<Duration, WindowError> {
    // Zero has no unit.
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    let window = humantime::parse_duration(text).map_err(|_why| WindowError::NotADuration)?;
    if window > LONGEST {
        return Err(WindowError::TooLong);
    }
    Ok(window)
}

fn window<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_window(&text).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{WindowError, parse_window};

    #[test]
    fn a_window_is_at_most_an_hour_and_may_be_none() {
        assert_eq!(parse_window("3s"), Ok(Duration::from_secs(3)));
        assert_eq!(parse_window("0"), Ok(Duration::ZERO));
        assert_eq!(parse_window("0s"), Ok(Duration::ZERO));
        assert_eq!(parse_window("1h"), Ok(Duration::from_hours(1)));
        assert_eq!(parse_window("1h 1s"), Err(WindowError::TooLong));
        for text in ["", "3", "-1s", "soon"] {
            assert_eq!(parse_window(text), Err(WindowError::NotADuration), "{text}");
        }
    }
}
