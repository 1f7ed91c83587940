//! At the journal's end: new entries as they come, each looked at in process.
//!
//! journald tells of a new entry by inotify, but 250 to 500 ms late, as it brings such notices
//! together (`POST_CHANGE_TIMER_INTERVAL_USEC` in systemd's journal-file.c). The entry itself can be
//! read at once through the shared mapping. So while something is going on ("hot") we look every
//! 2 ms, which costs a system call and a few loads, and when all has been quiet for a while ("cold")
//! rarely; the notice and the look together keep the worst case under half a second.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::catch_up::{Progress, take};
use super::log::Log;
use super::outlet::{Interrupt, Outlet};
use crate::clock;
use crate::model::Entry;
use crate::source::Event;

/// For how long after a wanted entry we stay hot: attempts come in runs.
const HOT_SPAN: Duration = Duration::from_secs(30);
/// How long we wait between looks when hot.
const HOT_WAIT: Duration = Duration::from_millis(2);
/// How long we wait at most between looks when cold.
const COLD_WAIT: Duration = Duration::from_millis(250);
/// How often libsystemd is let look for new files though nothing was notified: where inotify
/// does not work (network file systems) nothing else would find them.
const REFRESH_INTERVAL: Duration = COLD_WAIT;
/// How many entries are looked at before the position is told in between.
const LOOK_LIMIT: u32 = 4096;

/// The readiness of the journal's descriptor.
const CHANGED: Token = Token(1);

/// Reads on behind `progress.reached`, where `log` was sought to, until it is interrupted.
pub(super) fn follow(
    log: &mut Log,
    progress: &mut Progress,
    outlet: &mut Outlet,
    poll: &mut Poll,
) -> Result<(), Interrupt> {
    let mut pace = Pace::new();
    let mut tail = Tail {
        entry: Entry::default(),
        skipping: true,
        untold: false,
    };
    let mut events = Events::with_capacity(2);
    let mut refreshed = clock::steady();
    loop {
        let wanted = tail.drain(log, progress, outlet)?;
        if !progress.caught_up {
            progress.caught_up = true;
            outlet.tell(Event::CaughtUp)?;
        }
        let wait = pace.wait(wanted, clock::steady());
        match poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            result => result.context("waiting for new journal entries")?,
        }
        outlet.check_stopped()?;
        let changed = events.iter().any(|event| event.token() == CHANGED);
        if changed || refreshed.elapsed() >= REFRESH_INTERVAL {
            refreshed = clock::steady();
            log.refresh()?;
            if log.is_outdated() {
                return Err(Interrupt::Outdated);
            }
        }
    }
}

/// Has `poll` report changes of `log`.
pub(super) fn watch(log: &Log, poll: &Poll) -> anyhow::Result<()> {
    let descriptor = log.descriptor()?;
    poll.registry()
        .register(&mut SourceFd(&descriptor), CHANGED, Interest::READABLE)
        .context("watching the journal for changes")
}

/// The state of reading at the journal's end.
struct Tail {
    entry: Entry,
    /// Whether entries that were looked at before may still come: a seek goes to the entry itself,
    /// not behind it.
    skipping: bool,
    /// Whether reading has come further than was told.
    untold: bool,
}

impl Tail {
    /// Reads all there is; the answer tells whether a wanted entry was among it.
    fn drain(
        &mut self,
        log: &mut Log,
        progress: &mut Progress,
        outlet: &mut Outlet,
    ) -> Result<bool, Interrupt> {
        let mut any_wanted = false;
        let mut looked = 0;
        while log.next()? {
            if self.skipping
                && let Some(reached) = &progress.reached
                && log.order(reached)? != Ordering::Greater
            {
                continue;
            }
            self.skipping = false;
            looked += 1;
            if is_too_old(log, progress)? {
                continue;
            }
            any_wanted |= take(log, &mut self.entry, false, outlet)?;
            if outlet.is_full() || looked >= LOOK_LIMIT {
                self.advance(log, progress, outlet)?;
                looked = 0;
            }
        }
        if looked > 0 {
            self.advance(log, progress, outlet)?;
        }
        if self.untold && outlet.is_due() {
            self.tell(progress, outlet)?;
        }
        Ok(any_wanted)
    }

    /// Notes that all up to the current entry was looked at, and sends what is wanted of it.
    fn advance(
        &mut self,
        log: &Log,
        progress: &mut Progress,
        outlet: &mut Outlet,
    ) -> Result<(), Interrupt> {
        let mark = log.mark()?;
        if outlet.is_empty() {
            self.untold = true;
        } else {
            outlet.flush(Some(mark.position()))?;
            self.untold = false;
        }
        progress.reached = Some(mark);
        outlet.check_stopped()
    }

    fn tell(&mut self, progress: &Progress, outlet: &mut Outlet) -> Result<(), Interrupt> {
        if let Some(reached) = &progress.reached {
            outlet.flush(Some(reached.position()))?;
        }
        self.untold = false;
        Ok(())
    }
}

/// Whether the current entry is older than what was asked for: stretch 3 begins at an entry, and
/// without a stored position that can lie before `since`. Live entries never are, whatever the
/// clock is set to.
fn is_too_old(log: &Log, progress: &Progress) -> anyhow::Result<bool> {
    Ok(!progress.caught_up && progress.stored.is_none() && log.time()? < progress.since)
}

/// How long to wait between looks.
struct Pace {
    hot_until: Option<Instant>,
    wait: Duration,
}

impl Pace {
    fn new() -> Self {
        Self {
            hot_until: None,
            wait: HOT_WAIT,
        }
    }

    /// How long to wait after a look at `now` that brought `wanted` entries, or did not.
    fn wait(&mut self, wanted: bool, now: Instant) -> Duration {
        if wanted {
            self.hot_until = Some(now + HOT_SPAN);
        }
        if self.hot_until.is_some_and(|until| now < until) {
            self.wait = HOT_WAIT;
        } else {
            self.hot_until = None;
            self.wait = (self.wait * 2).min(COLD_WAIT);
        }
        self.wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_frequent_while_something_goes_on() {
        let start = clock::steady();
        let mut pace = Pace::new();
        assert_eq!(pace.wait(true, start), HOT_WAIT);
        let last_hot = start + HOT_SPAN.saturating_sub(HOT_WAIT);
        assert_eq!(pace.wait(false, last_hot), HOT_WAIT);
        let mut now = start + HOT_SPAN;
        let mut waits = Vec::new();
        for _ in 0..10 {
            waits.push(pace.wait(false, now));
            now += *waits.last().expect("a wait");
        }
        assert!(waits.is_sorted() && waits[0] > HOT_WAIT, "{waits:?}");
        assert_eq!(waits[9], COLD_WAIT);
        assert_eq!(pace.wait(true, now), HOT_WAIT);
    }
}
