//! Bans as sets in the kernel's nftables, written over netlink.
//!
//! All of it is in one table of family `inet`, which is ours alone: [`restore`](Backend::restore)
//! puts a new one in its place in a single transaction, so that packets meet either the old table
//! or the new one, leftovers of any kind are gone and no rule is ever doubled. Elements carry the
//! kernel's own timeouts: should this program die, bans end nevertheless.
//!
//! `ruleset` and `cover` say what is wanted (pure), `message` and `expression` write it,
//! `reading` and `counters` read what the kernel says, `netlink` has the conversation.

mod contents;
mod counters;
mod cover;
mod element;
mod expression;
mod left;
mod message;
mod netlink;
mod plan;
mod reading;
mod ruleset;
mod slot;
mod table;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

use crate::backend::netlink::{Failure, Notices};
use crate::backend::{Backend, BackendError, Change, Dropped, Holding, Kept, Target};
use crate::model::{JailName, Time, canonical};
use contents::Listed;
use counters::Count;
use element::Element;
use message::{Batch, Elements, NFT_MSG_GETRULE};
use netlink::Requests;
use plan::Jails;
use ruleset::Ruleset;

pub use table::{Hook, Table};

/// How often to begin again because somebody else was quicker. Each time is progress for them.
const ATTEMPTS: usize = 16;

/// The table in the kernel.
pub struct Nftables {
    table: Table,
    requests: Requests,
    notices: Notices,
    jails: Jails,
    /// Whether the kernel can remove elements that may not be there (6.3 and later).
    destroys: bool,
    /// The counters as they were read last, for when somebody deletes the table with them.
    counts: BTreeMap<JailName, Count>,
}

impl Nftables {
    /// The table of the daemon.
    pub const TABLE: &'static str = "journalban";

    /// Opens the sockets, in the network namespace of the calling thread, and finds out what the
    /// kernel can do. Nothing is changed yet. `table` is a name of nft(8); all else is as it is if
    /// nothing is said.
    pub fn open(table: &str) -> Result<Self, BackendError> {
        Self::open_for(Table::named(table))
    }

    /// As [`open`](Self::open), with all that can be said of the table. A kernel that cannot do
    /// what it asks for is told of now.
    pub fn open_for(table: Table) -> Result<Self, BackendError> {
        let doing = "opening netlink sockets to nf_tables";
        let mut requests = Requests::open().map_err(|error| cannot(doing, &error))?;
        let notices = netlink::notices().map_err(|error| cannot(doing, &error))?;
        // Not in our own table: as long as somebody else owns it, that says nothing of the kernel.
        let probe = format!("{}-probe", table.name);
        let destroys = can_destroy(&mut requests, &probe)?;
        if table.owner {
            check_owner(&mut requests, &probe)?;
        }
        Ok(Self {
            table,
            requests,
            notices,
            jails: Jails::default(),
            destroys,
            counts: BTreeMap::new(),
        })
    }

    /// Does without what kernels before 6.3 cannot do, to show on a newer one that it works.
    #[must_use]
    pub fn as_on_old_kernels(mut self) -> Self {
        self.destroys = false;
        self
    }

    /// Commits what `fill` writes, which replaces everything, while nobody listens to notices: they
    /// would be as many as the elements. Notices of changes before are forgotten, as the changes
    /// are; that no other commit came right behind, the generation proves.
    fn commit_quietly(
        &mut self,
        doing: &str,
        fill: impl Fn(&mut Batch),
    ) -> Result<(), BackendError> {
        for _ in 0..ATTEMPTS {
            let generation = self
                .requests
                .generation()
                .map_err(|it| failed(doing, &it))?;
            let mut batch = self.requests.batch(Some(generation));
            fill(&mut batch);
            self.notices
                .deafen()
                .map_err(|error| uncertain(doing, &error))?;
            let committed = self.requests.commit(batch);
            self.notices
                .listen()
                .map_err(|error| uncertain(doing, &error))?;
            match committed {
                Ok(()) => {}
                Err(failure) if failure.is(Errno::RESTART) => continue,
                Err(failure) => return Err(failed(doing, &failure)),
            }
            let now = self
                .requests
                .generation()
                .map_err(|it| failed(doing, &it))?;
            return if now == next(generation) {
                Ok(())
            } else {
                Err(uncertain(doing, &"nftables was changed right behind us"))
            };
        }
        Err(uncertain(doing, &"others change nftables all the time"))
    }

