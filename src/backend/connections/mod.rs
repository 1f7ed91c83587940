//! Ends the established connections of who was banned, on a thread of its own.
//!
//! A ban stops packets, but a program here that waits for them goes on waiting, for hours if it has
//! nothing to send. So TCP connections of this machine's programs are ended for it (`sockets`),
//! behind the acknowledgement of the ban, which waits for nothing here; bans that come meanwhile
//! share one look at the connections there are.
//!
//! Connections that are only forwarded stay in connection tracking, on purpose. Without its entry a
//! connection would be taken up again by the next packet from inside (`nf_conntrack_tcp_loose`), as
//! one that was opened from there: what the banned one sends would then be a reply, and pass.

mod sockets;
mod wishes;

use std::io;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc::UnboundedSender;

use super::enforcer::Told;
pub(super) use wishes::Ending;
use wishes::Wishes;

/// The handle of the thread. Dropping it waits until what was asked for is done.
#[derive(Debug)]
pub(super) struct Connections {
    /// Closed to end the thread. What waits here is one list at the most for each batch of bans
    /// that came into force during one look at the connections.
    queue: Option<mpsc::Sender<Vec<Ending>>>,
    thread: Option<JoinHandle<()>>,
}

impl Connections {
    /// Starts the thread, in the network namespace of this one. A failure is told once, until it
    /// works again.
    pub fn start(tell: UnboundedSender<Told>) -> io::Result<Self> {
        let (queue, asked) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("connections".to_owned())
            .spawn(move || run(&asked, &tell))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Has connections ended.
    pub fn end(&self, endings: Vec<Ending>) {
        if let Some(queue) = &self.queue {
            // If the thread is gone, its panic was reported when it happened.
            let _ = queue.send(endings);
        }
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(asked: &mpsc::Receiver<Vec<Ending>>, tell: &UnboundedSender<Told>) {
    let mut works = true;
    while let Ok(first) = asked.recv() {
        let all = std::iter::once(first).chain(asked.try_iter());
        let wishes: Wishes = all.flatten().collect();
        let outcome = sockets::end(&wishes);
        if let (Err(why), true) = (&outcome, works) {
            // If nobody listens, nobody needs to know.
            let _ = tell.send(Told::NotEnded(why.clone()));
        }
        works = outcome.is_ok();
    }
}
