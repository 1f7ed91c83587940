//! The table as the configuration asks for it.

use std::ops::RangeInclusive;

/// How the table of nftables is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name, as nft(8) takes it; its family is inet.
    pub name: String,
    /// Where it meets packets.
    pub hook: Hook,
    /// Its place among others at this hook, one of [`Table::PRIORITIES`]; the lowest comes first.
    pub priority: i32,
    /// Whether it is this program's alone: others can neither change nor flush it, and it stays
    /// when the program ends (flags owner and persist of nft(8); Linux 6.9 and later).
    pub owner: bool,
}

/// Where packets are met, as in nft(8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hook {
    /// All that arrive, before it is decided whether they are for this machine or for another.
    #[default]
    Prerouting,
    /// Those for this machine only.
    Input,
}

impl Table {
    /// Behind connection tracking (-200), without which replies are not known; up to the last that
    /// the kernel has a name for (`linux/netfilter_ipv4.h`).
    pub const PRIORITIES: RangeInclusive<i32> = -199..=300;

    /// Before destination NAT (-100), so that ports are still those that the client used.
    pub const PRIORITY: i32 = -150;

    /// A table of that name, everything else as it is if nothing is said.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            hook: Hook::default(),
            priority: Self::PRIORITY,
            owner: false,
        }
    }
}

/// The daemon's, if nothing is said.
impl Default for Table {
    fn default() -> Self {
        Self::named(super::Nftables::TABLE)
    }
}

impl Hook {
    /// The word for it in nft(8), which is what the chain there is called.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prerouting => "prerouting",
            Self::Input => "input",
        }
    }
}
