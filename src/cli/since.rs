//! Instants as people type them, in the words of systemd.time(7).

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::model::{Time, parse_duration};

/// Why a text is no instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no time: write -2h, \"2h ago\", today, yesterday, 2026-11-20, \"2026-11-20 10:00\" or 2026-11-20T10:00:00Z"
)]
pub(super) struct SinceError(String);

/// Reads an instant: an age (`-2h`, `2h ago`), a word (`now`, `today`, `yesterday`), a date with or
/// without a time in `zone`, or RFC 3339.
pub(super) fn parse(text: &str, now: Time, zone: &TimeZone) -> Result<Time, SinceError> {
    let error = || SinceError(text.to_owned());
    let trimmed = text.trim();
    let age = trimmed
        .strip_prefix('-')
        .or_else(|| trimmed.strip_suffix(" ago"));
    if let Some(age) = age {
        let age: Duration = parse_duration(age).map_err(|_| error())?;
        return Ok(now.before(age));
    }
    let today = || {
        let timestamp = Timestamp::from_microsecond(i64::try_from(now.as_micros()).ok()?).ok()?;
        Some(timestamp.to_zoned(zone.clone()).date())
    };
    let civil = match trimmed {
        "now" => return Ok(now),
        "today" => today().map(midnight),
        "yesterday" => today()
            .and_then(|today| today.checked_sub(1.day()).ok())
            .map(midnight),
        other => {
            if let Ok(timestamp) = other.parse::<Timestamp>() {
                return time(timestamp).ok_or_else(error);
            }
            let date = other.parse::<Date>().ok().filter(|_| !other.contains(':'));
            date.map(midnight)
                .or_else(|| other.parse::<DateTime>().ok())
        }
    };
    civil
        .and_then(|civil| zone.to_timestamp(civil).ok())
        .and_then(time)
        .ok_or_else(error)
}

fn midnight(date: Date) -> DateTime {
    date.to_datetime(jiff::civil::Time::midnight())
}

fn time(timestamp: Timestamp) -> Option<Time> {
    u64::try_from(timestamp.as_microsecond())
        .ok()
        .map(Time::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_understood() {
        // 2023-11-14 22:13:20 UTC
        let now = Time::from_secs(1_700_000_000);
        for (text, expected) in [
            ("now", "2023-11-14T22:13:20.000000Z"),
            ("-2h", "2023-11-14T20:13:20.000000Z"),
            ("1h 30m ago", "2023-11-14T20:43:20.000000Z"),
            ("today", "2023-11-14T00:00:00.000000Z"),
            ("yesterday", "2023-11-13T00:00:00.000000Z"),
            ("2023-11-01", "2023-11-01T00:00:00.000000Z"),
            ("2023-11-01 10:30", "2023-11-01T10:30:00.000000Z"),
            ("2023-11-01T10:30:05+02:00", "2023-11-01T08:30:05.000000Z"),
        ] {
            let parsed = parse(text, now, &TimeZone::UTC).map(|time| time.to_string());
            assert_eq!(parsed.as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "-", "soon", "2023-13-01", "-x"] {
            assert!(parse(text, now, &TimeZone::UTC).is_err(), "{text}");
        }
    }
}
