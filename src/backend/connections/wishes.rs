//! Whose connections are to be ended.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use crate::backend::{Port, Protocol};
use crate::model::{Prefix, canonical};

/// Connections to be ended: those of banned prefixes.
#[derive(Clone, Debug)]
pub struct Ending {
    /// To these ports; to all if empty.
    pub ports: Arc<[Port]>,
    /// From here, but for the parts that stay open.
    pub from: Vec<(Prefix, Box<[Prefix]>)>,
}

/// Many of them, to be asked for each connection that there is.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// The lengths of the prefixes: so often one has to look.
    lengths: BTreeSet<u8>,
    by_prefix: HashMap<Prefix, Vec<Wish>>,
}

#[derive(Debug)]
struct Wish {
    ports: Arc<[Port]>,
    open: Box<[Prefix]>,
}

impl FromIterator<Ending> for Wishes {
    fn from_iter<I: IntoIterator<Item = Ending>>(endings: I) -> Self {
        let mut wishes = Self::default();
        for Ending { ports, from } in endings {
            for (prefix, open) in from {
                wishes.lengths.insert(prefix.len());
                let ports = Arc::clone(&ports);
                let same = wishes.by_prefix.entry(prefix).or_default();
                same.push(Wish { ports, open });
            }
        }
        wishes
    }
}

impl Wishes {
    /// Whether a TCP connection from `remote` to a local `port` is to be ended.
    pub fn cover(&self, remote: IpAddr, port: u16) -> bool {
        let remote = Prefix::host(canonical(remote));
        self.lengths
            .iter()
            .take_while(|length| **length <= remote.len())
            .filter_map(|length| self.by_prefix.get(&Prefix::new(remote.addr(), *length)?))
            .flatten()
            .any(|wish| {
                let open = wish.open.iter().any(|open| open.contains(remote));
                !open && (wish.ports.is_empty() || wish.ports.iter().any(|it| has(*it, port)))
            })
    }
}

fn has(range: Port, port: u16) -> bool {
    range.protocol == Protocol::Tcp && (range.first..=range.last).contains(&port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(ports: &[(Protocol, u16)], from: &str, open: &[&str]) -> Ending {
        let prefix = |text: &str| -> Prefix { text.parse().expect("a prefix") };
        let port = |&(protocol, port): &(Protocol, u16)| Port {
            protocol,
            first: port,
            last: port,
        };
        Ending {
            ports: ports.iter().map(port).collect(),
            from: vec![(prefix(from), open.iter().map(|it| prefix(it)).collect())],
        }
    }

    #[test]
    fn a_connection_ends_if_any_ban_is_about_it() {
        let wishes: Wishes = [
            ending(&[(Protocol::Tcp, 22)], "192.0.2.1", &[]),
            ending(&[(Protocol::Tcp, 80)], "192.0.2.1", &[]),
            ending(&[(Protocol::Udp, 53)], "192.0.2.2", &[]),
            ending(&[], "198.51.100.0/24", &["198.51.100.7"]),
            ending(&[], "2001:db8::/64", &[]),
        ]
        .into_iter()
        .collect();
        for (remote, port, covered) in [
            ("192.0.2.1", 22, true),
            ("192.0.2.1", 80, true),
            ("192.0.2.1", 443, false),
            ("192.0.2.2", 53, false),
            ("::ffff:198.51.100.1", 1, true),
            ("198.51.100.7", 1, false),
            ("2001:db8::1", 1, true),
            ("2001:db8:1::1", 1, false),
        ] {
            let remote = remote.parse().expect("an address");
            assert_eq!(wishes.cover(remote, port), covered, "{remote} {port}");
        }
    }
}
