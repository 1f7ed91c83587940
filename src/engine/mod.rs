//! Who is banned, and for how long.
//!
//! Pure: failures and requests in, decisions out, time is an argument. [`Engine`] brings together
//! the sliding windows (`window`), the bans in force (`ledger`), how they grow (`escalation`), the
//! networks around them (`crowd`), what is never banned (`ignore`) and who is forgiven (`login`).
//! `deciding` leads from a failure to a ban; `request` is what an administrator asks for.

mod bulk;
mod capped;
mod crowd;
mod deciding;
mod escalation;
mod explain;
mod ignore;
mod ledger;
mod login;
mod nets;
mod policy;
mod request;
mod sparing;
mod stats;
mod window;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use crate::model::{Ban, Decision, JailName, PastBan, Prefix, Time, Totals, Unban, UnbanCause};
use crowd::Crowds;
use escalation::Offences;
use ignore::{Ignore, Shared};
use ledger::Ledger;
use login::Logins;
use window::Windows;

pub use bulk::{BanMany, BannedMany};
pub use escalation::Escalation;
pub use explain::{Explanation, HeldBan};
pub use ignore::{Spare, Spared, Why};
pub use ledger::BanView;
pub use policy::{Aggregation, Counts, Policy};
pub use request::{BanRequest, Refusal, UnbanRequest};
pub use stats::{JailStatus, Losses};

/// How many bans one tick ends at most, so that a million that end together hold up nobody. The
/// backends let go of each at its own time anyway.
const ENDED_AT_ONCE: usize = 5000;

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

/// How much the engine may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// So many prefixes are counted at a time; as many are remembered for what they have done.
    pub tracked: usize,
    /// So many bans are in force at a time. Beyond it, the ban that ends next makes room.
    pub bans: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tracked: 1_000_000,
            bans: 1_000_000,
        }
    }
}

/// All that counts: windows, bans, totals. One owner, no I/O, no clock.
pub struct Engine {
    jails: Vec<Jail>,
    by_name: HashMap<JailName, JailId>,
    limits: Limits,
    /// Decides what chance decides.
    seed: u64,
    spared: Shared,
    windows: Windows,
    offences: Offences,
    crowds: Crowds,
    logins: Logins,
    ledger: Ledger,
    /// Bans that were not made, as there were too many and they would have ended first.
    left_out: u64,
}

impl Engine {
    /// An engine without jails. `seed` decides what chance decides (`bantime_rndtime`).
    #[must_use]
    pub fn new(limits: Limits, seed: u64) -> Self {
        Self {
            jails: Vec::new(),
            by_name: HashMap::new(),
            limits,
            seed,
            spared: Shared::new(Spared::default()),
            windows: Windows::new(limits.tracked),
            offences: Offences::new(limits.tracked),
            crowds: Crowds::new(limits.tracked),
            logins: Logins::new(limits.tracked),
            ledger: Ledger::default(),
            left_out: 0,
        }
    }

