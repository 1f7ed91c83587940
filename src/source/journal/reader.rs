//! The thread that reads one journal, from opening it to following it, and again after an error.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use mio::{Events, Poll, Token, Waker};
use tokio::sync::mpsc::Sender;

use super::catch_up::{Progress, catch_up, report_gap};
use super::follow::{follow, watch};
use super::log::Log;
use super::mark::Mark;
use super::outlet::{Interrupt, Outlet};
use crate::source::{Event, SourceSpec, Start, Wanted};

/// How long to wait before the first new try after an error, and at most; it doubles in between.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

const STOP: Token = Token(0);

/// A journal being read on a thread of its own: libsystemd blocks on the disk, and what it opens
/// may be used by one thread only.
///
/// Dropped, the thread ends by itself soon; [`stop`](Self::stop) waits for that.
#[derive(Debug)]
pub struct Reader {
    stopped: Arc<AtomicBool>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Starts reading what `spec` names, from `start`, and sends what is `wanted` to `out`. When
    /// `out` is full, reading waits.
    ///
    /// That the journal cannot be opened is an error; everything later comes as an [`Event`], and
    /// is tried again.
    pub fn spawn(
        spec: SourceSpec,
        wanted: Wanted,
        start: Start,
        out: Sender<Event>,
    ) -> anyhow::Result<Self> {
        let poll = Poll::new().context("making a poller")?;
        let waker = Waker::new(poll.registry(), STOP).context("making a waker")?;
        let stopped = Arc::new(AtomicBool::new(false));
        let (opened, is_open) = std::sync::mpsc::sync_channel(1);
        let outlet = Outlet::new(out, Arc::clone(&stopped));
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                Work {
                    spec,
                    wanted,
                    outlet,
                    poll,
                }
                .run(start, &opened);
            })
            .context("starting a thread")?;
        let reader = Self {
            stopped,
            waker,
            thread: Some(thread),
        };
        is_open
            .recv()
            .context("the thread ended before the journal was open")??;
        Ok(reader)
    }

    /// Ends the thread and waits until it has ended. Entries that it has read and not sent are
    /// read again by whoever starts from the last position sent.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.wake();
        match self.thread.take() {
            Some(thread) => thread
                .join()
                .map_err(|_| anyhow::anyhow!("the journal's thread panicked")),
            None => Ok(()),
        }
    }

    fn wake(&self) {
        self.stopped.store(true, Ordering::Release);
        // The thread waits in one of two places. Waking cannot fail for a descriptor that we hold,
        // and if it did the thread would look at `stopped` within COLD_WAIT.
        let _ = self.waker.wake();
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.wake();
    }
}

/// What the thread holds.
struct Work {
    spec: SourceSpec,
    wanted: Wanted,
    outlet: Outlet,
    poll: Poll,
}

impl Work {
    fn run(mut self, start: Start, opened: &SyncSender<anyhow::Result<()>>) {
        let mut progress = Progress {
            since: start.since,
            stored: None,
            reached: None,
            caught_up: false,
        };
        let mut log = match self.open() {
            Ok(log) => {
                // The receiver waits for exactly this.
                let _ = opened.send(Ok(()));
                Some(log)
            }
            Err(error) => {
                let _ = opened.send(Err(error));
                return;
            }
        };
        let mut trouble = Trouble::default();
        if let Some(position) = start.position {
            match Mark::parse(position.as_str()) {
                Ok(mark) => progress.stored = Some(mark),
                Err(error) => {
                    let sentence = format!(
                        "reading the stored position: {error:#}; \
                        going back to {} instead",
                        start.since
                    );
                    if self.outlet.tell(Event::Gap(sentence)).is_err() {
                        return;
                    }
                }
            }
        }
        loop {
            let before = progress.reached.clone();
            let error = match self.read(log.take(), &mut progress) {
                Ok(()) | Err(Interrupt::Stopped) => return,
                Err(Interrupt::Outdated) => continue,
                Err(Interrupt::Failed(error)) => error,
            };
            self.outlet.clear();
            if progress.reached != before {
                trouble = Trouble::default();
            }
            if !trouble.told {
                trouble.told = true;
                let sentence = format!("{error:#}; opening it again");
                if self.outlet.tell(Event::Failed(sentence)).is_err() {
                    return;
                }
            }
            if self.sleep(trouble.next_pause()).is_err() {
                return;
            }
        }
    }

    fn open(&self) -> anyhow::Result<Log> {
        let log = Log::open(&self.spec, &self.wanted)?;
        watch(&log, &self.poll)?;
        Ok(log)
    }

    /// Reads until something interrupts it.
    fn read(&mut self, log: Option<Log>, progress: &mut Progress) -> Result<(), Interrupt> {
        let mut log = match log {
            Some(log) => log,
            None => self.open()?,
        };
        if let Some(from) = progress.live_from().cloned() {
            report_gap(&mut log, &from, &self.outlet)?;
        }
        catch_up(&mut log, progress, &mut self.outlet)?;
        follow(&mut log, progress, &mut self.outlet, &mut self.poll)
    }

    /// Waits for `pause`, or until somebody stops us.
    fn sleep(&mut self, pause: Duration) -> Result<(), Interrupt> {
        match self.poll.poll(&mut Events::with_capacity(2), Some(pause)) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            result => result.context("waiting before the journal is opened again")?,
        }
        self.outlet.check_stopped()
    }
}

/// A row of errors without progress in between.
#[derive(Default)]
struct Trouble {
    told: bool,
    pause: Option<Duration>,
}

impl Trouble {
    fn next_pause(&mut self) -> Duration {
        let pause = match self.pause {
            None => FIRST_PAUSE,
            Some(pause) => (pause * 2).min(LONGEST_PAUSE),
        };
        self.pause = Some(pause);
        pause
    }
}
