//! What an administrator asks for by hand, and why it may be refused.

use crate::engine::{Engine, Key, Spare, index};
use crate::model::{Ban, Bantime, Decision, JailName, Origin, Pardon, Prefix, Time, UnbanCause};

/// The widest IPv4 prefix that can be banned by hand: the largest block that was ever handed out.
const WIDEST_IPV4: u8 = 8;
/// The widest IPv6 prefix that can be banned by hand; registries hand out /12 to /32.
const WIDEST_IPV6: u8 = 12;

/// Ban a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BanRequest {
    /// On behalf of which jail.
    pub jail: JailName,
    /// Whom.
    pub prefix: Prefix,
    /// For how long; `None`: the jail's bantime.
    pub bantime: Option<Bantime>,
    /// Why, for the record.
    pub reason: Box<str>,
}

/// Lift bans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnbanRequest {
    /// Of which jail; `None`: of all.
    pub jail: Option<JailName>,
    /// Of which prefix: every ban that has an address in common with it. `None`: all bans.
    pub prefix: Option<Prefix>,
}

/// Why a request is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such jail.
    #[error("no jail \"{0}\" is enabled; \"journalban status\" lists those that are")]
    NoJail(JailName),
    /// It would ban what is ignored.
    #[error("{prefix} is not banned: never ban {spare}")]
    Ignored {
        /// What was to be banned.
        prefix: Prefix,
        /// What it is a part of.
        spare: Spare,
    },
    /// It would ban a good part of the Internet.
    #[error("{0} is not banned: wider than /{WIDEST_IPV4} (IPv4) or /{WIDEST_IPV6} (IPv6)")]
    TooWide(Prefix),
    /// There are as many bans as there may be.
    #[error("{0} is not banned: there are as many bans as ban_limit in journalban.toml allows")]
    Full(Prefix),
}

impl Engine {
    /// Bans by hand: answers the decision, or why not. What is ignored within the prefix stays
    /// open.
    pub fn ban(&mut self, request: &BanRequest, now: Time) -> Result<Decision, Refusal> {
        let prefix = request.prefix;
        let id = self
            .find(&request.jail)
            .ok_or_else(|| Refusal::NoJail(request.jail.clone()))?;
        request.check_width()?;
        let key = Key { jail: id, prefix };
        let full = self.ledger.len() >= self.limits.bans;
        let jail = &mut self.jails[index(id)];
        if let Some(spare) = jail.ignore.spares(prefix, &self.spared) {
            return Err(Refusal::Ignored { prefix, spare });
        }
        let held = self.ledger.get(key);
        if full && held.is_none() {
            return Err(Refusal::Full(prefix));
        }
        // Who is banned already has not offended again.
        let offence = match (held, &jail.policy.escalation) {
            (Some(held), _) => held.offence,
            (None, Some(by)) => self.offences.count(by, id, prefix, now).saturating_add(1),
            (None, None) => 1,
        };
        let bantime = request
            .bantime
            .unwrap_or_else(|| jail.policy.bantime_of(offence));
        let until = bantime.until(now);
        if let Some(by) = &jail.policy.escalation {
            self.offences.note(by, id, prefix, offence, until);
        }
        let ban = Ban {
            jail: request.jail.clone(),
            prefix,
            // One by hand goes on: a list that is taken in every hour must not fill the history.
            since: match held {
                Some(held) if held.origin == Origin::Manual => held.since,
                _ => now,
            },
            until,
            failures: 0,
            origin: Origin::Manual,
            offence,
            open: jail.ignore.open_parts(prefix, &self.spared),
            reason: request.reason.clone(),
            lines: Box::default(),
        };
        jail.totals.banned += u64::from(held.is_none());
        self.windows.forget(key);
        self.ledger.insert(key, &ban);
        Ok(Decision::Ban(ban))
    }

    /// Lifts by hand all bans that `request` names; none is no error. Failures so far are
    /// forgotten, so that the next single one does not ban again, and so are the offences.
    pub fn unban(&mut self, request: &UnbanRequest, now: Time) -> Vec<Decision> {
        let jail = request.jail.as_ref().map(|name| self.find(name));
        let of_jail = |key: Key| jail.is_none_or(|id| id == Some(key.jail));
        let wanted = |key: Key| {
            of_jail(key)
                && request
                    .prefix
                    .is_none_or(|prefix| prefix.overlaps(key.prefix))
        };
        // Of a single address there can only be bans around it, which need no search.
        let keys: Vec<Key> = match request.prefix.filter(|prefix| prefix.is_host()) {
            Some(host) => self
                .covering(host)
                .map(|(key, _)| key)
                .filter(|key| of_jail(*key))
                .collect(),
            None => self.ledger.keys().filter(|key| wanted(*key)).collect(),
        };
        let failing: Vec<Key> = match request.prefix.filter(|prefix| prefix.is_host()) {
            Some(host) => self.counted_for(host).filter(|key| of_jail(*key)).collect(),
            None => self
                .windows
                .unsettled()
                .filter(|key| wanted(*key))
                .collect(),
        };
        self.let_in(keys, failing, now)
    }

    /// Lifts these bans by hand, and forgets the failures of these.
    pub(super) fn let_in(
        &mut self,
        banned: Vec<Key>,
        failing: Vec<Key>,
        now: Time,
    ) -> Vec<Decision> {
        let mut decisions: Vec<Decision> = banned
            .into_iter()
            .filter_map(|key| self.lift(key, UnbanCause::Manual, now))
            .collect();
        for key in failing {
            if self.windows.pardon(key, now) {
                decisions.push(Decision::Pardon(Pardon {
                    jail: self.jail(key.jail).name.clone(),
                    prefix: key.prefix,
                    time: now,
                }));
            }
        }
        decisions
    }

    /// What is counted for `host`, in each jail.
    fn counted_for(&self, host: Prefix) -> impl Iterator<Item = Key> {
        self.ids().map(move |jail| Key {
            jail,
            prefix: Prefix::of(host.addr(), self.jail(jail).policy.lengths),
        })
    }
}

impl BanRequest {
    pub(super) fn check_width(&self) -> Result<(), Refusal> {
        let widest = if self.prefix.is_ipv4() {
            WIDEST_IPV4
        } else {
            WIDEST_IPV6
        };
        if self.prefix.len() < widest {
            return Err(Refusal::TooWide(self.prefix));
        }
        Ok(())
    }
}