    /// The elements of a set; none if there is no such set.
    fn listed(&mut self, set: &str) -> Result<Vec<Listed>, BackendError> {
        let doing = "listing the sets of nftables";
        for _ in 0..ATTEMPTS {
            let mut listed = Vec::new();
            let whole = self
                .requests
                .elements(&self.table.name, set, |answer| {
                    contents::read(&mut listed, answer);
                })
                .map_err(|failure| failed(doing, &failure))?;
            if whole {
                return Ok(listed);
            }
        }
        Err(uncertain(doing, &"others change nftables all the time"))
    }

    /// Reads the counters. They are kept as they are higher, in case the table was deleted.
    fn count(&mut self) -> Result<(), BackendError> {
        let doing = "reading the counters of nftables";
        for _ in 0..ATTEMPTS {
            let mut counts = BTreeMap::new();
            let whole = self
                .requests
                .dump(NFT_MSG_GETRULE, &self.table.name, |rule| {
                    counters::tally(&mut counts, rule);
                })
                .map_err(|failure| failed(doing, &failure))?;
            if whole {
                for (jail, count) in counts {
                    let known = self.counts.entry(jail).or_default();
                    *known = count.max(*known);
                }
                return Ok(());
            }
        }
        Err(uncertain(doing, &"others change nftables all the time"))
    }
}

impl Backend for Nftables {
    fn name(&self) -> &'static str {
        "nftables"
    }

    fn restore(
        &mut self,
        targets: &[Target],
        wanted: &[Holding],
        now: Time,
    ) -> Result<(), BackendError> {
        let doing = "replacing the table of nftables";
        // What the table has counted goes on in the new one. It is not worth failing for.
        let _ = self.count();
        let ruleset = Ruleset::of(&self.table, targets, &self.counts);
        let jails = Jails::of(targets, wanted, now);
        let contents = jails.contents(wanted, now);
        let table = self.table.clone();
        self.commit_quietly(doing, |batch| {
            batch.replace_table(&table, &ruleset);
            for (set, elements) in &contents {
                batch.elements_of(Elements::Add, &table.name, set, elements);
            }
        })?;
        self.jails = jails;
        self.counts.retain(|jail, _| self.jails.contains(jail));
        Ok(())
    }

    fn apply(&mut self, changes: &[Change], now: Time) -> Result<(), BackendError> {
        let doing = "changing the sets of nftables";
        let plan = self.jails.plan(changes, now)?;
        if plan.is_empty() {
            return Ok(());
        }
        let mut batch = self.requests.batch(None);
        for (set, change) in &plan.hashed {
            // An element that is there already may keep its old timeout (it does before Linux
            // 6.12), so it goes first, within the same transaction.
            if self.destroys {
                batch.elements_of(Elements::Destroy, &self.table.name, set, &change.leave);
            } else {
                batch.elements_of(Elements::Add, &self.table.name, set, &change.leave);
                batch.elements_of(Elements::Delete, &self.table.name, set, &change.leave);
            }
            batch.elements_of(Elements::Add, &self.table.name, set, &change.enter);
        }
        for (set, elements) in &plan.intervals {
            batch.flush(&self.table.name, set);
            batch.elements_of(Elements::Add, &self.table.name, set, elements);
        }
        self.requests
            .commit(batch)
            .map_err(|failure| failed(doing, &failure))?;
        self.jails.carried_out(plan);
        Ok(())
    }

    fn clear(&mut self) -> Result<bool, BackendError> {
        let doing = "deleting the table of nftables";
        let there = self.requests.has_table(&self.table.name);
        if !there.map_err(|failure| failed(doing, &failure))? {
            return Ok(false);
        }
        let mut batch = self.requests.batch(None);
        batch.delete_table(&self.table.name);
        match self.requests.commit(batch) {
            Ok(()) => {}
            // Somebody else was quicker.
            Err(failure) if failure.is(Errno::NOENT) => {}
            Err(failure) => return Err(failed(doing, &failure)),
        }
        self.jails = Jails::default();
        self.counts.clear();
        Ok(true)
    }

    fn held(&mut self, targets: &[Target], now: Time) -> Result<Vec<Holding>, BackendError> {
        let mut holdings = Vec::new();
        for target in targets {
            for (slot, set) in contents::sets(target) {
                let listed = self.listed(&set)?;
                holdings.extend(contents::holdings(target, slot, listed, now));
            }
        }
        Ok(holdings)
    }

    fn keeps(&mut self, addr: IpAddr) -> Result<Vec<Kept>, BackendError> {
        let addr = canonical(addr);
        // That they are a little old is better than no answer.
        let _ = self.count();
        let mut kept = Vec::new();
        for (jail, lengths) in self.jails.lengths() {
            for (set, element) in contents::places(jail, lengths, addr) {
                let has = self.requests.has_element(&self.table.name, &set, &element);
                if has.map_err(|failure| failed("looking into the sets of nftables", &failure))? {
                    kept.push(Kept {
                        jail: jail.clone(),
                        place: format!("set {set} of table inet {}", self.table.name),
                        // Of all that the jail bans: a counter for each element would take a
                        // third more memory.
                        packets: self.counts.get(jail).map(|count| count.packets),
                    });
                }
            }
        }
        Ok(kept)
    }

    fn dropped(&mut self) -> Result<Vec<Dropped>, BackendError> {
        self.count()?;
        let dropped = |jail: &JailName| {
            let count = self.counts.get(jail).copied().unwrap_or_default();
            Dropped {
                jail: jail.clone(),
                packets: count.packets,
                bytes: count.bytes,
            }
        };
        Ok(self.jails.names().map(dropped).collect())
    }

    fn watch_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.notices.as_fd())
    }

    fn disturbed(&mut self) -> Result<bool, BackendError> {
        let (table, port) = (&self.table.name, self.requests.port());
        self.notices
            .any(|message| message.tells_of_another(table, port))
            .map_err(|error| uncertain("reading the notices of nftables", &error))
    }
}

