//! Keeps in force what is wanted, on a thread of its own.
//!
//! The daemon talks to an [`Enforcer`]; the thread (in `keeper`) owns the backend.

mod keeper;
mod pace;
mod wanted;

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::{mpsc::UnboundedSender, oneshot};

use crate::backend::{Backend, BackendError, Change, Dropped, Holding, Kept, Target};
use keeper::{Command, Keeper};

/// Comes when the backend has it in force, or could not; what was asked for stays wanted either
/// way. An error of the channel itself means that the enforcer's thread has ended.
pub type Answer = oneshot::Receiver<Result<(), BackendError>>;

/// What an enforcer has to say, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// What was in force may not have been what is wanted, and is again.
    Healed {
        /// The backend's name.
        backend: &'static str,
        /// Why: an error of the backend, or none if somebody else changed what it keeps.
        error: Option<BackendError>,
        /// Prefixes in force now, over all jails.
        how_many: usize,
        /// Time since it was noticed.
        after: Duration,
    },
    /// What is wanted cannot be brought in force. It is tried again and again; told once for each
    /// new reason.
    Failed(BackendError),
    /// After [`Told::Failed`]: everything that is wanted is in force.
    Recovered,
    /// Connections of who was banned could not be ended, and why; told once, until it works.
    NotEnded(String),
    /// After [`Enforcer::leave`]: what was in force could not be taken back, and may still be so.
    NotCleared(BackendError),
}

/// The handle of an enforcing thread. Dropping it ends the thread, as [`Enforcer::stop`] does.
#[derive(Debug)]
pub struct Enforcer {
    /// Closed to end the thread. No limit of its own: what waits here are bans, whose number the
    /// engine limits, and the thread takes all of it whenever it wakes.
    queue: Option<mpsc::Sender<Command>>,
    /// An eventfd, rung after each command.
    bell: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Enforcer {
    /// Starts the thread, and has it bring `wanted` in force for `targets`, whatever is in force
    /// now; the answer tells when it is. Errors of the backend come with the answer; an error here
    /// is that of starting a thread.
    pub fn start(
        backend: Box<dyn Backend>,
        targets: Vec<Target>,
        wanted: Vec<Holding>,
        tell: UnboundedSender<Told>,
    ) -> io::Result<(Self, Answer)> {
        let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (queue, commands) = mpsc::channel();
        let keeper = Keeper::new(backend, commands, Arc::clone(&bell), tell);
        let thread = thread::Builder::new()
            .name("enforcer".to_owned())
            .spawn(move || keeper.run())?;
        let enforcer = Self {
            queue: Some(queue),
            bell,
            thread: Some(thread),
        };
        let answer = enforcer.reconfigure(targets, wanted);
        Ok((enforcer, answer))
    }

    /// Changes what is wanted. A ban for a jail without a target is refused, with all of `changes`.
    #[must_use = "the answer tells whether it is in force"]
    pub fn apply(&self, changes: Vec<Change>) -> Answer {
        self.ask(|reply| Command::Apply(changes, reply))
    }

    /// Replaces all that is wanted.
    #[must_use = "the answer tells whether it is in force"]
    pub fn reconfigure(&self, targets: Vec<Target>, wanted: Vec<Holding>) -> Answer {
        self.ask(|reply| Command::Reconfigure(targets, wanted, reply))
    }

    /// Asks what was stopped so far.
    #[must_use = "the answer is all it does"]
    pub fn dropped(&self) -> oneshot::Receiver<Result<Vec<Dropped>, BackendError>> {
        self.ask(Command::Dropped)
    }

    /// Asks what really keeps `addr` out.
    #[must_use = "the answer is all it does"]
    pub fn keeps(&self, addr: IpAddr) -> oneshot::Receiver<Result<Vec<Kept>, BackendError>> {
        self.ask(|reply| Command::Keeps(addr, reply))
    }

    /// Has everything taken back that is in force, and the thread end; not before all `others`
    /// have come, so that who is banned elsewhere as well is kept out all the time. Dropping the
    /// enforcer waits for it.
    pub fn leave(&mut self, others: Vec<Answer>) {
        if let Some(queue) = self.queue.take() {
            let _ = queue.send(Command::Leave(others));
        }
        self.ring();
    }

    /// Ends the thread, after everything asked for so far was tried. What is in force stays so.
    pub fn stop(mut self) {
        self.end();
    }

    fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> oneshot::Receiver<T> {
        let (reply, answer) = oneshot::channel();
        if let Some(queue) = &self.queue {
            // If the thread is gone, so is the reply: the answer says it.
            let _ = queue.send(command(reply));
            self.ring();
        }
        answer
    }

    fn ring(&self) {
        // It fails only at 2^64 - 2 unheard rings, which wake as well.
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
    }

    fn end(&mut self) {
        self.queue = None;
        self.ring();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Enforcer {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::DryRun;
    use crate::model::JailName;

    fn change(jail: &str) -> Change {
        Change::Add(Holding {
            jail: JailName::new(jail).expect("a name"),
            prefix: "192.0.2.1".parse().expect("a prefix"),
            until: None,
            open: Box::default(),
        })
    }

    #[test]
    fn every_request_is_answered_and_a_stranger_refused() {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let target = Target::of(JailName::new("a").expect("a name"));
        let (enforcer, started) =
            Enforcer::start(Box::<DryRun>::default(), vec![target], Vec::new(), tell)
                .expect("a thread");
        assert_eq!(started.blocking_recv(), Ok(Ok(())));
        assert_eq!(
            enforcer.apply(vec![change("a")]).blocking_recv(),
            Ok(Ok(()))
        );
        let refused = enforcer.apply(vec![change("b")]).blocking_recv();
        assert!(
            matches!(refused, Ok(Err(BackendError::Refused(_)))),
            "{refused:?}"
        );
        let dropped = enforcer.dropped().blocking_recv().expect("an answer");
        assert_eq!(dropped.expect("nothing can fail").len(), 1);
        let last = enforcer.apply(vec![change("a")]);
        enforcer.stop();
        assert_eq!(
            last.blocking_recv(),
            Ok(Ok(())),
            "asked for before the stop"
        );
        assert!(
            told.blocking_recv().is_none(),
            "nothing happened, and the thread is gone"
        );
    }
}
