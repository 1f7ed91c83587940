//! In which row of the state file a ban in force is.
//!
//! In memory and not an index in the file, as that would be most of what a ban costs (see
//! `schema`). An entry takes 8 bytes: the row's number and a part of the hash of jail and prefix.
//! So a look-up may name a wrong row among the right one (6 % of look-ups with a million bans); the
//! statement that uses the row compares jail and prefix again.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use crate::model::{JailName, Prefix};

/// So many bits of an entry are the row's number: enough for 250 days of 50 000 bans a second.
const ID_BITS: u32 = 40;
const ID_LIMIT: i64 = 1 << ID_BITS;

/// Jail and prefix, hashed with a key that nobody outside knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u64);

/// Where each ban in force is.
#[derive(Default)]
pub(super) struct Places {
    entries: HashTable<u64>,
    hasher: RandomState,
}

impl Places {
    pub fn key(&self, jail: &JailName, prefix: Prefix) -> Key {
        Key(self.hasher.hash_one((jail.as_str(), prefix)) >> ID_BITS)
    }

    /// Notes that the ban with this key is in row `id`; false if there is no such number.
    pub fn add(&mut self, key: Key, id: i64) -> bool {
        let Some(entry) = entry(key, id) else {
            return false;
        };
        self.entries
            .insert_unique(spread(entry), entry, |entry| spread(*entry));
        true
    }

    pub fn remove(&mut self, key: Key, id: i64) {
        let found = entry(key, id).map(|entry| {
            self.entries
                .find_entry(spread(entry), |other| *other == entry)
        });
        if let Some(Ok(found)) = found {
            found.remove();
        }
    }

    /// The rows in which the ban with this key may be.
    pub fn of(&self, key: Key) -> Vec<i64> {
        let hash = spread(key.0 << ID_BITS);
        self.entries
            .iter_hash(hash)
            .filter(|entry| **entry >> ID_BITS == key.0)
            .filter_map(|entry| i64::try_from(*entry & (ID_LIMIT.cast_unsigned() - 1)).ok())
            .collect()
    }
}

fn entry(key: Key, id: i64) -> Option<u64> {
    (0..ID_LIMIT)
        .contains(&id)
        .then(|| key.0 << ID_BITS | id.cast_unsigned())
}

/// What the table goes by: the part of the hash that is kept, over all bits (Fibonacci hashing).
fn spread(entry: u64) -> u64 {
    (entry >> ID_BITS).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_again_among_many_until_it_is_removed() {
        let jail = JailName::new("sshd").expect("a name");
        let mut places = Places::default();
        let key = |places: &Places, n: u32| places.key(&jail, Prefix::host(n.to_be_bytes().into()));
        for n in 0..100_000 {
            assert!(places.add(key(&places, n), i64::from(n)));
        }
        let mut named = 0;
        for n in 0..100_000 {
            let rows = places.of(key(&places, n));
            assert!(rows.contains(&i64::from(n)));
            named += rows.len();
        }
        assert!(named < 102_000, "{named}: too many wrong ones");
        for n in 0..100_000 {
            places.remove(key(&places, n), i64::from(n));
        }
        assert!(places.entries.is_empty());
        assert!(!places.add(key(&places, 1), ID_LIMIT));
    }
}
