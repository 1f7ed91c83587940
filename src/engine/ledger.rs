//! The bans in force, and when they end.

use std::collections::{BTreeSet, HashMap};

use crate::engine::Key;
use crate::model::{Ban, JailName, Origin, Prefix, Time};

/// A ban in force; its story (since when, why) is in the store.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub(super) key: Key,
    pub(super) until: Option<Time>,
    pub(super) origin: Origin,
}

/// A ban in force, as seen from outside the engine.
#[derive(Clone, Copy, Debug)]
pub struct BanView<'a> {
    /// On whose behalf.
    pub jail: &'a JailName,
    /// Who.
    pub prefix: Prefix,
    /// Until when; `None` is forever.
    pub until: Option<Time>,
    /// What of it is not kept out, as it is ignored.
    pub open: &'a [Prefix],
}

/// All bans in force, by key and by end.
#[derive(Default)]
pub(super) struct Ledger {
    bans: HashMap<Key, (Option<Time>, Origin)>,
    ends: BTreeSet<(Time, Key)>,
}

impl Ledger {
    pub(super) fn len(&self) -> usize {
        self.bans.len()
    }

    pub(super) fn contains(&self, key: Key) -> bool {
        self.bans.contains_key(&key)
    }

    /// Adds a ban, or changes until when.
    pub(super) fn insert(&mut self, key: Key, ban: &Ban) {
        self.remove(key);
        self.bans.insert(key, (ban.until, ban.origin));
        if let Some(until) = ban.until {
            self.ends.insert((until, key));
        }
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Held> {
        let (until, origin) = self.bans.remove(&key)?;
        if let Some(until) = until {
            self.ends.remove(&(until, key));
        }
        Some(Held { key, until, origin })
    }

    /// The keys of the bans that are over at `now`.
    pub(super) fn over(&self, now: Time) -> Vec<Key> {
        self.ends
            .iter()
            .take_while(|(until, _)| *until <= now)
            .map(|(_, key)| *key)
            .collect()
    }

    pub(super) fn next_expiry(&self) -> Option<Time> {
        self.ends.first().map(|(until, _)| *until)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.bans.keys().copied()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Held> {
        self.bans.iter().map(|(key, (until, origin))| Held {
            key: *key,
            until: *until,
            origin: *origin,
        })
    }
}
