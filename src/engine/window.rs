//! The sliding windows: how many failures a prefix has had within findtime.
//!
//! Exact: a window keeps the times of the last `maxretry` failures, no more are ever needed. The
//! lines that show them are kept as long as there is room; a ban tells them.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use smallvec::SmallVec;

use crate::engine::capped::{Capped, Worth};
use crate::engine::{JailId, Key, index};
use crate::model::Time;

/// The most lines that are kept for one prefix beside the deciding one.
const LINES_LIMIT: usize = 9;
/// The most bytes that lines of all prefixes may take. A flood of new prefixes then leaves only
/// the deciding lines.
const LINES_BYTES: usize = 16 * 1024 * 1024;
/// What a kept line costs beside its text.
const LINE_COST: usize = 32;
/// So many failures need no allocation of their own: those that the usual `maxretry` waits with.
/// A million of windows with four failures each then take 125 bytes instead of 235 a piece.
const INLINE: usize = 4;

/// When a jail bans.
#[derive(Clone, Copy)]
pub(super) struct Threshold {
    pub maxretry: u32,
    pub findtime: Duration,
}

/// A failure, as a window sees it.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub time: Time,
    /// How many failures it is.
    pub weight: u32,
    pub line: &'a str,
    /// Up to when failures are settled by what befell the networks around the prefix.
    pub settled: Time,
}

/// A window that is full.
pub(super) struct Hit {
    /// How many failures were within findtime.
    pub failures: u32,
    /// The lines of those before the deciding one.
    pub lines: Box<[Box<str>]>,
}

/// The failures of one prefix.
#[derive(Default)]
struct Window {
    /// Failures up to here are settled: they led to a ban, or were forgiven by an unban.
    cleared: Time,
    /// When the last failures were, in order; at most `maxretry`.
    times: SmallVec<[Time; INLINE]>,
    lines: Option<Box<Lines>>,
}

/// Behind a pointer, as most windows have none.
#[derive(Default)]
struct Lines(VecDeque<Box<str>>);

impl Lines {
    fn cost(&self) -> usize {
        self.0.iter().map(|line| line.len() + LINE_COST).sum()
    }
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

    /// How many failures are within findtime at `now`.
    fn within(&self, now: Time, findtime: Duration) -> usize {
        let fresh = |time: &&Time| now.since(**time) <= findtime;
        self.times.iter().filter(fresh).count()
    }
}

impl Worth for Window {
    fn worth(&self) -> (usize, Time) {
        (self.times.len(), self.last())
    }
}

/// All windows.
pub(super) struct Windows {
    tracked: Capped<Window>,
    /// What all kept lines take.
    lines_bytes: usize,
}

impl Windows {
    pub fn new(limit: usize) -> Self {
        Self {
            tracked: Capped::new(limit),
            lines_bytes: 0,
        }
    }

    pub fn set_limit(&mut self, limit: usize) {
        let mut freed = 0;
        self.tracked
            .set_limit(limit, |window| freed += cost(&window));
        self.lines_bytes -= freed;
    }

    pub fn evicted(&self) -> u64 {
        self.tracked.evicted()
    }

    /// Counts a failure. There is an answer if it is the one too many.
    pub fn count(
        &mut self,
        key: Key,
        seen: Seen<'_>,
        threshold: Threshold,
        now: Time,
    ) -> Option<Hit> {
        let Seen {
            time,
            weight,
            line,
            settled,
        } = seen;
        let Threshold { maxretry, findtime } = threshold;
        let (window, gone) = self.tracked.entry(key);
        self.lines_bytes -= gone.as_ref().map_or(0, cost);
        window.cleared = window.cleared.max(settled);
        if !window.matters(now, findtime) || window.last() <= window.cleared {
            window.times.clear();
            self.lines_bytes -= cost(window);
            window.lines = None;
        }
        window.times.retain(|time| *time > settled);
        if time <= window.cleared {
            return None;
        }
        let keep = usize::try_from(maxretry.max(1)).unwrap_or(usize::MAX);
        let weight = usize::try_from(weight.max(1))
            .unwrap_or(usize::MAX)
            .min(keep);
        // Logs of several files come nearly, not wholly, in order.
        let at = window.times.partition_point(|earlier| *earlier <= time);
        window
            .times
            .insert_many(at, std::iter::repeat_n(time, weight));
        let surplus = window.times.len().saturating_sub(2 * keep);
        window.times.drain(..surplus);
        // The failures that share a window of findtime with the new one.
        let hit = window
            .times
            .windows(keep)
            .any(|run| match (run.first(), run.last()) {
                (Some(first), Some(last)) => {
                    *first <= time && time <= *last && last.since(*first) <= findtime
                }
                _ => false,
            });
        if hit {
            let failures = u32::try_from(window.within(time, findtime)).unwrap_or(u32::MAX);
            self.lines_bytes -= cost(window);
            let lines = window.lines.take().map(|lines| Vec::from(lines.0));
            let lines = lines.unwrap_or_default().into();
            return Some(Hit { failures, lines });
        }
        // Only the last `keep` can matter to a later failure.
        let surplus = window.times.len().saturating_sub(keep);
        window.times.drain(..surplus);
        if self.lines_bytes + line.len() + LINE_COST <= LINES_BYTES {
            self.lines_bytes -= cost(window);
            let lines = &mut window.lines.get_or_insert_default().0;
            if lines.len() == LINES_LIMIT.min(keep) {
                lines.pop_front();
            }
            lines.push_back(line.into());
            self.lines_bytes += cost(window);
        }
        None
    }

