//! A set of networks, asked what contains an address and what lies within a network.

use std::collections::BTreeSet;

use crate::model::Prefix;

/// Networks, sorted; asking costs a look-up for each length in use, not for each network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Nets {
    sorted: BTreeSet<Prefix>,
    /// The lengths in use, of IPv4 and of IPv6, shortest first.
    lengths: [Vec<u8>; 2],
}

impl FromIterator<Prefix> for Nets {
    fn from_iter<T: IntoIterator<Item = Prefix>>(nets: T) -> Self {
        let sorted: BTreeSet<Prefix> = nets.into_iter().collect();
        let lengths = [true, false].map(|ipv4| {
            let used: BTreeSet<u8> = sorted
                .iter()
                .filter(|net| net.is_ipv4() == ipv4)
                .map(|net| net.len())
                .collect();
            used.into_iter().collect()
        });
        Self { sorted, lengths }
    }
}

impl Nets {
    /// The widest network that contains all of `prefix`.
    pub fn around(&self, prefix: Prefix) -> Option<Prefix> {
        self.lengths[usize::from(!prefix.is_ipv4())]
            .iter()
            .filter(|len| **len <= prefix.len())
            .filter_map(|len| Prefix::new(prefix.addr(), *len))
            .find(|wider| self.sorted.contains(wider))
    }

    /// The networks within `prefix`, sorted, it itself included.
    pub fn within(&self, prefix: Prefix) -> impl Iterator<Item = Prefix> {
        self.sorted
            .range(prefix..)
            .take_while(move |net| prefix.contains(**net))
            .copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = Prefix> {
        self.sorted.iter().copied()
    }

    pub fn contains(&self, net: Prefix) -> bool {
        self.sorted.contains(&net)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some_prefix() -> impl Strategy<Value = Prefix> {
        let ipv4 = (any::<u8>(), 22_u8..=32).prop_filter_map("a prefix", |(host, len)| {
            Prefix::new(std::net::IpAddr::from([198, 51, 100, host]), len)
        });
        let ipv6 = (any::<u16>(), 118_u8..=128).prop_filter_map("a prefix", |(host, len)| {
            Prefix::new(
                std::net::IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host]),
                len,
            )
        });
        prop_oneof![ipv4, ipv6]
    }

    proptest! {
        #[test]
        fn asking_all_networks_one_by_one_gives_the_same(
            nets in prop::collection::vec(some_prefix(), 0..20),
            asked in some_prefix(),
        ) {
            let set: Nets = nets.iter().copied().collect();
            let widest = nets.iter().copied().filter(|net| net.contains(asked)).min_by_key(|net| net.len());
            prop_assert_eq!(set.around(asked), widest);
            let mut inside: Vec<Prefix> =
                nets.iter().copied().filter(|net| asked.contains(*net)).collect();
            inside.sort_unstable();
            inside.dedup();
            prop_assert_eq!(set.within(asked).collect::<Vec<_>>(), inside);
        }
    }
}
