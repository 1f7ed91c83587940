//! A map that outsiders fill, with a limit: beyond it the least telling of a few entries goes.

use indexmap::IndexMap;
use indexmap::map::Entry;

use crate::engine::Key;
use crate::model::Time;

/// How many entries are looked at to find one to forget, and how many each sweep looks at, at
/// least. Eviction costs the same at any number; 16 come close to the true minimum.
const LOOKED_AT: usize = 16;

/// A sweep looks at this part of all entries, so that each is looked at within as many sweeps.
const SWEEP_PART: usize = 64;

/// How telling an entry is. The least telling goes first.
pub(super) trait Worth {
    /// What counts first (failures, say), and then how fresh it is.
    fn worth(&self) -> (usize, Time);
}

/// The map. Its entries lie next to each other, so that a million of them cost what they hold and
/// not what a half-empty table would.
pub(super) struct Capped<V> {
    entries: IndexMap<Key, V>,
    limit: usize,
    /// Where the next sweep or eviction looks.
    hand: usize,
    evicted: u64,
}

impl<V: Worth> Capped<V> {
    pub fn new(limit: usize) -> Self {
        Self {
            entries: IndexMap::new(),
            limit: limit.max(1),
            hand: 0,
            evicted: 0,
        }
    }

    /// Changes the limit; what goes for it is given to `gone`.
    pub fn set_limit(&mut self, limit: usize, mut gone: impl FnMut(V)) {
        self.limit = limit.max(1);
        while self.entries.len() > self.limit
            && let Some(value) = self.evict()
        {
            gone(value);
        }
    }

    /// How many were forgotten because of the limit.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    pub fn find(&self, key: Key) -> Option<&V> {
        self.entries.get(&key)
    }

    pub fn find_mut(&mut self, key: Key) -> Option<&mut V> {
        self.entries.get_mut(&key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Key, &V)> {
        self.entries.iter()
    }

    /// The entry of `key`, a new one if there is none, and what had to go for that.
    pub fn entry(&mut self, key: Key) -> (&mut V, Option<V>)
    where
        V: Default,
    {
        let full = self.entries.len() >= self.limit && !self.entries.contains_key(&key);
        let gone = if full { self.evict() } else { None };
        let value = match self.entries.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(V::default()),
        };
        (value, gone)
    }

    pub fn remove(&mut self, key: Key) -> Option<V> {
        self.entries.swap_remove(&key)
    }

    /// Forgets some entries that are `stale`; a full round takes [`SWEEP_PART`] calls. They are
    /// given to `gone`.
    pub fn sweep(&mut self, stale: impl Fn(&Key, &V) -> bool, mut gone: impl FnMut(V)) {
        let mut left = (self.entries.len() / SWEEP_PART)
            .max(LOOKED_AT)
            .min(self.entries.len());
        while left > 0 && !self.entries.is_empty() {
            left -= 1;
            self.hand %= self.entries.len();
            let found = self
                .entries
                .get_index(self.hand)
                .is_some_and(|(key, value)| stale(key, value));
            if found {
                // The last entry takes this place and is looked at next.
                let removed = self.entries.swap_remove_index(self.hand);
                if let Some((_, value)) = removed {
                    gone(value);
                }
            } else {
                self.hand += 1;
            }
        }
        if self.entries.capacity() > 4 * self.entries.len().max(LOOKED_AT) {
            self.entries.shrink_to(2 * self.entries.len());
        }
    }

    /// Forgets, of the next [`LOOKED_AT`] entries, the one that is worth least.
    fn evict(&mut self) -> Option<V> {
        let len = self.entries.len();
        let least = (0..LOOKED_AT.min(len))
            .map(|step| (self.hand + step) % len)
            .min_by_key(|at| self.entries.get_index(*at).map(|(_, value)| value.worth()));
        self.hand = (self.hand + LOOKED_AT) % len.max(1);
        let (_, value) = self.entries.swap_remove_index(least?)?;
        self.evicted += 1;
        Some(value)
    }
}
