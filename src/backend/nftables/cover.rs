//! Overlapping networks as ranges that do not overlap, each with the time until when it is out.
//!
//! An interval set of nftables refuses elements that overlap, while an administrator may well ban
//! 198.51.100.0/24 for an hour and 198.51.100.64/26 for a day. The ranges here are cut so that each
//! address has the latest end of all networks that contain it; the kernel's own timeouts then let
//! the wider network go and keep the narrower, and so does a removal of either.
//!
//! What of a network is open is not in its ranges, unless another network has it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::backend::pieces::pieces;
use crate::model::{Prefix, Time};

/// How a network is kept out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Closure {
    /// Until when; `None` is forever.
    pub until: Option<Time>,
    /// What of it is not kept out.
    pub open: Box<[Prefix]>,
}

/// Neighbouring addresses of one family, all out until the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// The first address.
    pub first: IpAddr,
    /// The last address.
    pub last: IpAddr,
    /// Until when; `None` is forever.
    pub until: Option<Time>,
}

impl Range {
    /// The address behind it; `None` behind the last one there is.
    pub fn behind(&self) -> Option<IpAddr> {
        match self.last {
            IpAddr::V4(last) => last
                .to_bits()
                .checked_add(1)
                .map(|bits| IpAddr::V4(bits.into())),
            IpAddr::V6(last) => last
                .to_bits()
                .checked_add(1)
                .map(|bits| IpAddr::V6(bits.into())),
        }
    }
}

/// The fewest ranges that keep out what `nets` keep out, sorted. Only networks of the family that
/// `ipv4` names count.
pub(super) fn cover(nets: &BTreeMap<Prefix, Closure>, ipv4: bool) -> Vec<Range> {
    let mut sorted: Vec<Net> = nets
        .iter()
        .filter(|(prefix, _)| prefix.is_ipv4() == ipv4)
        .flat_map(|(prefix, net)| {
            pieces(*prefix, &net.open).into_iter().map(|piece| Net {
                first: number(piece.addr()),
                last: number(piece.last()),
                until: net.until,
            })
        })
        .collect();
    // The wider before the narrower: two prefixes are nested or apart, never interleaved.
    sorted.sort_unstable_by_key(|net| (net.first, std::cmp::Reverse(net.last)));

    let mut ranges = Ranges {
        ipv4,
        done: Vec::new(),
    };
    // The networks around the place we are at, outermost first, and the first address not covered.
    let mut around: Vec<Net> = Vec::new();
    let mut next = 0;
    for net in sorted {
        while let Some(inner) = around.pop_if(|inner| inner.last < net.first) {
            next = ranges.push(next, inner.last, inner.until);
        }
        if let Some(outer) = around.last()
            && next < net.first
        {
            ranges.push(next, net.first - 1, outer.until);
        }
        next = net.first;
        let until = around
            .last()
            .map_or(net.until, |outer| later(outer.until, net.until));
        around.push(Net { until, ..net });
    }
    while let Some(inner) = around.pop() {
        next = ranges.push(next, inner.last, inner.until);
    }
    ranges.done
}

#[derive(Clone, Copy)]
struct Net {
    first: u128,
    last: u128,
    until: Option<Time>,
}

struct Ranges {
    ipv4: bool,
    done: Vec<Range>,
}

impl Ranges {
    /// Appends `first..=last` (which may be empty), joined to its neighbour where the two end at
    /// the same time; returns the address behind it.
    fn push(&mut self, first: u128, last: u128, until: Option<Time>) -> u128 {
        if first <= last {
            let joins = self.done.last_mut().filter(|before| {
                before.until == until && number(before.last).checked_add(1) == Some(first)
            });
            match joins {
                Some(before) => before.last = address(last, self.ipv4),
                None => self.done.push(Range {
                    first: address(first, self.ipv4),
                    last: address(last, self.ipv4),
                    until,
                }),
            }
        }
        // Nothing is behind the last address of IPv6, and nothing sorts behind it either.
        last.saturating_add(1).max(first)
    }
}

/// The later of two ends, of which `None` is the latest.
fn later(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    Some(a?.max(b?))
}

fn number(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(addr) => u128::from(addr.to_bits()),
        IpAddr::V6(addr) => addr.to_bits(),
    }
}

