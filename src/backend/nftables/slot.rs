//! Which of its jail's sets a prefix belongs to, and what these are called.
//!
//! A jail bans prefixes of one length per family, so these live in hash sets, where a change costs
//! the same at any size; the rule masks the address before it looks. Other lengths come only from
//! an administrator: single addresses in `host4-`/`host6-` sets, anything else in `net4-`/`net6-`
//! interval sets, where every change costs time in proportion to the set. (So are prefixes of which
//! parts stay open, whatever their length: see `plan`.)
//!
//! Names begin with a letter, as nft(8) asks for, and what stands before the first `-` tells the
//! kind, so that two jails never share a name whatever they are called.

use crate::model::{JailName, Prefix, PrefixLengths};

/// Which of its jail's sets a prefix belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot {
    pub ipv4: bool,
    pub kind: SlotKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum SlotKind {
    /// Prefixes of the length that the jail bans with.
    Usual,
    /// Single addresses, where that is not the usual length.
    Host,
    /// Any other length.
    Net,
}

impl Slot {
    /// The slot of `prefix` in a jail that bans with `lengths`.
    pub fn of(prefix: Prefix, lengths: PrefixLengths) -> Self {
        let ipv4 = prefix.is_ipv4();
        let kind = if prefix.len() == usual(lengths, ipv4) {
            SlotKind::Usual
        } else if prefix.is_host() {
            SlotKind::Host
        } else {
            SlotKind::Net
        };
        Self { ipv4, kind }
    }

    /// The name of the set of this slot in `jail`.
    pub fn set_name(self, jail: &JailName) -> String {
        let kind = match self.kind {
            SlotKind::Usual => "v",
            SlotKind::Host => "host",
            SlotKind::Net => "net",
        };
        let version = if self.ipv4 { '4' } else { '6' };
        format!("{kind}{version}-{jail}")
    }

    /// Whether there can be prefixes for it: where single addresses are the usual, no other set is
    /// needed for them.
    pub fn has_prefixes(self, lengths: PrefixLengths) -> bool {
        self.kind != SlotKind::Host || usual(lengths, self.ipv4) != longest(self.ipv4)
    }

    /// How many leading bits of an address are compared with the set's elements.
    pub fn length(self, lengths: PrefixLengths) -> u8 {
        match self.kind {
            SlotKind::Usual => usual(lengths, self.ipv4),
            SlotKind::Host | SlotKind::Net => longest(self.ipv4),
        }
    }
}

fn usual(lengths: PrefixLengths, ipv4: bool) -> u8 {
    if ipv4 { lengths.ipv4 } else { lengths.ipv6 }
}

fn longest(ipv4: bool) -> u8 {
    if ipv4 { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_one_place() {
        let lengths = PrefixLengths { ipv4: 24, ipv6: 64 };
        let jail = JailName::new("3proxy").expect("a name");
        for (prefix, set) in [
            ("192.0.2.0/24", "v4-3proxy"),
            ("192.0.2.1", "host4-3proxy"),
            ("192.0.0.0/16", "net4-3proxy"),
            ("2001:db8::/64", "v6-3proxy"),
            ("2001:db8::1", "host6-3proxy"),
            ("2001:db8::/48", "net6-3proxy"),
        ] {
            let prefix = prefix.parse().expect("a prefix");
            let slot = Slot::of(prefix, lengths);
            assert_eq!(slot.set_name(&jail), set);
            assert!(slot.has_prefixes(lengths));
        }
    }
}
