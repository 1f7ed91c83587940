//! The ports of a jail: names, numbers and ranges, as they are written for people.

use std::collections::BTreeSet;

use super::suggest::did_you_mean;
use super::value::{Read, Value, expected, fault, list};
use crate::backend::{Port, Protocol};

/// Names that are known without `/etc/services`, which small images do not have. IANA's numbers.
const WELL_KNOWN: &[(&str, u16)] = &[
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("http", 80),
    ("pop3", 110),
    ("imap2", 143),
    ("imap", 143),
    ("ldap", 389),
    ("https", 443),
    ("submissions", 465),
    ("submission", 587),
    ("ldaps", 636),
    ("ftps", 990),
    ("imaps", 993),
    ("pop3s", 995),
    ("openvpn", 1194),
    ("mysql", 3306),
    ("sieve", 4190),
    ("sip", 5060),
    ("sips", 5061),
    ("postgresql", 5432),
    ("xmpp-client", 5222),
    ("xmpp-server", 5269),
];

/// Reads a list of ports: `["ssh", 8080, "8000-8010", "123/udp", "53/any"]`; `"all"` (or nothing) is every
/// port, and comes out empty. `services` is the text of services(5).
pub(super) fn ports(services: &str) -> impl Fn(&Value<'_>) -> Read<Vec<Port>> {
    move |value| {
        if value.get_ref().as_str() == Some("all") {
            return Ok(Vec::new());
        }
        let ports = list(|item| port(item, services))(value)?;
        Ok(merged(ports.into_iter().flatten()))
    }
}

/// One port or range; of TCP and UDP if it is for any protocol.
fn port(value: &Value<'_>, services: &str) -> Read<Vec<Port>> {
    const WHAT: &str =
        "a port (22, \"ssh\", \"8000-8010\", \"123/udp\", \"53/any\") or \"all\" alone";
    let text = match value.get_ref().as_integer() {
        Some(number) if number.radix() == 10 => number.as_str().to_owned(),
        _ => match value.get_ref().as_str() {
            Some(text) => text.trim().to_owned(),
            None => return expected(value, WHAT),
        },
    };
    let (range, protocols): (&str, &[Protocol]) = match text.split_once('/') {
        None => (text.as_str(), &[Protocol::Tcp]),
        Some((range, "tcp")) => (range, &[Protocol::Tcp]),
        Some((range, "udp")) => (range, &[Protocol::Udp]),
        Some((range, "any")) => (range, &[Protocol::Tcp, Protocol::Udp]),
        Some(_) => {
            return fault(
                value,
                format_args!("\"{text}\" is none of .../tcp, .../udp and .../any"),
            );
        }
    };
    if !range.starts_with(|c: char| c.is_ascii_digit()) {
        // Of any protocol, one may well have a name of its own for the port.
        let numbers = protocols
            .iter()
            .map(|protocol| (*protocol, number_of(range, *protocol, services)));
        let known: Vec<Port> = numbers
            .filter_map(|(protocol, number)| {
                number.map(|number| Port {
                    protocol,
                    first: number,
                    last: number,
                })
            })
            .collect();
        return match known.len() {
            1.. => Ok(known),
            0 if range == "all" || range.is_empty() => expected(value, WHAT),
            0 => {
                let hint = did_you_mean(range, WELL_KNOWN.iter().map(|(name, _)| *name));
                fault(
                    value,
                    format_args!(
                        "\"{range}\" is no service of /etc/services: write its port{hint}"
                    ),
                )
            }
        };
    }
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    match (first.trim().parse(), last.trim().parse()) {
        (Ok(first), Ok(last)) if 0 < first && first <= last => {
            let port = |protocol: &Protocol| Port {
                protocol: *protocol,
                first,
                last,
            };
            Ok(protocols.iter().map(port).collect())
        }
        _ => fault(
            value,
            format_args!("\"{text}\" is no port: write 1 to 65535, or a range as in 8000-8010"),
        ),
    }
}

