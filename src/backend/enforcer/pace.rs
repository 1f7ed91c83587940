//! How soon to restore again.

use std::time::{Duration, Instant};

/// The first wait between two attempts in a row, and the longest.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(5);
/// After so long without an attempt the next trouble is met at once again.
const CALM: Duration = Duration::from_secs(10);

/// Spaces attempts: the first comes at once, the next ones after 10 ms, 20 ms, … 5 s. So a backend
/// that fails is not hammered, and two programs that both want the table do not fight over it at
/// full speed.
#[derive(Debug, Default)]
pub(super) struct Pace {
    pause: Duration,
    last: Option<Instant>,
}

impl Pace {
    /// When to make the next attempt, if it becomes necessary at `now`.
    pub fn next(&mut self, now: Instant) -> Instant {
        let calm = self
            .last
            .is_none_or(|last| now.saturating_duration_since(last) >= CALM);
        if calm {
            self.pause = Duration::ZERO;
        }
        let due = now + self.pause;
        self.pause = (self.pause * 2).clamp(SHORTEST, LONGEST);
        self.last = Some(due);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_in_a_row_come_slower_and_slower_until_it_is_calm() {
        let mut pace = Pace::default();
        let mut now = crate::clock::steady();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let due = pace.next(now);
            pauses.push((due - now).as_millis());
            now = due;
        }
        assert_eq!(
            pauses,
            [0, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5000, 5000]
        );
        now += CALM;
        assert_eq!(pace.next(now), now);
    }
}