fn address(number: u128, ipv4: bool) -> IpAddr {
    match u32::try_from(number) {
        Ok(bits) if ipv4 => IpAddr::V4(bits.into()),
        _ => IpAddr::V6(number.into()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn covered(nets: &[(&str, Option<u64>)], ipv4: bool) -> Vec<String> {
        let nets = nets
            .iter()
            .map(|(net, until)| {
                let until = until.map(Time::from_secs);
                let open = Box::default();
                (net.parse().expect("a prefix"), Closure { until, open })
            })
            .collect();
        cover(&nets, ipv4)
            .iter()
            .map(|range| {
                let until = range.until.map(|until| until.as_micros() / 1_000_000);
                format!("{}-{} {until:?}", range.first, range.last)
            })
            .collect()
    }

    #[test]
    fn a_narrower_net_that_lasts_longer_is_cut_out_of_the_wider() {
        let nets = [("192.0.2.0/24", Some(5)), ("192.0.2.64/26", Some(9))];
        assert_eq!(
            covered(&nets, true),
            [
                "192.0.2.0-192.0.2.63 Some(5)",
                "192.0.2.64-192.0.2.127 Some(9)",
                "192.0.2.128-192.0.2.255 Some(5)"
            ]
        );
        let shorter = [("192.0.2.0/24", None), ("192.0.2.64/26", Some(9))];
        assert_eq!(covered(&shorter, true), ["192.0.2.0-192.0.2.255 None"]);
    }

    #[test]
    fn the_ends_of_the_address_space_are_covered() {
        let all = [
            ("::/0", None),
            ("2001:db8::/32", Some(1)),
            ("0.0.0.0/0", Some(1)),
        ];
        let last = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        assert_eq!(covered(&all, false), [format!("::-{last} None")]);
        assert_eq!(covered(&all, true), ["0.0.0.0-255.255.255.255 Some(1)"]);
    }

    #[test]
    fn a_hole_in_one_net_is_closed_by_another() {
        let net = |text: &str, until, open: &[&str]| {
            let prefix = |text: &str| -> Prefix { text.parse().expect("a prefix") };
            let closure = Closure {
                until: Some(Time::from_secs(until)),
                open: open.iter().map(|text| prefix(text)).collect(),
            };
            (prefix(text), closure)
        };
        let ranges = |nets: &[(Prefix, Closure)]| -> Vec<String> {
            cover(&nets.iter().cloned().collect(), true)
                .iter()
                .map(|range| format!("{}-{}", range.first, range.last))
                .collect()
        };
        let wide = net("192.0.2.0/24", 5, &["192.0.2.64/26", "192.0.2.255"]);
        let around = ["192.0.2.0-192.0.2.63", "192.0.2.128-192.0.2.254"];
        assert_eq!(ranges(std::slice::from_ref(&wide)), around);
        let narrow = net("192.0.2.64/27", 5, &["192.0.2.64"]);
        assert_eq!(
            ranges(&[wide, narrow]),
            [
                "192.0.2.0-192.0.2.63",
                "192.0.2.65-192.0.2.95",
                "192.0.2.128-192.0.2.254"
            ]
        );
    }

    fn some_net() -> impl Strategy<Value = Option<Prefix>> {
        (any::<u8>(), 24u8..=32)
            .prop_map(|(host, len)| Prefix::new(IpAddr::from([255, 255, 255, host]), len))
    }

    fn some_nets() -> impl Strategy<Value = BTreeMap<Prefix, Closure>> {
        let holes = proptest::collection::vec(some_net(), 0..4);
        let net = (some_net(), proptest::option::of(1u64..4), holes);
        proptest::collection::vec(net, 0..24).prop_map(|nets| {
            nets.into_iter()
                .filter_map(|(net, until, holes)| {
                    let closure = Closure {
                        until: until.map(Time::from_secs),
                        open: holes.into_iter().flatten().collect(),
                    };
                    Some((net?, closure))
                })
                .collect()
        })
    }

    proptest! {
        /// Address by address the same as asking every network, with no range too many.
        #[test]
        fn the_cover_agrees_with_asking_every_network(nets in some_nets()) {
            let ranges = cover(&nets, true);
            for host in 0..=u8::MAX {
                let addr = IpAddr::from([255, 255, 255, host]);
                let naive = nets
                    .iter()
                    .filter(|(net, closure)| {
                        let within = |net: &Prefix| net.contains(Prefix::host(addr));
                        within(net) && !closure.open.iter().any(within)
                    })
                    .map(|(_, closure)| closure.until)
                    .reduce(later);
                let holding: Vec<_> = ranges
                    .iter()
                    .filter(|range| (range.first..=range.last).contains(&addr))
                    .map(|range| range.until)
                    .collect();
                prop_assert_eq!(holding, naive.into_iter().collect::<Vec<_>>());
            }
            for pair in ranges.windows(2) {
                prop_assert!(pair[0].last < pair[1].first);
                let touching = number(pair[0].last) + 1 == number(pair[1].first);
                prop_assert!(!touching || pair[0].until != pair[1].until, "could be one range");
            }
        }
    }
}
