//! From a failure to a ban, and from a ban to what follows from it.

use std::net::IpAddr;

use crate::engine::window::{Hit, Seen, Threshold};
use crate::engine::{Counts, Engine, JailId, Key, Policy, index};
use crate::model::{
    Ban, Decision, Failure, JailName, Origin, PastBan, Prefix, Time, UnbanCause, canonical,
    format_duration,
};

/// A ban that is due, unless something speaks against it.
struct Due {
    key: Key,
    time: Time,
    failures: u32,
    origin: Origin,
    reason: Box<str>,
    lines: Box<[Box<str>]>,
}

impl Policy {
    fn threshold(&self) -> Threshold {
        Threshold {
            maxretry: self.maxretry,
            findtime: self.findtime,
        }
    }
}

impl Engine {
    /// Counts a failure. If it is the one too many, the answer is a ban, and what follows from it
    /// (a wider one, one in `recidive`, one that makes room).
    pub fn failure(&mut self, failure: &Failure, now: Time) -> Vec<Decision> {
        let mut decisions = Vec::new();
        if let Some(due) = self.counted(failure, now) {
            self.decide(due, now, &mut decisions);
        }
        decisions
    }

    /// Takes note that `addr` logged in, for jails that forgive those who do.
    pub fn success(&mut self, jail: &JailName, addr: IpAddr, time: Time, now: Time) {
        let Some(id) = self.find(jail) else {
            return;
        };
        let policy = &self.jail(id).policy;
        if policy.forgive_on_success.is_none() {
            return;
        }
        let addr = canonical(addr);
        let time = time.min(now);
        let prefix = Prefix::of(addr, policy.lengths);
        self.logins.note(id, addr, time);
        self.windows.clear(Key { jail: id, prefix }, time);
    }

    /// Counts an entry that matched but named its host, so that nobody can be banned for it.
    pub fn named(&mut self, jail: &JailName) {
        if let Some(id) = self.find(jail) {
            self.jails[index(id)].totals.named += 1;
        }
    }

    fn counted(&mut self, failure: &Failure, now: Time) -> Option<Due> {
        let id = self.find(&failure.jail)?;
        let addr = canonical(failure.addr);
        let key = Key {
            jail: id,
            prefix: Prefix::of(addr, self.jail(id).policy.lengths),
        };
        let settled = self.settled_around(key);
        let jail = &mut self.jails[index(id)];
        let policy = &jail.policy;
        let forgiven = policy
            .forgive_on_success
            .is_some_and(|span| self.logins.within(id, addr, span, now).is_some());
        if forgiven
            || jail
                .ignore
                .spares(Prefix::host(addr), &self.spared)
                .is_some()
        {
            // A replayed failure was in the totals before the restart already.
            jail.totals.ignored += u64::from(!failure.replayed);
            return None;
        }
        jail.totals.failed += u64::from(!failure.replayed);
        // The log's clock may run ahead of ours, and what it says of the future has not happened.
        let time = failure.time.min(now);
        if now.since(time) > policy.findtime
            || self.ledger.covering(id, key.prefix).next().is_some()
        {
            return None;
        }
        let seen = Seen {
            time,
            weight: failure.weight,
            line: &failure.evidence,
            settled,
        };
        let hit = self.windows.count(key, seen, policy.threshold(), now)?;
        self.windows.clear(key, time);
        Some(Due {
            key,
            time,
            failures: hit.failures,
            origin: Origin::Log,
            reason: failure.evidence.clone(),
            lines: hit.lines,
        })
    }

    /// Up to when failures of a prefix are settled by bans of networks around it: while these were
    /// in force nobody in them counted, and whoever did before is let in with a clean slate.
    pub(super) fn settled_around(&self, key: Key) -> Time {
        let settled = |around: Key| match self.ledger.get(around) {
            Some(held) => held.since,
            None => self.windows.cleared(around),
        };
        let all = self.ledger.around(key).map(settled);
        all.max().unwrap_or_default()
    }

    /// Makes the ban that is due, and all that follow from it.
    fn decide(&mut self, due: Due, now: Time, decisions: &mut Vec<Decision>) {
        let Key { jail: id, prefix } = due.key;
        let jail = &self.jails[index(id)];
        let policy = &jail.policy;
        let offence = match &policy.escalation {
            Some(by) => self.offences.count(by, id, prefix, now).saturating_add(1),
            None => 1,
        };
        let mut bantime = policy.bantime_of(offence);
        if let Some(by) = &policy.escalation {
            bantime = by.with_chance(bantime, self.seed, (&jail.name, prefix, due.time));
        }
        let until = bantime.until(due.time);
        if until.is_some_and(|until| until <= now) || !self.make_room(until, now, decisions) {
            return;
        }
        let jail = &mut self.jails[index(id)];
        let ban = Ban {
            jail: jail.name.clone(),
            prefix,
            since: due.time,
            until,
            failures: due.failures,
            origin: due.origin,
            offence,
            open: jail.ignore.open_parts(prefix, &self.spared),
            reason: due.reason,
            lines: due.lines,
        };
        jail.totals.banned += 1;
        if let Some(by) = &jail.policy.escalation {
            self.offences.note(by, id, prefix, offence, until);
        }
        self.ledger.insert(due.key, &ban);
        // The ban itself says now up to when failures are settled.
        self.windows.forget(due.key);
        decisions.push(Decision::Ban(ban));
        self.look_around(due.key, due.time, now, decisions);
        self.count_ban(due.key, due.time, now, decisions);
    }

