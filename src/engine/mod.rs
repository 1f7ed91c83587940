//! Who is banned, and for how long.
//!
//! Pure: failures and requests in, decisions out, time is an argument. [`Engine`] brings together
//! the sliding windows (`window`), the bans in force (`ledger`), what is never banned
//! (`ignore`) and the counts that `status` shows (`stats`).

mod ignore;
mod ledger;
mod policy;
mod request;
mod stats;
mod window;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use crate::model::{
    Ban, Decision, Failure, JailName, Origin, Prefix, Time, Totals, Unban, UnbanCause, canonical,
};
use ignore::Ignore;
use ledger::Ledger;
use window::Windows;

pub use ledger::BanView;
pub use policy::Policy;
pub use request::{BanRequest, Refusal, UnbanRequest};
pub use stats::JailStatus;

/// A jail's number, which stays the same as long as the engine lives.
type JailId = u32;

fn index(id: JailId) -> usize {
    id as usize
}

/// What is counted and banned: a prefix on behalf of a jail.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Key {
    jail: JailId,
    prefix: Prefix,
}

/// A jail as the engine sees it.
struct Jail {
    name: JailName,
    policy: Policy,
    ignore: Ignore,
    totals: Totals,
    /// False once it is no longer configured; its number is kept for its name.
    configured: bool,
}

/// All that counts: windows, bans, totals. One owner, no I/O, no clock.
pub struct Engine {
    jails: Vec<Jail>,
    own: Vec<IpAddr>,
    windows: Windows,
    ledger: Ledger,
}

impl Engine {
    /// An engine without jails that counts at most `tracked_limit` prefixes at a time.
    #[must_use]
    pub fn new(tracked_limit: usize) -> Self {
        Self {
            jails: Vec::new(),
            own: Vec::new(),
            windows: Windows::new(tracked_limit),
            ledger: Ledger::default(),
        }
    }

    /// Takes on a configuration. Jails that stay keep their windows and bans; bans of jails that
    /// are gone, and of prefixes that are ignored now, end.
    pub fn configure(
        &mut self,
        policies: impl IntoIterator<Item = (JailName, Policy)>,
        tracked_limit: usize,
        now: Time,
    ) -> Vec<Decision> {
        self.windows.set_limit(tracked_limit);
        for jail in &mut self.jails {
            jail.configured = false;
        }
        for (name, policy) in policies {
            let ignore = Ignore::new(&policy);
            let id = self.jail_id(&name);
            let jail = &mut self.jails[index(id)];
            jail.policy = policy;
            jail.ignore = ignore;
            jail.configured = true;
        }
        let mut decisions = Vec::new();
        for ban in self.ledger.all() {
            let jail = &self.jails[index(ban.key.jail)];
            let cause = if !jail.configured {
                UnbanCause::Removed
            } else if ban.origin.is_automatic()
                && jail.ignore.overlapping(ban.key.prefix, &self.own).is_some()
            {
                UnbanCause::Ignored
            } else {
                continue;
            };
            decisions.push((ban.key, cause));
        }
        decisions
            .into_iter()
            .filter_map(|(key, cause)| self.lift(key, cause, now))
            .collect()
    }

    /// Takes on the machine's own addresses, which `ignoreself` spares; bans of them end.
    pub fn set_own_addresses(&mut self, own: Vec<IpAddr>, now: Time) -> Vec<Decision> {
        self.own = own.into_iter().map(canonical).collect();
        let ignored: Vec<Key> = self
            .ledger
            .all()
            .filter(|ban| ban.origin.is_automatic())
            .filter(|ban| {
                let ignore = &self.jail(ban.key.jail).ignore;
                ignore.overlapping(ban.key.prefix, &self.own).is_some()
            })
            .map(|ban| ban.key)
            .collect();
        ignored
            .into_iter()
            .filter_map(|key| self.lift(key, UnbanCause::Ignored, now))
            .collect()
    }

