//! What goes into the store, and what does if the store cannot be written.
//!
//! A full disk must not stop banning: decisions then wait here, in their order, and positions wait
//! with them, so that a restart reads again what is not in the file. Once it can be written, they go
//! into it piece by piece, between other work.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tracing::{error, warn};

use crate::clock::now;
use crate::daemon::core::Core;
use crate::model::{Decision, JailName, Time, Totals};
use crate::store::{self, Commit};

/// The most decisions that wait for a state file that cannot be written; older ones will be missing
/// there. They are in force all the same.
const UNSAVED_LIMIT: usize = 100_000;

/// How often it is tried to write what waits.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// How many of those that have waited are written at once.
const PIECE: usize = 2000;

/// How often it is looked for bans that ended too long ago to be kept.
const PURGE_EVERY: Duration = Duration::from_hours(1);

/// What the store has, and has not.
pub(super) struct Saved {
    /// Totals as the store has them.
    totals: HashMap<JailName, Totals>,
    /// What the store could not take yet, oldest first.
    unsaved: VecDeque<Decision>,
    /// Whether the last attempt to write failed.
    failing: bool,
    /// Decisions that had to go, so that `unsaved` does not grow for ever.
    dropped: u64,
    /// The last attempt to write.
    at: Time,
    purged_at: Time,
    /// Whether there was more to purge than one does at once.
    purging: bool,
}

impl Saved {
    pub fn new(totals: &[(JailName, Totals)], now: Time) -> Self {
        Self {
            totals: totals.iter().cloned().collect(),
            unsaved: VecDeque::new(),
            failing: false,
            dropped: 0,
            at: now,
            purged_at: Time::EPOCH,
            purging: false,
        }
    }

    /// When it was last written, or tried to.
    pub fn at(&self) -> Time {
        self.at
    }

    /// Whether everything is in the file.
    pub fn is_whole(&self) -> bool {
        !self.failing && self.unsaved.is_empty()
    }
}

impl Core {
    /// Writes decisions with the positions behind the entries that led to them.
    pub(super) fn save(&mut self, decisions: &[Decision]) {
        if self.saved.is_whole() {
            if let Err(error) = self.write(decisions, true) {
                error!("{error:#}; bans go on, and are written as soon as that is possible");
                self.saved.failing = true;
                self.saved.unsaved.extend(decisions.iter().cloned());
            }
            return;
        }
        self.saved.unsaved.extend(decisions.iter().cloned());
        let surplus = self.saved.unsaved.len().saturating_sub(UNSAVED_LIMIT);
        self.saved.unsaved.drain(..surplus);
        self.saved.dropped += surplus as u64;
        if self.is_catching_up() || now().since(self.saved.at) >= RETRY_EVERY {
            self.catch_up();
        }
    }

    /// Whether there is more to write than was written at once.
    pub(super) fn is_catching_up(&self) -> bool {
        !self.saved.failing && !self.saved.unsaved.is_empty()
    }

    /// Writes everything that can be written.
    pub(super) fn save_all(&mut self) {
        if self.saved.is_whole() {
            return self.save(&[]);
        }
        while self.catch_up() && !self.saved.is_whole() {}
    }

    /// Writes some of what waits, and with the last of it the positions; false if it cannot.
    fn catch_up(&mut self) -> bool {
        let mut unsaved = std::mem::take(&mut self.saved.unsaved);
        let piece = unsaved.len().min(PIECE);
        let last = piece == unsaved.len();
        let written = self.write(&unsaved.make_contiguous()[..piece], last);
        if written.is_ok() {
            unsaved.drain(..piece);
        }
        self.saved.failing = written.is_err();
        self.saved.unsaved = unsaved;
        if self.saved.is_whole() {
            match std::mem::take(&mut self.saved.dropped) {
                0 => warn!("the state file can be written again; nothing is missing in it"),
                missing => {
                    warn!("the state file can be written again; {missing} decisions are missing");
                }
            }
        }
        written.is_ok()
    }

    /// Writes `decisions`, and if they are the last ones so far also positions and totals.
    fn write(&mut self, decisions: &[Decision], last: bool) -> anyhow::Result<()> {
        let (mut positions, mut totals) = (Vec::new(), Vec::new());
        if last {
            positions = self.sources.moved_positions();
            let all = self.engine.totals();
            let changed = all.filter(|(name, it)| self.saved.totals.get(*name) != Some(it));
            totals = changed.map(|(name, it)| (name.clone(), it)).collect();
        }
        if decisions.is_empty() && positions.is_empty() && totals.is_empty() {
            return Ok(());
        }
        self.saved.at = now();
        let written = self.store.commit(&Commit {
            decisions,
            positions: &positions,
            totals: &totals,
        });
        if let Err(error) = written {
            if store::is_damage(&error) {
                // The next start moves it aside and goes on with what the kernel holds.
                self.broken = Some(error.context("the state file is damaged"));
                anyhow::bail!("the state file is damaged");
            }
            return Err(error);
        }
        if last {
            self.sources.positions_saved();
            self.saved.totals.extend(totals);
        }
        Ok(())
    }

    /// Forgets some of the bans that ended too long ago; true if there are more.
    pub(super) fn purge(&mut self, now: Time) -> bool {
        if !self.saved.purging && now.since(self.saved.purged_at) < PURGE_EVERY {
            return false;
        }
        self.saved.purged_at = now;
        // What is settled must be known as long as the log may be replayed.
        let settings = &self.settings;
        let age = settings.purge_age.max(settings.longest_findtime());
        self.saved.purging = self.store.purge(now.before(age)).unwrap_or_else(|error| {
            warn!("{error:#}");
            false
        });
        self.saved.purging
    }
}
