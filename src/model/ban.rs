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
    /// Bans of several prefixes in it: the network as a whole offends.
    Aggregate,
    /// Bans in other jails: it does not learn.
    Recidive,
    /// It was found in the kernel, by a daemon whose state file was lost; its story is not known.
    Adopted,
}

impl Origin {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Log,
        Self::Manual,
        Self::Aggregate,
        Self::Recidive,
        Self::Adopted,
    ];

    /// The word for it in logs and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Manual => "manual",
            Self::Aggregate => "aggregate",
            Self::Recidive => "recidive",
            Self::Adopted => "adopted",
        }
    }

    /// Whether the engine decided it, so that what is ignored later ends it. What an administrator
    /// asked for stays.
    #[must_use]
    pub fn is_automatic(self) -> bool {
        self != Self::Manual
    }
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
    /// The how-many-eth ban of this prefix it is, from 1; more than 1 only where the jail's bantime
    /// grows with it (`bantime_increment`).
    #[serde(default = "first_offence")]
    pub offence: u32,
    /// What of the prefix is not kept out, because it is ignored; in order, none in another.
    #[serde(default, skip_serializing_if = "<[Prefix]>::is_empty")]
    pub open: Box<[Prefix]>,
    /// The deciding line, or what the administrator gave as `--reason`.
    pub reason: Box<str>,
    /// Lines that count besides the deciding one, oldest first; not all if there were many.
    #[serde(default, skip_serializing_if = "<[Box<str>]>::is_empty")]
    pub lines: Box<[Box<str>]>,
}

fn first_offence() -> u32 {
    1
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
    /// Another ban of the same prefix in the same jail took its place.
    Replaced,
    /// There were more bans than the configured limit, and this was the next to end.
    Displaced,
}

impl UnbanCause {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Expired,
        Self::Manual,
        Self::Ignored,
        Self::Removed,
        Self::Replaced,
        Self::Displaced,
    ];

    /// The word for it in logs and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Manual => "manual",
            Self::Ignored => "ignored",
            Self::Removed => "removed",
            Self::Replaced => "replaced",
            Self::Displaced => "displaced",
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

/// Another part of a banned prefix stays open than before, as what is ignored has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// On whose behalf the prefix is kept out.
    pub jail: JailName,
    /// The banned prefix.
    pub prefix: Prefix,
    /// Until when the rest of it is kept out; `None` is forever.
    pub until: Option<Time>,
    /// What of it is not kept out from now on, as in [`Ban::open`].
    pub open: Box<[Prefix]>,
}

/// The failures so far of a prefix that is not banned are forgotten, by an administrator's `unban`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pardon {
    /// In which jail.
    pub jail: JailName,
    /// Whose.
    pub prefix: Prefix,
    /// When; failures up to then do not count again, also when the log is replayed.
    pub time: Time,
}

/// A ban as it is remembered: what counts of it for later ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastBan {
    /// On whose behalf.
    pub jail: JailName,
    /// Who was kept out.
    pub prefix: Prefix,
    /// When it began.
    pub since: Time,
    /// When it was to end; `None` is never.
    pub until: Option<Time>,
    /// When it did end; `None`: it is in force.
    pub ended: Option<Time>,
    /// The how-many-eth of its prefix it was.
    pub offence: u32,
    /// What it went back to.
    pub origin: Origin,
    /// Whether an administrator lifted it.
    pub forgiven: bool,
}

/// A ban, in force or ended, as it is told to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// The ban.
    #[serde(flatten)]
    pub ban: Ban,
    /// When it ended; `None`: it is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Time>,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<UnbanCause>,
}

/// What the engine wants done. Persisted first, then applied; twice is harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Keep a prefix out (or change until when).
    Ban(Ban),
    /// Keep out another part of a banned prefix.
    Open(Opening),
    /// Forget failures; nobody is kept out or let in by it.
    Pardon(Pardon),
    /// Let it in again.
    Unban(Unban),
}

impl Decision {
    /// On whose behalf.
    #[must_use]
    pub fn jail(&self) -> &JailName {
        match self {
            Self::Ban(ban) => &ban.jail,
            Self::Open(opening) => &opening.jail,
            Self::Pardon(pardon) => &pardon.jail,
            Self::Unban(unban) => &unban.jail,
        }
    }
}
