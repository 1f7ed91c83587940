//! The bans in force, and when they end.

use std::collections::{BTreeSet, HashMap};

use indexmap::IndexMap;

use crate::engine::{JailId, Key, index};
use crate::model::{Ban, JailName, Origin, Prefix, Time};

/// Later than any ban ends.
const NEVER: Time = Time::from_micros(u64::MAX);

/// A ban in force; its story (why, and by which lines) is in the store.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub since: Time,
    /// [`NEVER`] if it has no end.
    until: Time,
    pub offence: u32,
    pub origin: Origin,
}

impl Held {
    /// Until when; `None` is forever.
    pub fn until(&self) -> Option<Time> {
        (self.until != NEVER).then_some(self.until)
    }
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

/// All bans in force, by key and by end. Made for a million of them: what few have is kept apart.
#[derive(Default)]
pub(super) struct Ledger {
    bans: IndexMap<Key, Held>,
    ends: BTreeSet<(Time, Key)>,
    /// Of those bans that have any.
    open: HashMap<Key, Box<[Prefix]>>,
    /// How many bans of which family and length each jail has.
    lengths: Vec<Vec<Length>>,
}

struct Length {
    ipv4: bool,
    len: u8,
    bans: usize,
}

impl Ledger {
    pub fn len(&self) -> usize {
        self.bans.len()
    }

    pub fn get(&self, key: Key) -> Option<&Held> {
        self.bans.get(&key)
    }

    /// Adds a ban, or takes the place of the one that is there.
    pub fn insert(&mut self, key: Key, ban: &Ban) {
        let until = ban.until.unwrap_or(NEVER);
        let held = Held {
            since: ban.since,
            until,
            offence: ban.offence,
            origin: ban.origin,
        };
        match self.bans.insert(key, held) {
            Some(old) => drop(self.ends.remove(&(old.until, key))),
            None => self.count(key).bans += 1,
        }
        if until != NEVER {
            self.ends.insert((until, key));
        }
        self.set_open(key, ban.open.clone());
    }

    pub fn remove(&mut self, key: Key) -> Option<Held> {
        let held = self.bans.swap_remove(&key)?;
        self.ends.remove(&(held.until, key));
        self.open.remove(&key);
        self.count(key).bans -= 1;
        Some(held)
    }

    /// What of a ban is not kept out.
    pub fn open(&self, key: Key) -> &[Prefix] {
        self.open.get(&key).map_or(&[], |open| open)
    }

    pub fn set_open(&mut self, key: Key, open: Box<[Prefix]>) {
        if open.is_empty() {
            self.open.remove(&key);
        } else {
            self.open.insert(key, open);
        }
    }

    /// The bans of which a part is not kept out.
    pub fn with_open_parts(&self) -> impl Iterator<Item = Key> {
        self.open.keys().copied()
    }

    /// The prefixes around `key.prefix` of the lengths with which its jail has ever banned.
    pub fn around(&self, key: Key) -> impl Iterator<Item = Key> {
        let lengths = self.lengths.get(index(key.jail)).into_iter().flatten();
        lengths
            .filter(move |it| it.ipv4 == key.prefix.is_ipv4() && it.len < key.prefix.len())
            .filter_map(move |it| {
                let prefix = Prefix::new(key.prefix.addr(), it.len)?;
                Some(Key { prefix, ..key })
            })
    }

    /// Takes note that its jail has banned a prefix of this length, in an earlier life.
    pub fn note_length(&mut self, key: Key) {
        self.count(key);
    }

    /// The bans of `jail` that contain all of `prefix`.
    pub fn covering(&self, jail: JailId, prefix: Prefix) -> impl Iterator<Item = (Key, &Held)> {
        let lengths = self.lengths.get(index(jail)).into_iter().flatten();
        lengths
            .filter(move |it| it.bans > 0 && it.ipv4 == prefix.is_ipv4() && it.len <= prefix.len())
            .filter_map(move |it| Prefix::new(prefix.addr(), it.len))
            .filter_map(move |prefix| {
                let key = Key { jail, prefix };
                Some((key, self.bans.get(&key)?))
            })
    }

    /// The keys of the bans that are over at `now`, at most `most` of them.
    pub fn over(&self, now: Time, most: usize) -> Vec<Key> {
        self.ends
            .iter()
            .take_while(|(until, _)| *until <= now)
            .take(most)
            .map(|(_, key)| *key)
            .collect()
    }

    /// The ban that ends next, and when.
    pub fn next_to_end(&self) -> Option<(Time, Key)> {
        self.ends.first().copied()
    }

    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.bans.keys().copied()
    }

    pub fn all(&self) -> impl Iterator<Item = (Key, &Held)> {
        self.bans.iter().map(|(key, held)| (*key, held))
    }

    /// How many bans a jail has.
    pub fn of_jail(&self, jail: JailId) -> usize {
        let lengths = self.lengths.get(index(jail)).into_iter().flatten();
        lengths.map(|it| it.bans).sum()
    }

    fn count(&mut self, key: Key) -> &mut Length {
        let jail = index(key.jail);
        if self.lengths.len() <= jail {
            self.lengths.resize_with(jail + 1, Vec::new);
        }
        let lengths = &mut self.lengths[jail];
        let (ipv4, len) = (key.prefix.is_ipv4(), key.prefix.len());
        let at = lengths
            .iter()
            .position(|it| it.ipv4 == ipv4 && it.len == len)
            .unwrap_or_else(|| {
                lengths.push(Length { ipv4, len, bans: 0 });
                lengths.len() - 1
            });
        &mut lengths[at]
    }
}
