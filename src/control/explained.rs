//! What `Explain` answers: why an address is, or is not, banned.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::{Ban, JailName, Prefix, Story, Time};

/// All that is known of an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// The address.
    pub address: IpAddr,
    /// Whether any jail bans it.
    pub banned: bool,
    /// The jails that know something of it, by name.
    pub jails: Vec<JailExplained>,
    /// The other enabled jails.
    pub other_jails: Vec<JailName>,
    /// What keeps it out in the kernel; `None` if no backend enforces anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Vec<KeptReport>>,
    /// What a backend that could not answer says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_error: Option<String>,
    /// The last bans of it that ended, the last one first.
    pub history: Vec<Story>,
}

/// What one jail knows of an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JailExplained {
    /// The jail.
    pub jail: JailName,
    /// What is counted and would be banned for it.
    pub prefix: Prefix,
    /// Whether its bans are enforced, and not only logged (`backend = "dry-run"`).
    pub enforced: bool,
    /// What it is a part of, and why that is never banned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spared: Option<String>,
    /// When it logged in, if it is not counted for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged_in: Option<Time>,
    /// The bans that keep it out, with the lines that led to them.
    pub bans: Vec<Ban>,
    /// Failures within findtime.
    pub failures: u32,
    /// How many ban.
    pub maxretry: u32,
    /// Within how long: `10m`.
    pub findtime: String,
    /// When the last one was, if any is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Time>,
    /// Earlier bans that still count towards the next bantime.
    pub offences: u32,
    /// How long the next ban would last: `40m`, `forever`.
    pub next_bantime: String,
}

impl JailExplained {
    /// Whether there is anything to tell.
    #[must_use]
    pub fn knows_something(&self) -> bool {
        self.spared.is_some()
            || self.logged_in.is_some()
            || !self.bans.is_empty()
            || self.failures > 0
            || self.offences > 0
    }
}

/// Something in the kernel that keeps an address out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptReport {
    /// On whose behalf.
    pub jail: JailName,
    /// What it is, for people: `set v4-sshd of table inet journalban`.
    pub place: String,
    /// Packets that it has stopped, if they are counted one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets: Option<u64>,
}
