//! What `status` shows: of each jail, and of what the limits have cost.

use crate::engine::{Engine, JailId, index};
use crate::model::{JailName, Prefix, Time, Totals};

/// One jail, as `status` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JailStatus {
    /// Its name.
    pub name: JailName,
    /// How many prefixes have failures within findtime and are not banned.
    pub currently_failed: usize,
    /// How many are banned.
    pub currently_banned: usize,
    /// What it has seen.
    pub totals: Totals,
}

/// What was forgotten because there was more of it than the limits allow, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Prefixes with failures, by `tracked_limit`.
    pub windows: u64,
    /// What prefixes have done (offences, neighbours, logins), by `tracked_limit`.
    pub records: u64,
    /// Bans that were due and were not made, by `ban_limit`.
    pub bans: u64,
}

impl Engine {
    /// What `status` shows of each configured jail, in the order of their names.
    #[must_use]
    pub fn status(&self, now: Time) -> Vec<JailStatus> {
        let failed = self
            .windows
            .counted(now, |jail| self.jail(jail).policy.findtime);
        let mut all: Vec<JailStatus> = self
            .ids()
            .map(|id| (id, self.jail(id)))
            .filter(|(_, jail)| jail.configured)
            .map(|(id, jail)| JailStatus {
                name: jail.name.clone(),
                currently_failed: failed.get(&index(id)).copied().unwrap_or_default(),
                currently_banned: self.ledger.of_jail(id),
                totals: jail.totals,
            })
            .collect();
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Who is banned in a jail, in order; the first `most` of them.
    #[must_use]
    pub fn banned_in(&self, jail: &JailName, most: usize) -> Vec<Prefix> {
        let id: Option<JailId> = self.find(jail);
        let mut banned: Vec<Prefix> = self
            .ledger
            .keys()
            .filter(|key| Some(key.jail) == id)
            .map(|key| key.prefix)
            .collect();
        if most < banned.len() {
            banned.select_nth_unstable(most);
            banned.truncate(most);
        }
        banned.sort_unstable();
        banned
    }

    /// The totals of every jail, for the store.
    pub fn totals(&self) -> impl Iterator<Item = (&JailName, Totals)> {
        self.jails.iter().map(|jail| (&jail.name, jail.totals))
    }

    /// What the limits have cost so far.
    #[must_use]
    pub fn losses(&self) -> Losses {
        Losses {
            windows: self.windows.evicted(),
            records: self.offences.evicted() + self.crowds.evicted() + self.logins.evicted(),
            bans: self.left_out,
        }
    }
}
