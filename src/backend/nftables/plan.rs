//! From bans to the contents of sets, and from changes of bans to changes of sets.
//!
//! The hash sets need no memory here: a ban is one element. What is in an interval set depends on
//! all of the jail's networks together, so these are kept; the set is small, and is filled anew
//! whenever one of them changes.
//!
//! A ban of which parts stay open is no single element, and so is among the networks whatever its
//! length. As that may change from one ban of a prefix to the next, a change takes the prefix out
//! of the set that it is not in any more.

use std::collections::{BTreeMap, HashMap};

use super::cover::{Closure, cover};
use super::element::{Element, Key, interval};
use super::left::Left;
use super::slot::{Slot, SlotKind};
use crate::backend::{BackendError, Change, Holding, Target};
use crate::model::{JailName, Prefix, PrefixLengths, Time};

/// What is in the interval sets: networks, and how they are out.
type Nets = BTreeMap<Prefix, Closure>;

/// The jails of the table, with the networks in their interval sets.
#[derive(Default)]
pub(super) struct Jails {
    by_name: BTreeMap<JailName, Jail>,
}

struct Jail {
    lengths: PrefixLengths,
    nets: Nets,
}

/// What is to happen to sets, by their names.
pub(super) struct Plan {
    pub hashed: BTreeMap<String, HashChange>,
    /// The new contents.
    pub intervals: BTreeMap<String, Vec<Element>>,
    /// The networks of the jails whose interval sets change.
    nets: BTreeMap<JailName, Nets>,
}

/// Elements that leave a hash set, whether or not they are in it, and then those that enter it.
#[derive(Default)]
pub(super) struct HashChange {
    pub leave: Vec<Element>,
    pub enter: Vec<Element>,
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.hashed.is_empty() && self.intervals.is_empty()
    }
}

impl Jails {
    /// The jails of `targets`, holding what `wanted` says. Holdings of other jails do not count.
    pub fn of(targets: &[Target], wanted: &[Holding], now: Time) -> Self {
        let mut jails = Self {
            by_name: targets
                .iter()
                .map(|target| {
                    let jail = Jail {
                        lengths: target.lengths,
                        nets: Nets::new(),
                    };
                    (target.jail.clone(), jail)
                })
                .collect(),
        };
        for holding in wanted {
            if let Some(jail) = jails.by_name.get_mut(&holding.jail)
                && place(holding, jail.lengths).kind == SlotKind::Net
                && Left::of(holding.until, now) != Left::Nothing
            {
                jail.nets.insert(holding.prefix, closure(holding));
            }
        }
        jails
    }

    pub fn contains(&self, jail: &JailName) -> bool {
        self.by_name.contains_key(jail)
    }

    pub fn names(&self) -> impl Iterator<Item = &JailName> {
        self.by_name.keys()
    }

    /// The jails, and the prefix lengths that they ban with.
    pub fn lengths(&self) -> impl Iterator<Item = (&JailName, PrefixLengths)> {
        self.by_name.iter().map(|(name, jail)| (name, jail.lengths))
    }

    /// What is in all sets together.
    pub fn contents(&self, wanted: &[Holding], now: Time) -> HashMap<String, Vec<Element>> {
        let mut by_slot: HashMap<(&JailName, Slot), Vec<Element>> = HashMap::new();
        for holding in wanted {
            let Some(jail) = self.by_name.get(&holding.jail) else {
                continue;
            };
            let slot = place(holding, jail.lengths);
            if slot.kind != SlotKind::Net
                && let Some(element) = single(holding.prefix, holding.until, now)
            {
                let elements = by_slot.entry((&holding.jail, slot)).or_default();
                elements.push(element);
            }
        }
        let intervals = self.by_name.iter().flat_map(|(name, jail)| {
            [true, false].map(|ipv4| (net_set(name, ipv4), ranges(&jail.nets, ipv4, now)))
        });
        by_slot
            .into_iter()
            .map(|((name, slot), elements)| (slot.set_name(name), elements))
            .chain(intervals)
            .collect()
    }

