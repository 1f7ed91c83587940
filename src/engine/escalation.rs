//! Bans that grow: the more often a prefix was banned, the longer the next ban.
//!
//! What a prefix has done is its number of offences. A quiet time takes one of them away, so that
//! an address that has changed hands is not held to its past forever.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crate::engine::capped::{Capped, Worth};
use crate::engine::{JailId, Key};
use crate::model::{Bantime, Prefix, Time};

/// Doubling stops here, as in fail2ban: 2^20 times ten minutes are twenty years.
const MOST_DOUBLINGS: u32 = 20;

/// The jail under which offences in all jails are counted together.
const ALL_JAILS: JailId = JailId::MAX;

/// How bantimes grow (fail2ban's `bantime.increment` and what belongs to it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// Each bantime is so many times longer; at least 1.
    pub factor: u32,
    /// What the first, second, … bantime is multiplied with; the last one goes on. Empty: 1, 2, 4,
    /// 8, …
    pub multipliers: Vec<u32>,
    /// No ban lasts longer, unless the bantime is forever.
    pub maxtime: Option<Duration>,
    /// Up to so much is added by chance, so that nobody can tell when a ban ends.
    pub rndtime: Duration,
    /// Whether bans in other jails that escalate so count as well.
    pub over_all_jails: bool,
    /// After so long without a ban one offence is forgotten; more than zero.
    pub decay: Duration,
}

/// fail2ban's, with a week for an offence to be forgotten.
impl Default for Escalation {
    fn default() -> Self {
        Self {
            factor: 1,
            multipliers: Vec::new(),
            maxtime: None,
            rndtime: Duration::ZERO,
            over_all_jails: false,
            decay: Duration::from_hours(24 * 7),
        }
    }
}

impl Escalation {
    /// How long the how-many-eth ban lasts, before chance adds to it.
    pub(super) fn bantime(&self, first: Bantime, offence: u32) -> Bantime {
        let Bantime::For(first) = first else {
            return Bantime::Forever;
        };
        let earlier = offence.saturating_sub(1);
        let growth = match usize::try_from(earlier)
            .ok()
            .and_then(|at| self.multipliers.get(at))
            .or(self.multipliers.last())
        {
            Some(multiplier) => *multiplier,
            None => 1 << earlier.min(MOST_DOUBLINGS),
        };
        let span = first.saturating_mul(self.factor).saturating_mul(growth);
        Bantime::For(self.limited(span))
    }

    /// The same with what chance adds, which `seed` decides; `which` ban it is, decides it as well,
    /// so that the same one gets the same time whenever it is decided.
    pub(super) fn with_chance(&self, bantime: Bantime, seed: u64, which: impl Hash) -> Bantime {
        let Bantime::For(span) = bantime else {
            return bantime;
        };
        let most = u64::try_from(self.rndtime.as_micros()).unwrap_or(u64::MAX);
        let mut hasher = DefaultHasher::new();
        (seed, which).hash(&mut hasher);
        let extra = match most.checked_add(1) {
            Some(values) => hasher.finish() % values,
            None => hasher.finish(),
        };
        Bantime::For(self.limited(span.saturating_add(Duration::from_micros(extra))))
    }

    fn limited(&self, span: Duration) -> Duration {
        self.maxtime.map_or(span, |most| span.min(most))
    }

    fn key(&self, jail: JailId, prefix: Prefix) -> Key {
        let jail = if self.over_all_jails { ALL_JAILS } else { jail };
        Key { jail, prefix }
    }
}

/// What a prefix has done.
#[derive(Clone, Copy, Default)]
struct Record {
    offences: u32,
    /// When its last ban ended, or will.
    quiet_since: Time,
}

impl Record {
    fn left(self, now: Time, decay: Duration) -> u32 {
        let quiet = now.since(self.quiet_since).as_micros();
        let forgotten = quiet.checked_div(decay.as_micros()).unwrap_or_default();
        let forgotten = u32::try_from(forgotten).unwrap_or(u32::MAX);
        self.offences.saturating_sub(forgotten)
    }
}

impl Worth for Record {
    fn worth(&self) -> (usize, Time) {
        let offences = usize::try_from(self.offences).unwrap_or(usize::MAX);
        (offences, self.quiet_since)
    }
}

/// What all prefixes have done in jails that escalate.
pub(super) struct Offences {
    records: Capped<Record>,
}

impl Offences {
    pub fn new(limit: usize) -> Self {
        Self {
            records: Capped::new(limit),
        }
    }

