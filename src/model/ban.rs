//! Bans, and the decisions that make and lift them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{DurationError, JailName, Prefix, Time, format_duration, parse_duration};

/// How long a ban lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bantime {
    /// For a while.
    For(Duration),
    /// Until somebody lifts it: `-1` or `forever`.
    Forever,
}

impl Bantime {
    /// When a ban that begins at `since` ends; `None` is never.
    #[must_use]
    pub fn until(self, since: Time) -> Option<Time> {
        match self {
            Self::For(span) => Some(since.after(span)),
            Self::Forever => None,
        }
    }
}

impl FromStr for Bantime {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "-1" | "forever" => Ok(Self::Forever),
            span => parse_duration(span).map(Self::For),
        }
    }
}

impl fmt::Display for Bantime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(span) => f.pad(&format_duration(*span)),
            Self::Forever => f.pad("forever"),
        }
    }
}

/// What a ban goes back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Failures in a log.
    Log,
    /// An administrator's `ban`.
    Manual,
}

/// A prefix that is kept out on behalf of a jail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// On whose behalf.
    pub jail: JailName,
    /// Who is kept out.
    pub prefix: Prefix,
    /// The instant of the failure (or request) that decided it.
    pub since: Time,
    /// When it ends; `None` is never.
    pub until: Option<Time>,
    /// How many failures led to it; 0 for a manual one.
    pub failures: u32,
    /// What it goes back to.
    pub origin: Origin,
    /// The deciding line, or what the administrator gave as `--reason`.
    pub reason: Box<str>,
}

impl Ban {
    /// Whether it is over at `now`.
    #[must_use]
    pub fn over(&self, now: Time) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// Why a ban ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnbanCause {
    /// Its bantime is over.
    Expired,
    /// An administrator lifted it.
    Manual,
    /// The prefix is ignored by the configuration now.
    Ignored,
    /// The jail is no longer configured.
    Removed,
}

impl UnbanCause {
    /// The word for it in logs and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Manual => "manual",
            Self::Ignored => "ignored",
            Self::Removed => "removed",
        }
    }
}

/// The end of a ban.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unban {
    /// On whose behalf the prefix was kept out.
    pub jail: JailName,
    /// Who is let in again.
    pub prefix: Prefix,
    /// When.
    pub time: Time,
    /// Why.
    pub cause: UnbanCause,
}

/// What the engine wants done. Persisted first, then applied; twice is harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Keep a prefix out (or change until when).
    Ban(Ban),
    /// Let it in again.
    Unban(Unban),
}
