//! What a jail's configuration says about counting and banning.

use std::time::Duration;

use crate::engine::Escalation;
use crate::model::{Bantime, Prefix, PrefixLengths};

/// When a jail bans, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What is counted.
    pub counts: Counts,
    /// So many failures within `findtime` ban; at least 1.
    pub maxretry: u32,
    /// How far back failures count; more than zero.
    pub findtime: Duration,
    /// How long a ban lasts; with `escalation`, the first one.
    pub bantime: Bantime,
    /// How bans of the same prefix grow; `None`: they do not.
    pub escalation: Option<Escalation>,
    /// When the network around banned prefixes is banned; `None`: never.
    pub aggregation: Option<Aggregation>,
    /// What is counted and banned as one.
    pub lengths: PrefixLengths,
    /// Never counted, never banned.
    pub ignoreip: Vec<Prefix>,
    /// As `ignoreip`, but names and files: the keys of [`Spared::named`](super::Spared::named).
    pub ignore_named: Vec<Box<str>>,
    /// Whether the machine's own addresses are ignored as well.
    pub ignoreself: bool,
    /// Whether the addresses are ignored that administrators are logged in from.
    pub ignore_sessions: bool,
    /// An address that logged in is not counted for so long; `None`: it counts as any other.
    pub forgive_on_success: Option<Duration>,
}

/// What a jail counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counts {
    /// Failures that its filter recognises.
    #[default]
    Failures,
    /// The bans of other jails: what fail2ban's recidive is for.
    Bans,
}

/// When so many prefixes of a network were banned that the whole network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregation {
    /// So many different prefixes within the next wider network ban it; 2 to
    /// [`Aggregation::MOST`].
    pub after: u32,
    /// How far back their bans count.
    pub within: Duration,
    /// The widest networks that may be banned so.
    pub widest: PrefixLengths,
}

impl Aggregation {
    /// The most prefixes that can be waited for; so many are remembered for each network.
    pub const MOST: u32 = 256;
}

/// fail2ban's defaults, and prefixes as in [`PrefixLengths`].
impl Default for Policy {
    fn default() -> Self {
        Self {
            counts: Counts::Failures,
            maxretry: 5,
            findtime: Duration::from_mins(10),
            bantime: Bantime::For(Duration::from_mins(10)),
            escalation: None,
            aggregation: None,
            lengths: PrefixLengths::default(),
            ignoreip: Vec::new(),
            ignore_named: Vec::new(),
            ignoreself: true,
            ignore_sessions: true,
            forgive_on_success: None,
        }
    }
}

impl Policy {
    /// How long the how-many-eth ban of a prefix lasts, before chance adds to it.
    #[must_use]
    pub fn bantime_of(&self, offence: u32) -> Bantime {
        match &self.escalation {
            Some(escalation) => escalation.bantime(self.bantime, offence),
            None => self.bantime,
        }
    }
}
