//! Which routes there are to be, and for whose sake.
//!
//! There is one route for a prefix, however many jails ban it, and it stays until the last of them
//! has let go. A ban of which parts stay open is several routes, around these. Routes within each
//! other do not touch: the narrower goes on when the wider ends, and the other way round.
//!
//! Ends are not kept here: the kernel has no timeouts for such routes, so whoever decided a ban
//! has to end it.

use std::collections::{BTreeMap, HashMap};

use crate::backend::pieces::pieces;
use crate::backend::{BackendError, Change, Holding, RouteType, Target};
use crate::model::{JailName, Prefix, Time};

/// Who holds what.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    types: BTreeMap<JailName, RouteType>,
    /// The holders of each route; never none.
    routes: HashMap<Prefix, Vec<Holder>>,
    /// The bans of which parts are open, with these.
    open: HashMap<Holder, Box<[Prefix]>>,
}

/// A ban that a route is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Holder {
    jail: JailName,
    banned: Prefix,
}

/// A route that is to be of another type than it was, or that is to begin or to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub prefix: Prefix,
    pub before: Option<RouteType>,
    pub after: Option<RouteType>,
}

impl Ledger {
    /// For the jails of `targets`, holding what `wanted` says and is not over at `now`. Holdings
    /// of other jails do not count.
    pub fn of(targets: &[Target], wanted: &[Holding], now: Time) -> Self {
        let types = targets.iter().map(|it| (it.jail.clone(), it.route));
        let mut ledger = Self {
            types: types.collect(),
            ..Self::default()
        };
        for holding in wanted {
            if ledger.types.contains_key(&holding.jail) && !over(holding, now) {
                ledger.add(holding);
            }
        }
        ledger
    }

    /// All routes.
    pub fn routes(&self) -> impl Iterator<Item = (Prefix, RouteType)> {
        let prefixes = self.routes.keys();
        prefixes.filter_map(|prefix| Some((*prefix, self.route(*prefix)?)))
    }

    /// What the route for exactly `prefix` is to be. If jails differ, the one that says least to
    /// who is banned wins: blackhole, then unreachable, then prohibit.
    pub fn route(&self, prefix: Prefix) -> Option<RouteType> {
        let holders = self.routes.get(&prefix)?;
        let types = holders.iter().filter_map(|it| self.types.get(&it.jail));
        types.min().copied()
    }

    /// Whose bans the route for exactly `prefix` is for.
    pub fn jails(&self, prefix: Prefix) -> impl Iterator<Item = &JailName> {
        let holders = self.routes.get(&prefix).into_iter().flatten();
        holders.map(|holder| &holder.jail)
    }

    /// Takes changes in; the routes that change with them, in order. A ban for a jail that is not
    /// there is refused, with all of `changes`; there is nothing to lift from such a jail.
    pub fn change(&mut self, changes: &[Change], now: Time) -> Result<Vec<Turn>, BackendError> {
        let stranger = changes.iter().find_map(|change| match change {
            Change::Add(holding) => (!self.types.contains_key(&holding.jail)).then_some(holding),
            Change::Remove { .. } => None,
        });
        if let Some(holding) = stranger {
            let (prefix, jail) = (holding.prefix, &holding.jail);
            return Err(BackendError::Refused(format!(
                "banning {prefix}: there is no jail \"{jail}\" with routes"
            )));
        }
        // What the touched routes were before the first change.
        let mut before: BTreeMap<Prefix, Option<RouteType>> = BTreeMap::new();
        for change in changes {
            let (jail, banned) = match change {
                Change::Add(holding) => (holding.jail.clone(), holding.prefix),
                Change::Remove { jail, prefix } => (jail.clone(), *prefix),
            };
            self.remove(&Holder { jail, banned }, &mut before);
            if let Change::Add(holding) = change
                && !over(holding, now)
            {
                for prefix in pieces(holding.prefix, &holding.open) {
                    let route = self.route(prefix);
                    before.entry(prefix).or_insert(route);
                }
                self.add(holding);
            }
        }
        Ok(before
            .into_iter()
            .map(|(prefix, before)| Turn {
                prefix,
                before,
                after: self.route(prefix),
            })
            .filter(|turn| turn.before != turn.after)
            .collect())
    }

    fn remove(&mut self, holder: &Holder, before: &mut BTreeMap<Prefix, Option<RouteType>>) {
        let open = self.open.remove(holder).unwrap_or_default();
        for prefix in pieces(holder.banned, &open) {
            let route = self.route(prefix);
            before.entry(prefix).or_insert(route);
            if let Some(holders) = self.routes.get_mut(&prefix) {
                holders.retain(|it| it != holder);
                if holders.is_empty() {
                    self.routes.remove(&prefix);
                }
            }
        }
    }