fn number_of(name: &str, protocol: Protocol, services: &str) -> Option<u16> {
    in_services(name, protocol, services).or_else(|| {
        let known = WELL_KNOWN.iter().find(|(known, _)| *known == name);
        known.map(|(_, number)| *number)
    })
}

/// services(5): `ssh  22/tcp  alias…  # comment`.
fn in_services(name: &str, protocol: Protocol, services: &str) -> Option<u16> {
    let wanted = match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    services.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let official = words.next()?;
        let (number, protocol) = words.next()?.split_once('/')?;
        if protocol != wanted || (official != name && !words.any(|alias| alias == name)) {
            return None;
        }
        number.parse().ok().filter(|number| *number > 0)
    })
}

/// Sorted, and with ranges that touch made one: an interval set takes no overlapping elements.
fn merged(ports: impl Iterator<Item = Port>) -> Vec<Port> {
    let sorted: BTreeSet<Port> = ports.collect();
    let mut merged: Vec<Port> = Vec::with_capacity(sorted.len());
    for port in sorted {
        match merged.last_mut() {
            Some(last)
                if last.protocol == port.protocol
                    && u32::from(port.first) <= u32::from(last.last) + 1 =>
            {
                last.last = last.last.max(port.last);
            }
            _ => merged.push(port),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    const SERVICES: &str =
        "# comment\nssh\t\t2222/tcp\t\t# moved\nweb 8080/tcp www\nweb 9090/udp\n";

    fn read(value: &str) -> Result<Vec<String>, Vec<String>> {
        let document = format!("k = {value}");
        let table = DeTable::parse(&document).expect("TOML").into_inner();
        ports(SERVICES)(&table["k"])
            .map(|ports| {
                ports
                    .iter()
                    .map(|port| format!("{:?} {}-{}", port.protocol, port.first, port.last))
                    .collect()
            })
            .map_err(|faults| faults.into_iter().map(|fault| fault.message).collect())
    }

    #[test]
    fn names_numbers_ranges_and_protocols() {
        for (value, expected) in [
            ("\"all\"", &[][..]),
            ("[]", &[]),
            ("\"ssh\"", &["Tcp 2222-2222"]),
            ("443", &["Tcp 443-443"]),
            (
                "[\"https\", \"www\", \"web/udp\", \"53/udp\"]",
                &["Tcp 443-443", "Tcp 8080-8080", "Udp 53-53", "Udp 9090-9090"],
            ),
            (
                "[\"53/any\", \"web/any\", \"http/any\"]",
                &[
                    "Tcp 53-53",
                    "Tcp 80-80",
                    "Tcp 8080-8080",
                    "Udp 53-53",
                    "Udp 80-80",
                    "Udp 9090-9090",
                ],
            ),
            (
                "[\"8000-8010/tcp\", \"1-65535/udp\"]",
                &["Tcp 8000-8010", "Udp 1-65535"],
            ),
        ] {
            assert_eq!(read(value).expect(value), expected, "{value}");
        }
    }

    #[test]
    fn ranges_that_touch_become_one() {
        assert_eq!(
            read("[\"10-20\", 15, 21, \"40-65535\", \"65535\", \"16/udp\", 80]").expect("ports"),
            ["Tcp 10-21", "Tcp 40-65535", "Udp 16-16"]
        );
    }

    #[test]
    fn what_is_no_port_is_told_with_what_would_be() {
        for (value, part) in [
            ("0", "1 to 65535"),
            ("65536", "1 to 65535"),
            ("-1", "write its port"),
            ("\"20-10\"", "1 to 65535"),
            ("\"shh\"", "did you mean \"ssh\"?"),
            ("\"53/sctp\"", "none of .../tcp, .../udp and .../any"),
            ("[\"ssh\", \"all\"]", "\"all\" alone"),
            ("true", "found true"),
            ("\"\"", "expected a port"),
        ] {
            let faults = read(value).expect_err(value);
            assert!(faults[0].contains(part), "{value}: {faults:?}");
        }
        assert_eq!(read("[0, \"shh\", 22]").expect_err("two").len(), 2);
    }
}
