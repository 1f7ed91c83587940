//! The thread that owns the backend.

use std::collections::HashMap;
use std::mem;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::{mpsc::UnboundedSender, oneshot};

use super::pace::Pace;
use super::wanted::Wanted;
use super::{Answer, Told};
use crate::backend::connections::{Connections, Ending};
use crate::backend::{Backend, BackendError, Change, Dropped, Holding, Kept, Target};
use crate::clock;
use crate::model::{JailName, Time};

/// The most changes in one batch, so that a flood of them does not keep others waiting.
const BATCH: usize = 20_000;

/// So many bans at the least are remembered for their connections while they cannot be put in force.
const ENDINGS: usize = 100_000;

pub(super) type Reply = oneshot::Sender<Result<(), BackendError>>;

/// What can be asked for.
pub(super) enum Command {
    Apply(Vec<Change>, Reply),
    Reconfigure(Vec<Target>, Vec<Holding>, Reply),
    Dropped(oneshot::Sender<Result<Vec<Dropped>, BackendError>>),
    Keeps(IpAddr, oneshot::Sender<Result<Vec<Kept>, BackendError>>),
    /// Clears, once all of these have come; the last command there is.
    Leave(Vec<Answer>),
}

/// The life of the thread: it sleeps until a command comes, the backend's notices become readable,
/// or an attempt is due.
///
/// - **In force** (`doubt` is none). Changes that have queued up become one batch for the backend.
///   They are wanted from then on, whatever happens.
/// - **In doubt**, when the backend failed or somebody else changed what it keeps. There is no
///   undoing and no partial repair: everything wanted is restored, at once, or at a slower and
///   slower [`Pace`] if that fails. Changes that arrive are
///   taken into what is wanted, and are answered with the outcome of the next attempt. Notices are
///   not read, as everything is replaced anyway.
/// - A new configuration replaces what is wanted, and is restored at once. So is the first one,
///   with which every life begins: a start does not differ from a change of everything.
/// - Told to leave, it takes back what is in force.
/// - When the queue is closed, the thread carries out what is left in it, makes a last attempt if
///   one is pending, and ends. What is in force stays: the kernel's timeouts go on.
pub(super) struct Keeper {
    backend: Box<dyn Backend>,
    commands: mpsc::Receiver<Command>,
    bell: Arc<OwnedFd>,
    tell: UnboundedSender<Told>,
    targets: Vec<Target>,
    wanted: Wanted,
    doubt: Option<Doubt>,
    pace: Pace,
    /// Why the last attempt failed, if it did.
    failure: Option<BackendError>,
    /// Who waits for the next attempt.
    waiting: Vec<Reply>,
    /// Whose connections are to be ended once their bans are in force.
    ending: Vec<Ending>,
    connections: Option<Connections>,
}

/// What is in force may not be what is wanted.
struct Doubt {
    since: Instant,
    /// When to restore.
    due: Instant,
    cause: Cause,
}

#[derive(Clone)]
enum Cause {
    /// A new configuration; its end is no news.
    Asked,
    /// Somebody else changed what the backend keeps.
    Disturbed,
    Error(BackendError),
}

/// Whether there is more in the queue.
#[derive(PartialEq, Eq)]
enum Queue {
    Empty,
    More,
    Closed,
}

impl Keeper {
    pub fn new(
        backend: Box<dyn Backend>,
        commands: mpsc::Receiver<Command>,
        bell: Arc<OwnedFd>,
        tell: UnboundedSender<Told>,
    ) -> Self {
        Self {
            backend,
            commands,
            bell,
            tell,
            targets: Vec::new(),
            wanted: Wanted::default(),
            doubt: None,
            pace: Pace::default(),
            failure: None,
            waiting: Vec::new(),
            ending: Vec::new(),
            connections: None,
        }
    }

    /// Lives until the queue is closed.
    pub fn run(mut self) {
        let mut queue = Queue::Empty;
        while queue != Queue::Closed {
            if self.sleep(queue == Queue::More) {
                self.read_notices();
            }
            queue = self.take_commands();
            self.restore_if_due();
        }
        if let Some(doubt) = &mut self.doubt {
            doubt.due = clock::steady();
            self.restore_if_due();
        }
    }