    /// Makes room for a ban that ends at `until`; false if the others are worth more.
    fn make_room(&mut self, until: Option<Time>, now: Time, decisions: &mut Vec<Decision>) -> bool {
        while self.ledger.len() >= self.limits.bans {
            match self.ledger.next_to_end() {
                Some((end, key)) if until.is_none_or(|until| end < until) => {
                    decisions.extend(self.lift(key, UnbanCause::Displaced, now));
                }
                _ => {
                    self.left_out += 1;
                    return false;
                }
            }
        }
        true
    }

    /// Bans the network around a banned prefix if that is the one too many in it.
    fn look_around(&mut self, banned: Key, time: Time, now: Time, decisions: &mut Vec<Decision>) {
        let jail = &self.jails[index(banned.jail)];
        let Some(by) = jail.policy.aggregation else {
            return;
        };
        let Some((network, count)) = self.crowds.note(&by, banned, time) else {
            return;
        };
        let key = Key {
            prefix: network,
            ..banned
        };
        if self.spares_or_holds(key) {
            return;
        }
        self.crowds.clear(key);
        let due = Due {
            key,
            time,
            failures: count,
            origin: Origin::Aggregate,
            reason: format!(
                "{count} prefixes in it were banned within {}, the last: {}",
                format_duration(by.within),
                banned.prefix
            )
            .into(),
            lines: Box::default(),
        };
        self.decide(due, now, decisions);
    }

    /// Counts a ban in the jails that count bans, which may lead to one in them.
    fn count_ban(&mut self, banned: Key, time: Time, now: Time, decisions: &mut Vec<Decision>) {
        for id in self.counting_bans_of(banned.jail) {
            let key = Key { jail: id, ..banned };
            if self.spares_or_holds(key) {
                continue;
            }
            self.jails[index(id)].totals.failed += 1;
            let Some(hit) = self.add_ban(key, banned.jail, time, now) else {
                continue;
            };
            self.windows.clear(key, time);
            let reason = format!(
                "{} bans within {}, the last in {}",
                hit.failures,
                format_duration(self.jail(id).policy.findtime),
                self.jail(banned.jail).name
            );
            let due = Due {
                key,
                time,
                failures: hit.failures,
                origin: Origin::Recidive,
                reason: reason.into(),
                lines: hit.lines,
            };
            self.decide(due, now, decisions);
        }
    }

    /// The jails that count the bans of `by`: none does if it is one that counts bans itself.
    fn counting_bans_of(&self, by: JailId) -> Vec<JailId> {
        let counts = |id: &JailId| {
            let jail = self.jail(*id);
            jail.configured && jail.policy.counts == Counts::Bans
        };
        if counts(&by) {
            return Vec::new();
        }
        self.ids().filter(counts).collect()
    }

    fn spares_or_holds(&self, key: Key) -> bool {
        let ignore = &self.jail(key.jail).ignore;
        ignore.spares(key.prefix, &self.spared).is_some()
            || self.ledger.covering(key.jail, key.prefix).next().is_some()
    }

    /// Adds a ban in the jail `by` to the window of a jail that counts bans.
    fn add_ban(&mut self, key: Key, by: JailId, time: Time, now: Time) -> Option<Hit> {
        let line = format!("banned in {}", self.jail(by).name);
        let seen = Seen {
            time,
            weight: 1,
            line: &line,
            settled: Time::EPOCH,
        };
        let threshold = self.jail(key.jail).policy.threshold();
        self.windows.count(key, seen, threshold, now)
    }

    /// Takes note of an earlier ban, as when it was made; what followed from it is told by itself.
    pub(super) fn remember_one(&mut self, past: &PastBan, now: Time) {
        let Some(id) = self.find(&past.jail) else {
            return;
        };
        let key = Key {
            jail: id,
            prefix: past.prefix,
        };
        let policy = &self.jails[index(id)].policy;
        if let Some(by) = &policy.escalation {
            if past.forgiven {
                self.offences.forgive(by, id, past.prefix);
            } else {
                let quiet = past.ended.or(past.until);
                self.offences.note(by, id, past.prefix, past.offence, quiet);
            }
        }
        if past.origin == Origin::Manual {
            return;
        }
        if past.origin == Origin::Aggregate {
            self.crowds.clear(key);
        }
        if let Some(by) = policy.aggregation {
            self.crowds.note(&by, key, past.since);
        }
        for jail in self.counting_bans_of(id) {
            let key = Key { jail, ..key };
            if !self.spares_or_holds(key) {
                self.add_ban(key, id, past.since, now);
            }
        }
    }
}
