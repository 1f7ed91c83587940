//! Entries from journald's files, through libsystemd: live by a [`Reader`], or to the end by
//! [`read`].
//!
//! [`Reader`] is a thread. It opens what a [`SourceSpec`] names, sends
//! what was written before (`catch_up`), and follows (`follow`). Every wanted entry comes out
//! exactly once, in libsystemd's order; those up to the stored position come out as replayed.
//!
//! What cannot be had: entries whose file is deleted before we read them (told as a gap where they
//! lie between two runs), entries that come into a directory with a time before that of an entry
//! already read, and entries of a damaged file that cannot be made out (libsystemd passes over
//! both without a word). A journal file that is truncated under us
//! kills the process with SIGBUS, as libsystemd reads through a mapping and leaves the signal to
//! its callers; the unit's `Restart=` starts the daemon again, and the stored position sees to it
//! that nothing is lost or counted twice.

mod catch_up;
mod follow;
mod log;
mod mark;
mod outlet;
mod reader;
mod selection;

use std::ops::ControlFlow;

use anyhow::bail;

pub use reader::Reader;
pub use selection::OWN_UNIT;

use crate::model::{Entry, Time};
use crate::source::{SourceSpec, Wanted};
use log::Log;

/// Whether anything can be read at all. A process that lacks the group opens the journal without
/// an error, and is blind.
pub fn self_test(spec: &SourceSpec) -> anyhow::Result<()> {
    let mut log = Log::open(spec, &Wanted::default())?;
    log.seek_time(Time::EPOCH)?;
    if log.next()? {
        return Ok(());
    }
    match spec {
        SourceSpec::Journal => bail!(
            "the journal shows no entry: run as a member of the group systemd-journal \
             (SupplementaryGroups=systemd-journal), and see that journald stores what it gets \
             (Storage= in journald.conf)"
        ),
        SourceSpec::Namespace(name) => bail!(
            "the journal namespace {name} shows no entry: see that a unit has LogNamespace={name}, \
             and run as a member of the group systemd-journal"
        ),
        SourceSpec::Directory(_) | SourceSpec::Files(_) => {
            bail!("the {spec} shows no entry: see that these are journal files, and readable")
        }
    }
}

/// What [`read`] has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Wanted entries, as handed out.
    pub entries: u64,
    /// Values that were cut or left out because of their length.
    pub truncated: u64,
    /// Entries that could not be read, as in a damaged file.
    pub unreadable: u64,
}

/// Hands out all wanted entries that there are, from `since` on, oldest first, until `each`
/// breaks.
pub fn read(
    spec: &SourceSpec,
    wanted: &Wanted,
    since: Option<Time>,
    mut each: impl FnMut(Entry) -> ControlFlow<()>,
) -> anyhow::Result<Count> {
    let mut log = Log::open(spec, wanted)?;
    log.use_index()?;
    log.seek_time(since.unwrap_or(Time::EPOCH))?;
    let mut count = Count::default();
    let mut entry = Entry::default();
    while log.next()? {
        let Ok(read) = log.read(&mut entry) else {
            count.unreadable += 1;
            continue;
        };
        if !read.wanted {
            continue;
        }
        count.entries += 1;
        count.truncated += read.truncated;
        if each(entry.clone()).is_break() {
            break;
        }
    }
    Ok(count)
}