    /// What `changes` mean for the sets; of several changes of one ban the last counts. A ban for
    /// a jail that is not there is refused; there is nothing to lift from such a jail.
    pub fn plan(&self, changes: &[Change], now: Time) -> Result<Plan, BackendError> {
        let mut last: HashMap<(&JailName, Prefix), Left> = HashMap::with_capacity(changes.len());
        let mut nets: BTreeMap<JailName, Nets> = BTreeMap::new();
        let mut touched: Vec<(&JailName, bool)> = Vec::new();
        for change in changes {
            let (name, prefix, holding) = match change {
                Change::Add(holding) => (&holding.jail, holding.prefix, Some(holding)),
                Change::Remove { jail, prefix } => (jail, *prefix, None),
            };
            let Some(jail) = self.by_name.get(name) else {
                if holding.is_some() {
                    return Err(BackendError::Refused(format!(
                        "banning {prefix}: there is no jail \"{name}\" in the table"
                    )));
                }
                continue;
            };
            let left = holding.map_or(Left::Nothing, |holding| Left::of(holding.until, now));
            let entering = holding.filter(|_| left != Left::Nothing);
            let as_net = entering.filter(|it| place(it, jail.lengths).kind == SlotKind::Net);
            if Slot::of(prefix, jail.lengths).kind != SlotKind::Net {
                let left = if as_net.is_some() {
                    Left::Nothing
                } else {
                    left
                };
                last.insert((name, prefix), left);
            }
            let known = nets.get(name).unwrap_or(&jail.nets);
            if as_net.is_none() && !known.contains_key(&prefix) {
                continue;
            }
            let nets = nets
                .entry(name.clone())
                .or_insert_with(|| jail.nets.clone());
            match as_net {
                Some(holding) => nets.insert(prefix, closure(holding)),
                None => nets.remove(&prefix),
            };
            touched.push((name, prefix.is_ipv4()));
        }

        let mut hashed: BTreeMap<String, HashChange> = BTreeMap::new();
        for ((name, prefix), left) in last {
            let Some(jail) = self.by_name.get(name) else {
                continue;
            };
            let set = Slot::of(prefix, jail.lengths).set_name(name);
            let change = hashed.entry(set).or_default();
            change.leave.push(Element::single(prefix.addr(), None));
            if let Some(timeout) = left.timeout() {
                change.enter.push(Element::single(prefix.addr(), timeout));
            }
        }
        let intervals = touched
            .into_iter()
            .filter_map(|(name, ipv4)| {
                let nets = nets.get(name)?;
                Some((net_set(name, ipv4), ranges(nets, ipv4, now)))
            })
            .collect();
        Ok(Plan {
            hashed,
            intervals,
            nets,
        })
    }

    /// Remembers what the kernel has taken.
    pub fn carried_out(&mut self, plan: Plan) {
        for (name, nets) in plan.nets {
            if let Some(jail) = self.by_name.get_mut(&name) {
                jail.nets = nets;
            }
        }
    }
}

/// Where a ban belongs: with parts that stay open it is among the networks.
fn place(holding: &Holding, lengths: PrefixLengths) -> Slot {
    let slot = Slot::of(holding.prefix, lengths);
    if holding.open.is_empty() {
        return slot;
    }
    let kind = SlotKind::Net;
    Slot { kind, ..slot }
}

fn closure(holding: &Holding) -> Closure {
    Closure {
        until: holding.until,
        open: holding.open.clone(),
    }
}

fn net_set(jail: &JailName, ipv4: bool) -> String {
    let kind = SlotKind::Net;
    Slot { ipv4, kind }.set_name(jail)
}

fn single(prefix: Prefix, until: Option<Time>, now: Time) -> Option<Element> {
    let timeout = Left::of(until, now).timeout()?;
    Some(Element::single(prefix.addr(), timeout))
}