/// Tries to remove an element from a table that is not there: a kernel that knows the request says
/// so, one that does not says that the request is invalid. Neither changes anything.
fn can_destroy(requests: &mut Requests, probe: &str) -> Result<bool, BackendError> {
    let mut batch = requests.batch(None);
    let nobody = [Element::single([192, 0, 2, 1].into(), None)];
    batch.elements_of(Elements::Destroy, probe, "nobody", &nobody);
    match requests.commit(batch) {
        Err(failure) if failure.is(Errno::INVAL) => Ok(false),
        Err(failure) if failure.is(Errno::NOENT) => Ok(true),
        Ok(()) => Ok(true),
        Err(failure) => Err(failed("asking what nf_tables can do", &failure)),
    }
}

/// Refuses if the kernel knows no tables that are for their owner alone and persist.
fn check_owner(requests: &mut Requests, probe: &str) -> Result<(), BackendError> {
    let mut batch = requests.batch(None);
    batch.try_owner(probe);
    match requests.commit(batch) {
        Ok(()) => Ok(()),
        Err(failure) if failure.is(Errno::EXIST) => Ok(()),
        Err(failure) if failure.is(Errno::OPNOTSUPP) || failure.is(Errno::INVAL) => {
            Err(BackendError::Refused(
                "owner = true below [nftables] needs Linux 6.9 or later: leave it out".to_owned(),
            ))
        }
        Err(failure) => Err(failed("asking what nf_tables can do", &failure)),
    }
}

/// The generation behind `generation`; zero is none (`nf_tables_commit`).
fn next(generation: u32) -> u32 {
    generation.checked_add(1).unwrap_or(1)
}

fn cannot(doing: &str, error: &io::Error) -> BackendError {
    BackendError::Refused(format!("{doing}: {error}; CAP_NET_ADMIN is needed"))
}

fn uncertain(doing: &str, error: &dyn std::fmt::Display) -> BackendError {
    BackendError::Uncertain(format!("{doing}: {error}"))
}

fn failed(doing: &str, failure: &Failure) -> BackendError {
    if failure.is(Errno::PERM) || failure.is(Errno::ACCESS) {
        return BackendError::Refused(format!("{doing}: {failure}; CAP_NET_ADMIN is needed"));
    }
    if failure.is(Errno::OPNOTSUPP) {
        return BackendError::Refused(format!("{doing}: {failure}; the kernel has no nf_tables"));
    }
    uncertain(doing, failure)
}
