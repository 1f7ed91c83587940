//! Routes as messages of rtnetlink(7).
//!
//! Numbers are those of `linux/rtnetlink.h`, named after them.

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};

use crate::backend::RouteType;
use crate::backend::netlink::attribute::{Head, Writer};
use crate::backend::netlink::reading::{Message, attribute};
use crate::model::Prefix;

/// Who made a route, by which ours are told from others': a number that neither the kernel nor a
/// routing daemon uses (`/etc/iproute2/rt_protos`, `linux/rtnetlink.h`; routing daemons have 186
/// to 198 among them).
pub(super) const RTPROT_JOURNALBAN: u8 = 219;

/// The metric of our routes, so that they stand beside somebody else's route for the same prefix
/// and not in its place. It comes before nearly all that others use (IPv6 has 256 for the kernel's
/// own and 1024 for the rest), but for IPv4 not before the metric 0 of what is directly attached
/// or was added without one.
pub(super) const METRIC: u32 = 7;

pub(super) const AF_INET: u8 = 2;
pub(super) const AF_INET6: u8 = 10;

pub(super) const RTM_NEWROUTE: u16 = 24;
pub(super) const RTM_DELROUTE: u16 = 25;
pub(super) const RTM_GETROUTE: u16 = 26;

const RT_TABLE_MAIN: u8 = 254;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RT_SCOPE_NOWHERE: u8 = 255;
const RTN_UNSPEC: u8 = 0;
const RTN_BLACKHOLE: u8 = 6;
const RTN_UNREACHABLE: u8 = 7;
const RTN_PROHIBIT: u8 = 8;

const RTA_DST: u16 = 1;
const RTA_PRIORITY: u16 = 6;

/// The length of `struct rtmsg`.
const FIXED_LEN: usize = 12;

/// A change of one route of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub prefix: Prefix,
    pub metric: u32,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// There is none yet for this prefix and metric.
    Add(RouteType),
    /// There is one, of another type.
    Replace(RouteType),
    Delete,
}

/// A route as the kernel lists it or tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub prefix: Prefix,
    pub metric: u32,
    /// None if it is no type that we make.
    pub route: Option<RouteType>,
    pub ours: bool,
}

impl Edit {
    /// Appends the request for it.
    pub fn write(&self, writer: &mut Writer, sequence: u32) {
        let (kind, flags, route) = match self.what {
            What::Add(route) => (RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, number(route)),
            What::Replace(route) => (RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, number(route)),
            What::Delete => (RTM_DELROUTE, 0, RTN_UNSPEC),
        };
        let scope = if kind == RTM_NEWROUTE {
            RT_SCOPE_UNIVERSE
        } else {
            RT_SCOPE_NOWHERE // any
        };
        let family = if self.prefix.is_ipv4() {
            AF_INET
        } else {
            AF_INET6
        };
        let head = Head {
            kind,
            flags,
            sequence,
        };
        let fixed = fixed(family, self.prefix.len(), scope, route);
        writer.message(&head, &fixed, |writer| {
            match self.prefix.addr() {
                IpAddr::V4(addr) => writer.bytes(RTA_DST, &addr.octets()),
                IpAddr::V6(addr) => writer.bytes(RTA_DST, &addr.octets()),
            }
            writer.bytes(RTA_PRIORITY, &self.metric.to_ne_bytes());
        });
    }
}

/// `struct rtmsg` of a request to list our routes of a family.
pub(super) fn listing(family: u8) -> [u8; FIXED_LEN] {
    fixed(family, 0, RT_SCOPE_UNIVERSE, RTN_UNSPEC)
}

fn fixed(family: u8, destination_len: u8, scope: u8, route: u8) -> [u8; FIXED_LEN] {
    let (source_len, tos) = (0, 0);
    let [a, b, c, d] = 0_u32.to_ne_bytes(); // flags
    [
        family,
        destination_len,
        source_len,
        tos,
        RT_TABLE_MAIN,
        RTPROT_JOURNALBAN,
        scope,
        route,
        a,
        b,
        c,
        d,
    ]
}

/// The route of the main table that a message is about.
pub(super) fn read(message: Message<'_>) -> Option<Found> {
    let fixed = message.payload.get(..FIXED_LEN)?;
    let &[family, len, _, _, table, protocol, _, route, ..] = fixed else {
        return None;
    };
    if table != RT_TABLE_MAIN {
        return None;
    }
    let attributes = message.payload.get(FIXED_LEN..)?;
    let address = attribute(attributes, RTA_DST);
    let address = match family {
        AF_INET => IpAddr::from(<[u8; 4]>::try_from(address.unwrap_or(&[0; 4])).ok()?),
        AF_INET6 => IpAddr::from(<[u8; 16]>::try_from(address.unwrap_or(&[0; 16])).ok()?),
        _ => return None,
    };
    let metric = attribute(attributes, RTA_PRIORITY).unwrap_or(&[0; 4]);
    Some(Found {
        prefix: Prefix::new(address, len)?,
        metric: u32::from_ne_bytes(metric.try_into().ok()?),
        route: type_of(route),
        ours: protocol == RTPROT_JOURNALBAN,
    })
}

fn number(route: RouteType) -> u8 {
    match route {
        RouteType::Blackhole => RTN_BLACKHOLE,
        RouteType::Unreachable => RTN_UNREACHABLE,
        RouteType::Prohibit => RTN_PROHIBIT,
    }
}

fn type_of(number: u8) -> Option<RouteType> {
    match number {
        RTN_BLACKHOLE => Some(RouteType::Blackhole),
        RTN_UNREACHABLE => Some(RouteType::Unreachable),
        RTN_PROHIBIT => Some(RouteType::Prohibit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::netlink::reading::messages;

    #[test]
    fn what_is_written_is_read_again() {
        for (prefix, route) in [
            ("192.0.2.1", RouteType::Blackhole),
            ("0.0.0.0/0", RouteType::Unreachable),
            ("2001:db8::/64", RouteType::Prohibit),
        ] {
            let prefix: Prefix = prefix.parse().expect("a prefix");
            let edit = Edit {
                prefix,
                metric: METRIC,
                what: What::Add(route),
            };
            let mut writer = Writer::default();
            edit.write(&mut writer, 1);
            let bytes = writer.into_bytes();
            let found = messages(&bytes).next().and_then(read);
            let expected = Found {
                prefix,
                metric: METRIC,
                route: Some(route),
                ours: true,
            };
            assert_eq!(found, Some(expected));
            for len in 16..bytes.len() {
                let cut: Vec<Found> = messages(&bytes[..len]).filter_map(read).collect();
                assert_eq!(cut, [], "{len}");
            }
        }
    }
}