/// The elements of an interval set for `nets`.
fn ranges(nets: &Nets, ipv4: bool, now: Time) -> Vec<Element> {
    cover(nets, ipv4)
        .into_iter()
        .filter_map(|range| {
            let timeout = Left::of(range.until, now).timeout()?;
            let behind = range.behind().map(Key::Address);
            Some(interval(Key::Address(range.first), behind, timeout))
        })
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(1000);

    fn jail() -> JailName {
        JailName::new("a").expect("a name")
    }

    fn jails() -> Jails {
        let target = Target::of(jail());
        Jails::of(&[target], &[], NOW)
    }

    fn prefix(text: &str) -> Prefix {
        text.parse().expect("a prefix")
    }

    fn add(who: &str, until: Option<u64>) -> Change {
        Change::Add(Holding {
            jail: jail(),
            prefix: prefix(who),
            until: until.map(Time::from_secs),
            open: Box::default(),
        })
    }

    fn remove(who: &str) -> Change {
        Change::Remove {
            jail: jail(),
            prefix: prefix(who),
        }
    }

    #[test]
    fn the_last_change_of_a_ban_counts() {
        let changes = [
            add("192.0.2.1", None),
            remove("192.0.2.1"),
            add("192.0.2.2", Some(1010)),
            add("192.0.2.2", Some(1020)),
            add("192.0.2.3", Some(1000)),
        ];
        let plan = jails().plan(&changes, NOW).expect("known jails");
        let change = &plan.hashed["v4-a"];
        assert_eq!(change.leave.len(), 3);
        let only = Element::single([192, 0, 2, 2].into(), Some(20_000));
        assert_eq!(change.enter, [only]);
        assert!(plan.intervals.is_empty());
    }

    #[test]
    fn an_interval_set_has_what_all_networks_ask_for() {
        let mut jails = jails();
        let changes = [
            add("192.0.2.0/24", Some(1010)),
            add("192.0.2.0/25", Some(1020)),
        ];
        let plan = jails.plan(&changes, NOW).expect("known jails");
        let firsts = |plan: &Plan| -> Vec<_> {
            plan.intervals["net4-a"]
                .iter()
                .filter(|element| !element.end)
                .map(|element| (element.key.clone(), element.timeout))
                .collect()
        };
        let key = |host| Key::Address([192, 0, 2, host].into());
        let both = [(key(0), Some(20_000)), (key(128), Some(10_000))];
        assert_eq!(firsts(&plan), both);
        jails.carried_out(plan);
        let plan = jails
            .plan(&[remove("192.0.2.0/24")], NOW)
            .expect("known jails");
        assert_eq!(firsts(&plan), [(key(0), Some(20_000))]);
    }

    /// The hash set `v6-a` and the interval set `net6-a` after each of several changes of a /64.
    #[test]
    fn a_ban_moves_between_its_sets_as_parts_of_it_open_and_close() {
        let mut jails = jails();
        let closed = add("2001:db8::/64", None);
        let Change::Add(holding) = closed.clone() else {
            panic!("it is an addition");
        };
        let opened = Change::Add(Holding {
            open: [prefix("2001:db8::1")].into(),
            ..holding
        });
        // Elements that enter the hash set, and how many are then in the interval set.
        for (change, entering, elements) in [
            (&closed, 1, None),
            // Two ranges, each with its end: around the open address.
            (&opened, 0, Some(4)),
            (&closed, 1, Some(0)),
            (&opened, 0, Some(4)),
            (&remove("2001:db8::/64"), 0, Some(0)),
            (&remove("2001:db8::/64"), 0, None),
        ] {
            let plan = jails
                .plan(std::slice::from_ref(change), NOW)
                .expect("known jails");
            let hashed = &plan.hashed["v6-a"];
            assert_eq!((hashed.leave.len(), hashed.enter.len()), (1, entering));
            let interval = plan.intervals.get("net6-a").map(Vec::len);
            assert_eq!(interval, elements, "{change:?}");
            jails.carried_out(plan);
        }
        let plan = jails.plan(&[closed, opened], NOW).expect("known jails");
        assert_eq!(plan.hashed["v6-a"].enter, [], "the last counts");
        assert_eq!(plan.intervals["net6-a"].len(), 4);
    }

    #[test]
    fn a_ban_for_an_unknown_jail_is_refused() {
        let jails = Jails::default();
        assert!(jails.plan(&[add("192.0.2.1", None)], NOW).is_err());
        assert!(
            jails
                .plan(&[remove("192.0.2.1")], NOW)
                .expect("harmless")
                .is_empty()
        );
    }
}
