//! Aggregation: which networks have so many banned prefixes in them that the whole network goes.
//!
//! From a prefix to the network around it is one step of 8 bits (/32 → /24, /64 → /56), as far as
//! the jail's widest; a network that is banned counts towards the next one.

use std::time::Duration;

use crate::engine::capped::{Capped, Worth};
use crate::engine::{Aggregation, Key};
use crate::model::{Prefix, Time};

/// How many bits each step is: where registries and providers draw their lines.
const STEP: u8 = 8;

/// The banned prefixes of one network.
#[derive(Default)]
struct Crowd {
    /// Each once, with its last ban.
    members: Vec<(Prefix, Time)>,
}

impl Worth for Crowd {
    fn worth(&self) -> (usize, Time) {
        let last = self.members.iter().map(|(_, time)| *time).max();
        (self.members.len(), last.unwrap_or_default())
    }
}

/// All networks in which prefixes were banned.
pub(super) struct Crowds {
    networks: Capped<Crowd>,
}

impl Crowds {
    pub fn new(limit: usize) -> Self {
        Self {
            networks: Capped::new(limit),
        }
    }

    pub fn set_limit(&mut self, limit: usize) {
        self.networks.set_limit(limit, drop);
    }

    pub fn evicted(&self) -> u64 {
        self.networks.evicted()
    }

    /// Takes note that `banned.prefix` was banned in `banned.jail`. If it is the one too many, the
    /// answer is the network around it, with how many prefixes of it were banned.
    pub fn note(&mut self, by: &Aggregation, banned: Key, time: Time) -> Option<(Prefix, u32)> {
        let network = around(banned.prefix, by)?;
        let (crowd, _) = self.networks.entry(Key {
            prefix: network,
            ..banned
        });
        crowd
            .members
            .retain(|(member, then)| *member != banned.prefix && time.since(*then) <= by.within);
        crowd.members.push((banned.prefix, time));
        let count = u32::try_from(crowd.members.len()).unwrap_or(u32::MAX);
        (count >= by.after).then_some((network, count))
    }

    /// Begins anew to count in a network: it was banned, or let in again.
    pub fn clear(&mut self, network: Key) {
        self.networks.remove(network);
    }

    /// Forgets some networks in which nothing happened lately; `within` is the longest of all
    /// jails.
    pub fn sweep(&mut self, now: Time, within: Duration) {
        self.networks
            .sweep(|_, crowd| now.since(crowd.worth().1) > within, drop);
    }
}

/// The next wider network that may be banned.
fn around(prefix: Prefix, by: &Aggregation) -> Option<Prefix> {
    let widest = if prefix.is_ipv4() {
        by.widest.ipv4
    } else {
        by.widest.ipv6
    };
    let len = prefix.len().saturating_sub(1) / STEP * STEP;
    let len = len.max(widest);
    (len < prefix.len())
        .then(|| Prefix::new(prefix.addr(), len))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PrefixLengths;

    fn rule(ipv4: u8, ipv6: u8) -> Aggregation {
        Aggregation {
            after: 3,
            within: Duration::from_secs(100),
            widest: PrefixLengths { ipv4, ipv6 },
        }
    }

    #[test]
    fn a_step_is_eight_bits_and_stops_at_the_widest() {
        let wider = |text: &str, ipv4, ipv6| {
            let prefix = text.parse().expect("a prefix");
            around(prefix, &rule(ipv4, ipv6)).map(|net| net.to_string())
        };
        assert_eq!(wider("192.0.2.7", 24, 48).as_deref(), Some("192.0.2.0/24"));
        assert_eq!(wider("192.0.2.0/24", 24, 48), None);
        assert_eq!(
            wider("192.0.2.0/24", 20, 48).as_deref(),
            Some("192.0.0.0/20")
        );
        assert_eq!(wider("192.0.0.0/20", 20, 48), None);
        assert_eq!(
            wider("2001:db8:0:1::/64", 24, 48).as_deref(),
            Some("2001:db8::/56")
        );
        assert_eq!(
            wider("2001:db8::/56", 24, 48).as_deref(),
            Some("2001:db8::/48")
        );
        assert_eq!(wider("192.0.2.7", 32, 48), None);
    }

    #[test]
    fn different_prefixes_within_the_time_make_a_crowd() {
        let mut crowds = Crowds::new(10);
        let by = rule(24, 48);
        let mut note = |host: u8, secs| {
            let prefix = Prefix::host([192, 0, 2, host].into());
            let found = crowds.note(&by, Key { jail: 0, prefix }, Time::from_secs(secs));
            found.map(|(net, count)| format!("{net} {count}"))
        };
        assert_eq!(note(1, 0), None);
        assert_eq!(note(1, 10), None, "the same once more");
        assert_eq!(note(2, 20), None);
        assert_eq!(note(3, 111), None, "the first is too long ago");
        assert_eq!(note(4, 115).as_deref(), Some("192.0.2.0/24 3"));
    }
}
