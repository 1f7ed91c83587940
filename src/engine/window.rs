//! The sliding windows: how many failures a prefix has had within findtime.
//!
//! Exact: a window keeps the times of the last `maxretry` failures, no more are ever needed. The
//! number of windows is capped; beyond it the least telling of a few is forgotten.

use std::collections::HashMap;
use std::time::Duration;

use indexmap::IndexMap;
use indexmap::map::Entry;

use crate::engine::{JailId, Key, Policy, index};
use crate::model::Time;

/// How many windows are looked at to find one to forget, and how many each tick sweeps at least.
/// Eviction costs the same at any number of windows; 16 come close to the true minimum.
const LOOKED_AT: usize = 16;

/// A tick looks at this part of all windows, so that each is swept within as many ticks.
const SWEEP_PART: usize = 64;

/// The failures of one prefix.
#[derive(Default)]
struct Window {
    /// Failures up to here are settled: they led to a ban, or were forgiven by an unban.
    cleared: Time,
    /// When the last failures were, in order; at most `maxretry`.
    times: Vec<Time>,
}

impl Window {
    /// The last instant at which anything happened to it.
    fn last(&self) -> Time {
        self.times.last().copied().unwrap_or(self.cleared)
    }

    /// Whether it can still play a part in a ban.
    fn matters(&self, now: Time, findtime: Duration) -> bool {
        now.since(self.last()) <= findtime
    }
}

/// All windows.
pub(super) struct Windows {
    tracked: IndexMap<Key, Window>,
    limit: usize,
    /// Where the next sweep or eviction looks.
    hand: usize,
    evicted: u64,
}

impl Windows {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            tracked: IndexMap::new(),
            limit: limit.max(1),
            hand: 0,
            evicted: 0,
        }
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit.max(1);
        while self.tracked.len() > self.limit {
            self.evict();
        }
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Counts a failure at `time`, `weight` times. The answer is how many were within findtime if
    /// that is at least maxretry.
    pub(super) fn count(
        &mut self,
        key: Key,
        time: Time,
        weight: u32,
        policy: &Policy,
        now: Time,
    ) -> Option<u32> {
        let window = self.window(key, now, policy.findtime);
        if time <= window.cleared {
            return None;
        }
        let keep = usize::try_from(policy.maxretry.max(1)).unwrap_or(usize::MAX);
        let weight = usize::try_from(weight.max(1))
            .unwrap_or(usize::MAX)
            .min(keep);
        // Logs of several files come nearly, not wholly, in order.
        let at = window.times.partition_point(|earlier| *earlier <= time);
        window
            .times
            .splice(at..at, std::iter::repeat_n(time, weight));
        let surplus = window.times.len().saturating_sub(2 * keep);
        window.times.drain(..surplus);
        // The failures that share a window of findtime with the new one.
        let hit = window
            .times
            .windows(keep)
            .any(|run| match (run.first(), run.last()) {
                (Some(first), Some(last)) => {
                    *first <= time && time <= *last && last.since(*first) <= policy.findtime
                }
                _ => false,
            });
        if hit {
            let within = window
                .times
                .iter()
                .filter(|earlier| time.since(**earlier) <= policy.findtime)
                .count();
            return u32::try_from(within).ok();
        }
        // Only the last `keep` can matter to a later failure.
        let surplus = window.times.len().saturating_sub(keep);
        window.times.drain(..surplus);
        None
    }

    /// Settles all failures of `key` up to `time`.
    pub(super) fn clear(&mut self, key: Key, time: Time) {
        if !self.tracked.contains_key(&key) && self.tracked.len() >= self.limit {
            self.evict();
        }
        let window = self.tracked.entry(key).or_default();
        window.cleared = window.cleared.max(time);
        window.times = Vec::new();
    }

    /// Settles the failures of all keys that `wanted` names.
    pub(super) fn clear_where(&mut self, wanted: impl Fn(Key) -> bool, time: Time) {
        for (key, window) in &mut self.tracked {
            if wanted(*key) {
                window.cleared = window.cleared.max(time);
                window.times = Vec::new();
            }
        }
    }

    /// Forgets some windows that no longer matter; a full round takes [`SWEEP_PART`] calls.
    pub(super) fn sweep(&mut self, now: Time, findtime: impl Fn(JailId) -> Duration) {
        let mut left = (self.tracked.len() / SWEEP_PART)
            .max(LOOKED_AT)
            .min(self.tracked.len());
        while left > 0 && !self.tracked.is_empty() {
            left -= 1;
            self.hand %= self.tracked.len();
            let stale = self
                .tracked
                .get_index(self.hand)
                .is_some_and(|(key, window)| !window.matters(now, findtime(key.jail)));
            if stale {
                // The last window takes this place and is looked at next.
                self.tracked.swap_remove_index(self.hand);
            } else {
                self.hand += 1;
            }
        }
        if self.tracked.capacity() > 4 * self.tracked.len().max(LOOKED_AT) {
            self.tracked.shrink_to(2 * self.tracked.len());
        }
    }

    /// How many prefixes have failures within findtime, for each jail that has any.
    pub(super) fn counted(
        &self,
        now: Time,
        findtime: impl Fn(JailId) -> Duration,
    ) -> HashMap<usize, usize> {
        let mut counts = HashMap::new();
        for (key, window) in &self.tracked {
            let fresh = window
                .times
                .last()
                .is_some_and(|last| now.since(*last) <= findtime(key.jail));
            if fresh {
                *counts.entry(index(key.jail)).or_default() += 1;
            }
        }
        counts
    }

    fn window(&mut self, key: Key, now: Time, findtime: Duration) -> &mut Window {
        if !self.tracked.contains_key(&key) && self.tracked.len() >= self.limit {
            self.evict();
        }
        match self.tracked.entry(key) {
            Entry::Occupied(entry) => {
                let window = entry.into_mut();
                if !window.matters(now, findtime) {
                    window.times.clear();
                }
                window
            }
            Entry::Vacant(entry) => entry.insert(Window::default()),
        }
    }

    /// Forgets, of the next [`LOOKED_AT`] windows, the one with the fewest failures, and of several
    /// such the one whose last failure is longest ago.
    fn evict(&mut self) {
        let len = self.tracked.len();
        let least = (0..LOOKED_AT.min(len))
            .map(|step| (self.hand + step) % len)
            .min_by_key(|at| {
                self.tracked
                    .get_index(*at)
                    .map(|(_, w)| (w.times.len(), w.last()))
            });
        if let Some(at) = least {
            self.tracked.swap_remove_index(at);
            self.evicted += 1;
        }
        self.hand = (self.hand + LOOKED_AT) % len.max(1);
    }
}
