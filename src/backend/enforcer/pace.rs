//! How soon to restore again.

use std::time::{Duration, Instant};

/// The first wait after a failed attempt, and the longest.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(5);

/// After a disturbance the pause is so many times what the last attempt took, so that a program
/// that fights us over the table costs no more than a third of a processor.
const REST: u32 = 2;

/// Spaces attempts. After a failure they come slower and slower (10 ms, 20 ms, … 5 s), so that a
/// backend that fails is not hammered. After somebody else's change the next one comes at once, if
/// the last one is not only just over.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The pause after the next failure.
    pause: Duration,
    /// When a disturbance is met at the earliest.
    rested: Option<Instant>,
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
        self.rested = Some(now + (took * REST).min(LONGEST));
    }

    /// When to restore what somebody else disturbed at `now`.
    pub fn after_disturbance(&self, now: Instant) -> Instant {
        self.rested.map_or(now, |rested| rested.max(now))
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
    fn a_disturbance_is_met_at_once_however_often_it_comes() {
        let mut pace = Pace::default();
        let now = crate::clock::steady();
        assert_eq!(pace.after_disturbance(now), now);
        pace.succeeded(now, Duration::from_millis(3));
        assert_eq!(pace.after_disturbance(now) - now, Duration::from_millis(6));
        let later = now + Duration::from_millis(50);
        assert_eq!(pace.after_disturbance(later), later);
    }
}