    /// Sleeps until there is something to do; true if it is to read notices.
    fn sleep(&self, more: bool) -> bool {
        let timeout = match &self.doubt {
            _ if more => Some(Duration::ZERO),
            Some(doubt) => Some(doubt.due.saturating_duration_since(clock::steady())),
            None => None,
        };
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut fds = vec![PollFd::new(&self.bell, PollFlags::IN)];
        let watch = self.backend.watch_fd().filter(|_| self.doubt.is_none());
        fds.extend(watch.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        // An error (a signal) is a wake-up for nothing.
        let _ = poll(&mut fds, timeout.as_ref());
        let ready = |fd: Option<&PollFd<'_>>| fd.is_some_and(|fd| !fd.revents().is_empty());
        if ready(fds.first()) {
            let _ = rustix::io::read(&self.bell, &mut [0; 8]); // silences it
        }
        ready(fds.get(1))
    }

    fn read_notices(&mut self) {
        match self.backend.disturbed() {
            Ok(false) => {}
            Ok(true) => self.doubt_it(Cause::Disturbed),
            Err(error) => self.doubt_it(Cause::Error(error)),
        }
    }

    /// Takes what is in the queue, changes that follow each other together.
    fn take_commands(&mut self) -> Queue {
        let mut changes = Vec::new();
        let mut replies = Vec::new();
        let rest = loop {
            if changes.len() >= BATCH {
                break Queue::More;
            }
            match self.commands.try_recv() {
                Ok(Command::Apply(more, reply)) => match self.stranger(&more) {
                    None => {
                        changes.extend(more);
                        replies.push(reply);
                    }
                    Some(jail) => {
                        let error = format!("banning for jail \"{jail}\": it is not configured");
                        let _ = reply.send(Err(BackendError::Refused(error)));
                    }
                },
                Ok(Command::Reconfigure(targets, wanted, reply)) => {
                    self.apply(&mem::take(&mut changes), mem::take(&mut replies));
                    self.reconfigure(targets, wanted, reply);
                }
                Ok(Command::Dropped(reply)) => {
                    self.apply(&mem::take(&mut changes), mem::take(&mut replies));
                    let _ = reply.send(self.backend.dropped());
                }
                Ok(Command::Keeps(addr, reply)) => {
                    self.apply(&mem::take(&mut changes), mem::take(&mut replies));
                    let _ = reply.send(self.backend.keeps(addr));
                }
                Ok(Command::Leave(others)) => {
                    self.apply(&mem::take(&mut changes), mem::take(&mut replies));
                    self.leave(others);
                }
                Err(mpsc::TryRecvError::Empty) => break Queue::Empty,
                Err(mpsc::TryRecvError::Disconnected) => break Queue::Closed,
            }
        };
        self.apply(&changes, replies);
        rest
    }

    /// A jail that is to ban though it has no target.
    fn stranger<'a>(&self, changes: &'a [Change]) -> Option<&'a JailName> {
        changes.iter().find_map(|change| match change {
            Change::Add(holding) => {
                let known = self
                    .targets
                    .iter()
                    .any(|target| target.jail == holding.jail);
                (!known).then_some(&holding.jail)
            }
            Change::Remove { .. } => None,
        })
    }

    fn apply(&mut self, changes: &[Change], replies: Vec<Reply>) {
        if replies.is_empty() {
            return;
        }
        let now = clock::now();
        for change in changes {
            self.wanted.change(change, now);
        }
        self.connections_to_end(changes, now);
        if self.doubt.is_none() {
            match self.backend.apply(changes, now) {
                Ok(()) => {
                    answer(replies, &Ok(()));
                    return self.end_connections();
                }
                // Restoring brings the changes in force as well, or says why not.
                Err(error) => self.doubt_it(Cause::Error(error)),
            }
        }
        self.waiting.extend(replies);
        self.restore_if_due();
    }

    /// Notes whose connections `changes` end; no more beyond [`ENDINGS`].
    fn connections_to_end(&mut self, changes: &[Change], now: Time) {
        let waiting: usize = self.ending.iter().map(|ending| ending.from.len()).sum();
        if !self.backend.enforces() || waiting >= ENDINGS {
            return;
        }
        let asking = self.targets.iter().filter(|target| target.end_connections);
        let mut by_jail: HashMap<&JailName, Ending> = asking
            .map(|target| {
                let ports = target.ports.as_slice().into();
                let from = Vec::new();
                (&target.jail, Ending { ports, from })
            })
            .collect();
        for change in changes {
            if let Change::Add(holding) = change
                && holding.until.is_none_or(|until| until > now)
                && let Some(ending) = by_jail.get_mut(&holding.jail)
            {
                ending.from.push((holding.prefix, holding.open.clone()));
            }
        }
        let endings = by_jail.into_values();
        self.ending
            .extend(endings.filter(|ending| !ending.from.is_empty()));
    }

    fn end_connections(&mut self) {
        if self.ending.is_empty() {
            return;
        }
        let endings = mem::take(&mut self.ending);
        if self.connections.is_none() {
            match Connections::start(self.tell.clone()) {
                Ok(connections) => self.connections = Some(connections),
                Err(error) => {
                    let why = format!("starting a thread: {error}");
                    let _ = self.tell.send(Told::NotEnded(why));
                }
            }
        }
        if let Some(connections) = &self.connections {
            connections.end(endings);
        }
    }

    fn reconfigure(&mut self, targets: Vec<Target>, wanted: Vec<Holding>, reply: Reply) {
        self.targets = targets;
        self.wanted.replace(wanted);
        self.waiting.push(reply);
        let now = clock::steady();
        let doubt = self.doubt.get_or_insert(Doubt {
            since: now,
            due: now,
            cause: Cause::Asked,
        });
        doubt.due = now;
        self.restore_if_due();
    }

    /// Nothing is wanted here any more. The others come first, so that who is banned there as well
    /// is kept out all the time; whether they can do it or not, here it ends.
    fn leave(&mut self, others: Vec<Answer>) {
        for other in others {
            let _ = other.blocking_recv();
        }
        self.targets.clear();
        self.wanted.replace(Vec::new());
        self.doubt = None;
        let outcome = self.backend.clear();
        if let Err(error) = &outcome {
            let _ = self.tell.send(Told::NotCleared(error.clone()));
        }
        answer(mem::take(&mut self.waiting), &outcome.map(drop));
    }

    fn doubt_it(&mut self, cause: Cause) {
        let now = clock::steady();
        self.doubt = Some(Doubt {
            since: now,
            due: self.pace.after_disturbance(now),
            cause,
        });
    }

    fn restore_if_due(&mut self) {
        let Some(doubt) = &mut self.doubt else {
            return;
        };
        let begun = clock::steady();
        if begun < doubt.due {
            return;
        }
        let now = clock::now();
        let wanted = self.wanted.holdings(now);
        let outcome = self.backend.restore(&self.targets, &wanted, now);
        let ended = clock::steady();
        match &outcome {
            Ok(()) => {
                self.pace
                    .succeeded(ended, ended.saturating_duration_since(begun));
                let after = ended.saturating_duration_since(doubt.since);
                let how_many = wanted.len();
                let backend = self.backend.name();
                let healed = |error| Told::Healed {
                    backend,
                    error,
                    how_many,
                    after,
                };
                let told = match doubt.cause.clone() {
                    _ if self.failure.take().is_some() => Some(Told::Recovered),
                    Cause::Asked => None,
                    Cause::Disturbed => Some(healed(None)),
                    Cause::Error(error) => Some(healed(Some(error))),
                };
                self.doubt = None;
                // If nobody listens, nobody needs to know.
                told.map(|told| self.tell.send(told));
            }
            Err(error) => {
                doubt.due = self.pace.after_failure(ended);
                if self.failure.as_ref() != Some(error) {
                    self.failure = Some(error.clone());
                    let _ = self.tell.send(Told::Failed(error.clone()));
                }
            }
        }
        answer(mem::take(&mut self.waiting), &outcome);
        if outcome.is_ok() {
            self.end_connections();
        }
    }
}

/// Nobody minds if whoever asked has gone.
fn answer(replies: Vec<Reply>, outcome: &Result<(), BackendError>) {
    for reply in replies {
        let _ = reply.send(outcome.clone());
    }
}