    /// Puts back what a store held: bans in force (of configured jails), when prefixes were last
    /// banned or let in (failures up to then do not count again), and the totals.
    pub fn restore(
        &mut self,
        bans: impl IntoIterator<Item = Ban>,
        cleared: impl IntoIterator<Item = (JailName, Prefix, Time)>,
        totals: impl IntoIterator<Item = (JailName, Totals)>,
    ) {
        for ban in bans {
            let jail = self.jail_id(&ban.jail);
            self.ledger.insert(
                Key {
                    jail,
                    prefix: ban.prefix,
                },
                &ban,
            );
        }
        for (name, prefix, time) in cleared {
            let jail = self.jail_id(&name);
            self.windows.clear(Key { jail, prefix }, time);
        }
        for (name, totals) in totals {
            let jail = self.jail_id(&name);
            self.jails[index(jail)].totals = totals;
        }
    }

    /// Counts a failure; the answer is a ban if it is the one too many.
    pub fn failure(&mut self, failure: &Failure, now: Time) -> Option<Decision> {
        let id = self.find(&failure.jail)?;
        let jail = &mut self.jails[index(id)];
        let addr = canonical(failure.addr);
        if jail.ignore.spares(addr, &self.own) {
            // A replayed failure was in the totals before the restart already.
            jail.totals.ignored += u64::from(!failure.replayed);
            return None;
        }
        jail.totals.failed += u64::from(!failure.replayed);
        let policy = &jail.policy;
        let key = Key {
            jail: id,
            prefix: jail.ignore.narrowed(addr, policy.lengths, &self.own),
        };
        // The log's clock may run ahead of ours, and what it says of the future has not happened.
        let time = failure.time.min(now);
        if now.since(time) > policy.findtime || self.ledger.contains(key) {
            return None;
        }
        let failures = self.windows.count(key, time, failure.weight, policy, now)?;
        self.windows.clear(key, time);
        let until = policy.bantime.until(time);
        if until.is_some_and(|until| until <= now) {
            return None;
        }
        let ban = Ban {
            jail: failure.jail.clone(),
            prefix: key.prefix,
            since: time,
            until,
            failures,
            origin: Origin::Log,
            offence: 1,
            open: Box::default(),
            reason: failure.evidence.clone(),
            lines: Box::default(),
        };
        jail.totals.banned += 1;
        self.ledger.insert(key, &ban);
        Some(Decision::Ban(ban))
    }

    /// Counts an entry that matched but named its host, so that nobody can be banned for it.
    pub fn named(&mut self, jail: &JailName) {
        if let Some(id) = self.find(jail) {
            self.jails[index(id)].totals.named += 1;
        }
    }

    /// Ends the bans whose time is over, and forgets windows that no longer matter. To be called
    /// every second or so, however busy the log is.
    pub fn tick(&mut self, now: Time) -> Vec<Decision> {
        let decisions = self
            .ledger
            .over(now)
            .into_iter()
            .filter_map(|key| self.lift(key, UnbanCause::Expired, now))
            .collect();
        let jails = &self.jails;
        self.windows
            .sweep(now, |jail| jails[index(jail)].policy.findtime);
        decisions
    }

