//! Why an address is, or is not, banned.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::time::Duration;

use crate::engine::{Engine, Key, Spare};
use crate::model::{Bantime, JailName, Origin, Prefix, Time, canonical};

/// What one jail knows of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The jail.
    pub jail: JailName,
    /// What is counted and would be banned for it.
    pub prefix: Prefix,
    /// Why it is never banned, if it is not.
    pub spared: Option<Spare>,
    /// When it logged in, if it is not counted for that.
    pub logged_in: Option<Time>,
    /// The bans that keep it out, the narrowest first.
    pub bans: Vec<HeldBan>,
    /// Failures within findtime.
    pub failures: u32,
    /// How many ban.
    pub maxretry: u32,
    /// Within how long.
    pub findtime: Duration,
    /// When the last one was, if any is remembered.
    pub last_failure: Option<Time>,
    /// Earlier bans that still count towards the next bantime.
    pub offences: u32,
    /// How long the next ban lasts, before chance adds to it.
    pub next_bantime: Bantime,
}

/// A ban in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldBan {
    /// Who is banned; may be wider than what was asked about.
    pub prefix: Prefix,
    /// Since when.
    pub since: Time,
    /// Until when; `None` is forever.
    pub until: Option<Time>,
    /// What it goes back to.
    pub origin: Origin,
    /// The how-many-eth it is.
    pub offence: u32,
}

impl Engine {
    /// What each configured jail knows of `addr`, by the jails' names.
    #[must_use]
    pub fn explain(&self, addr: IpAddr, now: Time) -> Vec<Explanation> {
        let addr = canonical(addr);
        let host = Prefix::host(addr);
        let mut all: Vec<Explanation> = self
            .ids()
            .map(|id| (id, self.jail(id)))
            .filter(|(_, jail)| jail.configured)
            .map(|(id, jail)| {
                let policy = &jail.policy;
                let key = Key {
                    jail: id,
                    prefix: Prefix::of(addr, policy.lengths),
                };
                let settled = self.settled_around(key);
                let (failures, last_failure) =
                    self.windows.failures(key, now, policy.findtime, settled);
                let offences = policy
                    .escalation
                    .as_ref()
                    .map_or(0, |by| self.offences.count(by, id, key.prefix, now));
                let mut bans: Vec<HeldBan> = self
                    .ledger
                    .covering(id, host)
                    .filter(|(key, _)| !self.ledger.open(*key).iter().any(|net| net.contains(host)))
                    .map(|(key, held)| HeldBan {
                        prefix: key.prefix,
                        since: held.since,
                        until: held.until(),
                        origin: held.origin,
                        offence: held.offence,
                    })
                    .collect();
                bans.sort_unstable_by_key(|ban| Reverse(ban.prefix.len()));
                Explanation {
                    jail: jail.name.clone(),
                    prefix: key.prefix,
                    spared: jail.ignore.spares(host, &self.spared),
                    logged_in: policy
                        .forgive_on_success
                        .and_then(|span| self.logins.within(id, addr, span, now)),
                    bans,
                    failures,
                    maxretry: policy.maxretry,
                    findtime: policy.findtime,
                    last_failure,
                    offences,
                    next_bantime: policy.bantime_of(offences.saturating_add(1)),
                }
            })
            .collect();
        all.sort_unstable_by(|a, b| a.jail.cmp(&b.jail));
        all
    }
}