    /// Takes on a configuration. Jails that stay keep their windows and bans; bans of jails that
    /// are gone, and of prefixes that are ignored now, end.
    pub fn configure(
        &mut self,
        policies: impl IntoIterator<Item = (JailName, Policy)>,
        limits: Limits,
        now: Time,
    ) -> Vec<Decision> {
        self.limits = limits;
        self.windows.set_limit(limits.tracked);
        self.offences.set_limit(limits.tracked);
        self.crowds.set_limit(limits.tracked);
        self.logins.set_limit(limits.tracked);
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
        let removed: Vec<Key> = self
            .ledger
            .keys()
            .filter(|key| !self.jail(key.jail).configured)
            .collect();
        let mut decisions: Vec<Decision> = removed
            .into_iter()
            .filter_map(|key| self.lift(key, UnbanCause::Removed, now))
            .collect();
        let all: Vec<Key> = self.ledger.keys().collect();
        decisions.extend(self.spare(all, now));
        decisions
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
            let prefix = ban.prefix;
            self.ledger.insert(Key { jail, prefix }, &ban);
        }
        for (name, prefix, time) in cleared {
            let jail = self.jail_id(&name);
            let key = Key { jail, prefix };
            self.ledger.note_length(key);
            if self.ledger.get(key).is_none() {
                self.windows.clear(key, time);
            }
        }
        for (name, totals) in totals {
            let jail = self.jail_id(&name);
            self.jails[index(jail)].totals = totals;
        }
    }

    /// Remembers earlier bans, in the order in which they began, for what later ones depend on
    /// them: offences, the networks around them, `recidive`. To be called behind
    /// [`configure`](Self::configure).
    pub fn remember(&mut self, past: impl IntoIterator<Item = PastBan>, now: Time) {
        for ban in past {
            self.remember_one(&ban, now);
        }
    }

    /// How far back [`remember`](Self::remember) has to go to forget nothing that still counts.
    /// `None`: nothing has to be remembered. An offence counts as long as it takes to be forgotten,
    /// which for those who do not learn has no bound, so `most` is one.
    #[must_use]
    pub fn memory(policies: &[(JailName, Policy)], most: Duration) -> Option<Duration> {
        policies
            .iter()
            .flat_map(|(_, policy)| {
                let bans = policy.counts == Counts::Bans;
                let aggregation = policy.aggregation.map(|it| it.within);
                let escalation = policy.escalation.is_some().then_some(most);
                [bans.then_some(policy.findtime), aggregation, escalation]
            })
            .flatten()
            .max()
    }

    /// Ends bans whose time is over (not more than some thousand: if the answer is as long as
    /// that, there may be more), and forgets what no longer matters. To be called every second or
    /// so, however busy the log is.
    pub fn tick(&mut self, now: Time) -> Vec<Decision> {
        let over = self.ledger.over(now, ENDED_AT_ONCE);
        let decisions = over
            .into_iter()
            .filter_map(|key| self.lift(key, UnbanCause::Expired, now))
            .collect();
        let jails = &self.jails;
        self.windows
            .sweep(now, |jail| jails[index(jail)].policy.findtime);
        let longest = |of: fn(&Policy) -> Option<Duration>| {
            let spans = jails.iter().filter_map(|jail| of(&jail.policy));
            spans.max().unwrap_or_default()
        };
        self.offences
            .sweep(now, longest(|it| it.escalation.as_ref().map(|by| by.decay)));
        self.crowds
            .sweep(now, longest(|it| it.aggregation.map(|by| by.within)));
        self.logins.sweep(now, longest(|it| it.forgive_on_success));
        decisions
    }

    /// Whether a ban is over that [`tick`](Self::tick) has not ended yet.
    #[must_use]
    pub fn is_behind(&self, now: Time) -> bool {
        self.ledger
            .next_to_end()
            .is_some_and(|(until, _)| until <= now)
    }

    /// All bans in force; their stories are in the store.
    pub fn bans(&self) -> impl Iterator<Item = BanView<'_>> {
        self.ledger.all().map(|(key, held)| BanView {
            jail: &self.jail(key.jail).name,
            prefix: key.prefix,
            until: held.until(),
            open: self.ledger.open(key),
        })
    }

    /// Whether a jail keeps exactly this prefix out.
    #[must_use]
    pub fn holds(&self, jail: &JailName, prefix: Prefix) -> bool {
        self.find(jail)
            .is_some_and(|jail| self.ledger.get(Key { jail, prefix }).is_some())
    }

    /// How many bans are in force.
    #[must_use]
    pub fn banned(&self) -> usize {
        self.ledger.len()
    }

    fn lift(&mut self, key: Key, cause: UnbanCause, now: Time) -> Option<Decision> {
        let held = self.ledger.remove(key)?;
        let time = held.until().map_or(now, |until| until.min(now));
        self.windows.clear(key, time);
        self.crowds.clear(key);
        let jail = &self.jails[index(key.jail)];
        if let Some(by) = &jail.policy.escalation {
            match cause {
                UnbanCause::Manual => self.offences.forgive(by, key.jail, key.prefix),
                _ => self.offences.ended(by, key.jail, key.prefix, time),
            }
        }
        Some(Decision::Unban(Unban {
            jail: jail.name.clone(),
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
        let id = *self.by_name.get(name)?;
        self.jail(id).configured.then_some(id)
    }

    /// The number of a jail, configured or not; a new one if it has none yet.
    fn jail_id(&mut self, name: &JailName) -> JailId {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        // More names do not fit into any memory.
        let id = JailId::try_from(self.jails.len()).unwrap_or(JailId::MAX);
        let policy = Policy::default();
        self.jails.push(Jail {
            name: name.clone(),
            ignore: Ignore::new(&policy),
            policy,
            totals: Totals::default(),
            configured: false,
        });
        self.by_name.insert(name.clone(), id);
        id
    }
}