    /// When the next ban ends.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Time> {
        self.ledger.next_expiry()
    }

    /// Bans by hand: answers the decision, or why not.
    pub fn ban(&mut self, request: &BanRequest, now: Time) -> Result<Decision, Refusal> {
        let id = self
            .find(&request.jail)
            .ok_or_else(|| Refusal::NoJail(request.jail.clone()))?;
        let jail = &mut self.jails[index(id)];
        request.check_width()?;
        if let Some(entry) = jail.ignore.overlapping(request.prefix, &self.own) {
            return Err(Refusal::Ignored {
                prefix: request.prefix,
                entry,
            });
        }
        let ban = Ban {
            jail: request.jail.clone(),
            prefix: request.prefix,
            since: now,
            until: request.bantime.unwrap_or(jail.policy.bantime).until(now),
            failures: 0,
            origin: Origin::Manual,
            offence: 1,
            open: Box::default(),
            reason: request.reason.clone(),
            lines: Box::default(),
        };
        let key = Key {
            jail: id,
            prefix: request.prefix,
        };
        if !self.ledger.contains(key) {
            jail.totals.banned += 1;
        }
        self.windows.clear(key, now);
        self.ledger.insert(key, &ban);
        Ok(Decision::Ban(ban))
    }

    /// Lifts by hand all bans that `request` names; none is no error. Failures so far are
    /// forgotten, so that the next single one does not ban again.
    pub fn unban(&mut self, request: &UnbanRequest, now: Time) -> Vec<Decision> {
        let jail = request.jail.as_ref().map(|name| self.find(name));
        let wanted = |key: Key| {
            jail.is_none_or(|id| id == Some(key.jail))
                && request
                    .prefix
                    .is_none_or(|prefix| prefix.overlaps(key.prefix))
        };
        let keys: Vec<Key> = self.ledger.keys().filter(|key| wanted(*key)).collect();
        let decisions = keys
            .into_iter()
            .filter_map(|key| self.lift(key, UnbanCause::Manual, now))
            .collect();
        self.windows.clear_where(wanted, now);
        decisions
    }

    /// All bans in force; their stories are in the store.
    pub fn bans(&self) -> impl Iterator<Item = BanView<'_>> {
        self.ledger.all().map(|held| BanView {
            jail: &self.jail(held.key.jail).name,
            prefix: held.key.prefix,
            until: held.until,
            open: &[],
        })
    }

    /// How many bans are in force.
    #[must_use]
    pub fn banned(&self) -> usize {
        self.ledger.len()
    }

    /// What `status` shows of each configured jail, in the order of their names.
    #[must_use]
    pub fn status(&self, now: Time) -> Vec<JailStatus> {
        let failed = self
            .windows
            .counted(now, |jail| self.jail(jail).policy.findtime);
        let mut all: Vec<JailStatus> = self
            .jails
            .iter()
            .enumerate()
            .filter(|(_, jail)| jail.configured)
            .map(|(id, jail)| {
                let mut banned: Vec<Prefix> = self
                    .ledger
                    .keys()
                    .filter(|key| index(key.jail) == id)
                    .map(|key| key.prefix)
                    .collect();
                banned.sort_unstable();
                JailStatus {
                    name: jail.name.clone(),
                    currently_failed: failed.get(&id).copied().unwrap_or_default(),
                    totals: jail.totals,
                    banned,
                }
            })
            .collect();
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The totals of every jail, for the store.
    pub fn totals(&self) -> impl Iterator<Item = (&JailName, Totals)> {
        self.jails.iter().map(|jail| (&jail.name, jail.totals))
    }

    /// How many prefixes were forgotten because more were tracked than the limit allows.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.windows.evicted()
    }

    fn lift(&mut self, key: Key, cause: UnbanCause, now: Time) -> Option<Decision> {
        let held = self.ledger.remove(key)?;
        let time = held.until.map_or(now, |until| until.min(now));
        self.windows.clear(key, time);
        Some(Decision::Unban(Unban {
            jail: self.jail(key.jail).name.clone(),
            prefix: key.prefix,
            time,
            cause,
        }))
    }

    fn jail(&self, id: JailId) -> &Jail {
        &self.jails[index(id)]
    }

    /// The number of a configured jail.
    fn find(&self, name: &JailName) -> Option<JailId> {
        let at = self
            .jails
            .iter()
            .position(|jail| jail.configured && jail.name == *name)?;
        JailId::try_from(at).ok()
    }

    /// The number of a jail, configured or not; a new one if it has none yet.
    fn jail_id(&mut self, name: &JailName) -> JailId {
        let at = self
            .jails
            .iter()
            .position(|jail| jail.name == *name)
            .unwrap_or_else(|| {
                let policy = Policy::default();
                self.jails.push(Jail {
                    name: name.clone(),
                    ignore: Ignore::new(&policy),
                    policy,
                    totals: Totals::default(),
                    configured: false,
                });
                self.jails.len() - 1
            });
        // So many names do not fit into any memory.
        JailId::try_from(at).unwrap_or(JailId::MAX)
    }
}