    pub fn set_limit(&mut self, limit: usize) {
        self.records.set_limit(limit, drop);
    }

    pub fn evicted(&self) -> u64 {
        self.records.evicted()
    }

    /// How many offences of `prefix` still count.
    pub fn count(&self, by: &Escalation, jail: JailId, prefix: Prefix, now: Time) -> u32 {
        let record = self.records.find(by.key(jail, prefix));
        record.map_or(0, |record| record.left(now, by.decay))
    }

    /// Writes down the how-many-eth ban of `prefix`, which ends at `until`.
    pub fn note(
        &mut self,
        by: &Escalation,
        jail: JailId,
        prefix: Prefix,
        offence: u32,
        until: Option<Time>,
    ) {
        let (record, _) = self.records.entry(by.key(jail, prefix));
        record.offences = offence;
        record.quiet_since = until.unwrap_or(Time::from_micros(u64::MAX));
    }

    /// Its last ban ended earlier than it was to.
    pub fn ended(&mut self, by: &Escalation, jail: JailId, prefix: Prefix, time: Time) {
        if let Some(record) = self.records.find_mut(by.key(jail, prefix)) {
            record.quiet_since = record.quiet_since.min(time);
        }
    }

    /// Forgets what `prefix` has done.
    pub fn forgive(&mut self, by: &Escalation, jail: JailId, prefix: Prefix) {
        self.records.remove(by.key(jail, prefix));
    }

    /// Drops some records of which nothing is left; `decay` is the longest of all jails.
    pub fn sweep(&mut self, now: Time, decay: Duration) {
        self.records
            .sweep(|_, record| record.left(now, decay) == 0, drop);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(bantime: Bantime) -> u64 {
        match bantime {
            Bantime::For(span) => span.as_secs() / 60,
            Bantime::Forever => panic!("forever"),
        }
    }

    #[test]
    fn bantimes_double_or_follow_the_multipliers_up_to_the_most() {
        let ten = Bantime::For(Duration::from_mins(10));
        let grown = |by: &Escalation| [1, 2, 3, 4, 99].map(|n| minutes(by.bantime(ten, n)));
        let doubling = Escalation::default();
        assert_eq!(grown(&doubling), [10, 20, 40, 80, 10 << 20]);
        let listed = Escalation {
            factor: 2,
            multipliers: vec![1, 5, 30],
            maxtime: Some(Duration::from_hours(8)),
            ..doubling
        };
        assert_eq!(grown(&listed), [20, 100, 480, 480, 480]);
        assert_eq!(listed.bantime(Bantime::Forever, 3), Bantime::Forever);
        let endless = Bantime::For(Duration::MAX);
        assert_eq!(Escalation::default().bantime(endless, 9), endless);
    }

    #[test]
    fn chance_adds_within_its_bound_and_is_not_the_same_for_all() {
        let by = Escalation {
            rndtime: Duration::from_mins(10),
            ..Escalation::default()
        };
        let ten = Bantime::For(Duration::from_mins(10));
        let drawn: Vec<u64> = (0..200_u32)
            .map(|host| {
                let prefix = Prefix::host(std::net::Ipv4Addr::from_bits(host).into());
                let once = by.with_chance(ten, 7, prefix);
                assert_eq!(once, by.with_chance(ten, 7, prefix));
                minutes(once)
            })
            .collect();
        assert!(drawn.iter().all(|minutes| (10..=20).contains(minutes)));
        assert!(drawn.iter().any(|minutes| *minutes < 13));
        assert!(drawn.iter().any(|minutes| *minutes > 16));
    }

    #[test]
    fn quiet_takes_one_offence_after_the_other() {
        let by = Escalation {
            decay: Duration::from_secs(100),
            ..Escalation::default()
        };
        let prefix = Prefix::host([192, 0, 2, 1].into());
        let mut offences = Offences::new(10);
        offences.note(&by, 0, prefix, 3, Some(Time::from_secs(1000)));
        let left =
            |offences: &Offences, secs| offences.count(&by, 0, prefix, Time::from_secs(secs));
        assert_eq!(
            [0, 1099, 1100, 1200, 1300].map(|secs| left(&offences, secs)),
            [3, 3, 2, 1, 0]
        );
        assert_eq!(offences.count(&by, 1, prefix, Time::from_secs(0)), 0);
        offences.ended(&by, 0, prefix, Time::from_secs(900));
        assert_eq!(left(&offences, 1000), 2);
        offences.forgive(&by, 0, prefix);
        assert_eq!(left(&offences, 0), 0);
    }
}
