//! What a jail's configuration says about counting and banning.

use std::time::Duration;

use crate::model::{Bantime, Prefix, PrefixLengths};

/// When a jail bans, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// So many failures within `findtime` ban; at least 1.
    pub maxretry: u32,
    /// How far back failures count; more than zero.
    pub findtime: Duration,
    /// How long a ban lasts.
    pub bantime: Bantime,
    /// What is counted and banned as one.
    pub lengths: PrefixLengths,
    /// Never counted, never banned.
    pub ignoreip: Vec<Prefix>,
    /// Whether the machine's own addresses are ignored as well.
    pub ignoreself: bool,
}

/// fail2ban's defaults, and prefixes as in [`PrefixLengths`].
impl Default for Policy {
    fn default() -> Self {
        Self {
            maxretry: 5,
            findtime: Duration::from_mins(10),
            bantime: Bantime::For(Duration::from_mins(10)),
            lengths: PrefixLengths::default(),
            ignoreip: Vec::new(),
            ignoreself: true,
        }
    }
}
