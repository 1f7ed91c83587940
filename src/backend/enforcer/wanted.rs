//! What is wanted: who is to be kept out, by which jail, until when.

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::backend::{Change, Holding};
use crate::model::{JailName, Prefix, Time};

/// Below so many it is not worth looking for what is over.
const WORTH_PRUNING: usize = 1024;

/// A jail, by its place in [`Wanted::jails`], and whom it keeps out.
type Key = (u32, Prefix);

/// The newest wish for each ban. Made for a million of them: what few have is kept apart.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    until: IndexMap<Key, Option<Time>>,
    open: HashMap<Key, Box<[Prefix]>>,
    /// Every jail that was named so far; only as many as are configured.
    jails: Vec<JailName>,
    /// At this size the next look for what is over.
    prune_at: usize,
}

impl Wanted {
    /// Forgets everything but `holdings`.
    pub fn replace(&mut self, holdings: Vec<Holding>) {
        *self = Self::default();
        self.until.reserve(holdings.len());
        for holding in holdings {
            self.add(&holding);
        }
        self.prune_at = WORTH_PRUNING.max(2 * self.until.len());
    }

    /// Takes a change in. What is over at `now` is dropped whenever the number has doubled, so
    /// that bans nobody lifts do not pile up, at no cost worth counting.
    pub fn change(&mut self, change: &Change, now: Time) {
        match change {
            Change::Add(holding) => self.add(holding),
            Change::Remove { jail, prefix } => {
                let key = (self.number(jail), *prefix);
                self.until.swap_remove(&key);
                self.open.remove(&key);
            }
        }
        if self.until.len() > self.prune_at {
            self.prune(now);
        }
    }

    /// All of it that is not over at `now`.
    pub fn holdings(&mut self, now: Time) -> Vec<Holding> {
        self.prune(now);
        self.until
            .iter()
            .filter_map(|(key, until)| {
                let (number, prefix) = *key;
                Some(Holding {
                    jail: self.jails.get(usize::try_from(number).ok()?)?.clone(),
                    prefix,
                    until: *until,
                    open: self.open.get(key).cloned().unwrap_or_default(),
                })
            })
            .collect()
    }

    fn add(&mut self, holding: &Holding) {
        let key = (self.number(&holding.jail), holding.prefix);
        self.until.insert(key, holding.until);
        if holding.open.is_empty() {
            self.open.remove(&key);
        } else {
            self.open.insert(key, holding.open.clone());
        }
    }

    fn number(&mut self, jail: &JailName) -> u32 {
        let known = self.jails.iter().position(|known| known == jail);
        let at = known.unwrap_or_else(|| {
            self.jails.push(jail.clone());
            self.jails.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn prune(&mut self, now: Time) {
        self.until
            .retain(|_, until| until.is_none_or(|until| until > now));
        self.open.retain(|key, _| self.until.contains_key(key));
        self.prune_at = WORTH_PRUNING.max(2 * self.until.len());
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn add(host: u32, until: Option<u64>) -> Change {
        Change::Add(Holding {
            jail: JailName::new("a").expect("a name"),
            prefix: Prefix::host(IpAddr::from(host.to_be_bytes())),
            until: until.map(Time::from_secs),
            open: Box::default(),
        })
    }

    #[test]
    fn bans_that_nobody_lifts_do_not_pile_up() {
        let mut wanted = Wanted::default();
        for second in 0..100_000 {
            let now = Time::from_secs(second);
            let host = u32::try_from(second).expect("small");
            wanted.change(&add(host, Some(second + 10)), now);
            assert!(wanted.until.len() <= WORTH_PRUNING + 1);
        }
    }

    #[test]
    fn the_newest_wish_counts_until_it_is_over() {
        let mut wanted = Wanted::default();
        let now = Time::from_secs(100);
        wanted.change(&add(1, Some(110)), now);
        wanted.change(&add(1, Some(120)), now);
        wanted.change(&add(2, None), now);
        assert_eq!(wanted.holdings(Time::from_secs(119)).len(), 2);
        assert_eq!(wanted.holdings(Time::from_secs(120)).len(), 1);
    }
}
