//! How often the log is told that a hook does not work: once for each reason, then in sums.
//!
//! Pure. An attacker decides how often a hook is called, and so how often a broken one fails.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::hook::call::{Outcome, Report};
use crate::model::{JailName, Time, format_duration};

/// How long failures are only counted after one was told.
const QUIET: Duration = Duration::from_mins(10);

/// What was told, and what was not.
#[derive(Debug, Default)]
pub struct Complaints(BTreeMap<(Option<JailName>, Outcome), Told>);

#[derive(Debug)]
struct Told {
    at: Time,
    /// Failures since.
    counted: u64,
    /// The last of them.
    last: String,
}

impl Complaints {
    /// Takes note of a failed call; the answer is a line for the log, unless the reason was told
    /// not long ago.
    pub fn failed(&mut self, hook: &JailName, report: &Report, now: Time) -> Option<String> {
        // Without the socket no hook works, which is one thing to tell, not one for each.
        let hook = (report.outcome != Outcome::NoSocket).then(|| hook.clone());
        let line = format!("{}: {}", subject(hook.as_ref()), report.message);
        let key = (hook, report.outcome);
        if let Some(told) = self.0.get_mut(&key) {
            told.counted += 1;
            told.last.clone_from(&report.message);
            return None;
        }
        let told = Told {
            at: now,
            counted: 0,
            last: String::new(),
        };
        self.0.insert(key, told);
        Some(line)
    }

    /// The sums that are due at `now`. What did not fail again is forgotten, so that its next
    /// failure is told at once.
    pub fn due(&mut self, now: Time) -> Vec<String> {
        let mut lines = Vec::new();
        self.0.retain(|(hook, _), told| {
            if now.since(told.at) < QUIET {
                return true;
            }
            if told.counted == 0 {
                return false;
            }
            let span = Duration::from_secs(now.since(told.at).as_secs());
            lines.push(format!(
                "{}: {} more calls in {} came to the same; the last: {}",
                subject(hook.as_ref()),
                told.counted,
                format_duration(span),
                told.last
            ));
            told.at = now;
            told.counted = 0;
            true
        });
        lines
    }
}

fn subject(hook: Option<&JailName>) -> String {
    hook.map_or_else(|| "hooks".to_owned(), |hook| format!("hook {hook}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_once_and_then_in_sums() {
        let mut complaints = Complaints::default();
        let hook = JailName::new("mail").expect("a name");
        let start = Time::from_secs(1000);
        let slow = |n: u32| Report::of(Outcome::TimedOut, format!("slow {n}"));
        let first = complaints.failed(&hook, &slow(1), start);
        assert_eq!(first.as_deref(), Some("hook mail: slow 1"));
        assert_eq!(complaints.failed(&hook, &slow(2), start), None);
        let other = Report::of(Outcome::Failed, "exit code 1");
        assert!(
            complaints.failed(&hook, &other, start).is_some(),
            "another reason"
        );
        assert_eq!(complaints.failed(&hook, &slow(3), start), None);
        assert!(complaints.due(start.after(QUIET / 2)).is_empty());
        let later = start.after(QUIET);
        assert_eq!(
            complaints.due(later),
            ["hook mail: 2 more calls in 10m came to the same; the last: slow 3"]
        );
        assert_eq!(
            complaints.failed(&hook, &slow(4), later),
            None,
            "still counted"
        );
        assert_eq!(complaints.due(later.after(QUIET)).len(), 1);
        assert!(complaints.due(later.after(QUIET * 2)).is_empty());
        let none = Report::of(Outcome::NoSocket, "no socket");
        let other = JailName::new("webhook").expect("a name");
        let line = complaints.failed(&hook, &none, later);
        assert_eq!(line.as_deref(), Some("hooks: no socket"));
        assert_eq!(complaints.failed(&other, &none, later), None, "the same");
        let again = complaints.failed(&hook, &slow(5), later.after(QUIET * 2));
        assert!(again.is_some(), "it was good for a while");
    }
}
