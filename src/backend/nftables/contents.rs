//! What the kernel's sets hold, as bans.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::{IpSubnets, Ipv4Subnets, Ipv6Subnets};

use super::element::{Element, NFT_SET_ELEM_INTERVAL_END, NFTA_SET_ELEM_FLAGS};
use super::message::NFTA_SET_ELEM_LIST_ELEMENTS;
use super::reading::address;
use super::slot::{Slot, SlotKind};
use crate::backend::netlink::reading::{Message, attribute, attributes, u32_of, u64_of};
use crate::backend::{Holding, Target};
use crate::model::{JailName, Prefix, PrefixLengths, Time};

/// An element as the kernel lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    addr: IpAddr,
    /// It is not in the set, but the first address behind an interval.
    end: bool,
    /// How long it will be in the set; forever if `None`.
    left: Option<Duration>,
}

/// Adds the elements of an answer to `listed`.
pub(super) fn read(listed: &mut Vec<Listed>, answer: Message<'_>) {
    const NFTA_SET_ELEM_EXPIRATION: u16 = 5;
    let elements = attribute(answer.attributes(), NFTA_SET_ELEM_LIST_ELEMENTS).unwrap_or_default();
    for (_, element) in attributes(elements) {
        let Some(addr) = address(element) else {
            continue;
        };
        let flags = attribute(element, NFTA_SET_ELEM_FLAGS).and_then(u32_of);
        let left = attribute(element, NFTA_SET_ELEM_EXPIRATION).and_then(u64_of);
        listed.push(Listed {
            addr,
            end: flags.is_some_and(|flags| flags & NFT_SET_ELEM_INTERVAL_END != 0),
            left: left.map(Duration::from_millis),
        });
    }
}

/// The sets of `target`'s jail.
pub(super) fn sets(target: &Target) -> impl Iterator<Item = (Slot, String)> {
    slots(target.lengths).map(|slot| (slot, slot.set_name(&target.jail)))
}

/// The sets of `jail` that may hold `addr`, with the element that would.
pub(super) fn places(
    jail: &JailName,
    lengths: PrefixLengths,
    addr: IpAddr,
) -> impl Iterator<Item = (String, Element)> {
    slots(lengths)
        .filter(move |slot| slot.ipv4 == addr.is_ipv4())
        .filter_map(move |slot| {
            let masked = Prefix::new(addr, slot.length(lengths))?;
            let element = Element::single(masked.addr(), None);
            Some((slot.set_name(jail), element))
        })
}

fn slots(lengths: PrefixLengths) -> impl Iterator<Item = Slot> {
    [true, false]
        .into_iter()
        .flat_map(|ipv4| {
            [SlotKind::Usual, SlotKind::Host, SlotKind::Net].map(|kind| Slot { ipv4, kind })
        })
        .filter(move |slot| slot.has_prefixes(lengths))
}

/// The bans of `target`'s jail that the set of `slot` holds.
pub(super) fn holdings(
    target: &Target,
    slot: Slot,
    listed: Vec<Listed>,
    now: Time,
) -> Vec<Holding> {
    let holding = |prefix, left: Option<Duration>| Holding {
        jail: target.jail.clone(),
        prefix,
        until: left.map(|left| now.after(left)),
        open: Box::default(),
    };
    if slot.kind == SlotKind::Net {
        return ranges(listed, slot.ipv4)
            .into_iter()
            .flat_map(|(first, last, left)| subnets(first, last).map(move |prefix| (prefix, left)))
            .map(|(prefix, left)| holding(prefix, left))
            .collect();
    }
    let length = slot.length(target.lengths);
    listed
        .into_iter()
        .filter_map(|element| {
            // An address with more bits than that is of a time when the jail banned with another
            // length; nobody else is to suffer from that.
            let masked = Prefix::new(element.addr, length)?;
            let exact = masked.addr() == element.addr;
            let prefix = if exact {
                masked
            } else {
                Prefix::host(element.addr)
            };
            Some(holding(prefix, element.left))
        })
        .collect()
}

