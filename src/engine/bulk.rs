//! Many bans or unbans by hand at once, as from a blocklist.

use crate::engine::nets::Nets;
use crate::engine::{BanRequest, Engine, Key, Refusal, UnbanRequest};
use crate::model::{Bantime, Decision, JailName, Prefix, Time};

/// Ban prefixes that have everything else in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BanMany {
    /// On behalf of which jail.
    pub jail: JailName,
    /// Whom.
    pub prefixes: Vec<Prefix>,
    /// For how long; `None`: the jail's bantime.
    pub bantime: Option<Bantime>,
    /// Why, for the record.
    pub reason: Box<str>,
}

/// What became of [`BanMany`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BannedMany {
    /// The bans that were made, or last longer now.
    pub decisions: Vec<Decision>,
    /// How many are banned for at least as long already.
    pub already: usize,
    /// Who is not banned, and why.
    pub refused: Vec<(Prefix, Refusal)>,
}

impl Engine {
    /// Bans by hand each of many prefixes for which nothing speaks against it.
    pub fn ban_many(&mut self, many: &BanMany, now: Time) -> Result<BannedMany, Refusal> {
        let Some(jail) = self.find(&many.jail) else {
            return Err(Refusal::NoJail(many.jail.clone()));
        };
        let bantime = many.bantime.unwrap_or(self.jail(jail).policy.bantime);
        let until = bantime.until(now);
        let mut done = BannedMany::default();
        for prefix in many.prefixes.iter().copied() {
            let held = self.ledger.get(Key { jail, prefix });
            let lasts = |held: Option<Time>| match (held, until) {
                (None, _) => true,
                (Some(held), Some(until)) => held >= until,
                (Some(_), None) => false,
            };
            if held.is_some_and(|held| lasts(held.until())) {
                done.already += 1;
                continue;
            }
            let request = BanRequest {
                jail: many.jail.clone(),
                prefix,
                bantime: Some(bantime),
                reason: many.reason.clone(),
            };
            match self.ban(&request, now) {
                Ok(decision) => done.decisions.push(decision),
                Err(refusal) => done.refused.push((prefix, refusal)),
            }
        }
        Ok(done)
    }

    /// Lifts by hand the bans that have an address in common with any of `prefixes`, of one jail or
    /// of all; the second answer is for how many of the prefixes there was none.
    pub fn unban_many(
        &mut self,
        jail: Option<&JailName>,
        prefixes: &[Prefix],
        now: Time,
    ) -> (Vec<Decision>, usize) {
        let mut decisions = Vec::new();
        let mut missed = 0;
        let (hosts, nets): (Vec<Prefix>, Vec<Prefix>) =
            prefixes.iter().partition(|prefix| prefix.is_host());
        for host in hosts {
            let request = UnbanRequest {
                jail: jail.cloned(),
                prefix: Some(host),
            };
            let lifted = self.unban(&request, now);
            let unbanned = |decision: &Decision| matches!(decision, Decision::Unban(_));
            missed += usize::from(!lifted.iter().any(unbanned));
            decisions.extend(lifted);
        }
        if nets.is_empty() {
            return (decisions, missed);
        }
        // One pass for all of them: each by itself would look at every ban.
        let asked: Nets = nets.iter().copied().collect();
        let id = jail.map(|name| self.find(name));
        let wanted = |key: Key| {
            id.is_none_or(|id| id == Some(key.jail))
                && (asked.around(key.prefix).is_some() || asked.within(key.prefix).next().is_some())
        };
        let keys: Vec<Key> = self.ledger.keys().filter(|key| wanted(*key)).collect();
        let found: Nets = keys.iter().map(|key| key.prefix).collect();
        let missing =
            |net: &Prefix| found.around(*net).is_none() && found.within(*net).next().is_none();
        missed += asked.iter().filter(missing).count();
        let failing = self.windows.unsettled().filter(|key| wanted(*key));
        let failing = failing.collect();
        decisions.extend(self.let_in(keys, failing, now));
        (decisions, missed)
    }
}
