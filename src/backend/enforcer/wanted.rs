//! What is wanted: who is to be kept out, by which jail, until when.

use std::collections::HashMap;

use crate::backend::{Change, Holding};
use crate::model::{JailName, Prefix, Time};

/// Below so many it is not worth looking for what is over.
const WORTH_PRUNING: usize = 1024;

/// The newest wish for each ban.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    until: HashMap<(JailName, Prefix), Option<Time>>,
    /// At this size the next look for what is over.
    prune_at: usize,
}

impl Wanted {
    /// Forgets everything but `holdings`.
    pub fn replace(&mut self, holdings: Vec<Holding>) {
        self.until = holdings
            .into_iter()
            .map(|holding| ((holding.jail, holding.prefix), holding.until))
            .collect();
        self.prune_at = WORTH_PRUNING.max(2 * self.until.len());
    }

    /// Takes a change in. What is over at `now` is dropped whenever the number has doubled, so
    /// that bans nobody lifts do not pile up, at no cost worth counting.
    pub fn change(&mut self, change: &Change, now: Time) {
        match change {
            Change::Add(holding) => {
                let ban = (holding.jail.clone(), holding.prefix);
                self.until.insert(ban, holding.until);
            }
            Change::Remove { jail, prefix } => {
                self.until.remove(&(jail.clone(), *prefix));
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
            .map(|((jail, prefix), until)| Holding {
                jail: jail.clone(),
                prefix: *prefix,
                until: *until,
            })
            .collect()
    }

    fn prune(&mut self, now: Time) {
        self.until
            .retain(|_, until| until.is_none_or(|until| until > now));
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
