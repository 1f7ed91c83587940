//! A sign of life while a long log is read: on a terminal only, and only if it takes a while.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use crate::clock;
use crate::model::Time;

/// How often the line is written anew; before that nothing is said.
const INTERVAL: Duration = Duration::from_millis(500);

/// The clock is looked at once in so many entries.
const STRIDE: u64 = 1024;

/// A line on standard error that counts entries; gone when it is dropped.
pub(super) struct Progress {
    shown: bool,
    entries: u64,
    told: Instant,
    terminal: bool,
}

impl Progress {
    /// Begins to count.
    pub(super) fn new() -> Self {
        Self {
            shown: false,
            entries: 0,
            told: clock::steady(),
            terminal: stderr().is_terminal(),
        }
    }

    /// Counts an entry of `time`.
    pub(super) fn count(&mut self, time: Time) {
        self.entries += 1;
        if !self.terminal || !self.entries.is_multiple_of(STRIDE) || self.told.elapsed() < INTERVAL
        {
            return;
        }
        self.told = clock::steady();
        self.shown = true;
        // A terminal that does not take it is no reason to stop.
        let _ = write!(stderr(), "\r{} entries, up to {time}\x1b[K", self.entries);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
