//! What the table should look like: its sets, chains and rules.
//!
//! ```text
//! chain prerouting        ct direction reply accept            replies to our own connections pass
//!                         tcp dport { 22 } jump jail-sshd      a jail with ports
//!                         jump jail-recidive                   a jail for all ports
//! chain jail-NAME         ip saddr @v4-NAME counter goto refuse   (or: counter drop)
//!                         ip6 saddr & ffff:ffff:ffff:ffff:: @v6-NAME counter goto refuse
//!                         …@host6-NAME …@net4-NAME …@net6-NAME
//! chain refuse            meta l4proto tcp reject with tcp reset
//!                         reject with icmpx port-unreachable
//! ```
//!
//! What the sets of a jail are for is told in `slot`.

use std::collections::BTreeMap;
use std::mem;

use super::counters::Count;
use super::slot::{Slot, SlotKind};
use crate::backend::{Action, Hook, Port, Protocol, Table, Target};
use crate::model::JailName;

/// The chain that answers refused packets.
const REFUSE_CHAIN: &str = "refuse";
/// What a jail's chain is called before its name.
const JAIL_PREFIX: &str = "jail-";
/// The kernel makes a unique name of it (`nf_tables_set_alloc_name`).
const UNNAMED: &str = "__set%d";

/// All of the table but its bans.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ruleset {
    pub sets: Vec<Set>,
    pub chains: Vec<Chain>,
}

/// A set. Rules refer to it by its index in [`Ruleset::sets`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Set {
    pub name: String,
    pub kind: SetKind,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum SetKind {
    /// Prefixes, with timeouts, filled as bans come and go.
    Prefixes { ipv4: bool, interval: bool },
    /// Port ranges, fixed.
    Ports(Vec<(u16, u16)>),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub name: String,
    /// Where netfilter calls it, and when; not at all if `None`.
    pub base: Option<(Hook, i32)>,
    pub rules: Vec<Rule>,
}

/// All conditions must hold, then the packet is counted, if there is a counter, then judged.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub conditions: Vec<Condition>,
    /// What the counter begins at.
    pub counter: Option<Count>,
    pub verdict: Verdict,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// The packet answers a connection that was opened from here.
    Reply,
    /// It is of this transport protocol.
    Protocol(Protocol),
    /// Its destination port is in a set; after [`Condition::Protocol`] only.
    PortIn { set: usize },
    /// The first `length` bits of its source address are in a set.
    SourceIn { ipv4: bool, length: u8, set: usize },
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    Drop,
    Jump(String),
    Goto(String),
    /// Ends a TCP connection.
    TcpReset,
    /// ICMP or `ICMPv6` "port unreachable".
    PortUnreachable,
}

/// The jail whose chain is called `chain`.
pub(super) fn jail_of_chain(chain: &str) -> Option<JailName> {
    JailName::new(chain.strip_prefix(JAIL_PREFIX)?).ok()
}

impl Ruleset {
    /// The content of `table` for `targets`, whose counters go on from `counts`.
    pub fn of(table: &Table, targets: &[Target], counts: &BTreeMap<JailName, Count>) -> Self {
        let mut sets = Vec::new();
        let mut entry = vec![Rule::plain(vec![Condition::Reply], Verdict::Accept)];
        let mut jails = Vec::new();
        for target in targets {
            let name = format!("{JAIL_PREFIX}{}", target.jail);
            entry.extend(jumps(target, &name, &mut sets));
            let count = counts.get(&target.jail).copied().unwrap_or_default();
            let rules = bans(target, count, &mut sets);
            let base = None;
            jails.push(Chain { name, base, rules });
        }
        let mut chains = vec![Chain {
            name: table.hook.as_str().to_owned(),
            base: Some((table.hook, table.priority)),
            rules: entry,
        }];
        chains.append(&mut jails);
        chains.push(refuse());
        Self { sets, chains }
    }
}

impl Rule {
    fn plain(conditions: Vec<Condition>, verdict: Verdict) -> Self {
        Self {
            conditions,
            counter: None,
            verdict,
        }
    }
}

/// The rules of the base chain that send a jail's packets to its chain.
fn jumps(target: &Target, chain: &str, sets: &mut Vec<Set>) -> Vec<Rule> {
    let jump = || Verdict::Jump(chain.to_owned());
    if target.ports.is_empty() {
        return vec![Rule::plain(Vec::new(), jump())];
    }
    let mut rules = Vec::new();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let ranges = merged(&target.ports, protocol);
        if !ranges.is_empty() {
            let set = add(sets, UNNAMED.to_owned(), SetKind::Ports(ranges));
            let conditions = vec![Condition::Protocol(protocol), Condition::PortIn { set }];
            rules.push(Rule::plain(conditions, jump()));
        }
    }
    rules
}

/// The rules of a jail's chain, one a set. The counter of the first goes on from `count`.
fn bans(target: &Target, mut count: Count, sets: &mut Vec<Set>) -> Vec<Rule> {
    let mut rules = Vec::new();
    for ipv4 in [true, false] {
        for kind in [SlotKind::Usual, SlotKind::Host, SlotKind::Net] {
            let slot = Slot { ipv4, kind };
            if !slot.has_prefixes(target.lengths) {
                continue;
            }
            let interval = kind == SlotKind::Net;
            let kind = SetKind::Prefixes { ipv4, interval };
            let set = add(sets, slot.set_name(&target.jail), kind);
            rules.push(Rule {
                conditions: vec![Condition::SourceIn {
                    ipv4,
                    length: slot.length(target.lengths),
                    set,
                }],
                counter: Some(mem::take(&mut count)),
                verdict: match target.action {
                    Action::Drop => Verdict::Drop,
                    Action::Reject => Verdict::Goto(REFUSE_CHAIN.to_owned()),
                },
            });
        }
    }
    rules
}