/// The first and last addresses of intervals. The kernel lists their ends in an order of its own.
fn ranges(mut listed: Vec<Listed>, ipv4: bool) -> Vec<(IpAddr, IpAddr, Option<Duration>)> {
    listed.sort_by_key(|element| (element.addr, !element.end));
    let mut ranges = Vec::new();
    let mut begun: Option<Listed> = None;
    for element in listed {
        if let Some(first) = begun.take()
            && let Some(last) = before(element.addr)
        {
            ranges.push((first.addr, last, first.left));
        }
        begun = Some(element).filter(|element| !element.end);
    }
    if let Some(first) = begun {
        let last = if ipv4 {
            IpAddr::from([u8::MAX; 4])
        } else {
            IpAddr::from([u8::MAX; 16])
        };
        ranges.push((first.addr, last, first.left));
    }
    ranges
}

/// The address before `addr`.
fn before(addr: IpAddr) -> Option<IpAddr> {
    match addr {
        IpAddr::V4(addr) => Some(IpAddr::V4(addr.to_bits().checked_sub(1)?.into())),
        IpAddr::V6(addr) => Some(IpAddr::V6(addr.to_bits().checked_sub(1)?.into())),
    }
}

/// The fewest prefixes that are all from `first` to `last`.
fn subnets(first: IpAddr, last: IpAddr) -> impl Iterator<Item = Prefix> {
    let subnets = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            Some(IpSubnets::V4(Ipv4Subnets::new(first, last, 0)))
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            Some(IpSubnets::V6(Ipv6Subnets::new(first, last, 0)))
        }
        _ => None,
    };
    subnets
        .into_iter()
        .flatten()
        .filter_map(|net| Prefix::new(net.addr(), net.prefix_len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str, end: bool, left: Option<u64>) -> Listed {
        Listed {
            addr: text.parse().expect("an address"),
            end,
            left: left.map(Duration::from_secs),
        }
    }

    fn shown(slot: Slot, listed: Vec<Listed>) -> Vec<String> {
        let target = Target {
            lengths: PrefixLengths { ipv4: 24, ipv6: 64 },
            ..Target::of(JailName::new("a").expect("a name"))
        };
        holdings(&target, slot, listed, Time::from_secs(100))
            .iter()
            .map(|it| {
                let until = it.until.map(|until| until.as_micros() / 1_000_000);
                format!("{} {until:?}", it.prefix)
            })
            .collect()
    }

    #[test]
    fn elements_are_prefixes_of_the_jails_length_unless_they_have_more_bits() {
        let kind = SlotKind::Usual;
        let elements = vec![
            listed("192.0.2.0", false, Some(5)),
            listed("198.51.100.7", false, None),
        ];
        let slot = Slot { ipv4: true, kind };
        let expected = ["192.0.2.0/24 Some(105)", "198.51.100.7 None"];
        assert_eq!(shown(slot, elements), expected);
    }

    #[test]
    fn intervals_are_the_fewest_prefixes() {
        let kind = SlotKind::Net;
        let elements = vec![
            listed("255.255.255.0", false, Some(3)),
            listed("192.0.2.8", true, None),
            listed("192.0.2.8", false, Some(2)),
            listed("192.0.2.1", false, Some(1)),
            listed("192.0.2.16", true, None),
            listed("0.0.0.0", true, None),
        ];
        let slot = Slot { ipv4: true, kind };
        assert_eq!(
            shown(slot, elements),
            [
                "192.0.2.1 Some(101)",
                "192.0.2.2/31 Some(101)",
                "192.0.2.4/30 Some(101)",
                "192.0.2.8/29 Some(102)",
                "255.255.255.0/24 Some(103)"
            ]
        );
        let everything = vec![listed("::", false, None)];
        let slot = Slot { ipv4: false, kind };
        assert_eq!(shown(slot, everything), ["::/0 None"]);
    }
}
