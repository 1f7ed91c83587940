//! A prefix without its open parts, as prefixes.

use std::net::IpAddr;

use crate::model::Prefix;

/// The fewest prefixes that together are `prefix` without what is in `open`, in order.
///
/// For each open part there are at most as many as the bits by which it is longer than `prefix`.
pub(super) fn pieces(prefix: Prefix, open: &[Prefix]) -> Vec<Prefix> {
    let mut found = Vec::new();
    split(prefix, open, &mut found);
    found
}

fn split(prefix: Prefix, open: &[Prefix], found: &mut Vec<Prefix>) {
    if open.iter().any(|open| open.contains(prefix)) {
        return;
    }
    let within: Vec<Prefix> = open
        .iter()
        .copied()
        .filter(|open| prefix.contains(*open))
        .collect();
    if within.is_empty() {
        found.push(prefix);
        return;
    }
    for half in halves(prefix).into_iter().flatten() {
        // The IPv4-mapped part of IPv6, which no packet comes from, would turn into IPv4.
        if half.is_ipv4() == prefix.is_ipv4() {
            split(half, &within, found);
        }
    }
}

/// Both halves; none of a single address.
fn halves(prefix: Prefix) -> [Option<Prefix>; 2] {
    let len = prefix.len() + 1;
    let upper: IpAddr = match prefix.addr() {
        IpAddr::V4(addr) => {
            let bit = 1_u32.checked_shl(32 - u32::from(len)).unwrap_or_default();
            IpAddr::V4((addr.to_bits() | bit).into())
        }
        IpAddr::V6(addr) => {
            let bit = 128_u32
                .checked_sub(u32::from(len))
                .and_then(|places| 1_u128.checked_shl(places))
                .unwrap_or_default();
            IpAddr::V6((addr.to_bits() | bit).into())
        }
    };
    [prefix.addr(), upper].map(|addr| Prefix::new(addr, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(prefix: &str, open: &[&str]) -> Vec<String> {
        let parse = |text: &str| text.parse().expect("a prefix");
        let open: Vec<Prefix> = open.iter().map(|text| parse(text)).collect();
        pieces(parse(prefix), &open)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn what_is_open_is_cut_out_with_the_fewest_cuts() {
        assert_eq!(cut("192.0.2.0/24", &[]), ["192.0.2.0/24"]);
        assert_eq!(
            cut("192.0.2.0/24", &["192.0.2.64/26", "192.0.2.128/25"]),
            ["192.0.2.0/26"]
        );
        assert_eq!(
            cut("192.0.2.0/29", &["192.0.2.0", "192.0.2.7"]),
            ["192.0.2.1", "192.0.2.2/31", "192.0.2.4/31", "192.0.2.6"]
        );
        assert_eq!(cut("192.0.2.0/24", &["198.51.100.1"]), ["192.0.2.0/24"]);
        assert_eq!(cut("2001:db8::/64", &["2001:db8::1"]).len(), 64);
    }

    #[test]
    fn what_is_all_open_has_no_pieces() {
        assert_eq!(cut("192.0.2.1", &["192.0.2.1"]), [""; 0]);
        assert_eq!(cut("192.0.2.0/24", &["192.0.0.0/16"]), [""; 0]);
        assert_eq!(
            cut("192.0.2.0/24", &["192.0.2.0/25", "192.0.2.128/25"]),
            [""; 0]
        );
    }

    #[test]
    fn the_ends_of_the_address_spaces_are_reached() {
        assert_eq!(cut("0.0.0.0/0", &["0.0.0.0/1"]), ["128.0.0.0/1"]);
        assert_eq!(cut("::/0", &["8000::/1"]), ["::/1"]);
        assert_eq!(
            cut("255.255.255.254/31", &["255.255.255.254"]),
            ["255.255.255.255"]
        );
        let mapped = cut("::/0", &["::fffe:0:0/96"]);
        assert!(mapped.iter().all(|piece| piece.contains(':')), "{mapped:?}");
    }
}