fn refuse() -> Chain {
    let tcp = vec![Condition::Protocol(Protocol::Tcp)];
    Chain {
        name: REFUSE_CHAIN.to_owned(),
        base: None,
        rules: vec![
            Rule::plain(tcp, Verdict::TcpReset),
            Rule::plain(Vec::new(), Verdict::PortUnreachable),
        ],
    }
}

fn add(sets: &mut Vec<Set>, name: String, kind: SetKind) -> usize {
    sets.push(Set { name, kind });
    sets.len() - 1
}

/// The ports of one protocol as sorted ranges that neither overlap nor touch.
fn merged(ports: &[Port], protocol: Protocol) -> Vec<(u16, u16)> {
    let mut sorted: Vec<(u16, u16)> = ports
        .iter()
        .filter(|port| port.protocol == protocol)
        .map(|port| (port.first, port.last))
        .collect();
    sorted.sort_unstable();
    let mut ranges: Vec<(u16, u16)> = Vec::with_capacity(sorted.len());
    for (first, last) in sorted {
        match ranges.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => ranges.push((first, last)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PrefixLengths;

    fn target(jail: &str, ports: &[(u16, u16)], lengths: PrefixLengths) -> Target {
        Target {
            ports: ports
                .iter()
                .map(|&(first, last)| Port {
                    protocol: Protocol::Tcp,
                    first,
                    last,
                })
                .collect(),
            lengths,
            ..Target::of(JailName::new(jail).expect("a name"))
        }
    }

    #[test]
    fn every_set_of_a_jail_has_a_rule_and_none_is_doubled() {
        let ruleset = Ruleset::of(
            &Table::default(),
            &[target("a", &[(22, 22)], PrefixLengths::default())],
            &BTreeMap::new(),
        );
        let names: Vec<_> = ruleset.sets.iter().map(|set| set.name.as_str()).collect();
        assert_eq!(
            names,
            ["__set%d", "v4-a", "net4-a", "v6-a", "host6-a", "net6-a"]
        );
        let chains: Vec<_> = ruleset
            .chains
            .iter()
            .map(|chain| chain.name.as_str())
            .collect();
        assert_eq!(chains, ["prerouting", "jail-a", "refuse"]);
        let looked_up: Vec<_> = ruleset.chains[1]
            .rules
            .iter()
            .flat_map(|rule| &rule.conditions)
            .collect();
        let expected = [
            (true, 32, 1),
            (true, 32, 2),
            (false, 64, 3),
            (false, 128, 4),
            (false, 128, 5),
        ]
        .map(|(ipv4, length, set)| Condition::SourceIn { ipv4, length, set });
        assert_eq!(looked_up, expected.iter().collect::<Vec<_>>());
        let counted = |rule: &Rule| rule.counter == Some(Count::default());
        assert!(ruleset.chains[1].rules.iter().all(counted));
    }

    #[test]
    fn a_jail_for_all_ports_asks_for_no_port() {
        let ruleset = Ruleset::of(
            &Table::default(),
            &[target("a", &[], PrefixLengths::default())],
            &BTreeMap::new(),
        );
        assert_eq!(
            ruleset.chains[0].rules[1],
            Rule::plain(Vec::new(), Verdict::Jump("jail-a".to_owned()))
        );
    }

    #[test]
    fn the_counters_of_a_jail_go_on_from_their_sum() {
        let lengths = PrefixLengths::default();
        let [a, b] = ["a", "b"].map(|jail| target(jail, &[], lengths));
        let count = Count {
            packets: 7,
            bytes: 700,
        };
        let counts = BTreeMap::from([(b.jail.clone(), count)]);
        let ruleset = Ruleset::of(&Table::default(), &[a, b], &counts);
        let sum = |chain: &Chain| {
            let mut sum = Count::default();
            for rule in &chain.rules {
                sum += rule.counter.unwrap_or_default();
            }
            sum
        };
        assert_eq!(sum(&ruleset.chains[1]), Count::default());
        assert_eq!(sum(&ruleset.chains[2]), count);
    }

    #[test]
    fn ports_that_overlap_or_touch_are_one_range() {
        let ports = [
            (443, 443),
            (20, 25),
            (22, 22),
            (26, 30),
            (65535, 65535),
            (60000, 65535),
        ];
        let target = target("a", &ports, PrefixLengths::default());
        let ranges = merged(&target.ports, Protocol::Tcp);
        assert_eq!(ranges, [(20, 30), (443, 443), (60000, 65535)]);
        assert!(merged(&target.ports, Protocol::Udp).is_empty());
    }

    #[test]
    fn the_jail_of_a_chain_is_found_again() {
        let jail = jail_of_chain("jail-a.b_c-d");
        assert_eq!(jail.as_ref().map(JailName::as_str), Some("a.b_c-d"));
        assert_eq!(jail_of_chain(Hook::Prerouting.as_str()), None);
        assert_eq!(jail_of_chain(REFUSE_CHAIN), None);
    }
}
