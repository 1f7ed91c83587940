//! Bans as routes that lead nowhere: for machines without nftables.
//!
//! Such a route stops what this machine would send to a banned prefix, answers above all, and so
//! every TCP connection; packets from there still arrive, whatever their port. It costs nothing for
//! everybody else's packets.
//!
//! Ours are in the main table and carry a protocol number and a metric of our own, by which they are
//! told from others'. The kernel has no timeout for them: `RTA_EXPIRES` of IPv6 is taken, and
//! forgotten, for routes that lead nowhere (measured on Linux 6.18). So they stay until this program
//! takes them away, if need be when it starts again.
//!
//! `ledger` says which there are to be (pure), `message` writes and reads them (pure), `kernel` has
//! the socket.

mod kernel;
mod ledger;
mod message;

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

use crate::backend::netlink::reading::Message;
use crate::backend::netlink::{Failure, Notices};
use crate::backend::{Backend, BackendError, Change, Dropped, Holding, Kept, Target};
use crate::model::{Prefix, Time, canonical};
use kernel::{Kernel, Refusal};
use ledger::{Ledger, Turn};
use message::{AF_INET, AF_INET6, Edit, Found, METRIC, RTM_DELROUTE, RTM_NEWROUTE, What};

/// How often to begin again because somebody else changed our routes meanwhile.
const ATTEMPTS: usize = 16;

/// Our routes in the kernel.
pub struct Routes {
    kernel: Kernel,
    notices: Notices,
    ledger: Ledger,
}

impl Routes {
    /// What `rtm_protocol` of our routes is; `/etc/iproute2/rt_protos.d` can give it a name.
    pub const PROTOCOL: u8 = message::RTPROT_JOURNALBAN;

    /// Opens the sockets, in the network namespace of the calling thread. Nothing is changed yet.
    pub fn open() -> Result<Self, BackendError> {
        let cannot = |error: io::Error| {
            BackendError::Refused(format!("opening netlink sockets for routes: {error}"))
        };
        Ok(Self {
            kernel: Kernel::open().map_err(cannot)?,
            notices: kernel::notices().map_err(cannot)?,
            ledger: Ledger::default(),
        })
    }

    /// Reads what was heard; true if somebody else changed a route that is, or was, ours.
    fn another_changed(&mut self) -> Result<bool, BackendError> {
        let (ledger, port) = (&self.ledger, self.kernel.port());
        self.notices
            .any(|message| tells_of_another(message, ledger, port))
            .map_err(|error| uncertain("reading the notices of routes", &error))
    }
}

impl Backend for Routes {
    fn name(&self) -> &'static str {
        "route"
    }

    fn restore(
        &mut self,
        targets: &[Target],
        wanted: &[Holding],
        now: Time,
    ) -> Result<(), BackendError> {
        let doing = "bringing the routes in order";
        self.ledger = Ledger::of(targets, wanted, now);
        for _ in 0..ATTEMPTS {
            let there = self.kernel.list().map_err(|it| failed(doing, &it))?;
            let (missing, surplus) = differences(&self.ledger, &there);
            let mut refusals = Vec::new();
            // In this order, so that nobody gets in between.
            for edits in [missing, surplus] {
                let more = self.kernel.carry_out(&edits);
                refusals.extend(more.map_err(|it| failed(doing, &it))?);
            }
            // Our own many changes may have crowded out a notice, too; then another look at it
            // finds nothing to do.
            if !self.another_changed()? {
                return judge(doing, &refusals);
            }
        }
        Err(uncertain(doing, &"others change them all the time"))
    }

    fn apply(&mut self, changes: &[Change], now: Time) -> Result<(), BackendError> {
        let doing = "changing routes";
        let turns = self.ledger.change(changes, now)?;
        let (ends, begins): (Vec<Turn>, Vec<Turn>) =
            turns.into_iter().partition(|turn| turn.after.is_none());
        let edits: Vec<Edit> = begins.iter().chain(&ends).map(edit).collect();
        let refusals = self.kernel.carry_out(&edits);
        let refusals = refusals.map_err(|failure| failed(doing, &failure))?;
        // What is in the way may be a route of ours that should not be there.
        judge(doing, &refusals).map_err(|error| match error {
            BackendError::Refused(why) => BackendError::Uncertain(why),
            error @ BackendError::Uncertain(_) => error,
        })
    }

    fn clear(&mut self) -> Result<bool, BackendError> {
        let doing = "taking routes away";
        self.ledger = Ledger::default();
        let there = self.kernel.list().map_err(|it| failed(doing, &it))?;
        let edits: Vec<Edit> = there.iter().map(end).collect();
        let refusals = self.kernel.carry_out(&edits);
        judge(doing, &refusals.map_err(|it| failed(doing, &it))?)?;
        // Nobody needs to be told of what happened before.
        let _ = self.another_changed()?;
        Ok(!there.is_empty())
    }

    /// Nothing: a route tells neither for which jail it is nor when it is to end, and a ban that
    /// nobody ends is worse than one that is forgotten.
    fn held(&mut self, _targets: &[Target], _now: Time) -> Result<Vec<Holding>, BackendError> {
        Ok(Vec::new())
    }

    fn keeps(&mut self, addr: IpAddr) -> Result<Vec<Kept>, BackendError> {
        let addr = Prefix::host(canonical(addr));
        let family = if addr.is_ipv4() { AF_INET } else { AF_INET6 };
        let there = self.kernel.list_family(family);
        let mut kept = Vec::new();
        for found in there.map_err(|failure| failed("listing routes", &failure))? {
            let Some(route) = found.route.filter(|_| found.prefix.contains(addr)) else {
                continue;
            };
            kept.extend(self.ledger.jails(found.prefix).map(|jail| Kept {
                jail: jail.clone(),
                place: format!("route {} {}", route.as_str(), found.prefix),
                packets: None,
            }));
        }
        Ok(kept)
    }

    /// Nothing: routes have no counters.
    fn dropped(&mut self) -> Result<Vec<Dropped>, BackendError> {
        Ok(Vec::new())
    }

    fn watch_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.notices.as_fd())
    }

    fn disturbed(&mut self) -> Result<bool, BackendError> {
        self.another_changed()
    }
}

