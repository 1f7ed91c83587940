//! Instants and spans, as log entries and configuration write them.
//!
//! [`Time`] is journald's own unit (microseconds of the wall clock). Nothing here reads a clock.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A wall-clock instant: microseconds since 1970-01-01 UTC, as in `__REALTIME_TIMESTAMP`
/// (systemd.journal-fields(7)).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

impl Time {
    /// 1970-01-01 UTC, earlier than any entry.
    pub const EPOCH: Self = Self(0);

    /// The instant `micros` microseconds after [`Time::EPOCH`].
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The instant `secs` seconds after [`Time::EPOCH`].
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since [`Time::EPOCH`].
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// This instant moved on by `span`; stops at the end of the range instead of wrapping.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }

    /// This instant moved back by `span`; stops at [`Time::EPOCH`].
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }

    /// How long ago `earlier` was, seen from here; zero if it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// RFC 3339 in UTC with microseconds, which sorts as text and journalctl's `--since` understands.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = i64::try_from(self.0)
            .ok()
            .and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
        match timestamp {
            Some(timestamp) => write!(f, "{timestamp:.6}"),
            None => write!(f, "@{}us", self.0),
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Time({self})")
    }
}

impl Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Why a text is no instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is no instant from 1970 on: write it as 2026-11-20T10:00:00Z")]
pub struct TimeError {
    text: String,
}

impl std::str::FromStr for Time {
    type Err = TimeError;

    /// RFC 3339, from 1970 on.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let timestamp = text.parse::<jiff::Timestamp>().ok();
        timestamp
            .and_then(|timestamp| u64::try_from(timestamp.as_microsecond()).ok())
            .map(Self)
            .ok_or_else(|| TimeError {
                text: text.to_owned(),
            })
    }
}

/// Why a text is no span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is no duration: write seconds (600) or units (10m, 1h 30m, 2d, 1w)")]
pub struct DurationError {
    text: String,
}

/// Reads a span as people write it: whole seconds (`600`) or units (`10m`, `1h 30m`, `2d`, `1w`).
/// `m` is a minute and `M` a month, as in systemd.time(7).
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let trimmed = text.trim();
    if let Ok(secs) = trimmed.parse::<u64>() {
        return Ok(Duration::from_secs(secs));
    }
    humantime::parse_duration(trimmed).map_err(|_| DurationError {
        text: text.to_owned(),
    })
}

/// Writes a span so that [`parse_duration`] reads it back: `10m`, `1h 30m`.
#[must_use]
pub fn format_duration(span: Duration) -> String {
    humantime::format_duration(span).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (text, secs) in [
            ("600", 600),
            ("10m", 600),
            ("1h 30m", 5400),
            ("2d", 172_800),
            ("1w", 604_800),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_secs(secs)),
                "{text}"
            );
        }
        for text in ["", "ten", "-5", "10x", "1.5"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn instants_do_not_wrap_at_the_ends() {
        let end = Time::from_micros(u64::MAX);
        assert_eq!(end.after(Duration::from_secs(1)), end);
        assert_eq!(Time::EPOCH.before(Duration::from_secs(1)), Time::EPOCH);
        assert_eq!(Time::EPOCH.since(end), Duration::ZERO);
        assert_eq!(end.to_string(), "@18446744073709551615us");
    }

    #[test]
    fn instants_survive_json() {
        let time = Time::from_micros(1_700_000_000_123_456);
        let json = serde_json::to_string(&time).expect("serialises");
        assert_eq!(json, "\"2023-11-14T22:13:20.123456Z\"");
        assert_eq!(serde_json::from_str::<Time>(&json).expect("parses"), time);
    }
}
