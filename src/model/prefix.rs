//! Address prefixes: what is counted and banned as one.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A canonical address prefix: host bits are zero and no IPv4-mapped IPv6 address is left.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(IpNet);

/// How many leading bits of an address are one offender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixLengths {
    /// For IPv4, 1 to 32.
    pub ipv4: u8,
    /// For IPv6, 1 to 128.
    pub ipv6: u8,
}

/// One IPv4 address, one IPv6 /64: what a provider hands to one customer, who moves in it freely.
impl Default for PrefixLengths {
    fn default() -> Self {
        Self { ipv4: 32, ipv6: 64 }
    }
}

/// Why a text is no address or prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{text}\" is no address or prefix: write 192.0.2.1, 192.0.2.0/24, 2001:db8::1 or 2001:db8::/64"
)]
pub struct PrefixError {
    text: String,
}

/// The address that `addr` really means: an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) is IPv4.
#[must_use]
pub fn canonical(addr: IpAddr) -> IpAddr {
    addr.to_canonical()
}

impl Prefix {
    /// The prefix of `addr` with the length that `lengths` gives for its family.
    #[must_use]
    pub fn of(addr: IpAddr, lengths: PrefixLengths) -> Self {
        let addr = canonical(addr);
        let len = if addr.is_ipv4() {
            lengths.ipv4
        } else {
            lengths.ipv6
        };
        let max = if addr.is_ipv4() { 32 } else { 128 };
        Self(IpNet::new_assert(addr, len.min(max)).trunc())
    }

    /// The one address `addr`.
    #[must_use]
    pub fn host(addr: IpAddr) -> Self {
        Self::of(
            addr,
            PrefixLengths {
                ipv4: 32,
                ipv6: 128,
            },
        )
    }

    /// The prefix of `len` bits of `addr`; `None` if that is longer than an address.
    #[must_use]
    pub fn new(addr: IpAddr, len: u8) -> Option<Self> {
        let net = IpNet::new(addr, len).ok()?.trunc();
        Some(Self(unmap(net)))
    }

    /// The network address.
    #[must_use]
    pub fn addr(self) -> IpAddr {
        self.0.addr()
    }

    /// The last address in it.
    #[must_use]
    pub fn last(self) -> IpAddr {
        self.0.broadcast()
    }

    /// The length in bits.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a prefix length, not a size")]
    pub fn len(self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether it is IPv4.
    #[must_use]
    pub fn is_ipv4(self) -> bool {
        self.0.addr().is_ipv4()
    }

    /// Whether it is a single address.
    #[must_use]
    pub fn is_host(self) -> bool {
        self.len() == self.0.max_prefix_len()
    }

    /// Whether all of `other` lies within it.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether the two have an address in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other) || other.contains(self)
    }
}

/// A mapped IPv6 network is the IPv4 network it maps; one that is wider than the mapped range stays.
fn unmap(net: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    if let IpAddr::V6(addr) = net.addr()
        && net.prefix_len() >= MAPPED_BITS
        && let Some(v4) = Ipv6Addr::to_ipv4_mapped(&addr)
        && let Ok(mapped) = IpNet::new(IpAddr::V4(v4), net.prefix_len() - MAPPED_BITS)
    {
        return mapped;
    }
    net
}

impl FromStr for Prefix {
    type Err = PrefixError;

    /// An address or a prefix; host bits are cleared.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || PrefixError {
            text: text.to_owned(),
        };
        let trimmed = text.trim();
        if let Ok(addr) = trimmed.parse::<IpAddr>() {
            return Ok(Self::host(addr));
        }
        let net: IpNet = trimmed.parse().map_err(|_| error())?;
        Ok(Self(unmap(net.trunc())))
    }
}

/// A single address without its length, a network with it.
impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_host() {
            f.pad(&self.addr().to_string())
        } else {
            f.pad(&self.0.to_string())
        }
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prefix({self})")
    }
}

impl Serialize for Prefix {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().expect("a prefix")
    }

    #[test]
    fn one_spelling_for_one_prefix() {
        for (text, shown) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1/32", "192.0.2.1"),
            ("192.0.2.77/24", "192.0.2.0/24"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
            ("2001:DB8::1", "2001:db8::1"),
            ("2001:db8::5/64", "2001:db8::/64"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(prefix(text).to_string(), shown, "{text}");
        }
        for text in [
            "",
            "192.0.2",
            "192.030.0.6",
            "192.0.2.1/33",
            "example.com",
            "1.2.3.4:22",
        ] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_offender_is_an_ipv4_address_or_an_ipv6_64() {
        let of =
            |text: &str| Prefix::of(text.parse().expect("an address"), PrefixLengths::default());
        assert_eq!(of("192.0.2.1"), prefix("192.0.2.1"));
        assert_eq!(of("::ffff:192.0.2.1"), prefix("192.0.2.1"));
        assert_eq!(of("2001:db8::1:2:3:4"), prefix("2001:db8::/64"));
    }

    #[test]
    fn containing_is_by_family_and_length() {
        assert!(prefix("192.0.2.0/24").contains(prefix("192.0.2.9")));
        assert!(!prefix("192.0.2.9").contains(prefix("192.0.2.0/24")));
        assert!(prefix("192.0.2.9").overlaps(prefix("192.0.2.0/24")));
        assert!(!prefix("::/0").contains(prefix("192.0.2.9")));
    }
}