/// What has to be added or replaced, and what has to go, for `there` to be what is wanted.
fn differences(ledger: &Ledger, there: &[Found]) -> (Vec<Edit>, Vec<Edit>) {
    let (mut right, mut surplus) = (HashMap::new(), Vec::new());
    for found in there {
        let wanted = found.metric == METRIC && ledger.route(found.prefix).is_some();
        if wanted && !right.contains_key(&found.prefix) {
            right.insert(found.prefix, found.route);
        } else {
            surplus.push(end(found));
        }
    }
    let missing = ledger.routes().filter_map(|(prefix, route)| {
        let what = match right.get(&prefix) {
            None => What::Add(route),
            Some(found) if *found != Some(route) => What::Replace(route),
            Some(_) => return None,
        };
        Some(Edit {
            prefix,
            metric: METRIC,
            what,
        })
    });
    (missing.collect(), surplus)
}

fn edit(turn: &Turn) -> Edit {
    Edit {
        prefix: turn.prefix,
        metric: METRIC,
        what: match (turn.before, turn.after) {
            (_, None) => What::Delete,
            (None, Some(route)) => What::Add(route),
            (Some(_), Some(route)) => What::Replace(route),
        },
    }
}

fn end(found: &Found) -> Edit {
    Edit {
        prefix: found.prefix,
        metric: found.metric,
        what: What::Delete,
    }
}

/// Whether anybody but `port` changed one of our routes, put another in its place, or made one that
/// looks like ours.
fn tells_of_another(message: Message<'_>, ledger: &Ledger, port: u32) -> bool {
    if message.port == port {
        return false;
    }
    let Some(found) = message::read(message) else {
        return false;
    };
    match message.kind {
        RTM_DELROUTE => found.ours,
        RTM_NEWROUTE => {
            found.ours || found.metric == METRIC && ledger.route(found.prefix).is_some()
        }
        _ => false,
    }
}

/// What of the kernel's refusals is an error.
fn judge(doing: &str, refusals: &[Refusal]) -> Result<(), BackendError> {
    let wrong = refusals.iter().find(|refusal| match refusal.edit.what {
        // It is gone already, which is what was wanted.
        What::Delete => refusal.errno != Errno::SRCH,
        // A kernel without IPv6 has nobody there to keep out.
        What::Add(_) | What::Replace(_) => {
            refusal.edit.prefix.is_ipv4() || refusal.errno != Errno::OPNOTSUPP
        }
    });
    let Some(Refusal { edit, errno }) = wrong else {
        return Ok(());
    };
    let Edit { prefix, metric, .. } = edit;
    match *errno {
        Errno::EXIST => Err(BackendError::Refused(format!(
            "{doing}: there is a route to {prefix} with metric {metric} that is not ours"
        ))),
        Errno::PERM | Errno::ACCESS => Err(BackendError::Refused(format!(
            "{doing}: {prefix}: {errno}; CAP_NET_ADMIN is needed"
        ))),
        errno => Err(uncertain(doing, &format_args!("{prefix}: {errno}"))),
    }
}

fn uncertain(doing: &str, error: &dyn std::fmt::Display) -> BackendError {
    BackendError::Uncertain(format!("{doing}: {error}"))
}

fn failed(doing: &str, failure: &Failure) -> BackendError {
    if failure.is(Errno::PERM) || failure.is(Errno::ACCESS) {
        return BackendError::Refused(format!("{doing}: {failure}; CAP_NET_ADMIN is needed"));
    }
    uncertain(doing, failure)
}
