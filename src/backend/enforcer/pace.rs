//! How soon to restore again.

use std::time::{Duration, Instant};

/// The first wait after a failed attempt, and the longest.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(5);

/// What an attempt takes is paid off in so many times that time: two programs that fight over the
/// table cost no more than a third of a processor in the long run.
const PAID_OFF: u32 = 3;
/// As long as it will all be paid off within this, the next disturbance is met at once.
const CREDIT: Duration = Duration::from_secs(15);

/// Spaces attempts. After a failure they come slower and slower (10 ms, 20 ms, … 5 s), so that a
/// backend that fails is not hammered. After somebody else's change the next one comes at once, as
/// long as there is credit.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The pause before the last failure's next attempt.
    pause: Duration,
    /// When all attempts so far will be paid off.
    paid_off: Option<Instant>,
}

impl Pace {
    /// When to try again after an attempt that failed at `now`.
    pub fn after_failure(&mut self, now: Instant) -> Instant {
        self.pause = (self.pause * 2).clamp(SHORTEST, LONGEST);
        now + self.pause
    }

    /// Takes note of an attempt that succeeded at `now` and took `took`.
    pub fn succeeded(&mut self, now: Instant, took: Duration) {
        self.pause = Duration::ZERO;
        let from = self.paid_off.map_or(now, |paid_off| paid_off.max(now));
        self.paid_off = Some(from + took * PAID_OFF);
    }

    /// When to restore what somebody else disturbed at `now`.
    pub fn after_disturbance(&self, now: Instant) -> Instant {
        let within_credit = self
            .paid_off
            .and_then(|paid_off| paid_off.checked_sub(CREDIT));
        within_credit.map_or(now, |due| due.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_are_met_slower_and_slower_until_one_attempt_succeeds() {
        let mut pace = Pace::default();
        let now = crate::clock::steady();
        let pause = |pace: &mut Pace| (pace.after_failure(now) - now).as_millis();
        let pauses: Vec<u128> = (0..11).map(|_| pause(&mut pace)).collect();
        assert_eq!(
            pauses,
            [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5000, 5000]
        );
        pace.succeeded(now, Duration::ZERO);
        assert_eq!(pause(&mut pace), 10);
    }

    #[test]
    fn a_disturbance_is_met_at_once_until_too_much_time_went_into_it() {
        let mut pace = Pace::default();
        let now = crate::clock::steady();
        let second = Duration::from_secs(1);
        for _ in 0..5 {
            assert_eq!(pace.after_disturbance(now), now);
            pace.succeeded(now, second);
        }
        assert_eq!(pace.after_disturbance(now), now);
        pace.succeeded(now, second);
        assert_eq!(pace.after_disturbance(now), now + 3 * second);
        let later = now + 3 * second;
        assert_eq!(pace.after_disturbance(later), later);
    }
}
