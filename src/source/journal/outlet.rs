//! The way out of a reader's thread: entries are brought together into batches, and sending waits
//! when the daemon is behind. Nothing is ever dropped for lack of room.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use crate::clock;
use crate::model::{Entry, Position};
use crate::source::{Batch, Event};

/// How many entries a batch has at most: some 100 µs of the daemon's time, so that it comes round to
/// its timers and clients.
const BATCH_ENTRIES: usize = 1024;
/// How many bytes of values a batch has at most, give or take one entry.
const BATCH_BYTES: usize = 1024 * 1024;
/// How often a batch without entries is sent to tell how far reading has come.
const POSITION_INTERVAL: Duration = Duration::from_secs(1);

/// How often unreadable entries are told of: a damaged file may hold many.
const UNREADABLE_INTERVAL: Duration = Duration::from_mins(1);

/// Why a reader's work ended.
pub(super) enum Interrupt {
    /// Somebody asked it to, or nobody listens any more.
    Stopped,
    /// The journal has to be opened again.
    Outdated,
    /// It failed.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Interrupt {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Collects entries and sends them.
pub(super) struct Outlet {
    events: Sender<Event>,
    stopped: Arc<AtomicBool>,
    batch: Batch,
    bytes: usize,
    sent: Instant,
    /// How many entries could not be read since that was told last, and when that was.
    unreadable: u64,
    unreadable_told: Option<Instant>,
}

impl Outlet {
    /// Sends to `events` until `stopped`; whoever sets that has to unpark this thread.
    pub(super) fn new(events: Sender<Event>, stopped: Arc<AtomicBool>) -> Self {
        Self {
            events,
            stopped,
            batch: Batch::default(),
            bytes: 0,
            sent: clock::steady(),
            unreadable: 0,
            unreadable_told: None,
        }
    }

    /// Adds an entry that holds `bytes` bytes of values, `truncated` of which were cut.
    pub(super) fn add(&mut self, entry: Entry, bytes: usize, truncated: u64) {
        self.batch.entries.push(entry);
        self.batch.truncated += truncated;
        self.bytes += bytes;
    }

    /// Whether the batch holds as much as it may.
    pub(super) fn is_full(&self) -> bool {
        self.batch.entries.len() >= BATCH_ENTRIES || self.bytes >= BATCH_BYTES
    }

    /// Whether there are no entries to send.
    pub(super) fn is_empty(&self) -> bool {
        self.batch.entries.is_empty()
    }

    /// Whether it is time to tell the position even without entries.
    pub(super) fn is_due(&self) -> bool {
        self.sent.elapsed() >= POSITION_INTERVAL
    }

    /// Forgets the entries that were not sent; they are read again.
    pub(super) fn clear(&mut self) {
        self.batch = Batch::default();
        self.bytes = 0;
    }

    /// Sends the batch; behind it the source stands at `position`.
    pub(super) fn flush(&mut self, position: Option<Position>) -> Result<(), Interrupt> {
        let batch = Batch {
            position,
            ..std::mem::take(&mut self.batch)
        };
        self.bytes = 0;
        self.sent = clock::steady();
        self.tell(Event::Entries(batch))
    }

    /// Leaves out an entry that cannot be read (a damaged file): reading it again would not help, and
    /// those behind it are wanted.
    pub(super) fn leave_out(&mut self, error: &anyhow::Error) -> Result<(), Interrupt> {
        self.unreadable += 1;
        if self
            .unreadable_told
            .is_some_and(|told| told.elapsed() < UNREADABLE_INTERVAL)
        {
            return Ok(());
        }
        self.unreadable_told = Some(clock::steady());
        let count = std::mem::take(&mut self.unreadable);
        self.tell(Event::Gap(format!(
            "left out {count} journal entries: {error:#}"
        )))
    }

    /// Sends an event; waits while there is no room for it.
    pub(super) fn tell(&self, event: Event) -> Result<(), Interrupt> {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut room = pin!(self.events.reserve());
        loop {
            self.check_stopped()?;
            match room.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(Ok(permit)) => {
                    permit.send(event);
                    return Ok(());
                }
                Poll::Ready(Err(_)) => return Err(Interrupt::Stopped),
                Poll::Pending => std::thread::park(),
            }
        }
    }

    /// Ends the work if somebody asked for it.
    pub(super) fn check_stopped(&self) -> Result<(), Interrupt> {
        if self.stopped.load(Ordering::Acquire) || self.events.is_closed() {
            return Err(Interrupt::Stopped);
        }
        Ok(())
    }
}

/// Wakes a thread that waits in [`std::thread::park`].
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
