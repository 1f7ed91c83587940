//! What came of one entry in one jail.

use std::net::IpAddr;

use crate::filter::Host;
use crate::model::{Failure, JailName, Time};

/// How a jail sees an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It counts: an attempt failed.
    Failure,
    /// An `ignoreregex` matches.
    Ignored,
    /// A rule matches, but nothing counts (yet): the line is a part of a connection.
    Pending,
    /// It would count, but the host in it is a name or no valid address.
    Name,
    /// No rule matches.
    None,
}

impl Verdict {
    /// The word for it in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Ignored => "ignored",
            Self::Pending => "pending",
            Self::Name => "name",
            Self::None => "none",
        }
    }
}

/// What a jail that looks at an entry makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The jail.
    pub jail: JailName,
    /// How it sees the entry.
    pub verdict: Verdict,
    /// The rule that matched: its place in the filter's file, from 1.
    pub rule: Option<usize>,
    /// Whom the entry is about, as far as the line or its connection tells.
    pub host: Option<Host>,
    /// The user name in it; attacker's text.
    pub user: Option<Box<str>>,
    /// What counts; there if and only if the verdict is [`Verdict::Failure`].
    pub failure: Option<Failure>,
    /// Who logged in, if the rule tells of a success and its line (or an earlier one of the
    /// connection) names an address.
    pub success: Option<Login>,
}

/// A login that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login {
    /// From where; canonical.
    pub addr: IpAddr,
    /// When, by the log.
    pub time: Time,
}
