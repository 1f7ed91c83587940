//! Calls that wait, and calls that run: bounded, fair to every hook, in order for every prefix.
//!
//! Pure. A slow hook keeps only its own calls waiting; a ban and the unban that follows it are never
//! under way at the same time, so that the later one has the last word.

use std::collections::{BTreeMap, VecDeque};

use crate::hook::call::Call;
use crate::model::{JailName, Prefix};

/// The most calls of one hook that wait. At the pace at which calls are begun (ten a second) these
/// are more than a minute and a half; what comes then is left out, and told.
const WAITING_LIMIT: usize = 1000;

/// The most calls of one hook that run at a time.
const RUNNING_LIMIT: usize = 4;

/// The most calls that run at a time: half of what journalban-hook.socket allows.
const ALL_RUNNING_LIMIT: usize = 32;

/// All calls that are not over.
#[derive(Debug, Default)]
pub struct Queue {
    hooks: BTreeMap<JailName, Lane>,
    running: usize,
    /// The hook whose turn was last.
    last: Option<JailName>,
}

/// The calls of one hook.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Call>,
    running: Vec<Prefix>,
}

impl Queue {
    /// Takes a call; false if it is left out, as too many wait.
    #[must_use]
    pub fn push(&mut self, call: Call) -> bool {
        let room = self.has_room(&call.hook);
        if room {
            let lane = self.hooks.entry(call.hook.clone()).or_default();
            lane.waiting.push_back(call);
        }
        room
    }

    /// Whether a call of `hook` would be taken.
    #[must_use]
    pub fn has_room(&self, hook: &JailName) -> bool {
        let lane = self.hooks.get(hook);
        lane.is_none_or(|lane| lane.waiting.len() < WAITING_LIMIT)
    }

    /// The next call to begin, if one may; [`done`](Self::done) tells that it is over.
    pub fn begin(&mut self) -> Option<Call> {
        if self.running >= ALL_RUNNING_LIMIT {
            return None;
        }
        // The hooks behind the last one come first.
        let (before, after): (Vec<&JailName>, Vec<&JailName>) = self
            .hooks
            .keys()
            .partition(|name| self.last.as_ref().is_some_and(|last| *name <= last));
        let turn: Vec<JailName> = after.into_iter().chain(before).cloned().collect();
        for name in turn {
            let Some(call) = self.hooks.get_mut(&name).and_then(Lane::begin) else {
                continue;
            };
            self.running += 1;
            self.last = Some(name);
            return Some(call);
        }
        None
    }

    /// A call of `hook` about `prefix` is over.
    pub fn done(&mut self, hook: &JailName, prefix: Prefix) {
        let Some(lane) = self.hooks.get_mut(hook) else {
            return;
        };
        if let Some(at) = lane.running.iter().position(|running| *running == prefix) {
            lane.running.swap_remove(at);
            self.running -= 1;
        }
        if lane.running.is_empty() && lane.waiting.is_empty() {
            self.hooks.remove(hook);
        }
    }

    /// How many calls wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.hooks.values().map(|lane| lane.waiting.len()).sum()
    }
}

impl Lane {
    /// The first call that may begin: none about a prefix that a running one is about.
    fn begin(&mut self) -> Option<Call> {
        if self.running.len() >= RUNNING_LIMIT {
            return None;
        }
        let at = self
            .waiting
            .iter()
            .position(|call| !self.running.contains(&call.facts.address))?;
        let call = self.waiting.remove(at)?;
        self.running.push(call.facts.address);
        Some(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hook::facts::{Facts, On};
    use crate::model::{Time, Unban, UnbanCause};

    fn name(name: &str) -> JailName {
        JailName::new(name).expect("a name")
    }

    fn call(hook: &str, address: &str, action: On) -> Call {
        let unban = Unban {
            jail: name("sshd"),
            prefix: address.parse().expect("a prefix"),
            time: Time::EPOCH,
            cause: UnbanCause::Expired,
        };
        let facts = Facts {
            action,
            ..Facts::of_unban(&unban, false)
        };
        Call {
            hook: name(hook),
            facts,
        }
    }

    #[test]
    fn a_ban_and_its_unban_are_never_under_way_together() {
        let mut queue = Queue::default();
        let (ban, unban) = (
            call("a", "192.0.2.1", On::Ban),
            call("a", "192.0.2.1", On::Unban),
        );
        let other = call("a", "192.0.2.2", On::Ban);
        for call in [&ban, &unban, &other] {
            assert!(queue.push(call.clone()));
        }
        assert_eq!(queue.begin(), Some(ban));
        assert_eq!(queue.begin(), Some(other), "overtakes what has to wait");
        assert_eq!(queue.begin(), None);
        queue.done(&name("a"), "192.0.2.1".parse().expect("a prefix"));
        assert_eq!(queue.begin(), Some(unban));
        assert_eq!(queue.waiting(), 0);
    }

    #[test]
    fn a_slow_hook_keeps_only_itself_waiting() {
        let mut queue = Queue::default();
        let address = |n: usize| format!("192.0.2.{n}");
        for n in 0..WAITING_LIMIT {
            let call = call("slow", &format!("10.0.{}.{}", n / 250, n % 250), On::Ban);
            assert!(queue.push(call));
        }
        let surplus = call("slow", "192.0.2.9", On::Ban);
        assert!(!queue.push(surplus));
        for n in 0..3 {
            assert!(queue.push(call("z", &address(n), On::Ban)));
        }
        let begun: Vec<String> = std::iter::from_fn(|| queue.begin())
            .map(|call| call.hook.to_string())
            .collect();
        let expected = ["slow", "z", "slow", "z", "slow", "z", "slow"];
        assert_eq!(begun, expected, "in turns, and no more than its share");
    }

    #[test]
    fn no_more_run_than_may() {
        let mut queue = Queue::default();
        for hook in 0..20 {
            for n in 0..10 {
                let call = call(&format!("h{hook}"), &format!("192.0.2.{n}"), On::Ban);
                assert!(queue.push(call));
            }
        }
        let begun = std::iter::from_fn(|| queue.begin()).count();
        assert_eq!(begun, ALL_RUNNING_LIMIT);
        queue.done(&name("nobody"), "192.0.2.1".parse().expect("a prefix"));
        assert_eq!(queue.begin(), None);
    }
}
