//! The only place where a clock is read; everywhere else time is an argument.

use std::time::{Instant, SystemTime};

use crate::model::Time;

/// The wall clock now.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub fn now() -> Time {
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Time::from_micros(u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX))
}

/// The steady clock now: for how long something took or has to wait, never for when it was.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub fn steady() -> Instant {
    Instant::now()
}
