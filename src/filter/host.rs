//! The host in a log line: an address in one of the forms that services write, or a name.
//!
//! Strict: what is not exactly an address (`192.030.0.6`, `192.0.2.1x`) is a name, and a name is
//! never resolved and never banned.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::canonical;

/// The longest name that is kept, in bytes: DNS knows no longer one (RFC 1035, 2.3.4).
const NAME_LIMIT: usize = 255;

/// Whom a log line is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// An address, canonical.
    Addr(IpAddr),
    /// Anything else; attacker's text (reverse DNS is the peer's).
    Name(Box<str>),
}

impl Host {
    /// Reads `address`, `[address]`, `address:port` or `[address]:port`. A zone (`%eth0`) is
    /// dropped: it names an interface of ours. An IPv6 address with a port needs the brackets.
    #[must_use]
    pub fn read(text: &[u8]) -> Self {
        let addr = std::str::from_utf8(text).ok().and_then(address);
        addr.map_or_else(|| Self::name(text), |addr| Self::Addr(canonical(addr)))
    }

    /// Takes `text` for a name, whatever it looks like.
    #[must_use]
    pub(super) fn name(text: &[u8]) -> Self {
        let kept = &text[..text.len().min(NAME_LIMIT)];
        Self::Name(String::from_utf8_lossy(kept).into())
    }

    /// The address, if it is one.
    #[must_use]
    pub fn addr(&self) -> Option<IpAddr> {
        match self {
            Self::Addr(addr) => Some(*addr),
            Self::Name(_) => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addr(addr) => f.pad(&addr.to_string()),
            Self::Name(name) => f.pad(name),
        }
    }
}

fn address(text: &str) -> Option<IpAddr> {
    if let Some(rest) = text.strip_prefix('[') {
        let (inner, behind) = rest.split_once(']')?;
        let clean = behind.is_empty() || behind.strip_prefix(':').is_some_and(is_port);
        return if clean { bare(inner) } else { None };
    }
    bare(text).or_else(|| {
        let (addr, port) = text.rsplit_once(':')?;
        let addr: Ipv4Addr = addr.parse().ok()?;
        is_port(port).then_some(IpAddr::V4(addr))
    })
}

fn bare(text: &str) -> Option<IpAddr> {
    match text.split_once('%') {
        None => text.parse().ok(),
        Some((addr, zone)) => {
            let addr: Ipv6Addr = addr.parse().ok()?;
            (!zone.is_empty()).then_some(IpAddr::V6(addr))
        }
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_in_these_forms() {
        for (text, addr) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:22", "192.0.2.1"),
            ("[192.0.2.1]:22", "192.0.2.1"),
            ("2001:DB8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%wlan0.1]:22", "fe80::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:5", "192.0.2.1"),
        ] {
            let expected = addr.parse().expect("an address");
            assert_eq!(Host::read(text.as_bytes()), Host::Addr(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_a_name() {
        for text in [
            "",
            "example.com",
            "192.030.0.6",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "192.0.2.1:+1",
            "192.0.2.1 ",
            "[2001:db8::1",
            "[2001:db8::1]443",
            "2001:db8::1%",
            "192.0.2.1%eth0",
            "1:2",
        ] {
            assert_eq!(Host::read(text.as_bytes()), Host::Name(text.into()));
        }
        assert_eq!(Host::read(b"\xff").addr(), None);
    }
}
