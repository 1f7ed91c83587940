//! Not more lines in our own log than somebody can read: of a burst of decisions the first are told
//! one by one, and the rest as counts.
//!
//! An attack makes tens of thousands of bans a second. journald would drop most of their lines (and
//! then others of ours with them), and each costs 24 µs, more than the ban itself.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::daemon::report::{self, More};
use crate::model::{Decision, JailName, Time};

/// So many decisions are told one by one in each [`WINDOW`]: with journald's default limit, 10 000
/// lines in 30 s, others of ours still get through.
const LINES: usize = 200;

/// How long counts are gathered.
const WINDOW: Duration = Duration::from_secs(1);

/// What was told lately, and what was not.
pub(super) struct Flood {
    since: Time,
    lines: usize,
    more: BTreeMap<JailName, More>,
}

impl Flood {
    pub fn new(now: Time) -> Self {
        Self {
            since: now,
            lines: 0,
            more: BTreeMap::new(),
        }
    }

    /// Tells decisions, or counts them.
    pub fn tell(&mut self, decisions: &[Decision], now: Time) {
        self.sum_up(now, report::more);
        for decision in decisions {
            if self.admits(decision) {
                report::decision(decision);
            }
        }
    }

    /// Tells the counts if it is time to. To be called every second or so.
    pub fn tick(&mut self, now: Time) {
        self.sum_up(now, report::more);
    }

    /// Tells the counts at the end.
    pub fn end(&mut self) {
        for (jail, more) in std::mem::take(&mut self.more) {
            report::more(&jail, more);
        }
    }

    /// Begins a new window, if it is time to.
    fn sum_up(&mut self, now: Time, mut tell: impl FnMut(&JailName, More)) {
        // The clock may have been set back.
        if now >= self.since && now.since(self.since) < WINDOW {
            return;
        }
        self.since = now;
        self.lines = 0;
        for (jail, more) in std::mem::take(&mut self.more) {
            tell(&jail, more);
        }
    }

    /// Whether this decision is told by itself; if not, it is counted.
    fn admits(&mut self, decision: &Decision) -> bool {
        if self.lines < LINES {
            self.lines += 1;
            return true;
        }
        let more = self.more.entry(decision.jail().clone()).or_default();
        match decision {
            Decision::Ban(_) => more.bans += 1,
            Decision::Open(_) => more.opened += 1,
            Decision::Unban(_) => more.unbans += 1,
            Decision::Pardon(_) => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Unban, UnbanCause};

    fn unban(jail: &str) -> Decision {
        Decision::Unban(Unban {
            jail: JailName::new(jail).expect("a name"),
            prefix: "192.0.2.1".parse().expect("a prefix"),
            time: Time::EPOCH,
            cause: UnbanCause::Expired,
        })
    }

    /// What is told of the counts at `now`.
    fn told(flood: &mut Flood, now: Time) -> Vec<(String, More)> {
        let mut told = Vec::new();
        flood.sum_up(now, |jail, more| told.push((jail.to_string(), more)));
        told
    }

    #[test]
    fn of_a_burst_the_first_are_told_and_the_rest_counted() {
        let begun = Time::from_secs(1000);
        let mut flood = Flood::new(begun);
        let admitted =
            (0..1000).filter(|n| flood.admits(&unban(if n % 2 == 0 { "a" } else { "b" })));
        assert_eq!(admitted.count(), LINES);
        let half = begun.after(Duration::from_millis(500));
        assert_eq!(told(&mut flood, half), []);
        let later = begun.after(WINDOW);
        let more = More {
            unbans: 400,
            ..More::default()
        };
        assert_eq!(
            told(&mut flood, later),
            [("a".to_owned(), more), ("b".to_owned(), more)]
        );
        // Then it begins anew, also if the clock was set back meanwhile.
        assert!(flood.admits(&unban("a")));
        let admitted = (0..LINES).filter(|_| flood.admits(&unban("a")));
        assert_eq!(admitted.count(), LINES - 1);
        assert_eq!(told(&mut flood, begun).len(), 1);
        assert!(flood.admits(&unban("a")));
    }
}