    /// Forgets a window; what else says that its failures are settled has to be asked first.
    pub fn forget(&mut self, key: Key) {
        let gone = self.tracked.remove(key);
        self.lines_bytes -= gone.as_ref().map_or(0, cost);
    }

    /// Settles all failures of `key` up to `time`.
    pub fn clear(&mut self, key: Key, time: Time) {
        let (window, gone) = self.tracked.entry(key);
        self.lines_bytes -= gone.as_ref().map_or(0, cost) + cost(window);
        settle(window, time);
    }

    /// As [`clear`](Self::clear), if there are failures to be settled; whether there were.
    pub fn pardon(&mut self, key: Key, time: Time) -> bool {
        let window = self.tracked.find_mut(key);
        let Some(window) = window.filter(|window| !window.times.is_empty()) else {
            return false;
        };
        self.lines_bytes -= cost(window);
        settle(window, time);
        true
    }

    /// All keys with failures that are not settled.
    pub fn unsettled(&self) -> impl Iterator<Item = Key> {
        let unsettled = |(key, window): (&Key, &Window)| (!window.times.is_empty()).then_some(*key);
        self.tracked.iter().filter_map(unsettled)
    }

    /// Forgets some windows that no longer matter.
    pub fn sweep(&mut self, now: Time, findtime: impl Fn(JailId) -> Duration) {
        let mut freed = 0;
        self.tracked.sweep(
            |key, window| !window.matters(now, findtime(key.jail)),
            |window| freed += cost(&window),
        );
        self.lines_bytes -= freed;
    }

    /// How many failures of `key` are within findtime and later than `settled`, and when the last
    /// one was.
    pub fn failures(
        &self,
        key: Key,
        now: Time,
        findtime: Duration,
        settled: Time,
    ) -> (u32, Option<Time>) {
        let Some(window) = self.tracked.find(key) else {
            return (0, None);
        };
        let counts = |time: &&Time| **time > settled && now.since(**time) <= findtime;
        let within = window.times.iter().filter(counts).count();
        let last = window.times.last().filter(|time| **time > settled);
        (u32::try_from(within).unwrap_or(u32::MAX), last.copied())
    }

    /// Up to when failures of `key` are settled, if that is remembered.
    pub fn cleared(&self, key: Key) -> Time {
        let window = self.tracked.find(key);
        window.map_or(Time::EPOCH, |window| window.cleared)
    }

    /// How many prefixes have failures within findtime, for each jail that has any.
    pub fn counted(
        &self,
        now: Time,
        findtime: impl Fn(JailId) -> Duration,
    ) -> HashMap<usize, usize> {
        let mut counts = HashMap::new();
        for (key, window) in self.tracked.iter() {
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
}

/// What the lines of a window take of [`LINES_BYTES`].
fn cost(window: &Window) -> usize {
    window.lines.as_ref().map_or(0, |lines| lines.cost())
}

fn settle(window: &mut Window, time: Time) {
    window.cleared = window.cleared.max(time);
    window.times = SmallVec::new();
    window.lines = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Prefix;

    #[test]
    fn lines_are_counted_however_a_window_ends() {
        let mut windows = Windows::new(50);
        let threshold = Threshold {
            maxretry: 3,
            findtime: Duration::from_secs(10),
        };
        let key = |host: u32| Key {
            jail: 0,
            prefix: Prefix::host(std::net::Ipv4Addr::from_bits(host).into()),
        };
        for step in 0_u32..2000 {
            let now = Time::from_secs(u64::from(step / 20));
            let seen = Seen {
                time: now,
                weight: 1,
                line: "a line",
                settled: Time::EPOCH,
            };
            windows.count(key(step * 7 % 90), seen, threshold, now);
            match step % 13 {
                0 => windows.clear(key(step % 90), now),
                1 => windows.forget(key(step % 90)),
                2 => windows.sweep(now, |_| threshold.findtime),
                3 => windows.set_limit(40 + usize::try_from(step % 20).expect("small")),
                _ => {}
            }
            let held: usize = windows.tracked.iter().map(|(_, window)| cost(window)).sum();
            assert_eq!(windows.lines_bytes, held, "step {step}");
        }
        assert!(windows.lines_bytes > 0);
    }
}
