//! What is never counted and never banned: `ignoreip`, and with `ignoreself` the machine itself.

use std::net::IpAddr;

use crate::engine::Policy;
use crate::model::{Prefix, PrefixLengths};

/// What one jail ignores.
pub(super) struct Ignore {
    entries: Vec<Prefix>,
    own: bool,
}

impl Ignore {
    pub(super) fn new(policy: &Policy) -> Self {
        Self {
            entries: policy.ignoreip.clone(),
            own: policy.ignoreself,
        }
    }

    /// Whether failures of `addr` do not count. `own` are the machine's addresses.
    pub(super) fn spares(&self, addr: IpAddr, own: &[IpAddr]) -> bool {
        let host = Prefix::host(addr);
        self.entries.iter().any(|entry| entry.contains(host))
            || self.own && (addr.is_loopback() || own.contains(&addr))
    }

    /// What of the ignored lies in `prefix`, or around it.
    pub(super) fn overlapping(&self, prefix: Prefix, own: &[IpAddr]) -> Option<Prefix> {
        self.entries
            .iter()
            .copied()
            .find(|entry| entry.overlaps(prefix))
            .or_else(|| self.own_in(prefix, own))
    }

    /// The prefix under which `addr` is counted. One that has an ignored address in it is not
    /// banned as a whole: its addresses are counted singly.
    pub(super) fn narrowed(&self, addr: IpAddr, lengths: PrefixLengths, own: &[IpAddr]) -> Prefix {
        let prefix = Prefix::of(addr, lengths);
        if !prefix.is_host() && self.overlapping(prefix, own).is_some() {
            return Prefix::host(addr);
        }
        prefix
    }

    fn own_in(&self, prefix: Prefix, own: &[IpAddr]) -> Option<Prefix> {
        if !self.own {
            return None;
        }
        let loopback = [
            IpAddr::from([127, 0, 0, 1]),
            IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        ];
        own.iter()
            .chain(&loopback)
            .map(|addr| Prefix::host(*addr))
            .find(|host| prefix.contains(*host))
            .or_else(|| prefix.addr().is_loopback().then_some(prefix))
    }
}