    fn add(&mut self, holding: &Holding) {
        let holder = Holder {
            jail: holding.jail.clone(),
            banned: holding.prefix,
        };
        for prefix in pieces(holding.prefix, &holding.open) {
            // Nearly always it is one.
            let holders = self.routes.entry(prefix).or_insert(Vec::with_capacity(1));
            if !holders.contains(&holder) {
                holders.push(holder.clone());
            }
        }
        if !holding.open.is_empty() {
            self.open.insert(holder, holding.open.clone());
        }
    }
}

fn over(holding: &Holding, now: Time) -> bool {
    holding.until.is_some_and(|until| until <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(1000);

    fn name(jail: &str) -> JailName {
        JailName::new(jail).expect("a name")
    }

    fn prefix(text: &str) -> Prefix {
        text.parse().expect("a prefix")
    }

    fn ledger() -> Ledger {
        let target = |jail, route| Target {
            route,
            ..Target::of(name(jail))
        };
        let targets = [
            target("silent", RouteType::Blackhole),
            target("polite", RouteType::Prohibit),
        ];
        Ledger::of(&targets, &[], NOW)
    }

    fn add(jail: &str, who: &str, open: &[&str]) -> Change {
        Change::Add(Holding {
            jail: name(jail),
            prefix: prefix(who),
            until: None,
            open: open.iter().map(|text| prefix(text)).collect(),
        })
    }

    fn remove(jail: &str, who: &str) -> Change {
        Change::Remove {
            jail: name(jail),
            prefix: prefix(who),
        }
    }

    /// The routes that change, as `+` or `-`, or `=` for another type.
    fn change(ledger: &mut Ledger, changes: &[Change]) -> Vec<String> {
        let turns = ledger.change(changes, NOW).expect("known jails");
        let shown = |turn: &Turn| match (turn.before, turn.after) {
            (None, Some(_)) => format!("+{}", turn.prefix),
            (Some(_), None) => format!("-{}", turn.prefix),
            (_, after) => format!("={} {after:?}", turn.prefix),
        };
        turns.iter().map(shown).collect()
    }

    #[test]
    fn a_route_stays_until_the_last_has_let_go_and_the_quietest_wins() {
        let mut ledger = ledger();
        let on = ["+192.0.2.1"];
        let who = "192.0.2.1";
        assert_eq!(change(&mut ledger, &[add("polite", who, &[])]), on);
        let other = ["=192.0.2.1 Some(Blackhole)"];
        assert_eq!(change(&mut ledger, &[add("silent", who, &[])]), other);
        assert_eq!(change(&mut ledger, &[add("silent", who, &[])]), [""; 0]);
        assert_eq!(change(&mut ledger, &[remove("polite", who)]), [""; 0]);
        let off = ["-192.0.2.1"];
        assert_eq!(change(&mut ledger, &[remove("silent", who)]), off);
        assert_eq!(change(&mut ledger, &[remove("silent", who)]), [""; 0]);
    }

    #[test]
    fn open_parts_have_no_route_unless_another_ban_has_one() {
        let mut ledger = ledger();
        let open = ["192.0.2.0"];
        let around = ["+192.0.2.1", "+192.0.2.2/31"];
        let who = "192.0.2.0/30";
        assert_eq!(change(&mut ledger, &[add("silent", who, &open)]), around);
        let both = [add("polite", "192.0.2.2/31", &[]), remove("silent", who)];
        let left = ["-192.0.2.1", "=192.0.2.2/31 Some(Prohibit)"];
        assert_eq!(change(&mut ledger, &both), left);
        let closed = ["+192.0.2.0/30"];
        assert_eq!(change(&mut ledger, &[add("silent", who, &[])]), closed);
        let opened = [
            "-192.0.2.0/30",
            "+192.0.2.1",
            "=192.0.2.2/31 Some(Blackhole)",
        ];
        let turns = change(&mut ledger, &[add("silent", who, &open)]);
        assert_eq!(turns, opened);
        let all = [remove("silent", who), remove("polite", "192.0.2.2/31")];
        assert_eq!(change(&mut ledger, &all), ["-192.0.2.1", "-192.0.2.2/31"]);
        assert!(ledger.routes.is_empty() && ledger.open.is_empty());
    }

    #[test]
    fn what_comes_and_goes_at_once_changes_nothing() {
        let mut ledger = ledger();
        let who = "2001:db8::/64";
        let changes = [add("silent", who, &[]), remove("silent", who)];
        assert_eq!(change(&mut ledger, &changes), [""; 0]);
        let Change::Add(holding) = add("silent", who, &[]) else {
            panic!("it is an addition");
        };
        let past = Change::Add(Holding {
            until: Some(NOW),
            ..holding
        });
        assert_eq!(change(&mut ledger, &[past]), [""; 0]);
        let stranger = [add("silent", who, &[]), add("stranger", who, &[])];
        assert!(ledger.change(&stranger, NOW).is_err());
        assert!(ledger.routes.is_empty(), "all or nothing");
    }
}
